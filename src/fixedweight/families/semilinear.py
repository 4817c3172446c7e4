"""Everything one neuron with n inputs and a bias can compute (paper, section 4)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import Family, check_length


@dataclass(frozen=True)
class Semilinear(Family):
    """y = (1 + tanh(w1 x1 + ... + wn xn + w0)) / 2, with w and x uniform in [-1, 1].

    A task is [w1, ..., wn, w0].

    Raises:
        FamilyError: fewer than one input.
    """

    inputs: int = 2
    length: int = 64
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.inputs < 1:
            raise FamilyError(f"Expected at least 1 input, got {self.inputs}.")

    @property
    def name(self) -> str:
        return "semilinear"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    @property
    def unit_targets(self) -> bool:
        return True

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " weight"]:
        return jax.random.uniform(key, (self.inputs + 1,), minval=-1.0, maxval=1.0)

    def target(self, task: Float[Array, " weight"], x: Float[Array, " input"]) -> Float[Array, ""]:
        return 0.5 * (1.0 + jnp.tanh(jnp.sum(task[:-1] * x) + task[-1]))
