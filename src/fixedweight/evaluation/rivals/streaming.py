"""Learners of River: by gradient descent, a tree and a forest.

Targets that are all 0 or 1 are classes, and the prediction is the probability of 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fixedweight.errors import require
from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.rivals.one_by_one import one_by_one
from fixedweight.evaluation.rivals.training import training
from fixedweight.families import TaskFamily

GRACE = 10
"""Examples between a leaf's attempts to split: River's own 200 (50 in forests) are more than most
streams have."""
DOUBT = 0.05
"""Chance that a tree's split is not the best one; with River's own 1e-7 short streams have none."""


class Regressor:
    """A regressor of River that is shown arrays."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def learn_one(self, x: np.ndarray, y: float) -> None:
        self.model.learn_one(dict(enumerate(x.tolist())), y)

    def predict_one(self, x: np.ndarray) -> float:
        return float(self.model.predict_one(dict(enumerate(x.tolist()))))


class Classifier(Regressor):
    """A classifier of River, asked for the probability of 1."""

    def learn_one(self, x: np.ndarray, y: float) -> None:
        self.model.learn_one(dict(enumerate(x.tolist())), y > 0.5)

    def predict_one(self, x: np.ndarray) -> float:
        return float(self.model.predict_proba_one(dict(enumerate(x.tolist()))).get(True, 0.0))


def _made(
    family: TaskFamily, regressor: Callable[[], Any], classifier: Callable[[], Any]
) -> Baseline:
    known = training(family)
    if known.binary:
        return one_by_one(lambda: Classifier(classifier()))
    return one_by_one(lambda: Regressor(regressor()), known.spread)


def gradient_descent(family: TaskFamily) -> Baseline:
    """Linear regression by stochastic gradient descent, logistic where targets are 0 or 1.

    The rate is the one that would meet the target of an example of average size in one step:
    1 / E(1 + |x|^2) over the curvature of the loss, 2 or at most 1/4.
    """
    linear_model = require("river.linear_model", "leaderboard")
    optim = require("river.optim", "leaderboard")
    known = training(family)
    size = 1.0 + float((known.inputs[known.told] ** 2).sum(axis=-1).mean())

    def settings(rate: float) -> dict[str, Any]:
        return {"optimizer": optim.SGD(rate), "intercept_lr": rate}

    return _made(
        family,
        lambda: linear_model.LinearRegression(loss=optim.losses.Squared(), **settings(0.5 / size)),
        lambda: linear_model.LogisticRegression(**settings(4.0 / size)),
    )


def hoeffding_tree(family: TaskFamily) -> Baseline:
    """A tree that splits a leaf once the best split is nearly certain."""
    tree = require("river.tree", "leaderboard")
    return _made(
        family,
        lambda: tree.HoeffdingTreeRegressor(grace_period=GRACE, delta=DOUBT),
        lambda: tree.HoeffdingTreeClassifier(grace_period=GRACE, delta=DOUBT),
    )


def forest(family: TaskFamily) -> Baseline:
    """An adaptive random forest: trees that are replaced where they drift."""
    river = require("river.forest", "leaderboard")
    return _made(
        family,
        lambda: river.ARFRegressor(grace_period=GRACE, seed=0),
        lambda: river.ARFClassifier(grace_period=GRACE, seed=0),
    )
