"""The same networks on one GPU: JAX's scan, cuDNN's LSTM, flashrnn, and what a fused kernel gains.

    python -m benchmarks.gpu > benchmarks/gpu.txt     within five minutes on an H100
    python -m benchmarks.gpu --tiny                   a trial of what needs no GPU

Forward and backward with a linear head and squared error, data on the card, every call waited for.
All contenders of a line take turns in the same rounds; rates are medians in millions of examples
of a stream per second, with the lowest and highest round. "fused" is the CUDA of
`benchmarks.cuda`, generated from the network's one step, with so many streams to a block.
Products of matrices are in TF32 where a library's defaults say so; fused computes in float32.
A part that fails says so in one line.
"""

import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cuda.kernel import Fused, prepared, shared_bytes, sizes, source
from benchmarks.fused import Work, side_by_side, spread
from fixedweight.gradients import bptt
from fixedweight.networks import LSTM, LSTM1997, LeastSquaresMemory, Network, initial_state

TINY = "--tiny" in sys.argv
DEADLINE = 285.0
PEAK = 66.9e12 / 2
"""Multiply-adds a second of an H100's float32 units, by its datasheet."""
BEGAN = time.perf_counter()
NETS = {
    "6 + 6": LSTM1997(),
    "LSTM(12)": LSTM(hidden=12),
    "LSTM(32)": LSTM(hidden=32),
    "LeastSquaresMemory": LeastSquaresMemory(),
}
SHAPES = [(64, 64), (64, 256), (1024, 64), (1024, 256), (8192, 256), (32768, 256)]
CELL_SHAPES = [(64, 256), (1024, 256), (8192, 256)]
SEEDS, SEED_SHAPE = (1, 8, 64), (64, 128)
FLASH_SHAPES = [(1024, 256), (64, 256)]
if TINY:
    SHAPES, CELL_SHAPES, SEEDS, SEED_SHAPE = [(4, 8)], [(4, 8)], (2,), (4, 8)
    FLASH_SHAPES = [(4, 8)]


def elapsed() -> float:
    return time.perf_counter() - BEGAN


def say(text: str) -> None:
    print(f"{text}", flush=True)


@contextmanager
def guarded(label: str) -> Iterator[None]:
    """Whatever fails within is one line."""
    try:
        yield
    except Exception as error:
        say(f"({label}: {type(error).__name__}: {str(error).strip().splitlines()[:1]})")


def problem(network: Network, batch: int, length: int, seeds: int = 0) -> tuple[Any, ...]:
    """As `benchmarks.fused.problem`, drawn on the device."""
    axes = (seeds,) if seeds else ()
    one = {
        name: np.asarray(value, np.float32)
        for name, value in network.init_params(np.random.default_rng(0)).items()
    }
    params = {name: jnp.array(np.broadcast_to(v, (*axes, *v.shape))) for name, v in one.items()}
    state = {
        name: jnp.array(np.broadcast_to(part, (*axes, *part.shape)))
        for name, part in initial_state(network, one, (batch,), np).items()
    }
    keys = jax.random.split(jax.random.key(0), 2)
    shape = (*axes, batch, length)
    inputs = jax.random.normal(keys[0], (*shape, network.input_size))
    targets = jax.random.uniform(keys[1], (*shape, network.target_size))
    return params, state, inputs, targets, jnp.ones(shape)


Compiled = dict[tuple[str, int, int, int, str], "Future[Any]"]


def compile_all(pool: ThreadPoolExecutor) -> Compiled:
    """XLA's and NVRTC's work for all lines, side by side before any is timed."""

    def scanned(network: Network, batch: int, length: int, seeds: int, precision: str) -> Any:
        function = bptt(network)
        specs = jax.eval_shape(lambda: problem(network, batch, length, seeds))
        with jax.default_matmul_precision(precision):
            return jax.jit(jax.vmap(function) if seeds else function).lower(*specs).compile()

    wanted = [("6 + 6", *shape, 0, "default") for shape in SHAPES]
    wanted += [(name, *shape, 0, "default") for name in list(NETS)[1:] for shape in CELL_SHAPES]
    wanted += [("6 + 6", *SEED_SHAPE, seeds, "default") for seeds in SEEDS]
    wanted += [(name, *CHECK_SHAPE, 0, "highest") for name in NETS]
    found = {key: pool.submit(scanned, NETS[key[0]], *key[1:]) for key in dict.fromkeys(wanted)}
    for name, network in NETS.items():
        with guarded(f"the C of {name}"):
            text = source(network).text
            for variant in VARIANTS[name]:
                pool.submit(prepared, text, *variant)
    return found


CHECK_SHAPE = (200, 32)
VARIANTS = {
    "6 + 6": ((32, 0), (128, 0)),
    "LSTM(12)": ((32, 0),),
    "LSTM(32)": ((32, 4), (32, 12)),
    "LeastSquaresMemory": ((32, 4), (32, 1)),
}
"""Streams to a block, and turns of a loop over units that are written out (0: all)."""


def scan(compiled: Compiled, name: str, arguments: Any, seeds: int = 0) -> Work:
    batch, length = arguments[2].shape[-3:-1]
    function = compiled[name, batch, length, seeds, "default"].result()
    return lambda: jax.block_until_ready(function(*arguments))


def fused(name: str, arguments: Any, variant: tuple[int, int]) -> Work:
    import cupy

    if arguments[-1].ndim == 2:
        arguments = jax.tree.map(lambda x: x[None], arguments)
    kernel = Fused(NETS[name], arguments, *variant)

    def work() -> None:
        kernel.run()
        cupy.cuda.get_current_stream().synchronize()

    return work


def titled(variant: tuple[int, int]) -> str:
    threads, unroll = variant
    return f"fused/{threads}" + (f" by {unroll}" if unroll else "")


def torch_lstm(units: int, batch: int, length: int, *, graph: bool) -> Work:
    import torch

    device = "cuda"
    lstm = torch.nn.LSTM(3, units, batch_first=True).to(device)
    head = torch.nn.Linear(units, 1).to(device)
    x = torch.randn(batch, length, 3, device=device)
    y = torch.rand(batch, length, 1, device=device)

    def step() -> None:
        lstm.zero_grad(set_to_none=False)
        head.zero_grad(set_to_none=False)
        torch.mean((torch.sigmoid(head(lstm(x)[0])) - y) ** 2).backward()

    if not graph:

        def work() -> None:
            step()
            torch.cuda.synchronize()

        return work
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        step()

    def replay() -> None:
        recorded.replay()
        torch.cuda.synchronize()

    return replay


def jax_cudnn(units: int, batch: int, length: int) -> Work:
    from jax.experimental import rnn

    weights = rnn.init_lstm_weight(jax.random.key(0), 3, units, 1, False)
    head = jax.random.normal(jax.random.key(1), (units, 1)) * 0.1
    x = jax.random.normal(jax.random.key(2), (batch, length, 3))
    y = jax.random.uniform(jax.random.key(3), (batch, length, 1))
    zero = jnp.zeros((1, batch, units))
    lengths = jnp.full((batch,), length, jnp.int32)

    def loss(parameters: Any) -> Any:
        weights, head = parameters
        hidden, _, _ = rnn.lstm(
            x, zero, zero, weights, lengths, input_size=3, hidden_size=units, num_layers=1,
            dropout=0.0, bidirectional=False,
        )  # fmt: skip
        return jnp.mean((jax.nn.sigmoid(hidden @ head) - y) ** 2)

    function = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(function((weights, head)))


def flash_lstm(units: int, batch: int, length: int, dtype: str) -> Work:
    import torch
    from flashrnn import flashrnn

    device = "cpu" if TINY else "cuda"
    kind = getattr(torch, dtype)

    def drawn(*shape: int) -> Any:
        return (0.1 * torch.randn(*shape, device=device, dtype=kind)).requires_grad_()

    into, recurrent, bias = drawn(3, 4 * units), drawn(4, 1, units, units), drawn(4, 1, units)
    head = drawn(units, 1)
    x = torch.randn(batch, length, 3, device=device, dtype=kind)
    y = torch.rand(batch, length, 1, device=device, dtype=kind)
    parameters = (into, recurrent, bias, head)

    def work() -> None:
        for value in parameters:
            value.grad = None
        wx = (x @ into).view(batch, length, 4, 1, units)
        states, _ = flashrnn(
            wx, recurrent, bias, function="lstm", dtype=dtype,
            backend="vanilla" if TINY else "triton_fused",
        )  # fmt: skip
        hidden = states[0].reshape(batch, length, units)
        torch.mean((torch.sigmoid(hidden @ head) - y) ** 2).backward()
        if device == "cuda":
            torch.cuda.synchronize()

    return work


def line(label: str, examples: int, makers: dict[str, Callable[[], Work]]) -> None:
    """Time contenders in turn; those that cannot be made or run are named."""
    if elapsed() > DEADLINE:
        return say(f"{label}: left out for want of time")
    with guarded(label):
        _timed(label, examples, makers)
    return cleared()


def _timed(label: str, examples: int, makers: dict[str, Callable[[], Work]]) -> None:
    ready: dict[str, Work] = {}
    for name, make in makers.items():
        with guarded(f"{label}, {name}"):
            work = make()
            work()
            work()
            ready[name] = work
    if not ready:
        return
    times = side_by_side(ready, rounds=5)
    rates = [f"{name} {spread([examples / t / 1e6 for t in ts])}" for name, ts in times.items()]
    say(f"{label}: {'; '.join(rates)}")
    fused_ones = [name for name in times if name.startswith("fused")]
    if fused_ones and len(fused_ones) < len(times):
        quick = min(fused_ones, key=lambda name: float(np.median(times[name])))
        others = [
            f"{spread([b / a for a, b in zip(times[quick], ts, strict=True)])} x {name}"
            for name, ts in times.items()
            if name not in fused_ones
        ]
        say(f"    {quick} is {', '.join(others)}")


def cleared() -> None:
    """Give back what allocators keep."""
    gc.collect()
    with guarded("cupy"):
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()
    with guarded("torch"):
        import torch

        torch.cuda.empty_cache()


def check(compiled: Compiled) -> None:
    say("\nGradients of the fused kernels against the scan's in full float32")
    batch, length = CHECK_SHAPE
    for name, network in NETS.items():
        with guarded(name):
            import cupy

            exact = compiled[name, batch, length, 0, "highest"].result()
            arguments = problem(network, batch, length)
            _, expected = exact(*arguments)
            shared = (*arguments[:4], arguments[4] / (batch * length))
            kernel = Fused(network, jax.tree.map(lambda x: x[None], shared), *VARIANTS[name][0])
            kernel.run()
            got = [cupy.asnumpy(g)[0] for g in kernel.gradients]
            wanted = [np.asarray(g) for g in jax.tree.leaves(expected)]
            norm = np.sqrt(sum(np.sum(w**2) for w in wanted))
            apart = np.sqrt(sum(np.sum((g - w) ** 2) for g, w in zip(got, wanted, strict=True)))
            text, threads = source(network).text, VARIANTS[name][0][0]
            n = sizes(text)
            say(
                f"{name}: {apart / norm:.1e} apart, relative; {kernel.pullback.num_regs} registers "
                f"and {kernel.pullback.local_size_bytes} bytes of local memory a thread, "
                f"{shared_bytes(text, threads)} shared a block of {threads}, "
                f"{4 * (n['NS'] + n['NT'])} bytes of tape an example"
            )


def net(compiled: Compiled) -> None:
    say("\nThe 6 + 6 net of 1997 beside torch.nn.LSTM(12), which is cuDNN's")
    for batch, length in SHAPES:
        arguments = problem(NETS["6 + 6"], batch, length)
        makers: dict[str, Callable[[], Work]] = {
            "scan": lambda a=arguments: scan(compiled, "6 + 6", a)
        }
        for variant in VARIANTS["6 + 6"]:
            makers[titled(variant)] = lambda v=variant, a=arguments: fused("6 + 6", a, v)
        makers["torch"] = lambda b=batch, t=length: torch_lstm(12, b, t, graph=False)
        makers["torch graph"] = lambda b=batch, t=length: torch_lstm(12, b, t, graph=True)
        line(f"batch {batch}, length {length}", batch * length, makers)
    adds = source(NETS["6 + 6"]).multiply_adds
    say(f"an example takes {adds} multiply-adds: a card's float32 units could do "
        f"{PEAK / adds / 1e6:.0f} M/s at most")  # fmt: skip


def cells(compiled: Compiled) -> None:
    say("\nOther cells, length 256")
    for name in list(NETS)[1:]:
        for batch, length in CELL_SHAPES:
            arguments = problem(NETS[name], batch, length)
            makers: dict[str, Callable[[], Work]] = {
                "scan": lambda a=arguments, n=name: scan(compiled, n, a)
            }
            for variant in VARIANTS[name]:
                makers[titled(variant)] = lambda v=variant, a=arguments, n=name: fused(n, a, v)
            if name.startswith("LSTM("):
                units = NETS[name].hidden  # pyright: ignore[reportAttributeAccessIssue]
                shape = (units, batch, length)
                makers["torch"] = lambda s=shape: torch_lstm(*s, graph=False)
                makers["torch graph"] = lambda s=shape: torch_lstm(*s, graph=True)
                makers["jax cuDNN"] = lambda s=shape: jax_cudnn(*s)
            line(f"{name}, batch {batch}", batch * length, makers)


def seeds(compiled: Compiled) -> None:
    batch, length = SEED_SHAPE
    say(f"\nSeeds of the 6 + 6 net by vmap, batch {batch}, length {length}; rates of all together")
    for count in SEEDS:
        arguments = problem(NETS["6 + 6"], batch, length, count)
        makers: dict[str, Callable[[], Work]] = {
            "scan": lambda a=arguments, s=count: scan(compiled, "6 + 6", a, s),
            titled((32, 0)): lambda a=arguments: fused("6 + 6", a, (32, 0)),
        }
        line(f"{count} seeds", count * batch * length, makers)


def flash() -> None:
    """In a process of its own, which can be stopped: it tries many variants at first use."""
    say(
        "\nflashrnn's LSTM (triton_fused, heads of 16 units at least) beside torch's in its process"
    )
    for units in (16, 32):
        for batch, length in FLASH_SHAPES:
            line(f"{units} units, batch {batch}, length {length}", batch * length, {
                "flashrnn float32": lambda s=(units, batch, length): flash_lstm(*s, "float32"),
                "torch graph": lambda s=(units, batch, length): torch_lstm(*s, graph=True),
            })  # fmt: skip


def main() -> None:
    if "flash" in sys.argv:
        return flash()
    with guarded("nvidia-smi"):
        query = [
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total",
            "--format=csv,noheader",
        ]
        say(subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip())
    say(f"jax {jax.__version__} on {jax.devices()[0]}")
    with guarded("torch"):
        import torch

        say(f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    with ThreadPoolExecutor(max_workers=12) as pool:
        compiled = compile_all(pool)
    say(f"(compiled after {elapsed():.0f} s)")
    for part in (check, net, cells, seeds):
        with guarded(part.__name__):
            part(compiled)
        say(f"({elapsed():.0f} s)")
    left = DEADLINE + 10 - elapsed()
    cleared()
    with guarded("flashrnn"):
        command = [sys.executable, "-m", "benchmarks.gpu", "flash", *(["--tiny"] if TINY else [])]
        subprocess.run(command, timeout=min(120.0, left), check=False)
    return say(f"({elapsed():.0f} s)")


if __name__ == "__main__":
    main()
