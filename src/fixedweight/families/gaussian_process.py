"""Smooth curves: draws of a Gaussian process."""

from dataclasses import dataclass
from math import ceil, pi

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import check_length
from fixedweight.families.linear_family import LinearFamily, Prior

CUT = 6.0
"""Where the Gaussian exp(-z^2 / 2) is taken as 0: 1.5e-8."""


@dataclass(frozen=True)
class GaussianProcess(LinearFamily):
    """A Gaussian process with kernel exp(-(x - x')^2 / (2 lengthscale^2)), x uniform in [-1, 1].

    A curve is drawn by its Fourier series with independent normal coefficients, of a period so long
    that the kernel has died away before it comes round again. So on [-1, 1] its covariance is the
    kernel's to 1e-7, the curve can be evaluated anywhere, and the target is linear in the task:
    the weights, standard normal, of `features`. Other than with random Fourier features the prior
    over curves is Gaussian itself.

    Raises:
        FamilyError: a lengthscale below 0.02 (hundreds of features) or above 10 (curves as good as
            constant).
    """

    lengthscale: float = 0.3
    length: int = 64
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if not 0.02 <= self.lengthscale <= 10:
            raise FamilyError(
                f"Expected a lengthscale between 0.02 and 10, got {self.lengthscale}: inputs lie "
                "in [-1, 1]."
            )

    @property
    def name(self) -> str:
        return "gaussian-process"

    @property
    def input_size(self) -> int:
        return 1

    @property
    def examples(self) -> int:
        return self.length

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " feature"]:
        return jax.random.normal(key, (2 * len(_series(self.lengthscale)[0]) - 1,))

    def features(self, x: Float[Array, "1"]) -> Float[Array, " feature"]:
        """sd_j cos(2 pi j x / period) for j = 0, 1, ..., then sd_j sin(...) for j = 1, 2, ..."""
        frequency, sd = _series(self.lengthscale)
        angle = frequency * x
        return jnp.concatenate([sd * jnp.cos(angle), (sd * jnp.sin(angle))[1:]])

    def prior(self) -> Prior:
        size = 2 * len(_series(self.lengthscale)[0]) - 1
        return Prior(np.zeros(size), np.eye(size), gaussian=True)


def _series(lengthscale: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and standard deviations: the Fourier series of the kernel's periodic sum."""
    period = 2.0 + CUT * lengthscale
    step = 2.0 * pi / period
    frequency = step * np.arange(ceil(CUT / (lengthscale * step)) + 1)
    variance = np.exp(-0.5 * (lengthscale * frequency) ** 2)
    variance *= (2.0 * pi) ** 0.5 * lengthscale / period
    variance[1:] *= 2.0
    return frequency, np.sqrt(variance)
