"""Semi-linear functions seen through noise: the posterior mean by importance sampling."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.features import affine
from fixedweight.oracles.oracle import Kind, Oracle, told

PRECISION = 3.0
"""Of a weight that is uniform in [-1, 1]."""
WIDER = 1.2
"""Times the standard deviation of the Gaussian that fits the posterior: draws must reach its
tails."""
ITERATIONS = 3
CHUNK = 100


@dataclass(frozen=True, eq=False)
class NoisyHalfTanh(Oracle):
    """E[y | past] for y = (1 + tanh(w . z)) / 2 + e, w uniform in [-1, 1]^d, e Gaussian.

    At each step the posterior's mode under a Gaussian prior of the same variance is followed by
    Gauss-Newton steps; draws from a Gaussian there, somewhat wider than the curvature says, are
    weighted by prior and likelihood over their density. `effective` says how many independent
    draws they are worth; the Monte Carlo error raises the risk by about the posterior's variance of
    the prediction over that number.

    Args:
        noise: variance of e, above 0.
        draws: at each step of each stream.
        seed: of the draws.

    Raises:
        InputError: no noise (the predictor is then known in closed form: `Polytope`).
    """

    noise: float
    draws: int = 400
    seed: int = 20010701
    kind: Kind = field(default="exact", kw_only=True)
    note: str = field(
        default="The Bayes predictor by importance sampling, which adds less than 1 % to its risk.",
        kw_only=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.noise > 0:
            raise InputError(f"Expected a noise variance above 0, got {self.noise}.")

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        return self._sample(stream)[0][..., None]

    def effective(self, stream: Stream) -> Float[np.ndarray, "batch time"]:
        """Independent draws from the posterior that those of each step are worth."""
        return self._sample(stream)[1]

    def _sample(
        self, stream: Stream
    ) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
        inputs, targets, revealed = told(stream)
        z = affine(inputs)
        half = np.random.default_rng(self.seed).normal(size=(self.draws // 2, z.shape[-1]))
        draws = np.concatenate([half, -half])  # pairs, so that linear parts cancel
        parts = [
            self._chunk(z[rows], targets[rows], revealed[rows], draws)
            for rows in (slice(i, i + CHUNK) for i in range(0, len(z), CHUNK))
        ]
        found, effective = (np.concatenate(part) for part in zip(*parts, strict=True))
        return found, effective

    def _chunk(
        self,
        z: Float[np.ndarray, "batch time feature"],
        y: Float[np.ndarray, "batch time"],
        known: Bool[np.ndarray, "batch time"],
        draws: Float[np.ndarray, "draw feature"],
    ) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
        batch, time, size = z.shape
        center, curvature = np.zeros((batch, size)), PRECISION * np.eye(size)
        predictions, effective = np.empty((2, batch, time))
        for t in range(time):
            past = slice(0, max(0, t - self.delay))
            seen, weight = z[:, past], known[:, past] / self.noise
            for _ in range(ITERATIONS):
                center, curvature = _gauss_newton(center, seen, y[:, past], weight)
            root = np.linalg.cholesky(np.linalg.inv(curvature))
            w = center[:, None] + WIDER * np.einsum("bfg,ng->bnf", root, draws)
            rest = (y[:, past, None] - _value(np.einsum("btf,bnf->btn", seen, w))) ** 2
            log_weight = -0.5 * np.einsum("bt,btn->bn", weight, rest)
            log_weight += 0.5 * (draws**2).sum(axis=-1)  # over the density of the draws
            log_weight[(np.abs(w) > 1.0).any(axis=-1)] = -1e300  # outside the prior
            share = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            ahead = _value(np.einsum("bf,bnf->bn", z[:, t], np.clip(w, -1.0, 1.0)))
            predictions[:, t] = (share * ahead).sum(axis=1)
            effective[:, t] = 1.0 / (share**2).sum(axis=1)
        return predictions, effective


def _gauss_newton(
    center: Float[np.ndarray, "batch feature"],
    z: Float[np.ndarray, "batch time feature"],
    y: Float[np.ndarray, "batch time"],
    weight: Float[np.ndarray, "batch time"],
) -> tuple[Float[np.ndarray, "batch feature"], Float[np.ndarray, "batch feature feature"]]:
    """A step towards the posterior's mode, kept inside the prior; and the precision there."""
    inner = np.einsum("btf,bf->bt", z, center)
    slope = 0.5 / np.cosh(inner) ** 2
    precision = PRECISION * np.eye(z.shape[-1]) + np.einsum(
        "bt,btf,btg->bfg", weight * slope**2, z, z
    )
    pull = np.einsum("btf,bt->bf", z, weight * slope * (y - _value(inner))) - PRECISION * center
    step = np.linalg.solve(precision, pull[..., None])[..., 0]
    return np.clip(center + step, -1.0, 1.0), precision


def _value(inner: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    return 0.5 + 0.5 * np.tanh(inner)
