"""Models of their fields, fitted to each task so far by maximum a posteriori.

Parameters are normal over tasks, in logarithms where they are positive; mean and covariance come
from the training tasks, by fits to each that are drawn to those of the last round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from studies.protocol import series
from studies.series.data import Problem

ROUNDS = 4


class Model(NamedTuple):
    curve: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(parameters, inputs [example, input]) -> values."""
    start: tuple[float, ...]


class Population(NamedTuple):
    mean: np.ndarray
    covariance: np.ndarray
    noise: float


def one_compartment(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Oral dose (mg/kg), first-order absorption and elimination: logs of ka, ke (1/h), cl (L/h/kg),
    as in nlme's `SSfol`."""
    ka, ke, cl = np.exp(np.clip(p, -12, 8))
    ka = ka + 1e-6 * (abs(ka - ke) < 1e-6)
    time, dose = x[:, 0], x[:, 1]
    return dose * ke * ka * (np.exp(-ke * time) - np.exp(-ka * time)) / (cl * (ka - ke))


def biexponential(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Logs of two sizes and two rates, as in nlme's `SSbiexp`."""
    a, fast, b, slow = np.exp(np.clip(p, -12, 8))
    return a * np.exp(-fast * x[:, 0]) + b * np.exp(-slow * x[:, 0])


def logistic(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Log of the asymptote, midpoint, log of the scale, as in nlme's `SSlogis`."""
    return np.exp(p[0]) / (1 + np.exp(np.clip((p[1] - x[:, 0]) * np.exp(-p[2]), -50, 50)))


MODELS: dict[str, Model] = {
    "Theoph": Model(one_compartment, (0.4, -2.5, -3.2)),
    "Indometh": Model(biexponential, (1.0, 0.9, -0.5, -1.0)),
    "DNase": Model(logistic, (0.85, 2.0, 0.4)),
}


def _fitted(model: Model, who: Population, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    whiten = np.linalg.inv(np.linalg.cholesky(who.covariance))

    def rest(p: np.ndarray) -> np.ndarray:
        return np.concatenate([(y - model.curve(p, x)) / who.noise, whiten @ (p - who.mean)])

    return least_squares(rest, who.mean, max_nfev=100).x


def population(model: Model, tasks: list[tuple[np.ndarray, np.ndarray]]) -> Population:
    """Mean and covariance of parameters and the noise, from (inputs, targets) of tasks."""
    size = len(model.start)
    spread = float(np.std(np.concatenate([y for _, y in tasks])))
    who = Population(np.array(model.start), np.eye(size), 0.1 * spread)
    for _ in range(ROUNDS):
        each = np.array([_fitted(model, who, x, y) for x, y in tasks])
        rest = [y - model.curve(p, x) for p, (x, y) in zip(each, tasks, strict=True)]
        covariance = np.cov(each.T) + 0.01 * np.eye(size)
        noise = float(np.sqrt(np.mean(np.concatenate(rest) ** 2)))
        who = Population(each.mean(axis=0), covariance, noise)
    return who


def map_predictions(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The field's model with the parameters most probable after the examples so far."""
    model, inputs = MODELS[problem.name], list(problem.inputs)

    def tasks(frame: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return [
            (at, rows[inputs].to_numpy(), rows["target"].to_numpy())
            for at, rows in series(frame, "task")
        ]

    who = population(model, [(x, y) for _, x, y in tasks(train)])
    predictions = np.empty(len(test))
    for at, x, y in tasks(test):
        for i in range(len(y)):
            p = _fitted(model, who, x[:i], y[:i]) if i else who.mean
            predictions[at[i]] = model.curve(p, x[i : i + 1])[0]
    return predictions
