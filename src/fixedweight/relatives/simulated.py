"""A simulator's tasks in place of a table's own, those of them that look like the table's."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families import Family, Stream, Table, TaskFamily
from fixedweight.scaling import Scaling

DRAWS = 16_384
NEAREST = 100
PENALTY = 1.0
"""Of the squared coefficients of a series' regression, in examples: few of them say little."""
FLOOR = 0.1
"""The least unit of a summary, as a share of its spread over the simulator's own tasks."""


@dataclass(frozen=True, eq=False)
class Simulated(TaskFamily):
    """Training tasks from a simulator; scales, names, validation and test are the table's.

    With `matched` the simulator's spread is fitted to the training tasks, by approximate Bayesian
    computation (Beaumont, Zhang and Balding, Genetics 162, 2002), which needs no likelihood: of
    `draws` simulated tasks the `nearest` to each training task are kept, and drawn again with new
    inputs and noise. How near is measured by what a regression finds in a series (`summaries`),
    each in units of its spread over the training tasks.

    A share of the streams, `own`, are training tasks of the table as they are.

    Raises:
        FamilyError: the simulator's inputs, targets or series are not those of the table, or a
            share outside [0, 1].
    """

    table: Table
    simulator: Family
    matched: bool = True
    own: float = 0.0
    draws: int = DRAWS
    nearest: int = NEAREST
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.simulator, Family):
            raise FamilyError(
                "Expected a simulator whose tasks can be drawn one by one (a Family or Simulator), "
                f"got {type(self.simulator).__name__}."
            )
        sizes = (self.table.input_size, self.table.target_size)
        if (self.simulator.input_size, self.simulator.target_size) != sizes:
            raise FamilyError(
                f"Expected a simulator of {sizes[0]} inputs and {sizes[1]} targets, as in the "
                f"table ({', '.join(self.table.input_names)}), got "
                f"{self.simulator.input_size} and {self.simulator.target_size}."
            )
        if not 0 <= self.own <= 1 or not 0 < self.nearest <= self.draws:
            raise FamilyError(
                f"Expected a share in [0, 1] and fewer nearest than draws, got own={self.own}, "
                f"nearest={self.nearest}, draws={self.draws}."
            )

    @property
    def name(self) -> str:
        return "simulated"

    @property
    def input_size(self) -> int:
        return self.table.input_size

    @property
    def examples(self) -> int:
        return self.table.examples

    @property
    def flagged(self) -> bool:
        return self.table.flagged

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.table.input_names

    @property
    def target_names(self) -> tuple[str, ...]:
        return self.table.target_names

    def describe(self) -> dict[str, Any]:
        return {
            **self.table.describe(),
            "family": self.name,
            "simulator": self.simulator.describe(),
            "matched": self.matched,
            "own": self.own,
        }

    def scaling(self) -> Scaling:
        return self.table.scaling()

    def part(self, name: str) -> TaskFamily:
        return self if name == "train" else self.table.part(name)

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        which_key, draw_key, own_key, table_key = jax.random.split(key, 4)
        keys = jax.random.split(draw_key, batch)
        task_keys = keys
        if self.matched:
            bank, chosen = self.matches
            which = jax.random.randint(which_key, (batch,), 0, len(chosen))
            task_keys = jax.vmap(jax.random.fold_in, (None, 0))(bank, jnp.asarray(chosen)[which])
        inputs, targets = self._drawn(task_keys, keys, length)
        own = self.table.part("train").sample(table_key, batch, length)
        take = jax.random.bernoulli(own_key, self.own, (batch, 1))
        return Stream(
            tasks=own.tasks,
            inputs=jnp.where(take[..., None], own.inputs, inputs.astype(jnp.float32)),
            targets=jnp.where(take[..., None], own.targets, targets.astype(jnp.float32)),
            revealed=own.revealed | ~take,
            scored=own.scored | ~take,
            example=jnp.broadcast_to(jnp.arange(length), (batch, length)),
        )

    def _drawn(self, task_keys: Array, keys: Array, length: int) -> tuple[Array, Array]:
        """Inputs [batch, time, input] and targets [batch, time, target] of simulated tasks."""

        def one(task_key: PRNGKeyArray, key: PRNGKeyArray) -> tuple[Array, Array]:
            task = self.simulator.draw_task(task_key)
            inputs, targets = self.simulator.draw_examples(jax.random.fold_in(key, 1), task, length)
            return inputs, targets.reshape(length, self.target_size)

        return jax.vmap(one)(task_keys, keys)

    @cached_property
    def matches(self) -> tuple[Any, np.ndarray]:
        """(key, numbers of the simulator's tasks drawn with it): the nearest to each training
        task, one after the other."""
        key = jax.random.key(self.seed)
        numbers = jnp.arange(self.draws)

        @jax.jit
        def look(number: Array) -> Array:
            task_key = jax.random.fold_in(key, number)
            inputs, targets = self._drawn(task_key[None], task_key[None], self.examples)
            scaled = self._scaled(inputs[0], targets[0])
            return summary(*scaled, jnp.ones(self.examples))

        drawn = np.asarray(jax.lax.map(look, numbers, batch_size=512))
        rows = self.table.parts["train"]
        known = self.table.known[rows]
        seen = self._scaled(self.table.inputs[rows], self.table.targets[rows])
        wanted = np.asarray(jax.vmap(summary)(*seen, jnp.asarray(known, dtype=float)))
        unit = np.maximum(_spread(wanted), FLOOR * _spread(drawn))
        far = ((drawn[None] - wanted[:, None]) / unit) ** 2
        far = np.where(np.isfinite(far), far, np.inf).sum(axis=-1)
        return key, np.argsort(far, axis=1)[:, : self.nearest].reshape(-1)

    def _scaled(self, inputs: Any, targets: Any) -> tuple[Array, Array]:
        scaling = self.scaling()
        return jnp.asarray(scaling.scale_inputs(inputs)), jnp.asarray(
            scaling.scale_targets(targets)
        )


def summary(
    inputs: Float[Array, "time input"],
    targets: Float[Array, "time target"],
    known: Float[Array, " time"],
) -> Float[Array, " number"]:
    """What is found in one series: the coefficients of a ridge regression of its targets on its
    inputs, the log of what it leaves, and mean and spread of each input; all on scaled columns."""
    count = jnp.maximum(known.sum(), 1.0)
    weight = known[:, None]
    z = jnp.concatenate([jnp.ones_like(inputs[:, :1]), inputs], axis=-1)
    gram = (weight * z).T @ z + PENALTY * jnp.eye(z.shape[-1])
    found = jnp.linalg.solve(gram, (weight * z).T @ targets)
    rest = (weight * (targets - z @ found) ** 2).sum(axis=0) / count
    mean = (weight * inputs).sum(axis=0) / count
    variance = (weight * (inputs - mean) ** 2).sum(axis=0) / count
    return jnp.concatenate(
        [found.reshape(-1), 0.5 * jnp.log(rest + 1e-6), mean, jnp.sqrt(variance + 1e-12)]
    )


def _spread(values: np.ndarray) -> np.ndarray:
    """Half of the distance between the 16th and 84th percentile of each column."""
    low, high = np.nanpercentile(values, [16.0, 84.0], axis=0)
    return 0.5 * (high - low)
