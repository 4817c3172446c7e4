"""Recursive least squares by padasip, on the inputs and on what the family is linear in."""

from typing import Any

import numpy as np

from fixedweight.errors import require
from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.rivals.one_by_one import one_by_one
from fixedweight.families import LinearFamily, TaskFamily, innermost
from fixedweight.oracles.features import affine, values_of

RIDGE = 0.01
"""Prior precision of a weight, in units of the noise's."""


class Recursive:
    """`FilterRLS` of padasip, made once the number of features is known."""

    def __init__(self, kind: Any, forgetting: float) -> None:
        self.kind, self.forgetting = kind, forgetting
        self.filter: Any = None

    def learn_one(self, x: np.ndarray, y: float) -> None:
        if self.filter is None:
            self.filter = self.kind(len(x), self.forgetting, eps=RIDGE, w="zeros")
        self.filter.adapt(y, x)

    def predict_one(self, x: np.ndarray) -> float:
        return float(self.filter.predict(x))


def _run(family: TaskFamily) -> Baseline:
    """On features instead of inputs."""
    kind = require("padasip.filters", "leaderboard").FilterRLS
    factor = 1.0 - 1.0 / family.examples if family.switches else 1.0
    return one_by_one(lambda: Recursive(kind, factor))


def recursive_least_squares(family: TaskFamily) -> Baseline:
    """On the inputs and a constant; where tasks switch, with a memory as long as a task."""
    run = _run(family)

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        return run(affine(x), y, told, delay, start)

    return baseline


def true_basis(family: TaskFamily) -> Baseline | None:
    """On the features in which the family's target is linear; None where it is in none."""
    base = innermost(family)
    if not isinstance(base, LinearFamily):
        return None
    run, features, scaling = _run(family), values_of(base), family.scaling()

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        return run(features(scaling.unscale_inputs(x)), y, told, delay, start)

    return baseline
