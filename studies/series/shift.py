"""Tested on another population than the one trained on, for tables whose tasks have a covariate.

    python -m studies.series.shift          every shift: a quarter of an hour on a core
    python -m studies.series.shift show     print the table from the stored results

All rivals of `studies.series` and `derive_related`, with nothing set, on tasks that the covariate
keeps apart; mean absolute errors over examples 2 to 20, of learners the median over three seeds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from studies.protocol import early
from studies.series.data import PROBLEMS
from studies.series.derived import related
from studies.series.rivals import rivals_of

RESULTS = Path(__file__).parent / "shift.json"
SEEDS = 3


class Shift(NamedTuple):
    """Tasks on two sides of a covariate."""

    problem: str
    one: str
    other: str
    side: Callable[[pd.DataFrame], pd.Series]
    """Which rows are on the first side; a task is on one alone."""


SHIFTS = (
    Shift("Theoph", "up to 70 kg", "heavier", lambda frame: frame["Wt"] <= 70.0),
    Shift("Dialyzer", "blood flow 200", "300", lambda frame: frame["QB"] == 200.0),
    Shift("dietox", "copper 0 and 35", "175", lambda frame: frame["Cu"] < 100.0),
    Shift(
        *("ChickWeight", "diets 1 and 2", "3 and 4"),
        lambda frame: (frame["diet3"] + frame["diet4"]) == 0.0,
    ),
)


def measured(shift: Shift, turned: bool) -> dict[str, object]:
    """Errors of all, trained on the first side; turned, on the other."""
    problem = PROBLEMS[shift.problem]
    frame = problem.load()
    trained = shift.side(frame).to_numpy() != turned
    train, test = frame[trained], frame[~trained]
    judged = early(test)

    def error(predictions: np.ndarray) -> float:
        return float(np.abs(predictions - test["target"].to_numpy())[judged].mean())

    with threadpool_limits(1):
        rivals = {
            name: error(rival(problem, train, test)) for name, rival in rivals_of(problem).items()
        }
    sides = (shift.other, shift.one) if turned else (shift.one, shift.other)
    return {
        "problem": problem.name,
        "trained": sides[0],
        "tested": sides[1],
        "tasks": [int(part["task"].nunique()) for part in (train, test)],
        "rivals": rivals,
        "derived": [error(related(problem, train, test, seed)) for seed in range(SEEDS)],
    }


def page(results: list[dict]) -> str:
    """A row a shift."""
    lines = [
        "| problem | trained on | tested on | derived | best rival | to it | place |",
        "| --- " * 7 + "|",
    ]
    for one in results:
        own, rivals = median(one["derived"]), one["rivals"]
        best = min(rivals, key=rivals.get)
        spread = f"{own:.3g} [{min(one['derived']):.3g}, {max(one['derived']):.3g}]"
        place = 1 + sum(error < own for error in rivals.values())
        before, after = one["tasks"]
        cells = (
            *(one["problem"], f"{one['trained']}: {before}", f"{one['tested']}: {after}", spread),
            *(f"{best} {rivals[best]:.3g}", f"{own / rivals[best]:.3f}"),
            f"{place} of {len(rivals) + 1}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    if sys.argv[1:] == ["show"]:
        print(page(json.loads(RESULTS.read_text())))
        return
    if sys.argv[1:]:
        sys.exit(__doc__)
    results = []
    for shift in SHIFTS:
        for turned in (False, True):
            results.append(measured(shift, turned))
            print(page(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
