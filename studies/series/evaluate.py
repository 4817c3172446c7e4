"""Predictions on a problem, each task's by what was fitted on other folds, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from studies.protocol import early, error_table, folds, kept, paired
from studies.series import derived
from studies.series.data import Problem
from studies.series.rivals import rivals_of

#: First and last example, counted from 1, of each column of the tables.
SPANS = {
    "1": (1, 1),
    "2-5": (2, 5),
    "6-10": (6, 10),
    "11-20": (11, 20),
    "21-30": (21, 30),
    "31+": (31, 10**9),
    "2-20": (2, 20),
}
DERIVED = "derived from relatives"


def rival_predictions(problem: Problem, folder: Path) -> dict[str, np.ndarray]:
    """By rival: predictions of every row of the problem's frame."""
    predictions = {}
    with threadpool_limits(1):
        for name, rival in rivals_of(problem).items():
            found = _crossed(problem, folder / name, partial(rival, problem))
            predictions[name] = found
    return predictions


def derived_predictions(problem: Problem, seed: int, folder: Path) -> dict[str, np.ndarray]:
    """The same of what `fixedweight` derives; the folds are the rivals', the seed is its own."""
    fit = partial(derived.related, problem, seed=seed)
    return {DERIVED: _crossed(problem, folder / f"{DERIVED} {seed}", fit)}


def measured(problem: Problem, seeds: int, folder: Path) -> dict[str, object]:
    """Error tables of all, and comparisons by task of each with what was derived, by seed."""
    frame = problem.load()
    target = frame["target"].to_numpy()
    rivals = {name: np.abs(p - target) for name, p in rival_predictions(problem, folder).items()}
    by_seed = []
    for seed in range(seeds):
        found = derived_predictions(problem, seed, folder)
        own = {name: np.abs(p - target) for name, p in found.items()}
        judged = early(frame)
        both = {name: error[judged] for name, error in {**rivals, **own}.items()}
        compared = paired(frame["task"].to_numpy()[judged], both, DERIVED)
        by_seed.append({"errors": tables(frame, own), "paired": compared.to_dict("index")})
    return {
        "unit": problem.unit,
        "tasks": int(frame["task"].nunique()),
        "examples": len(frame),
        "rivals": tables(frame, rivals),
        "seeds": by_seed,
    }


def tables(
    frame: pd.DataFrame, errors: Mapping[str, np.ndarray]
) -> dict[str, dict[str, dict[str, float]]]:
    """Means and root mean squares of absolute errors by predictor and span of examples."""
    mean, rms = error_table(frame, errors, SPANS), error_table(frame, errors, SPANS, square=True)
    return {name: {"mean": dict(mean.loc[name]), "rms": dict(rms.loc[name])} for name in errors}


def _crossed(problem: Problem, path: Path, fit) -> np.ndarray:
    """Predictions of every row by what was fitted on the other folds, kept by fold."""
    frame = problem.load()
    predictions = np.full(len(frame), np.nan)
    for fold, left in enumerate(folds(frame, "group")):
        held = frame["group"].isin(left).to_numpy()
        train, test = frame[~held], frame[held]
        place = path.with_name(f"{problem.name} {path.name} {fold}.npy".replace(" ", "-"))
        predictions[held] = kept(place, lambda train=train, test=test: fit(train, test))
    if not np.isfinite(predictions).all():
        raise ValueError("a prediction is not finite")
    return predictions
