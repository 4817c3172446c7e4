"""Gaussian rivals with hyper-parameters by maximum likelihood on the training people.

An empirical-Bayes random walk of the log ratio (a Kalman filter), the same on the residuals
of pooled boosting, and a Gaussian process over log time.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from studies.gaussian import fit_process, most_likely, process

from .rivals import people
from .trees import boosting, held_out_residuals

Series = list[tuple[np.ndarray, np.ndarray]]  # per person: times or gaps (min), values


def walk(theta: np.ndarray, gaps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Kalman filter of a random walk: the prediction before each value, the -log likelihood.

    ``theta``: prior mean; logs of the prior variance, of the drift variance per sample and per
    minute, and of the noise variance.
    """
    mean = float(theta[0])
    variance, per_sample, per_minute, noise = (math.exp(v) for v in np.clip(theta[1:], -25, 5))
    predictions, cost = np.empty(len(values)), 0.0
    for i, (gap, value) in enumerate(zip(gaps.tolist(), values.tolist(), strict=True)):
        if i:
            variance += per_sample + per_minute * gap
        predictions[i] = mean
        total, error = variance + noise, value - mean
        cost += 0.5 * (math.log(2.0 * math.pi * total) + error * error / total)
        mean += variance / total * error
        variance *= noise / total
    return predictions, cost


def fit_walk(series: Series) -> np.ndarray:
    """The ``theta`` of ``walk`` most likely on people given as (gaps, values)."""
    start = [0.0, math.log(0.05), math.log(0.003), math.log(0.001), math.log(0.003)]
    return most_likely(lambda theta: sum(walk(theta, g, y)[1] for g, y in series), start)


def _walked(
    train: pd.DataFrame, taught: np.ndarray, test: pd.DataFrame, values: np.ndarray
) -> np.ndarray:
    """``walk`` fitted on ``taught`` of the training people, run on ``values`` of the others."""
    theta = fit_walk([(rows["gap"].to_numpy(), taught[at]) for at, rows in people(train)])
    predictions = np.empty(len(test))
    for at, rows in people(test):
        predictions[at], _ = walk(theta, rows["gap"].to_numpy(), values[at])
    return predictions


def random_walk(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Empirical-Bayes random walk of the log ratio to the population model."""
    ratios = test["log_ratio"].to_numpy()
    return test["log_minto"].to_numpy() + _walked(
        train, train["log_ratio"].to_numpy(), test, ratios
    )


def boosting_walk(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled boosting plus the random walk of its residual, fitted on held-out residuals."""
    pooled = boosting(train, test)
    residuals = test["log_concentration"].to_numpy() - pooled
    return pooled + _walked(train, held_out_residuals(train).to_numpy(), test, residuals)


def gaussian_process(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Gaussian process of the log ratio over log time, one draw per person."""
    pairs = [
        (np.log1p(rows["time"].to_numpy()), rows["log_ratio"].to_numpy())
        for _, rows in people(train)
    ]
    theta, _ = fit_process(pairs)
    predictions = np.empty(len(test))
    for at, rows in people(test):
        ratios = rows["log_ratio"].to_numpy()
        predictions[at], _ = process(theta, np.log1p(rows["time"].to_numpy()), ratios)
    return test["log_minto"].to_numpy() + predictions
