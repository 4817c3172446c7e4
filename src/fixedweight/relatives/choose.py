"""Which fitted filters a learner is made of, and how they are weighed: by held-out tasks alone."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

DRAWS = 1000
MOST_HEADS = 3
LEAST_SHARE = 0.05
FREEDOM = 4.0
TEMPERS = (0.0, 0.25, 0.5, 1.0)
"""Choices of how far a filter's success in the stream itself counts; 1: as Bayes' rule has it."""


def shares(score: Float[np.ndarray, "candidate task"], seed: int = 0) -> Float[np.ndarray, "..."]:
    """The weight of each candidate, from the log likelihood of held-out tasks.

    Pseudo Bayesian model averaging with the Bayesian bootstrap over tasks (Yao, Vehtari, Simpson
    and Gelman, Bayesian Analysis 13(3), 2018, section 3.4): the more a lead rests on a few tasks,
    the more evenly the weights are spread. A candidate that is not finite gets none. Those with
    less than `LEAST_SHARE`, or after the first `MOST_HEADS`, are left out.
    """
    usable = np.asarray(np.isfinite(score).all(axis=1))
    draws = np.random.default_rng(seed).dirichlet(np.ones(score.shape[1]), DRAWS)
    total = score.shape[1] * np.where(usable[:, None], score, 0.0) @ draws.T
    total = np.where(usable[:, None], total, -np.inf)
    chance = np.exp(total - total.max(axis=0))
    share = (chance / chance.sum(axis=0)).mean(axis=1)
    least = np.sort(share)[::-1][min(MOST_HEADS, len(share)) - 1]
    share = np.where((share >= max(LEAST_SHARE, least)), share, 0.0)
    return share / share.sum()


def log_scores(
    targets: Float[np.ndarray, "task time"],
    mean: Float[np.ndarray, "candidate task time"],
    variance: Float[np.ndarray, "candidate task time"],
    known: Bool[np.ndarray, "task time"],
) -> Float[np.ndarray, "candidate task time"]:
    """The log density of each target under the forecast of it; 0 where there is no target."""
    density = -0.5 * (np.log(2 * np.pi * variance) + (targets - mean) ** 2 / variance)
    return np.where(known, density, 0.0)


def robust_scores(
    targets: Float[np.ndarray, "task time"],
    mean: Float[np.ndarray, "candidate task time"],
    variance: Float[np.ndarray, "candidate task time"],
    known: Bool[np.ndarray, "task time"],
) -> Float[np.ndarray, "candidate task time"]:
    """The same under Student's t with `FREEDOM` degrees: one surprise does not decide alone.
    Constants that all candidates share are left out."""
    ratio = (targets - mean) ** 2 / variance
    density = -0.5 * (np.log(variance) + (FREEDOM + 1) * np.log1p(ratio / FREEDOM))
    return np.where(known, density, 0.0)


def mixed(
    mean: Float[np.ndarray, "candidate task time"],
    score: Float[np.ndarray, "candidate task time"],
    share: Float[np.ndarray, " candidate"],
    temper: float,
) -> Float[np.ndarray, "task time"]:
    """Forecasts weighed by shares and by `temper` times the log score of the examples before."""
    before = np.cumsum(score, axis=-1) - score
    with np.errstate(divide="ignore"):
        weight = np.log(share)[:, None, None] + temper * before
    weight = np.exp(weight - weight.max(axis=0))
    return (weight * mean).sum(axis=0) / weight.sum(axis=0)


def best_temper(
    targets: Float[np.ndarray, "task time"],
    mean: Float[np.ndarray, "candidate task time"],
    score: Float[np.ndarray, "candidate task time"],
    share: Float[np.ndarray, " candidate"],
    known: Bool[np.ndarray, "task time"],
    raw: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> float:
    """The one of `TEMPERS` with the least mean absolute error on held-out tasks.

    Args:
        raw: from the filters' scale to that on which errors count.
    """
    off = (raw(targets) - raw(mixed(mean, score, share, t)) for t in TEMPERS)
    errors = [np.abs(each)[known].mean() for each in off]
    return TEMPERS[int(np.argmin(errors))]
