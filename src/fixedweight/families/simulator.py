"""A family from two functions of the user's: one draws a task, one computes its target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import Family, check_length
from fixedweight.scaling import Scaling, measured_scaling


@dataclass(frozen=True)
class Simulator(Family):
    """Tasks from `draw(key) -> parameters`, targets from `compute(parameters, x) -> y`.

    Both are written with jax.numpy for one task and one example. Inputs are uniform in [-1, 1]
    unless `inputs(key, parameters, length) -> [length, input_size]` is given, which may also make
    them depend on the task or on each other.

    Inputs and targets are put on a common scale measured over 256 tasks.

        family = Simulator(
            draw=lambda key: jax.random.normal(key, (2,)),
            compute=lambda task, x: task[0] * jnp.sin(3 * x[0] + task[1]),
            size=1,
        )
    """

    draw: Callable[[PRNGKeyArray], Any]
    compute: Callable[[Any, Any], Any]
    size: int = 1
    inputs: Callable[[PRNGKeyArray, Any, int], Any] | None = None
    targets: int = 1
    length: int = 64
    label: str = "simulator"

    def __post_init__(self) -> None:
        for what, value in (("size", self.size), ("targets", self.targets)):
            if value < 1:
                raise FamilyError(f"Expected {what} of at least 1 for a simulator, got {value}.")
        check_length(self.length)

    @property
    def name(self) -> str:
        return self.label

    @property
    def input_size(self) -> int:
        return self.size

    @property
    def target_size(self) -> int:
        return self.targets

    @property
    def examples(self) -> int:
        return self.length

    def draw_task(self, key: PRNGKeyArray) -> Any:
        return self.draw(key)

    def draw_inputs(self, key: PRNGKeyArray, task: Any, length: int) -> Float[Array, "time input"]:
        if self.inputs is None:
            return super().draw_inputs(key, task, length)
        inputs = jax.numpy.asarray(self.inputs(key, task, length), dtype=float)
        if inputs.shape != (length, self.size):
            raise FamilyError(
                f"Expected inputs of shape {(length, self.size)} (examples, numbers) from the "
                f"simulator's `inputs`, got {inputs.shape}. Set `size` or change the function."
            )
        return inputs

    def target(self, task: Any, x: Float[Array, " input"]) -> Any:
        value = jax.numpy.asarray(self.compute(task, x), dtype=x.dtype)
        if value.shape not in {(self.targets,), () if self.targets == 1 else (self.targets,)}:
            expected = "a scalar or shape (1,)" if self.targets == 1 else f"shape {(self.targets,)}"
            raise FamilyError(
                f"Expected {expected} from the simulator's `compute` for one example, got shape "
                f"{value.shape}. It is called with one input of shape {(self.size,)}; "
                "set `targets` if a target has several numbers."
            )
        return value

    def scaling(self) -> Scaling:
        stream = jax.jit(lambda key: self.sample(key, 256, self.length))(jax.random.key(20010701))
        return measured_scaling(
            np.asarray(stream.inputs).reshape(-1, self.size),
            np.asarray(stream.targets).reshape(-1, self.targets),
        )
