"""Somebody else's simulator of diabetes: predict each next reading of a patient never seen.

    python -m studies.glucose                   everything: some 40 minutes on one core
    python -m studies.glucose --fold 0          what this fold needs alone, kept in --parts
    python -m studies.glucose.show              print the tables from the stored results

Days of patients and what was predicted of each fold are kept in a folder, so that a run that was
cut goes on; without it everything is measured anew.
"""

import argparse
import json
import pickle
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from studies.glucose.data import CONDITIONS, days_of
from studies.glucose.evaluate import FOLDS, SIZES, derived_of, rivals_of, summarised
from studies.glucose.show import RESULTS, page

PACKAGES = ("simglucose", "scikit-learn", "river", "scipy", "numpy", "jax")
KINDS = {"rivals": rivals_of, "derived": derived_of}


def kept(path: Path, measure: Callable[[], Any]) -> Any:
    """What `measure` returns, from `path` if it is there."""
    if not path.exists():
        found = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(found))
    return pickle.loads(path.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fold", type=int, choices=range(FOLDS))
    parser.add_argument("--size", choices=SIZES)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--parts", type=Path, default=Path("glucose-parts"))
    asked = parser.parse_args()
    frame = pd.concat(
        [
            kept(asked.parts / f"days-{i}.pickle", lambda name=name: days_of(name))
            for i, name in enumerate(CONDITIONS)
        ],
        ignore_index=True,
    )
    results: dict[str, Any] = {
        "command": "python -m studies.glucose",
        "versions": {package: version(package) for package in PACKAGES},
        "sizes": {},
    }
    for size, days in SIZES.items():
        if asked.size not in (None, size):
            continue
        by_fold = []
        for fold in range(FOLDS):
            if asked.fold not in (None, fold):
                continue
            found = {}
            for kind, measure in KINDS.items():
                if asked.kind in (None, kind):
                    path = asked.parts / f"{kind}-{days}-{fold}.pickle"
                    found |= kept(path, lambda m=measure, f=fold, d=days: m(frame, f, d))
            by_fold.append(found)
        results["sizes"][size] = by_fold
    if asked.fold is not None or asked.size or asked.kind:
        return
    results["sizes"] = {
        size: summarised(frame, SIZES[size], found) for size, found in results["sizes"].items()
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
