"""What gradient descent adds to filters that were fitted to a table, and does without them.

    python -m studies.series.beyond             every problem: three hours on a core, a core a fold
    python -m studies.series.beyond DNase       this one; the others' results are kept
    python -m studies.series.beyond show        print the table from the stored results

Folds that are done are kept in `.kept/beyond`; a run that was stopped goes on there.

From the fit of `derive_related`, gradient descent goes on over relatives drawn from that fit, or
over the tasks themselves, and keeps the weights with the least error on validation tasks, the fit's
own where none have less. `derive` alone takes a network from random weights to the same tasks.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fixedweight import Learner, Schedule, Stage, derive
from fixedweight.families import Table
from fixedweight.relatives import Relatives, derive_related
from studies.protocol import each_on_a_core, early, folds, kept
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

    def further(family: Relatives) -> Learner:
        start = dict(fitted.params)
        return derive(family, fitted.network, start=start, schedule=course, seeds=1, seed=seed)

    return {
        FIT: fitted,
        RELATIVES: further(Relatives(table, fitted)),
        TASKS: further(Relatives(table, fitted, own=1.0)),  # not `table`: its scales are others
        ALONE: derive(table, seed=seed, minutes=MINUTES),
    }


def part(problem: Problem, seed: int, fold: int) -> np.ndarray:
    """Sums of absolute errors over a fold's examples 2 to 20, by `NAMES`; how many examples."""
    frame = problem.load()
    held = frame["group"].isin(folds(frame, "group")[fold])
    train, test = frame[~held], frame[held]
    judged = early(test)
    made = learners(table_of(problem, train, test, seed), seed)
    off = [predict(made[name], problem, test) - test["target"].to_numpy() for name in NAMES]
    return np.array([*(np.abs(each)[judged].sum() for each in off), judged.sum()])


def kept_part(path: Path, name: str, seed: int, fold: int) -> np.ndarray:
    return kept(path / f"{name}-{seed}-{fold}.npy", lambda: part(PROBLEMS[name], seed, fold))


def measured(name: str, seeds: int, path: Path) -> dict[str, dict[str, list[float]]]:
    """By seed and learner, for each fold: the sum of absolute errors; how many examples."""
    count = len(folds(PROBLEMS[name].load(), "group"))
    work = [(path, name, seed, fold) for seed in range(seeds) for fold in range(count)]
    with each_on_a_core() as pool:
        parts = np.array(list(pool.map(kept_part, *zip(*work, strict=True))))
    return {
        str(seed): dict(zip((*NAMES, "examples"), by_learner.T.tolist(), strict=True))
        for seed, by_learner in enumerate(parts.reshape(seeds, count, -1))
    }


def page(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Errors of the fit over examples 2 to 20, medians over seeds, and the others' over it; where
    there are several seeds the lowest and highest in brackets."""
    lines = ["| problem | seeds | " + " | ".join(NAMES) + " |", "| --- " * (len(NAMES) + 2) + "|"]
    for problem, seeds in results.items():
        fit = np.median([sum(one[FIT]) / sum(one["examples"]) for one in seeds.values()])
        ratios = []
        for name in NAMES[1:]:
            each = [sum(one[name]) / sum(one[FIT]) for one in seeds.values() if name in one]
            spread = f" [{min(each):.3f}, {max(each):.3f}]" if len(each) > 1 else ""
            ratios.append(f"{np.median(each):.3f}{spread}")
        lines.append(f"| {problem} | {len(seeds)} | {fit:.4g} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", choices=[*PROBLEMS, "show", []], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, default=Path(".kept/beyond"))
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if asked.problems != ["show"]:
        for name in asked.problems or PROBLEMS:
            results[name] = measured(name, asked.seeds, asked.kept)
            results = {name: results[name] for name in PROBLEMS if name in results}
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
