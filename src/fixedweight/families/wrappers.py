"""Conditions that any family can be put under. Each wraps a family and is one itself."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from fixedweight.columns import Column
from fixedweight.errors import FamilyError
from fixedweight.families.stream import Stream
from fixedweight.families.task_family import TaskFamily
from fixedweight.scaling import Scaling


def innermost(family: TaskFamily) -> TaskFamily:
    """What all the conditions are put on."""
    while isinstance(family, Wrapper):
        family = family.family
    return family


@dataclass(frozen=True)
class Wrapper(TaskFamily):
    """A family seen under a condition: by default the streams of `family`, changed by `change`."""

    family: TaskFamily

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def input_size(self) -> int:
        return self.family.input_size

    @property
    def target_size(self) -> int:
        return self.family.target_size

    @property
    def examples(self) -> int:
        return self.family.examples

    @property
    def stream_length(self) -> int:
        return self.family.stream_length

    @property
    def unit_targets(self) -> bool:
        return self.family.unit_targets

    @property
    def delay(self) -> int:
        return self.family.delay

    @property
    def flagged(self) -> bool:
        return self.family.flagged

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.family.input_names

    @property
    def encoding(self) -> tuple[Column, ...]:
        return self.family.encoding

    @property
    def target_names(self) -> tuple[str, ...]:
        return self.family.target_names

    def scaling(self) -> Scaling:
        return self.family.scaling()

    def part(self, name: str) -> TaskFamily:
        return type(self)(**{**vars(self), "family": self.family.part(name)})

    @property
    def switches(self) -> bool:
        return self.family.switches

    @property
    def recurs(self) -> bool:
        return self.family.recurs

    def at_pace(self, hazard: float) -> TaskFamily:
        return type(self)(**{**vars(self), "family": self.family.at_pace(hazard)})

    def condition(self) -> dict[str, Any]:
        """What the wrapper adds, as plain values."""
        return {key: value for key, value in vars(self).items() if key != "family"}

    def describe(self) -> dict[str, Any]:
        inner = self.family.describe()
        added = {"condition": type(self).__name__.lower(), **self.condition()}
        return {**inner, "under": [*inner.get("under", []), added]}

    def change(self, key: PRNGKeyArray, stream: Stream) -> Stream:
        """The stream under the condition; as it is, unless a wrapper says otherwise."""
        return stream

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        inner, own = jax.random.split(key)
        return self.change(own, self.family.sample(inner, batch, length))

    def judge(self, key: PRNGKeyArray, batch: int) -> Stream:
        inner, own = jax.random.split(key)
        return self.change(own, self.family.judge(inner, batch))


@dataclass(frozen=True)
class Noisy(Wrapper):
    """Targets with Gaussian noise of standard deviation `sd`, or flipped (1 - y) by chance `flip`.

    The noisy target is what the learner is told and what it is judged on.

    Raises:
        FamilyError: a negative `sd`, a `flip` outside [0, 0.5], or neither given.
    """

    sd: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        if self.sd < 0 or not 0 <= self.flip <= 0.5 or self.sd == self.flip == 0:
            raise FamilyError(
                "Expected noise with sd above 0, or flip above 0 and at most 0.5, got "
                f"sd={self.sd}, flip={self.flip}."
            )
        if self.flip and not self.family.unit_targets:
            raise FamilyError(
                f"Expected targets in [0, 1] to flip, but those of {self.family.name!r} are not "
                "bounded so; use sd for Gaussian noise."
            )

    def change(self, key: PRNGKeyArray, stream: Stream) -> Stream:
        noise_key, flip_key = jax.random.split(key)
        targets = stream.targets
        if self.flip:
            flipped = jax.random.bernoulli(flip_key, self.flip, targets.shape)
            targets = jnp.where(flipped, 1.0 - targets, targets)
        noise = self.sd * jax.random.normal(noise_key, targets.shape, targets.dtype)
        return stream._replace(targets=targets + noise)


@dataclass(frozen=True)
class Late(Wrapper):
    """Targets that arrive `steps` later than usual (usual: with the next example's inputs)."""

    steps: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise FamilyError(f"Expected targets at least 1 step late, got steps={self.steps}.")

    @property
    def delay(self) -> int:
        return self.family.delay + self.steps

    @property
    def flagged(self) -> bool:
        return True


@dataclass(frozen=True)
class Missing(Wrapper):
    """Each target is never told to the learner by chance `share`; it is judged on all of them."""

    share: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise FamilyError(
                f"Expected a share of missing targets between 0 and 1, got {self.share}."
            )

    @property
    def flagged(self) -> bool:
        return True

    def change(self, key: PRNGKeyArray, stream: Stream) -> Stream:
        told = jax.random.bernoulli(key, 1.0 - self.share, stream.revealed.shape)
        return stream._replace(revealed=stream.revealed & told)


TASKS_A_STREAM = 100
"""Tasks in one stream that a learner is judged on; the paper's test corpus has 100 mappings."""


@dataclass(frozen=True)
class Switching(Wrapper):
    """A stream in which the task changes unmarked: every `every` examples, or by chance `hazard`.

    The state of a learner is not reset at a change, nor is it told of one (paper, Figure 3).

    Under `hazard` a batch holds as many tasks as six standard deviations above the expected number
    allow; should more be drawn, the last one stays.

    Raises:
        FamilyError: not exactly one of `every` (at least 2) and `hazard` (between 0 and 1).
    """

    every: int | None = None
    hazard: float | None = None

    def __post_init__(self) -> None:
        if (self.every is None) == (self.hazard is None):
            raise FamilyError(
                "Expected either every=EXAMPLES (a fixed period) or hazard=CHANCE (a random one), "
                f"got every={self.every}, hazard={self.hazard}."
            )
        if self.every is not None and self.every < 2:
            raise FamilyError(f"Expected at least 2 examples between switches, got {self.every}.")
        if self.hazard is not None and not 0 < self.hazard < 1:
            raise FamilyError(f"Expected a hazard between 0 and 1, got {self.hazard}.")

    @property
    def examples(self) -> int:
        return self.every if self.every else max(2, round(1 / self.chance))

    @property
    def chance(self) -> float:
        """The chance of a switch at each step; for a fixed period, its long-run rate."""
        return self.hazard if self.hazard is not None else 1 / (self.every or 1)

    @property
    def stream_length(self) -> int:
        return TASKS_A_STREAM * self.examples

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        if self.every is not None:
            period = min(self.every, length)
            tasks = -(-length // period)
            stream = self.family.sample(key, batch * tasks, period)
            return jax.tree.map(
                lambda leaf: leaf.reshape(batch, tasks * period, *leaf.shape[2:])[:, :length],
                stream,
            )
        inner, own = jax.random.split(key)
        # one pool of tasks for the whole batch, each in its turn: far fewer than a pool a stream
        expected = batch * length * self.chance
        tasks = min(batch * length, batch + int(expected + 6 * expected**0.5) + 3)
        span = min(length, int(14 / self.chance) + 1)  # longer with chance e^-14 a task
        stream = self.family.sample(inner, tasks, span)
        switch = jax.random.bernoulli(own, self.chance, (batch, length)).at[:, 0].set(True)
        steps = jnp.arange(length)
        start = jax.lax.cummax(jnp.where(switch, steps, 0), axis=1)
        number = jnp.cumsum(switch.reshape(-1)).reshape(batch, length) - 1
        place = jnp.minimum(number, tasks - 1), jnp.minimum(steps - start, span - 1)

        def gather(leaf: jax.Array) -> jax.Array:
            return leaf[place]

        return jax.tree.map(gather, stream)

    def judge(self, key: PRNGKeyArray, batch: int) -> Stream:
        return self.sample(key, batch, self.stream_length)

    @property
    def switches(self) -> bool:
        return True

    def at_pace(self, hazard: float) -> TaskFamily:
        return Switching(self.family, hazard=hazard) if hazard else self.family
