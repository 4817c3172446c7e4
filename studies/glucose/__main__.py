"""Somebody else's simulator of diabetes: predict each next reading of a patient never seen.

    python -m studies.glucose                   everything: some 40 minutes on one core
    python -m studies.glucose --kind rivals --fold 0     what these need alone, kept in --parts
    python -m studies.glucose.show              print the tables from the stored results

Days of patients and what was predicted of each fold are kept in a folder, so that a run that was
cut goes on; without it everything is measured anew.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from studies.glucose.data import CONDITIONS, days_of, sensor_floor
from studies.glucose.derived import ARMS
from studies.glucose.evaluate import FOLDS, SIZES, derived_of, rivals_of, summarised
from studies.glucose.kept import kept_arm, kept_days
from studies.glucose.show import RESULTS, page

PACKAGES = ("simglucose", "scikit-learn", "river", "scipy", "numpy", "jax")
KINDS = ("rivals", "derived")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fold", type=int, action="append", choices=range(FOLDS))
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--arm", choices=ARMS, action="append", help="of what is derived")
    parser.add_argument("--parts", type=Path, default=Path(".kept/glucose"))
    asked = parser.parse_args()
    asked.parts.mkdir(parents=True, exist_ok=True)
    frame = pd.concat(
        [
            kept_days(asked.parts / f"days-{i}.parquet", lambda name=name: days_of(name))
            for i, name in enumerate(CONDITIONS)
        ],
        ignore_index=True,
    )
    sizes = {}
    for size in asked.size or SIZES:
        by_fold = {}
        for fold in asked.fold or range(FOLDS):
            found = {}
            for kind in asked.kind or KINDS:

                def keep(name: str, measure: Any, stem: str = f"{kind}-{size}-{fold}") -> Any:
                    return kept_arm(asked.parts / f"{stem}-{name}.npz", measure)

                chosen = {name: ARMS[name] for name in asked.arm or ARMS}
                found |= (
                    rivals_of(frame, fold, SIZES[size], keep)
                    if kind == "rivals"
                    else derived_of(frame, fold, SIZES[size], keep, chosen)
                )
            by_fold[fold] = found
        sizes[size] = by_fold
    if asked.kind:
        return
    sizes = {size: summarised(frame, SIZES[size], found) for size, found in sizes.items()}
    results = {
        "folds": list(asked.fold or range(FOLDS)),
        "versions": {package: version(package) for package in PACKAGES},
        "floor": sensor_floor(),
        "sizes": sizes,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
