"""Families linear in their parameters: the best predictor that is linear in the targets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.oracle import Kind, Oracle, told

ROUNDING = 1e-14
"""Variance of the rounding of a float32 target, (2^-24)^2 / 3, in its square, with a margin."""


@dataclass(frozen=True, eq=False)
class LeastSquares(Oracle):
    """y = w . f(x) + e: linear-minimum-mean-square-error prediction from the moments of w and e.

        gain = P f / (f' P f + v),   m <- m + gain (y - f' m),   P <- P - gain f' P,   p = f' m

    from m = E w and P = Cov w: recursive least squares. It is the Bayes predictor if w and e are
    Gaussian. For any other prior with these moments its risk is the same as for that Gaussian, and
    an actual predictor has it, so that the Bayes risk is not above it. Where w . f(x) is known to
    lie in a range, predictions are clipped to it, which can only lower the risk.

    P is carried as a square root S S' (Potter's update: J. E. Potter 1963; Bierman 1977, chapter
    II), which stays exact when exact observations make P singular. v is `noise` and a
    variance for the rounding of float32 targets, so that after as many independent examples as
    there are features the error is of the order of that rounding.

    Args:
        features: f, from inputs [..., input] to [..., feature].
        mean: E w, [feature].
        covariance: Cov w, [feature, feature].
        noise: variance of the targets' own noise e.
        low: the least that w . f(x) can be.
        high: the most that it can be.

    Raises:
        InputError: moments whose shapes do not match or are not finite, negative `noise`, or `low`
            not below `high`.
    """

    features: Callable[[np.ndarray], np.ndarray]
    mean: np.ndarray
    covariance: np.ndarray
    noise: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    kind: Kind = field(default="bound from above", kw_only=True)
    note: str = field(
        default="The best predictor linear in the targets; the Bayes risk is not above its risk.",
        kw_only=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_moments(self.mean, self.covariance)
        if self.noise < 0:
            raise InputError(f"Expected a noise variance of 0 or more, got {self.noise}.")
        if not self.low < self.high:
            raise InputError(f"Expected low < high, got low={self.low}, high={self.high}.")

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        inputs, targets, revealed = told(stream)
        f = self.features(inputs)
        batch, time = targets.shape
        prior, root = np.asarray(self.mean, dtype=np.float64), square_root(self.covariance)
        scale = float(prior @ prior + (root**2).sum())
        v = self.noise + ROUNDING * max(scale, np.finfo(np.float64).tiny / ROUNDING)
        m = np.tile(prior, (batch, 1))
        S = np.tile(root, (batch, 1, 1))
        predictions = np.empty((batch, time))
        for t in range(time):
            predictions[:, t] = np.einsum("bi,bi->b", f[:, t], m)
            s = t - self.delay
            if s < 0:
                continue
            seen = np.einsum("bij,bi->bj", S, f[:, s])
            variance = np.einsum("bj,bj->b", seen, seen) + v
            error = targets[:, s] - np.einsum("bi,bi->b", f[:, s], m)
            update(m, S, seen, error, variance, v, revealed[:, s])
        return np.clip(predictions, self.low, self.high)[..., None]


def update(
    m: Float[np.ndarray, "*batch feature"],
    S: Float[np.ndarray, "*batch feature feature"],
    seen: Float[np.ndarray, "*batch feature"],
    error: Float[np.ndarray, "*batch"],
    variance: Float[np.ndarray, "*batch"],
    noise: Any,
    known: Bool[np.ndarray, "*#batch"],
) -> None:
    """Learn one example in place, by Potter's update of the root S of the covariance.

    Args:
        m, S: mean and root.
        seen: S' f.
        error: y - f' m, anything where not known.
        variance: of the error, |seen|^2 + noise.
        noise: variance of the observation.
        known: whether there is a target; where not, nothing changes.
    """
    gain = np.einsum("...ij,...j->...i", S, seen) * (known / variance)[..., None]
    m += gain * np.where(known, error, 0.0)[..., None]
    shrink = seen / (1.0 + np.sqrt(noise / variance))[..., None]
    S -= gain[..., :, None] * shrink[..., None, :]


def check_moments(mean: np.ndarray, covariance: np.ndarray) -> None:
    """Refuse moments whose shapes do not match or that are not finite."""
    size = np.size(mean)
    if np.shape(mean) != (size,) or np.shape(covariance) != (size, size):
        raise InputError(
            "Expected a mean of shape (feature,) and a covariance of shape (feature, feature), "
            f"got {np.shape(mean)} and {np.shape(covariance)}."
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise InputError("Expected finite prior moments, got NaN or infinite values.")


def square_root(covariance: np.ndarray) -> Float[np.ndarray, "feature feature"]:
    """S with S S' = covariance, also where that is singular."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    return vectors * np.sqrt(np.maximum(values, 0.0))
