"""What gradient descent adds to filters that were fitted to a table, and does without them.

    python -m studies.series.beyond             every problem: three hours on a core
    python -m studies.series.beyond DNase       this one; the others' results are kept
    python -m studies.series.beyond show        print the table from the stored results

From the fit of `derive_related`, gradient descent goes on over relatives drawn from that fit, or
over the tasks themselves, and keeps the weights with the least error on validation tasks, the fit's
own where none have less. `derive` alone takes a network from random weights to the same tasks.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fixedweight import Learner, Schedule, Stage, derive
from fixedweight.families import Table
from fixedweight.relatives import Relatives, derive_related
from studies.protocol import folds
from studies.series.data import PROBLEMS, Problem
from studies.series.derived import predict, table_of

RESULTS = Path(__file__).parent / "beyond.json"
FIT, ALONE = "filters as fitted", "derive, a network from random weights"
RELATIVES, TASKS = "then descent on relatives", "then descent on the tasks"
NAMES = (FIT, RELATIVES, TASKS, ALONE)
UPDATES, LONGEST, RATE = 200, 64, 0.003
MINUTES = 0.5
"""For `derive`, a fold."""


def learners(table: Table, seed: int) -> dict[str, Learner]:
    fitted = derive_related(table, seed=seed)
    stage = Stage(min(table.examples, LONGEST), 32, UPDATES)
    course = Schedule((stage,), learning_rate=RATE, optimizer="adam")

    def further(family: Relatives | Table) -> Learner:
        start = dict(fitted.params)
        return derive(family, fitted.network, start=start, schedule=course, seeds=1, seed=seed)

    return {
        FIT: fitted,
        RELATIVES: further(Relatives(table, fitted)),
        TASKS: further(table),
        ALONE: derive(table, seed=seed, minutes=MINUTES),
    }


def measured(problem: Problem, seed: int) -> dict[str, list[float]]:
    """By learner, for each fold: the sum of absolute errors over examples 2 to 20; how many."""
    frame = problem.load()
    found: dict[str, list[float]] = {name: [] for name in (*NAMES, "examples")}
    for fold, left in enumerate(folds(frame, "group")):
        held = frame["group"].isin(left)
        train, test = frame[~held], frame[held]
        early = test["order"].between(2, 20).to_numpy()
        made = learners(table_of(problem, train, test, seed), seed)
        for name, learner in made.items():
            off = np.abs(predict(learner, problem, test) - test["target"].to_numpy())
            found[name].append(float(off[early].sum()))
        found["examples"].append(int(early.sum()))
        print(f"{problem.name}, seed {seed}, fold {fold}", file=sys.stderr, flush=True)
    return found


def page(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Errors of the fit over examples 2 to 20, medians over seeds, and the others' over it."""
    others = NAMES[1:]
    lines = ["| problem | seeds | " + " | ".join(NAMES) + " |", "| --- " * (len(NAMES) + 2) + "|"]
    for problem, seeds in results.items():
        errors = {
            name: np.array([sum(one[name]) / sum(one["examples"]) for one in seeds.values()])
            for name in NAMES
        }
        ratios = []
        for name in others:
            each = errors[name] / errors[FIT]
            ratios.append(f"{np.median(each):.3f} [{each.min():.3f}, {each.max():.3f}]")
        fit = f"{np.median(errors[FIT]):.4g}"
        lines.append(f"| {problem} | {len(seeds)} | {fit} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", choices=[*PROBLEMS, "show", []], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if asked.problems != ["show"]:
        for name in asked.problems or PROBLEMS:
            for seed in range(asked.seeds):
                results.setdefault(name, {})[str(seed)] = measured(PROBLEMS[name], seed)
                results = {name: results[name] for name in PROBLEMS if name in results}
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
