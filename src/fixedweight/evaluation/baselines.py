"""What anyone could do instead: simple predictors to hold a learner against.

Each goes through all streams at once, predict then learn, and sees what a learner sees: the target
of step t - 1 - delay arrives at step t, unless it is never told. Before the first arrives, each
guesses `start`, the mean target of the family.
"""

from collections.abc import Callable

import numpy as np

MEMORY = 256
"""The nearest neighbour looks back over this many examples."""

Baseline = Callable[[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray], np.ndarray]
"""(inputs [batch, time, input], targets [batch, time, target], told [batch, time], delay,
start [target]) -> predictions [batch, time, target]."""


def last_target(
    x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
) -> np.ndarray:
    """The target that arrived last."""
    guess = np.broadcast_to(start, y[:, 0].shape)
    predictions = np.empty_like(y)
    for t in range(y.shape[1]):
        if (source := t - 1 - delay) >= 0:
            guess = np.where(told[:, source, None], y[:, source], guess)
        predictions[:, t] = guess
    return predictions


def running_mean(
    x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
) -> np.ndarray:
    """The mean of the targets that have arrived."""
    known = np.where(told[..., None], y, 0.0)
    total = np.cumsum(known, axis=1)
    count = np.cumsum(told, axis=1)[..., None]
    predictions = np.broadcast_to(start, y.shape).copy()
    shift = 1 + delay
    if shift < y.shape[1]:
        arrived = count[:, :-shift]
        mean = total[:, :-shift] / np.maximum(arrived, 1)
        predictions[:, shift:] = np.where(arrived > 0, mean, start)
    return predictions


def nearest_neighbour(
    x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
) -> np.ndarray:
    """The target of the nearest input (the latest of equals) among the last examples."""
    predictions = np.broadcast_to(start, y.shape).copy()
    rows = np.arange(len(x))
    for t in range(1 + delay, x.shape[1]):
        end = t - delay
        begin = max(0, end - MEMORY)
        distance = ((x[:, begin:end] - x[:, t, None]) ** 2).sum(axis=-1)
        distance = np.where(told[:, begin:end], distance, np.inf)[:, ::-1]
        nearest = end - 1 - distance.argmin(axis=1)
        found = np.isfinite(distance.min(axis=1))[:, None]
        predictions[:, t] = np.where(found, y[rows, nearest], predictions[:, t])
    return predictions


def linear_regression(
    x: np.ndarray,
    y: np.ndarray,
    told: np.ndarray,
    delay: int,
    start: np.ndarray,
    ridge: float = 0.1,
) -> np.ndarray:
    """Recursive least squares on [1, x] around `start`, with a light ridge."""
    features = np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=-1)
    width = features.shape[-1]
    inverse = np.broadcast_to(np.eye(width) / ridge, (len(x), width, width)).copy()
    weights = np.zeros((len(x), width, y.shape[-1]))
    predictions = np.empty_like(y)
    for t in range(x.shape[1]):
        if (source := t - 1 - delay) >= 0:
            z = features[:, source]
            spread = np.einsum("bij,bj->bi", inverse, z)
            gain = spread / (1.0 + np.einsum("bi,bi->b", z, spread))[:, None]
            gain = gain * told[:, source, None]
            error = y[:, source] - start - np.einsum("bi,bio->bo", z, weights)
            weights = weights + gain[:, :, None] * error[:, None]
            inverse = inverse - gain[:, :, None] * spread[:, None]
        predictions[:, t] = start + np.einsum("bi,bio->bo", features[:, t], weights)
    return predictions


BASELINES: dict[str, Baseline] = {
    "last target": last_target,
    "running mean": running_mean,
    "nearest neighbour": nearest_neighbour,
    "linear regression": linear_regression,
}
