"""The protocol of a task family that can be drawn at will.

A family of your own subclasses `Family` and says how a task is drawn (`draw_task`), what inputs
look like (`draw_inputs`, uniform in [-1, 1] unless told) and what the target is (`target`). Each is
written for one task and one example in jax.numpy; batches come from `vmap`. The families that ship
with this package are made the same way.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.stream import Stream
from fixedweight.families.task_family import TaskFamily


@dataclass(frozen=True)
class Family(TaskFamily):
    """Tasks that can be drawn at will: one task a stream."""

    def describe(self) -> dict[str, Any]:
        plain = (bool, int, float, str, type(None))
        made_with = {key: value for key, value in vars(self).items() if isinstance(value, plain)}
        return {"family": self.name, **made_with}

    @abstractmethod
    def draw_task(self, key: PRNGKeyArray) -> Any:
        """The parameters of one task, as a pytree of arrays."""

    def draw_inputs(self, key: PRNGKeyArray, task: Any, length: int) -> Float[Array, "time input"]:
        """The inputs of one stream of a task: uniform in [-1, 1] and independent by default."""
        return jax.random.uniform(key, (length, self.input_size), minval=-1.0, maxval=1.0)

    def draw_examples(self, key: PRNGKeyArray, task: Any, length: int) -> tuple[Array, Array]:
        """Inputs [time, input] and targets [time, ...] of one stream of a task.

        For families whose examples depend on each other; otherwise `draw_inputs` and `target` do.
        """
        inputs = self.draw_inputs(key, task, length)
        return inputs, jax.vmap(partial(self.target, task))(inputs)

    @abstractmethod
    def target(self, task: Any, x: Float[Array, " input"]) -> Any:
        """The target of one example: a scalar, or [target]."""

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        def one(key: PRNGKeyArray) -> tuple[Any, Array, Array]:
            task_key, input_key = jax.random.split(key)
            task = self.draw_task(task_key)
            inputs, targets = self.draw_examples(input_key, task, length)
            return task, inputs, jnp.reshape(targets, (length, self.target_size))

        tasks, inputs, targets = jax.vmap(one)(jax.random.split(key, batch))
        along_time = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf[:, None], (batch, length, *leaf.shape[1:])), tasks
        )
        every = jnp.ones((batch, length), dtype=bool)
        example = jnp.broadcast_to(jnp.arange(length), (batch, length))
        return Stream(along_time, inputs, targets, every, every, example)


def check_length(length: int) -> None:
    """Refuse streams too short to learn from."""
    if length < 2:
        raise FamilyError(
            f"Expected at least 2 examples of a task, got length={length}: the first prediction "
            "is made before anything is known."
        )
