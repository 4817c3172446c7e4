"""Linear functions of n inputs, as in the literature on in-context regression."""

from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import check_length
from fixedweight.families.linear_family import LinearFamily, Prior
from fixedweight.scaling import Scaling, identity_scaling


@dataclass(frozen=True)
class Linear(LinearFamily):
    """y = w . x with w and x standard normal (arXiv 2208.01066, section 3).

    The paper reports squared errors divided by the number of inputs, which is the variance of y.

    Raises:
        FamilyError: fewer than one input.
    """

    inputs: int = 20
    length: int = 41
    """Examples of one task in a stream; the paper's, so that the error after 40 is seen."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.inputs < 1:
            raise FamilyError(f"Expected at least 1 input, got {self.inputs}.")

    @property
    def name(self) -> str:
        return "linear"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    def scaling(self) -> Scaling:
        return replace(identity_scaling(self.inputs, 1), target_scale=(self.inputs**0.5,))

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " weight"]:
        return jax.random.normal(key, (self.inputs,))

    def draw_inputs(
        self, key: PRNGKeyArray, task: Float[Array, " weight"], length: int
    ) -> Float[Array, "time input"]:
        return jax.random.normal(key, (length, self.inputs))

    def features(self, x: Float[Array, " input"]) -> Float[Array, " weight"]:
        return x

    def prior(self) -> Prior:
        return Prior(np.zeros(self.inputs), np.eye(self.inputs), gaussian=True)
