"""What was measured, kept in plain files, so that a run that was cut goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fixedweight import Learner
from studies.protocol import replaced, timed


def kept_days(path: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The rows that `make` returns, from a .parquet file if it is there."""
    if not path.exists():
        rows = timed(path.stem, make)
        replaced(path, lambda partial: rows.to_parquet(partial))
    return pd.read_parquet(path)


def kept_arm(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` returns of a predictor, from an .npz file if it is there: numbers and arrays;
    "learners", if any, from files of their own beside it."""
    if not path.exists():
        found = timed(path.stem, measure)
        for i, learner in enumerate(found.get("learners", ())):
            learner.save(_learner_file(path, i))
        numbers = {name: value for name, value in found.items() if name != "learners"}

        def write(partial: Path) -> None:
            with partial.open("wb") as file:  # a name alone would be given another ending
                np.savez(file, **numbers)

        replaced(path, write)
    with np.load(path) as stored:
        found = dict(stored)
    if "validation" in found:
        files = (_learner_file(path, i) for i in range(len(found["predictions"])))
        found["learners"] = [Learner.load(file) for file in files]
    return found


def _learner_file(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}.safetensors")
