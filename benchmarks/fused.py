"""Fused kernels against XLA's scan and torch.nn.LSTM, forward and backward, side by side.

    python -m benchmarks.fused > benchmarks/fused.txt      all parts, some minutes
    python -m benchmarks.fused net seeds    some of: net updates cells sizes batch length seeds
                                            roofline compile online

Every contender does the same work in turn in the same rounds, on all cores it is given, warmed up.
Of a turn the quickest call counts, and a line gives the median over rounds with the lowest and
highest. On one core (`taskset -c 0`) the
processor's time is counted instead of the clock's: others at work on the machine then matter less.
torch and Keras are used if they are installed (`pip install torch keras`). M/s: millions of
examples of a stream per second, forward and backward.
"""

import ctypes
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight.families import Semilinear
from fixedweight.gradients import bptt, traces1997
from fixedweight.kernels import build, call
from fixedweight.networks import (
    LSTM,
    LSTM1997,
    NETWORKS,
    Hypotheses,
    LeastSquaresMemory,
    Network,
    initial_state,
)
from fixedweight.training import fit_network, online_descent
from fixedweight.training.loop import init_seeds, make_advance, make_optimizer

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
clock = time.process_time if CORES == 1 else time.perf_counter
ROUNDS = 7
TURN = 0.06
UPDATES = 10

Work = Callable[[], Any]


def side_by_side(contenders: dict[str, Work], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of one call by contender and round: the quickest of a turn of `TURN` seconds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            time.sleep(0.03)  # idle threads of the contender before spin for some milliseconds
            work()
            best, begin, now = math.inf, clock(), 0.0
            end = begin + TURN
            while now < end:
                before = clock()
                work()
                now = clock()
                best = min(best, now - before)
            times[name].append(best)
    return times


def spread(values: list[float], digits: int = 1) -> str:
    form = f"{{:.{digits}f}}"
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} [{form.format(low)}, {form.format(high)}]"


def ratio(times: dict[str, list[float]], other: str) -> str:
    return spread([b / a for a, b in zip(times["kernel"], times[other], strict=True)])


def problem(network: Network, batch: int, length: int, seeds: int = 0) -> tuple[Any, ...]:
    """(params, state, inputs, targets, weights), with a leading axis of seeds if there are any."""
    rng = np.random.default_rng(0)
    axes = (seeds,) if seeds else ()

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=(*axes, *shape)), jnp.float32)

    params = {
        name: jnp.asarray(np.broadcast_to(value, (*axes, *value.shape)), jnp.float32)
        for name, value in network.init_params(rng).items()
    }
    one = {name: np.asarray(value, np.float32) for name, value in network.init_params(rng).items()}
    state = {
        name: jnp.zeros((*axes, *part.shape), jnp.float32)
        for name, part in initial_state(network, one, (batch,), np).items()
    }
    return (
        params, state, draw(batch, length, network.input_size),
        draw(batch, length, network.target_size), jnp.ones((*axes, batch, length)),
    )  # fmt: skip


def traced(work: Work, *, kernel: bool) -> Work:
    """Work of JAX that waits for its results, called once; without kernels it goes through XLA's
    scan."""

    def waited() -> None:
        jax.block_until_ready(work())

    os.environ["FIXEDWEIGHT_KERNELS"] = str(int(kernel))
    waited()
    del os.environ["FIXEDWEIGHT_KERNELS"]
    return waited


def gradient(network: Network, arguments: Any, *, kernel: bool, seeds: bool = False) -> Work:
    """The compiled gradient of a network."""
    function = bptt(network)
    compiled = jax.jit(jax.vmap(function) if seeds else function)
    return traced(lambda: compiled(*arguments), kernel=kernel)


def descended(network: Network, arguments: Any, *, kernel: bool) -> Work:
    """`UPDATES` steps of plain descent in one compiled loop, as training has them."""
    function = bptt(network)

    def update(params: Any, _: None) -> tuple[Any, Any]:
        (loss, _), slope = function(params, *arguments[1:])
        return jax.tree.map(lambda value, d: value - 1e-6 * d, params, slope), loss

    compiled = jax.jit(lambda params: jax.lax.scan(update, params, length=UPDATES))
    return traced(lambda: compiled(arguments[0]), kernel=kernel)


def repeated(work: Work) -> Work:
    def many() -> None:
        for _ in range(UPDATES):
            work()

    return many


def torch_lstm(units: int, batch: int, length: int, *, compiled: bool = False) -> Work | None:
    """torch.nn.LSTM with a linear head; compiled, torch calls its own LSTM from what it wrote."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(CORES)
    lstm = torch.nn.LSTM(3, units, batch_first=True)
    head = torch.nn.Linear(units, 1)
    x, y = torch.randn(batch, length, 3), torch.rand(batch, length, 1)

    def loss() -> Any:
        return torch.mean((torch.sigmoid(head(lstm(x)[0])) - y) ** 2)

    function = torch.compile(loss) if compiled else loss

    def work() -> None:
        lstm.zero_grad()
        head.zero_grad()
        function().backward()

    return work


def keras_lstm(units: int, batch: int, length: int) -> Work | None:
    """Keras's LSTM with a dense head on JAX, its loss and gradient compiled."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras
    except ImportError:
        return None
    layers = [
        keras.layers.LSTM(units, return_sequences=True),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential([keras.Input((length, 3)), *layers])
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, length, 3)), jnp.float32)
    y = jnp.asarray(rng.uniform(size=(batch, length, 1)), jnp.float32)
    fixed = [variable.value for variable in model.non_trainable_variables]

    def loss(weights: Any) -> Any:
        return jnp.mean((model.stateless_call(weights, fixed, x)[0] - y) ** 2)

    function = jax.jit(jax.value_and_grad(loss))
    weights = [variable.value for variable in model.trainable_variables]
    return lambda: jax.block_until_ready(function(weights))


def compare(
    label: str,
    network: Network,
    batch: int,
    length: int,
    units: int = 0,
    *,
    all: bool = False,
    updates: bool = False,
) -> dict[str, float]:
    """One line: the kernel's rate, and how many times faster it is than the others.

    Returns:
        Seconds a call by contender.

    Args:
        units: of torch's LSTM beside it; 0 for none.
        all: torch's compiled LSTM and Keras's too.
        updates: `UPDATES` gradients to a call, with what they change, rather than one.
    """  # fmt: skip
    arguments = problem(network, batch, length)
    work, count = (descended, UPDATES) if updates else (gradient, 1)
    contenders: dict[str, Work | None] = {
        "kernel": work(network, arguments, kernel=True),
        "scan": work(network, arguments, kernel=False),
    }
    if units:
        lstm = torch_lstm(units, batch, length)
        contenders["torch"] = repeated(lstm) if lstm and updates else lstm
    if units and all:
        contenders["torch.compile"] = torch_lstm(units, batch, length, compiled=True)
        contenders["Keras"] = keras_lstm(units, batch, length)
    times = side_by_side({name: work for name, work in contenders.items() if work})
    rate = spread([count * batch * length / t / 1e6 for t in times["kernel"]])
    others = ", ".join(f"{ratio(times, name)} x {name}" for name in times if name != "kernel")
    print(f"{label}: {rate} M/s, {others}", flush=True)
    return {name: statistics.median(values) for name, values in times.items()}


def growth(axis: str, sizes: Sequence[int], times: Sequence[dict[str, float]]) -> None:
    """One line: how seconds a call grow along an axis, by contender: as a power of the size over
    the whole axis, and as a fixed part and a part for each, by least squares of relative errors."""
    x = np.array(sizes, float)
    fits = []
    for name in times[0]:
        y = np.array([each[name] for each in times])
        power = np.polyfit(np.log(x), np.log(y), 1)[0]
        fits.append(f"{name} as the power {power:.2f}")
        by_one, fixed = np.polyfit(x, y, 1, w=1 / y)
        if fixed > 0:
            fits[-1] += f", or {1e6 * fixed:.0f} us and {1e6 * by_one:.3g} us each"
    print(f"A call grows with the {axis}: {'; '.join(fits)}", flush=True)


def net() -> None:
    print("\nThe 6 + 6 net of 1997 against torch.nn.LSTM(12) with a linear head")
    for batch, length in ((64, 64), (64, 256), (128, 256), (1024, 256)):
        compare(f"batch {batch}, length {length}", LSTM1997(), batch, length, units=12, all=True)
    compare("12 + 6, second layer 40; batch 128, length 60",
            LSTM1997(blocks=12, second=40), 128, 60)  # fmt: skip


def updates() -> None:
    print(f"\nThe same, {UPDATES} gradients and updates in one compiled loop, as training has them")
    for batch, length in ((64, 64), (64, 256), (64, 1024), (128, 256), (256, 128), (1024, 256)):
        compare(f"batch {batch}, length {length}", LSTM1997(), batch, length, units=12,
                updates=True)  # fmt: skip


def cells() -> None:
    print("\nEvery network, batch 128, length 128")
    for name, kind in NETWORKS.items():
        compare(name, kind(), 128, 128)
    for units in (6, 16, 32, 64):
        compare(f"LSTM1997 of {units} cells alone", LSTM1997(blocks=units, hidden=0), 128, 64,
                units=units)  # fmt: skip


def sizes() -> None:
    print("\nBy size, the LSTM with forget gate as torch has it, batch 128, length 64")
    units = (6, 12, 16, 32, 64)
    growth("units", units, [compare(f"{n} units", LSTM(hidden=n), 128, 64, n) for n in units])


def batch() -> None:
    print("\nBy batch, 6 + 6 net, length 128")
    many = (1, 4, 16, 64, 256, 1024, 4096)
    growth("batch", many, [compare(f"batch {n}", LSTM1997(), n, 128, units=12) for n in many])


def length() -> None:
    print("\nBy length, 6 + 6 net, batch 64")
    steps = (16, 64, 256, 1024, 4096)
    growth("length", steps, [compare(f"length {n}", LSTM1997(), 64, n, units=12) for n in steps])


def seeds() -> None:
    print("\nMany seeds at once: rate per seed-step against one seed's, batch 64, length 128")
    network = LSTM1997()
    single = problem(network, 64, 128)
    counts, seconds = (1, 4, 8, 32, 64), []
    for count in counts:
        arguments = problem(network, 64, 128, count)
        times = side_by_side(
            {
                "together": gradient(network, arguments, kernel=True, seeds=True),
                "alone": gradient(network, single, kernel=True),
                "scan": gradient(network, arguments, kernel=False, seeds=True),
            }
        )
        middle = {name: statistics.median(values) for name, values in times.items()}
        seconds.append({"kernel": middle["together"], "scan": middle["scan"]})
        shares = [count * a / t for t, a in zip(times["together"], times["alone"], strict=True)]
        rate = spread([count * 64 * 128 / t / 1e6 for t in times["together"]])
        faster = [b / a for a, b in zip(times["together"], times["scan"], strict=True)]
        print(
            f"{count} seeds: {rate} M/s, {spread(shares, 2)} of the single seed's, "
            f"{spread(faster)} x scan",
            flush=True,
        )
    growth("seeds", counts, seconds)


PEAK = """
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
static volatile float sink;
double multiply_adds(long n) {
    V a[12], m = SPLAT(0.999f), c = SPLAT(0.001f);
    for (int i = 0; i < 12; i++) a[i] = SPLAT(1.0f + i);
    double begin = now();
    for (long t = 0; t < n; t++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) a[i] = a[i] * m + c;
    }
    double took = now() - begin;
    for (int i = 0; i < 12; i++) sink = a[i][0];
    return 12.0 * n * WIDTH / took;
}
double function(long n) {
    V a[8];
    for (int i = 0; i < 8; i++) a[i] = SPLAT(0.3f + 0.1f * i);
    double begin = now();
    for (long t = 0; t < n; t++)
        for (int i = 0; i < 8; i++) a[i] = v_FUNCTION(a[i]);
    double took = now() - begin;
    for (int i = 0; i < 8; i++) sink = a[i][0];
    return 8.0 * n * WIDTH / took;
}
"""  # noqa: E501


def peaks(function: str) -> tuple[float, float]:
    """Multiply-adds, and evaluations of a function, per second of a core, all at work at once."""
    vector = (resources.files("fixedweight.kernels") / "runtime" / "vector.h").read_text()
    source = f"#define WIDTH {build.widest()}\n{vector}{PEAK.replace('FUNCTION', function)}"
    library = build.build(source)
    for name in ("multiply_adds", "function"):
        getattr(library, name).restype = ctypes.c_double
        getattr(library, name).argtypes = [ctypes.c_long]

    def most(work: Callable[[int], float], count: int) -> float:
        return max(sum(pool.map(work, [count] * CORES)) / CORES for _ in range(15))

    with ThreadPoolExecutor(CORES) as pool:
        return most(library.multiply_adds, 1_000_000), most(library.function, 300_000)


def roofline() -> None:
    print("\nShare of what the cores could do at most, batch 256, length 128")
    for label, network in COMPILED.items():
        arguments = problem(network, 256, 128)
        made: list[call.Kernel] = []
        init = call.Kernel.__init__

        def remember(self: call.Kernel, *args: Any, init: Any = init, **named: Any) -> None:
            init(self, *args, **named)
            made.append(self)  # noqa: B023

        call.Kernel.__init__ = remember
        work = gradient(network, arguments, kernel=True)
        call.Kernel.__init__ = init
        source = made[-1].source
        shares, adds, functions = [], 0.0, 0.0
        for _ in range(ROUNDS):
            (took,) = side_by_side({"kernel": work}, rounds=1)["kernel"]
            adds, functions = peaks("tanh")
            least = source.multiply_adds / adds + sum(source.functions.values()) / functions
            shares.append(100 * 256 * 128 * least / CORES / took)
        print(
            f"{label}: {spread(shares)} %; an example takes {source.multiply_adds} multiply-adds "
            f"and {sum(source.functions.values())} tanh; a core does {adds / 1e9:.0f} G and "
            f"{functions / 1e9:.1f} G a second",
            flush=True,
        )


FIRST = """
import sys, time, jax
from fixedweight.families import Semilinear
from fixedweight.gradients import bptt, traces1997
from benchmarks.fused import FIRST_USED, problem
network = FIRST_USED[sys.argv[1]]
arguments = problem(network, 64, 64)
began = time.perf_counter()
jax.jit(bptt(network)).lower(*arguments)
print(time.perf_counter() - began)
"""
COMPILED = {
    "6 + 6": LSTM1997(),
    "12 + 6, second layer 40": LSTM1997(blocks=12, second=40),
    "64 cells": LSTM1997(blocks=64, hidden=0),
}
FIRST_USED = COMPILED | {
    "least-squares memory, 8 features": LeastSquaresMemory(features=8),
    "least-squares memory, 24 features, 2 heads": LeastSquaresMemory(features=24, heads=2),
    "512 hypotheses": Hypotheses(),
}


def compile() -> None:
    print("\nFirst use of a network, seconds: traced, written and compiled; then from the cache")
    for label in FIRST_USED:
        rounds = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                environment = {**os.environ, "XDG_CACHE_HOME": folder}
                command = [sys.executable, "-c", FIRST, label]
                rounds.append(
                    [
                        float(subprocess.run(command, env=environment, capture_output=True,
                                             text=True, check=True).stdout)
                        for _ in range(2)
                    ]
                )  # fmt: skip
        first, again = (list(times) for times in zip(*rounds, strict=True))
        print(f"{label}: {spread(first, 2)}, then {spread(again, 2)}", flush=True)


def descent(network: Network, seeds: int, examples: int, *, kernel: bool) -> Work:
    """Plain descent as in 2001: the weights change after each example, by traces."""
    family = Semilinear(length=examples)
    network, schedule = fit_network(family, network), online_descent(examples, examples, 0.01)
    optimizer = make_optimizer(schedule)
    advance = make_advance(
        network, traces1997(network), optimizer, family, family.scaling(), schedule.stages[0], 0.01
    )
    state = init_seeds(network, optimizer, 0, seeds)
    keys = jax.random.split(jax.random.key(0), seeds)
    return traced(lambda: advance(state, keys, 0, 1), kernel=kernel)


def online() -> None:
    print("\nAn update after each example by traces, 9 seeds side by side, streams of 1000")
    for label, network in {
        "6 + 6": LSTM1997(), "12 + 6, second layer 40": LSTM1997(blocks=12, second=40)
    }.items():  # fmt: skip
        kinds = {"kernel": True, "scan": False}
        times = side_by_side(
            {name: descent(network, 9, 1000, kernel=kernel) for name, kernel in kinds.items()}
        )
        each = spread([1e6 * t / 1000 for t in times["kernel"]])
        print(f"{label}: {each} us for the nine, {ratio(times, 'scan')} x scan", flush=True)


PARTS = (net, updates, cells, sizes, batch, length, seeds, roofline, compile, online)


def main() -> None:
    parts = {part.__name__: part for part in PARTS}
    unknown = [name for name in sys.argv[1:] if name not in parts]
    if unknown:
        sys.exit(f"Expected parts among {', '.join(parts)}, got {', '.join(unknown)}.")
    print(
        f"{CORES} core{'s' * (CORES > 1)}, {build.widest()} streams to a vector, "
        f"{platform.machine()}, jax {jax.__version__}, {build.machine().splitlines()[0]}"
    )
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
