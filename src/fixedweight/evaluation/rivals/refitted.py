"""Learners of scikit-learn that are fitted anew at each example, to the latest ones."""

import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from fixedweight.errors import require
from fixedweight.evaluation.baselines import MEMORY, Baseline
from fixedweight.evaluation.rivals.one_by_one import one_by_one
from fixedweight.evaluation.rivals.threads import in_one_thread
from fixedweight.evaluation.rivals.training import training
from fixedweight.families import TaskFamily

Fit = Callable[[np.ndarray, np.ndarray], Any]
"""From inputs [example, input] and targets [example] to what has a `predict`."""
NEIGHBOURS = 5
RECENT = 100
"""The Gaussian process is fitted to this many examples: its time grows with their cube."""


class Refitted:
    """Keeps the last `memory` examples, and fits them when a prediction is asked for."""

    def __init__(self, fit: Fit, memory: int) -> None:
        self.fit, self.model = fit, None
        self.inputs: deque[np.ndarray] = deque(maxlen=memory)
        self.targets: deque[float] = deque(maxlen=memory)

    def learn_one(self, x: np.ndarray, y: float) -> None:
        self.inputs.append(x)
        self.targets.append(y)
        self.model = None

    def predict_one(self, x: np.ndarray) -> float:
        if self.model is None:
            self.model = self.fit(np.array(self.inputs), np.array(self.targets))
        return float(self.model.predict(x[None])[0])


def _baseline(family: TaskFamily, fit: Fit, memory: int = MEMORY) -> Baseline:
    return in_one_thread(one_by_one(lambda: Refitted(fit, memory), training(family).spread))


def nearest_neighbours(family: TaskFamily) -> Baseline:
    """The 5 nearest examples, weighted by inverse distance: an equal input counts alone."""
    neighbors = require("sklearn.neighbors", "leaderboard")

    def fit(x: np.ndarray, y: np.ndarray) -> Any:
        return neighbors.KNeighborsRegressor(
            min(NEIGHBOURS, len(y)), weights="distance", algorithm="kd_tree"
        ).fit(x, y)

    return _baseline(family, fit)


def bayesian_ridge(family: TaskFamily) -> Baseline:
    """Bayesian linear regression with the precisions of weights and noise fitted to the stream."""
    linear_model = require("sklearn.linear_model", "leaderboard")

    def fit(x: np.ndarray, y: np.ndarray) -> Any:
        return linear_model.BayesianRidge().fit(x, y)

    return _baseline(family, fit)


def gaussian_process(family: TaskFamily) -> Baseline:
    """A Gaussian process, its scale, lengthscale and noise fitted to the stream each time."""
    gaussian_process = require("sklearn.gaussian_process", "leaderboard")
    kernels = require("sklearn.gaussian_process.kernels", "leaderboard")
    exceptions = require("sklearn.exceptions", "leaderboard")
    kernel = kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel(1e-2, (1e-6, 1.0))

    def fit(x: np.ndarray, y: np.ndarray) -> Any:
        with warnings.catch_warnings():  # of a few examples the best lengthscale has no bound
            warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
            return gaussian_process.GaussianProcessRegressor(kernel).fit(x, y)

    return _baseline(family, fit, RECENT)
