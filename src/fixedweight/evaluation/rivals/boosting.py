"""One model for all tasks, by gradient boosting, alone or corrected by its errors so far."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.errors import require
from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.rivals.threads import one_thread
from fixedweight.evaluation.rivals.training import TASKS, training
from fixedweight.families import TaskFamily

SHRINKAGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Examples without bias that are added to those seen."""
HELD_OUT = TASKS // 4
"""Training tasks on which the shrinkage is chosen."""


def boosting(family: TaskFamily) -> Baseline:
    """scikit-learn's histogram boosting of training tasks: what can be said from an input alone."""
    models = _fitted(family, TASKS)

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        return _predicted(models, x)

    return baseline


def boosting_with_bias(family: TaskFamily) -> Baseline:
    """The same and the task's mean error so far, shrunken as is best for held-out tasks."""
    models, known = _fitted(family, TASKS - HELD_OUT), training(family)
    x, y, told = (part[-HELD_OUT:] for part in (known.inputs, known.targets, known.told))
    rest = y - _predicted(models, x)
    errors = [
        np.sum((rest - running_bias(rest, told, family.delay, shrinkage))[told] ** 2)
        for shrinkage in SHRINKAGES
    ]
    shrinkage = SHRINKAGES[int(np.argmin(errors))]

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        pooled = _predicted(models, x)
        return pooled + running_bias(y - pooled, told, delay, shrinkage)

    return baseline


def running_bias(
    rest: Float[np.ndarray, "batch time target"],
    told: Bool[np.ndarray, "batch time"],
    delay: int,
    shrinkage: float,
) -> Float[np.ndarray, "batch time target"]:
    """At each step the sum of what has arrived over its count + `shrinkage`."""
    shift = min(1 + delay, rest.shape[1])
    total = np.cumsum(np.where(told[..., None], rest, 0.0), axis=1)
    bias = total / (np.cumsum(told, axis=1)[..., None] + shrinkage)
    return np.pad(bias, ((0, 0), (shift, 0), (0, 0)))[:, : rest.shape[1]]


def _fitted(family: TaskFamily, tasks: int) -> list[Any]:
    """A model for each number of a target."""
    ensemble, known = require("sklearn.ensemble", "leaderboard"), training(family)
    x, y, told = (part[:tasks] for part in (known.inputs, known.targets, known.told))
    with one_thread():
        return [
            ensemble.HistGradientBoostingRegressor(random_state=0).fit(x[told], y[told][:, k])
            for k in range(family.target_size)
        ]


def _predicted(models: list[Any], x: np.ndarray) -> Float[np.ndarray, "batch time target"]:
    flat = x.reshape(-1, x.shape[-1])
    with one_thread():
        numbers = [model.predict(flat) for model in models]
    return np.stack(numbers, axis=-1).reshape(*x.shape[:2], -1)
