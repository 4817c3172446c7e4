"""The rivals, each a function (train, test) -> predicted changes, a number a row of `test`.

Those of `studies.series` where they fit; all have the learner's inputs, the last reading and its
trend among them. Each row is predicted from its inputs and the rows of its task before it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from river import compose, forest, linear_model, preprocessing

from studies.glucose.data import INPUTS
from studies.glucose.fitted import map_predictions
from studies.protocol import series
from studies.series import rivals as shared
from studies.series.data import Problem
from studies.series.mixed import online

Rival = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
PROBLEM = Problem("glucose", "mg/dL", "simglucose", "task", "order", INPUTS, "target")
WORN = ("glucose", "carbs", "carbs_before", "insulin", "insulin_before")
"""Inputs whose squares and products the quadratic rivals have."""


def last_value(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    return np.zeros(len(test))


def mean_gain(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last reading plus the mean change of training days at that time."""
    return test["order"].map(train.groupby("order")["target"].mean()).to_numpy()


def extrapolation(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The change of the last half hour again."""
    return test["trend"].to_numpy()


def linear(train: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """1 and the inputs, scaled as in `train`: [row, feature]."""
    names = list(INPUTS)
    scaled = (frame[names] - train[names].mean()) / train[names].std().replace(0.0, 1.0)
    return np.column_stack([np.ones(len(frame)), scaled])


def quadratic(train: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """The same with the products of glucose and of what is on board with each other."""
    first = linear(train, frame)
    worn = first[:, [1 + INPUTS.index(name) for name in WORN]]
    pairs = [worn[:, i] * worn[:, j] for i in range(len(WORN)) for j in range(i, len(WORN))]
    return np.column_stack([first, *pairs])


def pooled_linear(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Least squares over all training rows: the same for everyone."""
    found = np.linalg.lstsq(linear(train, train), train["target"].to_numpy(), rcond=None)[0]
    return linear(train, test) @ found


def empirical_bayes(train: pd.DataFrame, test: pd.DataFrame, *, features, walk) -> np.ndarray:
    return online(train, test, lambda frame: features(train, frame), walk)


def process(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """A Gaussian process of what boosting leaves, along the day or along glucose."""

    def hours(rows: pd.DataFrame) -> np.ndarray:
        return rows["order"].to_numpy() / 8.0

    def glucose(rows: pd.DataFrame) -> np.ndarray:
        return (rows["glucose"].to_numpy() - 140.0) / 50.0

    return shared.process_along((hours, glucose), PROBLEM, train, test)


def river(train: pd.DataFrame, test: pd.DataFrame, *, make, warm: bool) -> np.ndarray:
    """A model of River a day, new or taught the training days first."""
    model = make()
    if warm:
        for _, rows in series(train, "task"):
            inputs, targets = rows[list(INPUTS)].to_dict("records"), rows["target"].tolist()
            for x, y in zip(inputs, targets, strict=True):
                model.learn_one(x, y)
    predictions = shared.streamed(PROBLEM, train, test, lambda: copy.deepcopy(model))
    if warm:  # it has an opinion on the first example too
        for at, rows in series(test, "task"):
            first = rows[list(INPUTS)].to_dict("records")[0]
            predictions[at[0]] = copy.deepcopy(model).predict_one(first)
    return predictions


def _line():
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LinearRegression())


def _forest():
    return forest.ARFRegressor(n_models=10, leaf_prediction="mean", seed=0)


RIVALS: dict[str, Rival] = {
    "last value": last_value,
    "last + mean gain": mean_gain,
    "linear extrapolation": extrapolation,
    "pooled linear": pooled_linear,
    "boosting": partial(shared.boosting, PROBLEM),
    "boosting + running bias": partial(shared.boosting_bias, PROBLEM),
    "boosting on history": partial(shared.boosting_history, PROBLEM),
    **{
        f"EB {name}{', random walk' if walk else ''}": partial(
            empirical_bayes, features=features, walk=walk
        )
        for name, features in (("linear", linear), ("quadratic", quadratic))
        for walk in (False, True)
    },
    "Gaussian process": process,
    "MAP of the minimal model": map_predictions,
    "River linear, cold": partial(river, make=_line, warm=False),
    "River linear, warm": partial(river, make=_line, warm=True),
    "River forest, cold": partial(river, make=_forest, warm=False),
    "River forest, warm": partial(river, make=_forest, warm=True),
}
