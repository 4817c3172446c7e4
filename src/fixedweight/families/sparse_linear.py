"""Linear functions of a few among many inputs."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.linear import Linear
from fixedweight.families.linear_family import Prior
from fixedweight.scaling import Scaling, identity_scaling


@dataclass(frozen=True)
class SparseLinear(Linear):
    """y = w . x where `nonzero` of the weights, any as likely, are standard normal and the others 0
    (arXiv 2208.01066, section 5: 3 of 20); x is standard normal.

    The variance of y is `nonzero`.

    Raises:
        FamilyError: `nonzero` is not between 1 and the number of inputs.
    """

    nonzero: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.nonzero <= self.inputs:
            raise FamilyError(
                f"Expected 1 to {self.inputs} weights that are not 0 (as many as there are inputs "
                f"at most), got nonzero={self.nonzero}."
            )

    @property
    def name(self) -> str:
        return "sparse-linear"

    def scaling(self) -> Scaling:
        return replace(identity_scaling(self.inputs, 1), target_scale=(self.nonzero**0.5,))

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " weight"]:
        weight_key, place_key = jax.random.split(key)
        used = jax.random.permutation(place_key, jnp.arange(self.inputs) < self.nonzero)
        return used * jax.random.normal(weight_key, (self.inputs,))

    def prior(self) -> Prior:
        share = self.nonzero / self.inputs
        return Prior(np.zeros(self.inputs), share * np.eye(self.inputs))
