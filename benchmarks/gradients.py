"""What each gradient costs by the number of units, in time and in memory.

    python -m benchmarks.gradients            prints the table; two or three minutes
    python -m benchmarks.gradients --store    writes it to benchmarks/gradients.txt as well

An Elman network of n units (an LSTM of 1997 with n cells for the gradients that need a memory), one
stream. Time: of an example, forward and backward, the median of rounds in which all contenders take
turns. Carried: numbers that an algorithm takes from step to step beside the network's state.
Working: bytes that the compiled window needs beside its arguments. The exponents are of the two
largest networks; beside them what the algorithm's own operations make them for n units and P ~ n^2
weights.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight.gradients import gradient_for
from fixedweight.networks import LSTM1997, Elman, Network, initial_state

UNITS = (8, 16, 32, 64)
LENGTH = 32
ROUNDS = 7


class Contender(NamedTuple):
    gradient: str
    network: Callable[[int], Network]
    time: str
    """Exponent of time in n, in theory."""
    memory: str
    """Of what is carried, or, for those that go back in time, of what is kept of each step."""


def elman(units: int) -> Network:
    return Elman(hidden=units)


def lstm(units: int) -> Network:
    return LSTM1997(blocks=units, hidden=0)


CONTENDERS = {
    "bptt": Contender("bptt", elman, "2", "1 x length"),
    "tbptt:8": Contender("tbptt:8", elman, "2", "1 x 8"),
    "one_step": Contender("one_step", elman, "2", "0"),
    "snap1": Contender("snap1", elman, "3", "2"),
    "rtrl": Contender("rtrl", elman, "4", "3"),
    "truncated1997": Contender("truncated1997", lstm, "2", "1 x length"),
    "traces1997": Contender("traces1997", lstm, "2", "2"),
}


def prepared(contender: Contender, units: int) -> tuple[Any, tuple[Any, ...], int]:
    """The compiled window, its arguments, and the numbers carried beside the state."""
    network = contender.network(units)
    rng = np.random.default_rng(0)
    params = {k: jnp.asarray(v, jnp.float32) for k, v in network.init_params(rng).items()}
    gradient = gradient_for(network, contender.gradient)
    state = initial_state(network, params, (1,), jnp)
    carried = gradient.begin(params, state)
    inputs = jnp.asarray(rng.normal(size=(1, LENGTH, network.input_size)), jnp.float32)
    targets = jnp.asarray(rng.uniform(size=(1, LENGTH, 1)), jnp.float32)
    arguments = (params, carried, inputs, targets, jnp.ones((1, LENGTH)))
    compiled = jax.jit(gradient.window).lower(*arguments).compile()
    beside = sum(x.size for x in jax.tree.leaves(carried)) - sum(
        x.size for x in jax.tree.leaves(state)
    )
    return compiled, arguments, beside


def seconds(compiled: Any, arguments: tuple[Any, ...], least: float = 0.02) -> float:
    """Per example, over calls that together take at least so long."""
    calls, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < least or calls < 2:
        jax.block_until_ready(compiled(*arguments))
        calls += 1
    return taken / calls / LENGTH


def exponent(values: list[float]) -> str:
    """Of growth from the second largest network to the largest."""
    if values[-2] <= 0:
        return "0" if values[-1] <= 0 else "-"
    return f"{np.log2(values[-1] / values[-2]):.1f}"


def report() -> str:
    ready = {
        (name, n): prepared(contender, n) for name, contender in CONTENDERS.items() for n in UNITS
    }
    for compiled, arguments, _ in ready.values():
        jax.block_until_ready(compiled(*arguments))
    rounds = [{key: seconds(*value[:2]) for key, value in ready.items()} for _ in range(ROUNDS)]
    head = "".join(f"{f'n = {n}':>10}" for n in UNITS) + f"{'exponent':>10}{'theory':>12}"
    blocks = [f"{os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}"]
    for title, unit, of in (
        (
            "Time of an example, microseconds",
            "time",
            lambda name, n: 1e6 * median(r[name, n] for r in rounds),
        ),
        ("Numbers carried from step to step", "memory", lambda name, n: ready[name, n][2]),
        (
            f"Working memory of a window of {LENGTH} examples, kB",
            "",
            lambda name, n: ready[name, n][0].memory_analysis().temp_size_in_bytes / 1000,
        ),
    ):
        lines = [title, f"{'':<16}{head if unit else head[:-12]}"]
        for name, contender in CONTENDERS.items():
            values = [float(of(name, n)) for n in UNITS]
            theory = getattr(contender, unit) if unit else ""
            numbers = "".join(f"{value:>10.4g}" for value in values)
            lines.append(f"{name:<16}{numbers}{exponent(values):>10}{theory:>12}".rstrip())
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", action="store_true", help="write benchmarks/gradients.txt")
    store = parser.parse_args().store
    text = report()
    print(text)
    if store:
        (Path(__file__).parent / "gradients.txt").write_text(text + "\n")


if __name__ == "__main__":
    main()
