"""Seconds until a row of Table 1 is learned: kernels against the scan, SOAP against Adam.

    python -m benchmarks.end_to_end                             all of it: an hour on a core
    python -m benchmarks.end_to_end quadratic "scan, SOAP" 0    one run, seed 0: a line of JSON
    python -m benchmarks.end_to_end show < lines                medians of such lines

Four networks side by side, as in `fixedweight derive`; the clock runs from the first update, with
compilation, until the median network's error on validation tasks is at the mark. Each optimiser has
its own schedule: the one that served it best of those tried. Medians over seeds, with the fastest
and slowest; "not in" where a run ended above the mark.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable

import jax
from jax.experimental.compilation_cache import compilation_cache

from fixedweight import LSTM1997, Boolean, Quadratic, Schedule, Stage, derive_seeds
from fixedweight.families import TaskFamily
from fixedweight.training import Progress

SEEDS = 3
BOOLEAN = (Boolean(), LSTM1997(), 0.0043)
"""1.1 times the Bayes error at 256 examples."""
QUADRATIC = (Quadratic(scale="task"), LSTM1997(blocks=12, second=40), 0.0025)
ADAM = {
    "Boolean": Schedule(
        (Stage(20, 128, 1200), Stage(64, 64, 2400), Stage(256, 32, 400)), optimizer="adam"
    ),
    "quadratic": Schedule((Stage(20, 128, 2000), Stage(60, 128, 10000)), optimizer="adam"),
}
SOAP = {
    "Boolean": Schedule(
        (Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), learning_rate=0.1
    ),
    "quadratic": Schedule((Stage(20, 128, 1000), Stage(60, 128, 4000)), learning_rate=0.03),
}


class Reached(Exception):  # noqa: N818 - not a fault
    pass


def seconds(row: tuple[TaskFamily, LSTM1997, float], schedule: Schedule, seed: int) -> float | None:
    family, network, mark = row
    began = time.perf_counter()

    def watch(progress: Progress) -> None:
        if statistics.median(progress.error.tolist()) <= mark:
            raise Reached

    try:
        derive_seeds(family, network, schedule=schedule, seed=seed, on_progress=watch)
    except Reached:
        return time.perf_counter() - began
    return None


ROWS = {"Boolean": BOOLEAN, "quadratic": QUADRATIC}
CONTENDERS = {
    "scan, Adam": ("0", ADAM),
    "scan, SOAP": ("0", SOAP),
    "kernel, Adam": ("1", ADAM),
    "kernel, SOAP": ("1", SOAP),
    "kernel, SOAP, again": ("1", SOAP),
}
AGAIN = "again"
"""What has been compiled is kept from a run before, as the commands keep it."""


def run(row: str, contender: str, seed: int) -> dict[str, object]:
    os.environ["FIXEDWEIGHT_KERNELS"], schedules = CONTENDERS[contender]
    if contender.endswith(AGAIN):
        with tempfile.TemporaryDirectory() as folder:
            jax.config.update("jax_compilation_cache_dir", folder)
            seconds(ROWS[row], schedules[row], seed)
            took = seconds(ROWS[row], schedules[row], seed)
            jax.config.update("jax_compilation_cache_dir", None)
            compilation_cache.reset_cache()
    else:
        took = seconds(ROWS[row], schedules[row], seed)
    cores = len(os.sched_getaffinity(0))
    return {"row": row, "contender": contender, "seed": seed, "cores": cores, "seconds": took}


def show(runs: Iterable[dict[str, object]]) -> None:
    found: dict[tuple[object, ...], list[float | None]] = {}
    for made in runs:
        key = made["row"], made["contender"], made["cores"]
        found.setdefault(key, []).append(made["seconds"])  # pyright: ignore[reportArgumentType]
    for (row, contender, cores), times in sorted(found.items(), key=str):
        done = [t for t in times if t is not None]
        spread = (
            f"{statistics.median(done):.1f} [{min(done):.1f}, {max(done):.1f}] s" if done else "-"
        )
        print(
            f"{row} to {ROWS[str(row)][2]}, {cores} core{'s' * (cores != 1)}: {contender}: "
            f"{spread}, {len(done)} of {len(times)} in"
        )


def main() -> None:
    match sys.argv[1:]:
        case []:
            show(
                run(row, contender, seed)
                for row in ROWS
                for contender in CONTENDERS
                for seed in range(SEEDS)
            )
        case ["show"]:
            show(map(json.loads, sys.stdin))
        case [row, contender, *seeds] if row in ROWS and contender in CONTENDERS and seeds:
            for seed in seeds:
                print(json.dumps(run(row, contender, int(seed))), flush=True)
        case _:
            sys.exit(f"Expected a row of {list(ROWS)}, a contender of {list(CONTENDERS)}, seeds.")


if __name__ == "__main__":
    main()
