"""Sine waves of one frequency."""

from dataclasses import dataclass
from math import pi

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.families.family import check_length
from fixedweight.families.linear_family import LinearFamily, Prior
from fixedweight.scaling import Scaling

SMALLEST, LARGEST = 0.1, 5.0
"""Amplitudes."""
REACH = 5.0
"""Inputs lie between -REACH and REACH."""
MEAN_SQUARE = (SMALLEST**2 + SMALLEST * LARGEST + LARGEST**2) / 3.0
"""Of the amplitude."""


@dataclass(frozen=True)
class Sinusoid(LinearFamily):
    """y = A sin(x - p), A uniform in [0.1, 5], p in [0, pi], x in [-5, 5] (arXiv 1703.03400, 5.1).

    A task is [A cos p, -A sin p], in which the target is linear: y = task . [sin x, cos x].
    """

    length: int = 40
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)

    @property
    def name(self) -> str:
        return "sinusoid"

    @property
    def input_size(self) -> int:
        return 1

    @property
    def examples(self) -> int:
        return self.length

    def scaling(self) -> Scaling:
        return Scaling((0.0,), (REACH / 3.0**0.5,), (0.0,), ((MEAN_SQUARE / 2.0) ** 0.5,))

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, "2"]:
        amplitude_key, phase_key = jax.random.split(key)
        amplitude = jax.random.uniform(amplitude_key, minval=SMALLEST, maxval=LARGEST)
        phase = jax.random.uniform(phase_key, maxval=pi)
        return amplitude * jnp.stack([jnp.cos(phase), -jnp.sin(phase)])

    def draw_inputs(
        self, key: PRNGKeyArray, task: Float[Array, "2"], length: int
    ) -> Float[Array, "time 1"]:
        return jax.random.uniform(key, (length, 1), minval=-REACH, maxval=REACH)

    def features(self, x: Float[Array, "1"]) -> Float[Array, "2"]:
        """[sin x, cos x]: the target is linear in these."""
        return jnp.stack([jnp.sin(x[0]), jnp.cos(x[0])])

    def prior(self) -> Prior:
        mean = np.array([0.0, -(SMALLEST + LARGEST) / 2.0 * 2.0 / pi])
        return Prior(mean, MEAN_SQUARE / 2.0 * np.eye(2) - np.outer(mean, mean))
