"""Families linear in their parameters whose tasks switch unmarked: a mixture over run lengths."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.least_squares import ROUNDING, check_moments, square_root, update
from fixedweight.oracles.oracle import Kind, Oracle, told

NODES = 32
"""Points at which the link is averaged over what a run foresees."""


@dataclass(frozen=True, eq=False)
class RunLengths(Oracle):
    """y = g(w . f(x)) + e, with w drawn anew by chance `hazard` at each step.

    A hypothesis is when the present run of one task began. Each keeps recursive least squares of
    its own from its first example on, and with Gaussian w and e,

        W[s] <- (1 - hazard) W[s] for s < t,   W[t] = hazard             (a switch, perhaps)
        p = sum_s W[s] m_s,   m_s = E[g(w . f(x))] after the run since s (predict)
        W[s] <- W[s] N(y; m_s, v_s),   W <- W / sum(W)                   (learn)

    is the exact filter: Bayesian online change-point detection (Adams and MacKay 2007, arXiv
    0710.3742). For w that are not Gaussian it is a predictor that exists, hence a bound from above.

    Of all runs the `runs` heaviest are kept. What is dropped is a set of hypotheses whose posterior
    weight is a martingale, so the expected distance in total variation between what is kept and
    the exact posterior at any later step is at most the sum of the masses dropped until then;
    `dropped` gives the mass of each step.

    With the link "half tanh", y = (1 + tanh z) / 2 is observed as z = w . f(x), whose rounding
    grows where y is near 0 or 1, and g is averaged over the Gaussian z by quadrature.

    Args:
        features: f, from inputs [..., input] to [..., feature].
        mean: E w, [feature].
        covariance: Cov w, [feature, feature].
        hazard: chance of a fresh task at each step, above 0 and below 1.
        noise: variance of e; with the link "half tanh" there can be none.
        low: the least that w . f(x) can be.
        high: the most that it can be.
        link: of the targets.
        runs: hypotheses that are kept.

    Raises:
        InputError: a hazard or a number of runs out of range, moments whose shapes do not match,
            noise under a link, or late targets, for which this filter is not written.
    """

    features: Callable[[np.ndarray], np.ndarray]
    mean: np.ndarray
    covariance: np.ndarray
    hazard: float
    noise: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    link: Literal["none", "half tanh"] = "none"
    runs: int = 24
    kind: Kind = field(default="bound from above", kw_only=True)
    note: str = field(
        default="A mixture of least squares over run lengths: exact for Gaussian parameters.",
        kw_only=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_moments(self.mean, self.covariance)
        if not 0 < self.hazard < 1:
            raise InputError(f"Expected a hazard above 0 and below 1, got {self.hazard}.")
        if self.runs < 2:
            raise InputError(f"Expected at least 2 runs to be kept, got {self.runs}.")
        if self.noise < 0 or (self.noise and self.link != "none"):
            raise InputError(
                f"Expected a noise variance of 0 or more, and 0 under a link, got {self.noise}."
            )
        if self.delay:
            raise InputError(f"Expected targets that are not late, got delay={self.delay}.")

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        return self._filter(stream)[0][..., None]

    def dropped(self, stream: Stream) -> Float[np.ndarray, "batch time"]:
        """The posterior mass of the hypotheses that were dropped at each step."""
        return self._filter(stream)[1]

    def _filter(
        self, stream: Stream
    ) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
        inputs, targets, revealed = told(stream)
        f = self.features(inputs)
        seen, rounding = self._observed(targets)
        batch, time = targets.shape
        prior, root = np.asarray(self.mean, dtype=np.float64), square_root(self.covariance)
        each = np.arange(batch)
        m = np.tile(prior, (batch, self.runs, 1))
        S = np.tile(root, (batch, self.runs, 1, 1))
        log_weight = np.full((batch, self.runs), -np.inf)
        predictions, dropped = np.empty((2, batch, time))
        for t in range(time):
            # a fresh run takes the place of the lightest
            place = log_weight.argmin(axis=1)
            dropped[:, t] = np.exp(log_weight[each, place])
            log_weight += np.log1p(-self.hazard)
            log_weight[each, place] = np.log(self.hazard) if t else 0.0
            m[each, place], S[each, place] = prior, root
            log_weight -= np.logaddexp.reduce(log_weight, axis=1, keepdims=True)

            u = np.einsum("bkij,bi->bkj", S, f[:, t])
            center = np.einsum("bki,bi->bk", m, f[:, t])
            spread = np.einsum("bkj,bkj->bk", u, u)
            weight = np.exp(log_weight)
            predictions[:, t] = np.sum(weight * self._foreseen(center, spread), axis=1)

            v = self.noise + rounding[:, t, None]
            variance = spread + v
            error = seen[:, t, None] - center
            log_density = -0.5 * (error**2 / variance + np.log(variance))
            known = revealed[:, t, None]
            log_weight += np.where(known, log_density, 0.0)
            log_weight -= np.logaddexp.reduce(log_weight, axis=1, keepdims=True)
            update(m, S, u, error, variance, v, known)
        return predictions, dropped

    def _observed(
        self, targets: Float[np.ndarray, "batch time"]
    ) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
        """What the targets tell of w . f(x), and the variance of its rounding."""
        if self.link == "none":
            prior, root = np.asarray(self.mean), square_root(self.covariance)
            scale = float(prior @ prior + (root**2).sum())
            return targets, np.full_like(targets, ROUNDING * scale)
        inside = np.clip(targets, 1e-7, 1.0 - 1e-7)
        slope = 2.0 * inside * (1.0 - inside)
        return np.arctanh(2.0 * inside - 1.0), ROUNDING / slope**2

    def _foreseen(
        self, center: Float[np.ndarray, "batch run"], spread: Float[np.ndarray, "batch run"]
    ) -> Float[np.ndarray, "batch run"]:
        """E g(z) for Gaussian z."""
        if self.link == "none":
            return np.clip(center, self.low, self.high)
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        z = center[..., None] + np.sqrt(spread)[..., None] * nodes
        return (0.5 + 0.5 * np.tanh(z)) @ (weights / weights.sum())
