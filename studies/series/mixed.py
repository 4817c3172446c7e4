"""The mixed model as an online learner, with and without a random walk of its coefficients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fixedweight.evaluation.rivals.mixed_effects import Effects, fit
from studies.protocol import series
from studies.series.data import Problem

DRIFTS = (0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Shares of the prior covariance that are added after each example."""


def features(problem: Problem, train: pd.DataFrame, frame: pd.DataFrame, degree: int) -> np.ndarray:
    """Powers of the first input, and the others as they are, where tasks are five times as many
    as features; scaled as in `train`."""
    names = list(problem.inputs)
    scaled = (frame[names] - train[names].mean()) / train[names].std().replace(0.0, 1.0)
    powers = [scaled[names[0]].to_numpy() ** k for k in range(degree + 1)]
    others = [scaled[name].to_numpy() for name in names[1:]]
    roomy = train["task"].nunique() >= 5 * (len(powers) + len(others))
    return np.column_stack(powers + (others if roomy else []))


def walked(
    effects: Effects, drift: float, f: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, float]:
    """Kalman filter of one task: the prediction before each target, -log likelihood.

    With `drift` 0 each prediction is the mixed model's best linear unbiased one.
    """
    mean, covariance = effects.mean.copy(), effects.covariance.copy()
    predictions, cost = np.empty(len(y)), 0.0
    for i, (row, target) in enumerate(zip(f, y, strict=True)):
        predictions[i] = row @ mean
        spread = covariance @ row
        variance = row @ spread + effects.noise
        error = target - predictions[i]
        cost += 0.5 * (np.log(2 * np.pi * variance) + error**2 / variance)
        mean = mean + spread * error / variance
        covariance = covariance - np.outer(spread, spread) / variance
        covariance = covariance + drift * effects.covariance
    return predictions, float(cost)


def mixed(
    problem: Problem, train: pd.DataFrame, test: pd.DataFrame, *, degree: int, walk: bool
) -> np.ndarray:
    """Empirical Bayes on powers of the first input."""
    return online(train, test, lambda frame: features(problem, train, frame, degree), walk)


def online(
    train: pd.DataFrame,
    test: pd.DataFrame,
    features: Callable[[pd.DataFrame], np.ndarray],
    walk: bool,
) -> np.ndarray:
    """Empirical Bayes, linear in `features` [row, feature]: prior by expectation maximisation, the
    share of drift and the noise that goes with it by the likelihood of the training tasks."""
    centre, spread = train["target"].mean(), train["target"].std()

    def tasks(frame: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        f = features(frame)
        y = ((frame["target"] - centre) / spread).to_numpy()
        return [(at, f[at], y[at]) for at, _ in series(frame, "task")]

    known = tasks(train)
    longest = max(len(at) for at, _, _ in known)
    f = np.zeros((len(known), longest, known[0][1].shape[1]))
    y, told = np.zeros((len(known), longest)), np.zeros((len(known), longest), dtype=bool)
    for i, (at, rows, targets) in enumerate(known):
        f[i, : len(at)], y[i, : len(at)], told[i, : len(at)] = rows, targets, True
    effects = fit(f, y, told)
    choices = [(0.0, 1.0)]
    if walk:
        choices = [(drift, share) for drift in DRIFTS for share in (1.0, 0.3, 0.1, 0.03)]

    def cost(choice: tuple[float, float]) -> float:
        changed = effects._replace(noise=effects.noise * choice[1])
        return sum(walked(changed, choice[0], rows, targets)[1] for _, rows, targets in known)

    drift, share = min(choices, key=cost) if walk else choices[0]
    effects = effects._replace(noise=effects.noise * share)
    predictions = np.empty(len(test))
    for at, rows, targets in tasks(test):
        predictions[at] = centre + spread * walked(effects, drift, rows, targets)[0]
    return predictions
