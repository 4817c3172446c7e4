"""Families whose target is linear in the task: what an exact oracle needs to know of them."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fixedweight.families.family import Family


class Prior(NamedTuple):
    """The first two moments of a task's parameters, and the noise that the family adds itself."""

    mean: Float[np.ndarray, " feature"]
    covariance: Float[np.ndarray, "feature feature"]
    gaussian: bool = False
    """Whether they are all: least squares from these moments is then the Bayes predictor."""
    noise: float = 0.0
    """Variance of the noise in a target, that of a `Noisy` family aside."""


@dataclass(frozen=True)
class LinearFamily(Family):
    """y = task . features(x), or for targets of several numbers y = task @ features(x).

    A family of your own that subclasses this and names its `prior` is held against least squares,
    and against a mixture of it over run lengths where tasks switch, as the built-in ones are. Of
    several numbers each has parameters with the same prior.
    """

    @abstractmethod
    def features(self, x: Float[Array, " input"]) -> Float[Array, " feature"]:
        """What the target is linear in."""

    @abstractmethod
    def prior(self) -> Prior:
        """The moments of the parameters that `draw_task` draws."""

    def target(self, task: Any, x: Float[Array, " input"]) -> Any:
        return jnp.sum(task * self.features(x), axis=-1)
