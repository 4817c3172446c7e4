"""Linear functions of a few among many inputs: a mixture over which inputs are used."""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.least_squares import ROUNDING, update
from fixedweight.oracles.oracle import Kind, Oracle, told

FORGOTTEN = 45.0
"""A hypothesis e^-45 times as likely as the best is dropped."""
AT_ONCE = 64
"""Streams gone through side by side: beyond it memory, not time, is what they take."""


@dataclass(frozen=True)
class Supports(Oracle):
    """y = w . x + e where `nonzero` of the weights, any as likely, are standard normal, others 0.

    A hypothesis is which weights they are. Each keeps recursive least squares on its own inputs
    (see `LeastSquares`, whose letters these are), and is weighed by what it foresaw:

        p = sum_k W[k] m_k   (predict),   W[k] <- W[k] N(y; m_k, v_k),   W <- W / sum(W)   (learn)

    Without noise as many examples as there are weights, and one more, leave one hypothesis.

    Args:
        inputs: numbers in an input.
        nonzero: weights that are not 0.
        noise: variance of e.

    Raises:
        InputError: `nonzero` is not between 1 and `inputs`, or `noise` is negative.
    """

    inputs: int
    nonzero: int
    noise: float = 0.0
    kind: Kind = field(default="exact", kw_only=True)
    note: str = field(
        default="The Bayes predictor: least squares for each set of inputs, weighed.", kw_only=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.nonzero <= self.inputs or self.noise < 0:
            raise InputError(
                f"Expected 1 to {self.inputs} weights that are not 0 and a noise variance of 0 or "
                f"more, got nonzero={self.nonzero}, noise={self.noise}."
            )

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        x, y, revealed = told(stream)
        if x.shape[-1] != self.inputs:
            raise InputError(f"Expected examples of {self.inputs} inputs, got {x.shape[-1]}.")
        parts = [slice(b, b + AT_ONCE) for b in range(0, len(x), AT_ONCE)]
        found = [self._predict(x[part], y[part], revealed[part]) for part in parts]
        return np.concatenate(found)[..., None]

    def _predict(
        self,
        x: Float[np.ndarray, "batch time input"],
        y: Float[np.ndarray, "batch time"],
        revealed: Bool[np.ndarray, "batch time"],
    ) -> Float[np.ndarray, "batch time"]:
        batch, time = y.shape
        sets = np.array(list(combinations(range(self.inputs), self.nonzero)))
        v = self.noise + ROUNDING * self.nonzero
        # Hypotheses of all streams one after the other, since their numbers come to differ.
        of = np.repeat(np.arange(batch), len(sets))
        used = np.tile(sets, (batch, 1))
        W = np.zeros(len(of))  # logarithms
        m = np.zeros((len(of), self.nonzero))
        S = np.tile(np.eye(self.nonzero), (len(of), 1, 1))
        predictions = np.empty((batch, time))
        for t in range(time):
            weight = np.exp(W)
            foreseen = np.einsum("ki,ki->k", x[of[:, None], t, used], m)
            total = np.bincount(of, weight, batch)
            predictions[:, t] = np.bincount(of, weight * foreseen, batch) / total
            s = t - self.delay
            if s < 0:
                continue
            f, known = x[of[:, None], s, used], revealed[of, s]
            seen = np.einsum("kij,ki->kj", S, f)
            variance = np.einsum("kj,kj->k", seen, seen) + v
            error = np.where(known, y[of, s] - np.einsum("ki,ki->k", f, m), 0.0)
            update(m, S, seen, error, variance, v, known)
            W -= np.where(known, 0.5 * (error**2 / variance + np.log(variance)), 0.0)
            W -= np.maximum.reduceat(W, np.searchsorted(of, np.arange(batch)))[of]
            kept = W > -FORGOTTEN
            of, used, W, m, S = of[kept], used[kept], W[kept], m[kept], S[kept]
        return predictions
