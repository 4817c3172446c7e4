"""A simulator's tasks in place of a table's own, those of them that look like the table's."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families import Family, Stream, TaskFamily, innermost
from fixedweight.families.wrappers import Wrapper
from fixedweight.relatives.like_table import LikeTable

DRAWS = 16_384
NEAREST = 100
LOOK = 512
"""Simulated tasks looked at side by side."""
PENALTY = 1.0
"""Of the squared coefficients of a series' regression, in examples: few of them say little."""
TINY = 1e-6
"""Added to squares before their logarithm is taken."""
FLOOR = 0.1
"""The least unit of a summary, as a share of its spread over the simulator's own tasks."""


@dataclass(frozen=True, eq=False)
class Matched(LikeTable):
    """Training tasks from a simulator; scales, names, validation and test are the table's.

    With `matched` the simulator's spread is fitted to the training tasks, by approximate Bayesian
    computation (Beaumont, Zhang and Balding, Genetics 162, 2002), which needs no likelihood: of
    `draws` simulated tasks the `nearest` to each training task are kept, and drawn again with new
    inputs and noise. How near is measured by what a regression finds in a series (`summaries`),
    each in units of its spread over the training tasks.

    Raises:
        FamilyError: the simulator's inputs, targets or series are not those of the table.
    """

    simulator: TaskFamily
    """A `Family` such as `Simulator`, or one under conditions: `Noisy(...)`."""
    matched: bool = True
    draws: int = DRAWS
    nearest: int = NEAREST
    seed: int = 0

    def __post_init__(self) -> None:
        inner = innermost(self.simulator)
        if not isinstance(inner, Family) or self.simulator.delay:
            raise FamilyError(
                "Expected a simulator whose tasks can be drawn one by one and whose targets come "
                f"at once (a Simulator, or another Family), got {type(inner).__name__}."
            )
        sizes = (self.table.input_size, self.table.target_size)
        if (self.simulator.input_size, self.simulator.target_size) != sizes:
            raise FamilyError(
                f"Expected a simulator of {sizes[0]} inputs and {sizes[1]} targets, as in the "
                f"table ({', '.join(self.table.input_names)}), got "
                f"{self.simulator.input_size} and {self.simulator.target_size}."
            )
        if not 0 < self.nearest <= self.draws:
            raise FamilyError(
                "Expected at least one nearest task and no more than are drawn, got "
                f"nearest={self.nearest}, draws={self.draws}."
            )

    @property
    def name(self) -> str:
        return "matched"

    @property
    def flagged(self) -> bool:
        return super().flagged or self.simulator.flagged

    def describe(self) -> dict[str, Any]:
        return {
            **self.table.describe(),
            "family": self.name,
            "simulator": self.simulator.describe(),
            "matched": self.matched,
        }

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        simulator = drawn_again(self.simulator, *self.matches) if self.matched else self.simulator
        return simulator.sample(key, batch, length)

    @cached_property
    def matches(self) -> tuple[PRNGKeyArray, np.ndarray]:
        """(key, numbers of the simulator's tasks drawn with it): the nearest to each training
        task, one after the other."""
        with jax.ensure_compile_time_eval():  # whoever draws first may be compiling
            return self._matches()

    def _matches(self) -> tuple[PRNGKeyArray, np.ndarray]:
        key, other = jax.random.split(jax.random.key(self.seed))

        def look(number: Array) -> tuple[Array, Array, Array]:
            one = drawn_again(self.simulator, key, number[None])
            stream = one.sample(jax.random.fold_in(other, number), 1, self.examples)
            return stream.inputs[0], stream.targets[0], stream.revealed[0]

        looking = jax.jit(jax.vmap(look))
        parts = np.arange(-(-self.draws // LOOK) * LOOK).reshape(-1, LOOK)
        drawn = np.concatenate([self._summaries(*looking(part)) for part in parts])[: self.draws]
        table, rows = self.table, self.table.parts["train"]
        wanted = self._summaries(table.inputs[rows], table.targets[rows], table.known[rows])
        unit = np.maximum(_spread(wanted), FLOOR * _spread(drawn))
        near = []
        for one in wanted:
            far = (((drawn - one) / unit) ** 2).sum(axis=1)
            near.append(np.argsort(np.nan_to_num(far, nan=np.inf))[: self.nearest])
        return key, np.concatenate(near)

    def _summaries(self, inputs: Any, targets: Any, known: Any) -> np.ndarray:
        scaling = self.scaling()
        x, y = scaling.scale_inputs(np.asarray(inputs)), scaling.scale_targets(np.asarray(targets))
        return summaries(x, y, np.asarray(known))


@dataclass(frozen=True, eq=False)
class _Again(Family):
    """Tasks of a family that were drawn before, by their numbers."""

    family: Family
    key: PRNGKeyArray
    numbers: Any

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
    def unit_targets(self) -> bool:
        return self.family.unit_targets

    def draw_task(self, key: PRNGKeyArray) -> Any:
        which = jax.random.randint(key, (), 0, len(self.numbers))
        number = jnp.asarray(self.numbers)[which]
        return self.family.draw_task(jax.random.fold_in(self.key, number))

    def draw_examples(self, key: PRNGKeyArray, task: Any, length: int) -> tuple[Array, Array]:
        return self.family.draw_examples(key, task, length)

    def target(self, task: Any, x: Array) -> Any:
        return self.family.target(task, x)


def drawn_again(simulator: TaskFamily, key: PRNGKeyArray, numbers: Any) -> TaskFamily:
    """The same under the same conditions, its tasks only those of these numbers."""
    if isinstance(simulator, Wrapper):
        inner = drawn_again(simulator.family, key, numbers)
        return type(simulator)(**{**vars(simulator), "family": inner})
    return _Again(cast(Family, simulator), key, numbers)


def summaries(
    inputs: Float[np.ndarray, "series time input"],
    targets: Float[np.ndarray, "series time target"],
    known: Bool[np.ndarray, "series time"],
) -> Float[np.ndarray, "series number"]:
    """What is found in each series: the coefficients of a ridge regression of its targets on its
    inputs, the log of what that leaves, mean and spread of each input; all on scaled columns."""
    weight = known[..., None].astype(np.float64)
    count = np.maximum(weight.sum(axis=1), 1.0)
    z = np.concatenate([np.ones_like(inputs[..., :1]), inputs], axis=-1)
    turned = np.swapaxes(weight * z, 1, 2)
    found = np.linalg.solve(turned @ z + PENALTY * np.eye(z.shape[-1]), turned @ targets)
    rest = (weight * (targets - z @ found) ** 2).sum(axis=1) / count
    mean = (weight * inputs).sum(axis=1) / count
    variance = (weight * (inputs - mean[:, None]) ** 2).sum(axis=1) / count
    parts = [found.reshape(len(found), -1), 0.5 * np.log(rest + TINY), mean, np.sqrt(variance)]
    return np.concatenate(parts, axis=-1)


def _spread(values: np.ndarray) -> np.ndarray:
    """Half of the distance between the 16th and 84th percentile of each column."""
    low, high = np.nanpercentile(values, [16.0, 84.0], axis=0)
    return 0.5 * (high - low)
