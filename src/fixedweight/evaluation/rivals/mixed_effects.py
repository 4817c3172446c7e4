"""Linear regression with a prior from training tasks: mixed effects, or empirical Bayes."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.rivals.training import training
from fixedweight.families import Stream, TaskFamily
from fixedweight.oracles.features import affine
from fixedweight.oracles.least_squares import LeastSquares

STEPS = 50
LEAST = 1e-9
"""Share of the targets' variance that noise, and of a coefficient's own scale that its variance,
is at least."""


class Effects(NamedTuple):
    """y = w . f + e with w ~ N(mean, covariance) for each task and e ~ N(0, noise)."""

    mean: Float[np.ndarray, " feature"]
    covariance: Float[np.ndarray, "feature feature"]
    noise: float


def fit(
    f: Float[np.ndarray, "task time feature"],
    y: Float[np.ndarray, "task time"],
    told: Bool[np.ndarray, "task time"],
) -> Effects:
    """Maximum likelihood by expectation maximisation (Laird and Ware 1982, section 4)."""
    f, y = np.where(told[..., None], f, 0.0), np.where(told, y, 0.0)
    gram, right = f.mT @ f, np.einsum("ntd,nt->nd", f, y)
    count, size = told.sum(), f.shape[-1]
    variance = float(np.sum(y**2) / count)
    scale = np.diag(variance * count / np.maximum(np.einsum("nii->i", gram), LEAST))
    mean, covariance, noise = np.zeros(size), scale, variance
    for _ in range(STEPS):
        precision = np.linalg.inv(covariance + LEAST * scale)
        posterior = np.linalg.inv(precision + gram / noise)
        w = np.einsum("nij,nj->ni", posterior, precision @ mean + right / noise)
        mean = w.mean(axis=0)
        covariance = (posterior.sum(axis=0) + (w - mean).T @ (w - mean)) / len(w)
        rest = np.sum((y - np.einsum("ntd,nd->nt", f, w)) ** 2) + np.sum(gram * posterior)
        noise = max(float(rest / count), LEAST * variance)
    return Effects(mean, covariance, noise)


def mixed_effects(family: TaskFamily) -> Baseline:
    """On the inputs and a constant: least squares from the prior that training tasks have."""
    known = training(family)
    effects = [
        fit(affine(known.inputs), known.targets[..., k], known.told)
        for k in range(family.target_size)
    ]

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        numbers = []
        for k, effect in enumerate(effects):
            seen: Any = ((), x, y[..., k : k + 1], told, told, np.zeros(told.shape, dtype=int))
            numbers.append(LeastSquares(affine, *effect, delay=delay).predict(Stream(*seen)))
        return np.concatenate(numbers, axis=-1)

    return baseline
