"""Seconds until a row of Table 1 is learned: kernels against the scan, SOAP against Adam.

    python -m benchmarks.end_to_end

Four networks side by side, as in `fixedweight derive`; the clock runs from the first update, with
compilation, until the median network's error on validation tasks is at the mark. Each contender has
its own schedule: the one that served it best of those tried. Medians over seeds, with the fastest
and slowest; "not in" where a run ended above the mark.
"""

import os
import statistics
import time

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


def main() -> None:
    for name, row in {"Boolean": BOOLEAN, "quadratic": QUADRATIC}.items():
        for label, kernels, schedules in (
            ("scan, Adam", "0", ADAM),
            ("kernel, Adam", "1", ADAM),
            ("kernel, SOAP", "1", SOAP),
        ):
            os.environ["FIXEDWEIGHT_KERNELS"] = kernels
            times = [seconds(row, schedules[name], seed) for seed in range(SEEDS)]
            done = [t for t in times if t is not None]
            text = (
                f"{statistics.median(done):.1f} [{min(done):.1f}, {max(done):.1f}] s"
                if done
                else "-"
            )
            print(f"{name} to {row[2]}: {label}: {text}, {len(done)} of {len(times)}", flush=True)


if __name__ == "__main__":
    main()
