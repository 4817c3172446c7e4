"""Linear dynamical systems, observed in full: predict the next observation."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import check_length
from fixedweight.families.linear_family import LinearFamily, Prior


@dataclass(frozen=True)
class LinearDynamics(LinearFamily):
    """x[t+1] = A x[t] + noise e[t], e standard normal: the input is x[t], the target x[t+1].

    A = sqrt(1 - noise^2) Q with Q uniform over the orthogonal matrices, and x[0] is standard
    normal. So every system is stable, and every observation standard normal whatever the task: only
    how one follows from another tells it. Nothing predicts below `inputs` times noise^2, summed
    over the numbers of a target. A task is A; `target` is the expected next observation.

    Raises:
        FamilyError: no inputs, or noise that is not between 0 and 1.
    """

    inputs: int = 5
    """Numbers in one observation."""
    noise: float = 0.1
    """Standard deviation of the process noise, where observations have 1."""
    length: int = 64
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.inputs < 1 or not 0 <= self.noise < 1:
            raise FamilyError(
                "Expected at least 1 input and noise of at least 0 and below 1 (the standard "
                f"deviation of an observation), got inputs={self.inputs}, noise={self.noise}."
            )

    @property
    def name(self) -> str:
        return "linear-dynamics"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def target_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, "target input"]:
        return (1.0 - self.noise**2) ** 0.5 * jax.random.orthogonal(key, self.inputs)

    def draw_examples(
        self, key: PRNGKeyArray, task: Float[Array, "target input"], length: int
    ) -> tuple[Float[Array, "time input"], Float[Array, "time target"]]:
        draws = jax.random.normal(key, (length + 1, self.inputs))

        def follow(x: Array, e: Array) -> tuple[Array, tuple[Array, Array]]:
            after = self.target(task, x) + self.noise * e
            return after, (x, after)

        return jax.lax.scan(follow, draws[0], draws[1:])[1]

    def features(self, x: Float[Array, " input"]) -> Float[Array, " input"]:
        return x

    def prior(self) -> Prior:
        variance = (1.0 - self.noise**2) / self.inputs  # of an entry of an orthogonal matrix
        return Prior(np.zeros(self.inputs), variance * np.eye(self.inputs), noise=self.noise**2)
