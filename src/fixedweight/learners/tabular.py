"""Tables as people bring them: the families from which general-purpose learners are derived.

Columns of any kind and scale, few or many, a target that depends on some of them, in part not
linearly, with noise and perhaps drift. A learner sees them as the estimators show them: everything
is standardised on the way, by the mean and the standard deviation so far.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.estimators.moments import FAR
from fixedweight.families import Family

FACTORS = 3
"""What columns have in common."""
UNITS = 6
"""Of the part of a target that is not linear."""


@dataclass(frozen=True)
class Tabular(Family):
    """y = level(t) + w(t) . x + bend v . tanh(U x + b) + noise e, standardised on the way.

    Of `inputs` columns any number are used, few more often than many; the rest are 0. They are
    Gaussian, of two values or of heavy tails, share factors, and may be autocorrelated. Weights are
    dense or sparse; weights and level walk at random in half of the tasks. Noise, bend and drift
    are log-uniform; the bend is less where there are many columns. A task is a dictionary of all
    this.

    Raises:
        FamilyError: fewer than one input.
    """

    inputs: int = 20
    length: int = 400
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.length < 2:
            raise FamilyError(
                "Expected at least 1 input and 2 examples, got "
                f"inputs={self.inputs}, length={self.length}."
            )

    @property
    def name(self) -> str:
        return "tabular"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "standardised": True}

    def draw_task(self, key: PRNGKeyArray) -> dict[str, Array]:
        n = self.inputs
        keys = iter(jax.random.split(key, 32))

        def normal(*shape: int) -> Array:
            return jax.random.normal(next(keys), shape)

        def chance(share: float, *shape: int) -> Array:
            return jax.random.bernoulli(next(keys), share, shape)

        def log_uniform(low: float, high: float) -> Array:
            ends = jnp.log(low), jnp.log(high)
            return jnp.exp(jax.random.uniform(next(keys), minval=ends[0], maxval=ends[1]))

        any_number = 1.0 + n * jax.random.uniform(next(keys))
        number = jnp.where(chance(0.5), any_number, log_uniform(1.0, n + 1.0))
        used = jnp.arange(n) < number.astype(int)
        bends = used * jnp.where(chance(0.5), chance(0.3, n), 1.0)
        weights = used * normal(n) * jnp.where(chance(0.5), chance(0.3, n), 1.0)
        load = normal(n, FACTORS)
        return {
            "used": used.astype(jnp.float32),
            "share": jax.random.uniform(next(keys)) * jax.random.uniform(next(keys), (n,)),
            "load": load / jnp.linalg.norm(load, axis=1, keepdims=True),
            "two_values": chance(0.5) * chance(0.4, n).astype(jnp.float32),
            "threshold": normal(n),
            "tails": chance(0.5) * jax.random.uniform(next(keys), (n,)),
            "memory": chance(0.4) * (1.0 - log_uniform(0.005, 1.0)),
            "weights": weights / (0.1 + jnp.linalg.norm(weights)),
            "first": log_uniform(0.3, 3.0) * normal(UNITS, n) * bends / (0.1 + bends.sum()) ** 0.5,
            "begin": normal(UNITS),
            "second": log_uniform(0.02, 6.0) * normal(UNITS) / (UNITS * used.sum()) ** 0.5,
            "noise": log_uniform(0.01, 2.0),
            "drift": chance(0.5) * log_uniform(1e-3, 0.05),
            "walk": chance(0.5) * log_uniform(1e-3, 0.3),
            "level": normal(),
        }

    def target(self, task: dict[str, Array], x: Float[Array, " input"]) -> Array:
        """What is expected of the raw columns x, without drift."""
        bent = jnp.tanh(task["first"] @ x + task["begin"])
        return task["weights"] @ x + task["second"] @ bent

    def draw_inputs(
        self, key: PRNGKeyArray, task: dict[str, Array], length: int
    ) -> Float[Array, "time input"]:
        """Raw columns."""
        keep = task["memory"]
        fresh = jax.random.normal(key, (length, FACTORS + self.inputs))

        def follow(before: Array, e: Array) -> tuple[Array, Array]:
            after = keep * before + (1.0 - keep**2) ** 0.5 * e
            return after, after

        z = jax.lax.scan(follow, fresh[0], fresh)[1]
        share = task["share"]
        x = share**0.5 * (z[:, :FACTORS] @ task["load"].T) + (1 - share) ** 0.5 * z[:, FACTORS:]
        x = jnp.where(task["two_values"] > 0, 2.0 * (x > task["threshold"]), x)
        return task["used"] * (x + task["tails"] * x**3 / 3.0)

    def draw_examples(
        self, key: PRNGKeyArray, task: dict[str, Array], length: int
    ) -> tuple[Array, Array]:
        x, y = self._raw(key, task, length)
        return standardised(x), standardised(y[:, None])[:, 0]

    def _raw(self, key: PRNGKeyArray, task: dict[str, Array], length: int) -> tuple[Array, Array]:
        input_key, noise_key, drift_key, walk_key = jax.random.split(key, 4)
        x = self.draw_inputs(input_key, task, length)
        still = jax.vmap(lambda row: self.target(task, row))(x)
        steps = jax.random.normal(drift_key, (length, self.inputs)) * task["used"]
        drift = jnp.cumsum(steps, axis=0) * task["drift"] / task["used"].sum() ** 0.5
        walk = task["walk"] * jnp.cumsum(jax.random.normal(walk_key, (length,)))
        noise = task["noise"] * jax.random.normal(noise_key, (length,))
        return x, still + jnp.sum(drift * x, axis=1) + walk + noise


@dataclass(frozen=True)
class TabularLabels(Tabular):
    """Whether the y of `Tabular`, with less noise, exceeds a level: 0 or 1, told as it is."""

    @property
    def name(self) -> str:
        return "tabular-labels"

    @property
    def unit_targets(self) -> bool:
        return True

    def draw_task(self, key: PRNGKeyArray) -> dict[str, Array]:
        task = super().draw_task(key)
        return {**task, "noise": 0.3 * task["noise"], "walk": 0.2 * task["walk"]}

    def draw_examples(
        self, key: PRNGKeyArray, task: dict[str, Array], length: int
    ) -> tuple[Array, Array]:
        x, y = self._raw(key, task, length)
        spread = (1.0 + task["noise"] ** 2) ** 0.5
        return standardised(x), (y > spread * task["level"]).astype(jnp.float32)


def standardised(values: Float[Array, "time column"]) -> Float[Array, "time column"]:
    """Each value less the mean and over the standard deviation of its column up to and with it,
    cut off far out: `fixedweight.estimators.moments.Moments` for a whole stream."""

    def follow(moments: tuple[Array, Array], one: tuple[Array, Array]) -> tuple[Any, Array]:
        (before, squares), (count, value) = moments, one
        mean = before + (value - before) / count
        squares = squares + (value - before) * (value - mean)
        varies = squares > 0.0
        scaled = (value - mean) / jnp.sqrt(jnp.where(varies, squares / count, 1.0))
        return (mean, squares), jnp.clip(jnp.where(varies, scaled, 0.0), -FAR, FAR)

    begin = values[0], jnp.zeros_like(values[0])
    return jax.lax.scan(follow, begin, (jnp.arange(1.0, len(values) + 1.0), values))[1]
