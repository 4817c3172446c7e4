"""Streams that switch among a few tasks, so that old ones come back."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.stream import Stream
from fixedweight.families.task_family import TaskFamily
from fixedweight.families.wrappers import Wrapper

SWITCHES_A_STREAM = 20
"""Switches, about, in a stream that a learner is judged on."""


@dataclass(frozen=True)
class Recurring(Wrapper):
    """A stream has a small pool of the family's tasks and switches among them, unmarked.

    A pool has `fewest` to `most` tasks, any number as likely. At each step comes a switch by a
    chance that lies between `rarest` and `oftenest`, log-uniform and the same along a stream, to
    any other task of the pool. Neither is known to the learner.

    Each task of a pool has a stream of its own that runs on beside the others; the stream is at
    each step that of the task in force, and `example` counts from the last switch.

    Raises:
        FamilyError: a pool of fewer than two tasks, a chance that is none, or a range that is
            upside down.
    """

    fewest: int = 2
    most: int = 6
    rarest: float = 1 / 500
    oftenest: float = 1 / 20

    def __post_init__(self) -> None:
        if not 2 <= self.fewest <= self.most:
            raise FamilyError(
                "Expected pools of at least 2 tasks, the fewest not above the most, got "
                f"fewest={self.fewest}, most={self.most}."
            )
        if not 0 < self.rarest <= self.oftenest < 1:
            raise FamilyError(
                "Expected chances of a switch between 0 and 1, the rarest not above the oftenest, "
                f"got rarest={self.rarest}, oftenest={self.oftenest}."
            )

    @property
    def examples(self) -> int:
        return max(2, round((self.rarest * self.oftenest) ** -0.5))

    @property
    def stream_length(self) -> int:
        return SWITCHES_A_STREAM * self.examples

    @property
    def switches(self) -> bool:
        return True

    @property
    def recurs(self) -> bool:
        return True

    def at_pace(self, hazard: float) -> TaskFamily:
        if not hazard:
            return self.family
        return Recurring(self.family, self.fewest, self.most, hazard, hazard)

    def judge(self, key: PRNGKeyArray, batch: int) -> Stream:
        return self.sample(key, batch, self.stream_length)

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        inner, size_key, pace_key, switch_key, step_key = jax.random.split(key, 5)
        streams = self.family.sample(inner, batch * self.most, length)
        size = jax.random.randint(size_key, (batch, 1), self.fewest, self.most + 1)
        low, high = jnp.log(self.rarest), jnp.log(self.oftenest)
        pace = jnp.exp(jax.random.uniform(pace_key, (batch, 1), minval=low, maxval=high))
        switch = jax.random.uniform(switch_key, (batch, length)) < pace
        switch = switch.at[:, 0].set(False)
        step = jax.random.randint(step_key, (batch, length), 1, size)  # never a whole turn
        place = jnp.cumsum(jnp.where(switch, step, 0), axis=1) % size
        steps = jnp.arange(length)
        start = jax.lax.cummax(jnp.where(switch, steps, 0), axis=1)

        def in_force(leaf: jax.Array) -> jax.Array:
            pools = leaf.reshape(batch, self.most, *leaf.shape[1:])
            return pools[jnp.arange(batch)[:, None], place, steps]

        picked: Any = jax.tree.map(in_force, streams)
        return picked._replace(example=steps - start)
