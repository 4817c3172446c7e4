"""Random networks with one layer of rectified linear units."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import Family, check_length
from fixedweight.scaling import Scaling, identity_scaling


@dataclass(frozen=True)
class TwoLayer(Family):
    """y = v . max(W x, 0), with W and x standard normal and v normal of variance 2 / hidden.

    So the variance of y is the number of inputs, as in `Linear` (arXiv 2208.01066, section 5). A
    task is {"first": W [hidden, input], "second": v [hidden]}.

    Raises:
        FamilyError: no inputs or no hidden units.
    """

    inputs: int = 20
    hidden: int = 100
    length: int = 101
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.inputs < 1 or self.hidden < 1:
            raise FamilyError(
                "Expected at least 1 input and 1 hidden unit, got "
                f"inputs={self.inputs}, hidden={self.hidden}."
            )

    @property
    def name(self) -> str:
        return "two-layer"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    def scaling(self) -> Scaling:
        return replace(identity_scaling(self.inputs, 1), target_scale=(self.inputs**0.5,))

    def draw_task(self, key: PRNGKeyArray) -> dict[str, Array]:
        first, second = jax.random.split(key)
        return {
            "first": jax.random.normal(first, (self.hidden, self.inputs)),
            "second": (2.0 / self.hidden) ** 0.5 * jax.random.normal(second, (self.hidden,)),
        }

    def draw_inputs(
        self, key: PRNGKeyArray, task: dict[str, Array], length: int
    ) -> Float[Array, "time input"]:
        return jax.random.normal(key, (length, self.inputs))

    def target(self, task: dict[str, Array], x: Float[Array, " input"]) -> Float[Array, ""]:
        return jnp.sum(task["second"] * jax.nn.relu(jnp.sum(task["first"] * x, axis=-1)))
