"""Predictions under every condition by what was fitted on adults of other numbers, and errors.

Patients are numbered 1 to 10 in each group. A fold holds two numbers out: training days are those
of the eight other adults, and the days of both numbers in all groups and conditions are predicted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from studies.glucose.data import CONDITIONS, PATIENTS
from studies.glucose.derived import Arm, Known, table_of
from studies.glucose.rivals import PROBLEM, RIVALS
from studies.glucose.show import REFERENCE
from studies.protocol import early, error_table, paired
from studies.series.derived import predict
from studies.series.evaluate import SPANS

FOLDS = 5
#: Training days of each adult, by how many there are of all eight.
SIZES = {"24 days": 3}
#: Of a predictor on a fold: predictions [seed, row], seconds of processor, and of what is derived
#: validation errors.
Found = dict[str, dict[str, Any]]
Keep = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
"""(name, measure) -> what `measure` returns, from a file if it is there."""


def parts(frame: pd.DataFrame, fold: int, days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows, of the first `days` of each adult that is not held out, and test rows."""
    numbers = np.random.default_rng(0).permutation(np.arange(1, PATIENTS + 1))
    held = frame["number"].isin(np.array_split(numbers, FOLDS)[fold])
    trained = (frame["condition"] == next(iter(CONDITIONS))) & (frame["day"] < days)
    return (
        frame[trained & ~held].reset_index(drop=True),
        frame[held].reset_index(drop=True),
    )


def rivals_of(frame: pd.DataFrame, fold: int, days: int, keep: Keep) -> Found:
    """What each rival predicts of the fold's test rows."""
    train, test = parts(frame, fold, days)

    def one(name: str) -> dict[str, Any]:
        predictions, seconds = _timed(lambda: RIVALS[name](train, test))
        return {"predictions": predictions[None], "seconds": seconds}

    with threadpool_limits(1):
        return {name: keep(name, lambda name=name: one(name)) for name in RIVALS}


def derived_of(
    frame: pd.DataFrame, fold: int, days: int, keep: Keep, arms: Mapping[str, Arm]
) -> Found:
    """What each derived learner predicts of the fold's test rows, one a seed."""
    train, test = parts(frame, fold, days)
    table = table_of(train, test, fold)
    known = Known()
    found = {}

    def one(name: str) -> dict[str, Any]:
        learners, seconds = _timed(lambda: arms[name](table, fold, known))
        return {
            "predictions": np.array([predict(each, PROBLEM, test) for each in learners]),
            "validation": [each.card["derivation"]["validation_error"] for each in learners],
            "seconds": seconds,
            "learners": learners,
        }

    for name in arms:
        found[name] = keep(name, lambda name=name: one(name))
        known[name] = found[name]["learners"]
    return found


def summarised(frame: pd.DataFrame, days: int, by_fold: dict[int, Found]) -> dict[str, Any]:
    """By condition: error tables of all predictors, and comparisons by patient with `REFERENCE`.

    Of several seeds the one with the least validation error counts; `seeds` has the mean error of
    each over examples 2 to 20.
    """
    first = next(iter(by_fold.values()))
    tests = [parts(frame, fold, days)[1] for fold in by_fold]
    whole = pd.concat(tests, ignore_index=True)
    target = whole["target"].to_numpy()

    def errors(name: str, seed: int | None) -> np.ndarray:
        chosen = []
        for found in by_fold.values():
            one = found[name]
            best = int(np.argmin(one.get("validation", [0.0])))
            chosen.append(one["predictions"][best if seed is None else seed])
        return np.abs(np.concatenate(chosen) - target)

    results = {}
    for condition, rows in whole.groupby("condition", sort=False).indices.items():
        part = whole.iloc[rows]
        by_name = {name: errors(name, None)[rows] for name in first}
        mean, rms = (error_table(part, by_name, SPANS, square=square) for square in (False, True))
        judged = early(part)
        compared = paired(
            part["group"].to_numpy()[judged], {n: e[judged] for n, e in by_name.items()}, REFERENCE
        )
        seeds = {
            name: [
                float(errors(name, seed)[rows][judged].mean())
                for seed in range(len(found["predictions"]))
            ]
            for name, found in first.items()
            if "validation" in found
        }
        results[condition] = {
            "tasks": int(part["task"].nunique()),
            "examples": len(part),
            "mean": mean.to_dict("index"),
            "rms": rms.to_dict("index"),
            "paired": compared.to_dict("index"),
            "seeds": seeds,
        }
    seconds = {
        name: float(np.mean([f[name]["seconds"] for f in by_fold.values()])) for name in first
    }
    return {"conditions": results, "seconds": seconds}


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    found = run()
    return found, time.process_time() - began
