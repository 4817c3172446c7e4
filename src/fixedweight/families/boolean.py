"""All Boolean functions of n inputs (paper, section 3; n = 2 there)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import Family, check_length


@dataclass(frozen=True)
class Boolean(Family):
    """A task is one of the 2^(2^n) truth tables; inputs are fair coin flips; targets are 0 or 1.

    Raises:
        FamilyError: `inputs` is not between 1 and 10.
    """

    inputs: int = 2
    length: int = 256
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if not 1 <= self.inputs <= 10:
            raise FamilyError(
                f"Expected between 1 and 10 Boolean inputs, got {self.inputs}: a truth table has "
                "2**inputs rows."
            )

    @property
    def name(self) -> str:
        return "boolean"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    @property
    def unit_targets(self) -> bool:
        return True

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " row"]:
        """The truth table: entry k is the target where the inputs spell k, first input lowest."""
        return jax.random.bernoulli(key, 0.5, (2**self.inputs,)).astype(jnp.float32)

    def draw_inputs(
        self, key: PRNGKeyArray, task: Float[Array, " row"], length: int
    ) -> Float[Array, "time input"]:
        return jax.random.bernoulli(key, 0.5, (length, self.inputs)).astype(jnp.float32)

    def target(self, task: Float[Array, " row"], x: Float[Array, " input"]) -> Float[Array, ""]:
        powers = 2 ** jnp.arange(self.inputs)
        return task[jnp.sum(x.astype(jnp.int32) * powers)]
