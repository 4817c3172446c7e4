"""Our own, simpler model of a patient: what a learner is derived on.

Bergman's minimal model (Bergman, Ider, Bowden and Cobelli, Am. J. Physiol. 236, 1979) about a
patient's basal state, with two compartments each for meals and for insulin under the skin, a lag
of the sensor and its noise: five states and a dozen parameters where the simulator of the test
has thirteen and 35. Nothing in it comes from `simglucose` but the columns of a row.

    G' = -(p1 + X) G + p1 Gb + Ra / V        X: insulin action   Ra: appearance of glucose
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from fixedweight.families import Family
from fixedweight.scaling import Scaling, measured_scaling
from studies.glucose.data import DAY, EARLIER, INPUTS, STEP

MINUTES = 5
"""A step of the integration."""
STEPS = STEP // MINUTES
PRIOR: dict[str, tuple[float, float]] = {
    "p1": (0.008, 0.6),  # 1/min, glucose effectiveness
    "basal_glucose": (135.0, 0.12),  # mg/dL
    "volume": (1.7, 0.2),  # dL/kg
    "meal_time": (35.0, 0.4),  # min, of each of two compartments
    "insulin_time": (55.0, 0.3),  # min, likewise
    "action_time": (50.0, 0.4),  # min, from plasma to action
    "sensitivity": (0.2, 0.6),  # integral of X over a bolus of 1 U / 100 kg
    "basal": (1.2, 0.4),  # U / h / 100 kg
    "bolus": (0.8, 0.4),  # times the bolus that would undo the meal
    "correction": (0.5, 0.5),  # likewise, of a reading above 150 mg/dL
    "lag": (10.0, 0.3),  # min, from blood to sensor
    "sensor": (9.0, 0.3),  # mg/dL, standard deviation of the sensor's error
    "meal_size": (0.9, 0.4),  # g/kg, of a main meal
    "drift": (6.0, 0.5),  # mg/dL: what the model leaves out moves blood glucose so much in 30 min
}
"""Median and standard deviation of the logarithm of each parameter over people, from textbooks."""
MEALS = ((420.0, 60.0, 0.6), (570.0, 30.0, 0.15), (720.0, 60.0, 1.0), (900.0, 30.0, 0.15),
         (1080.0, 60.0, 1.1), (1290.0, 30.0, 0.15))  # fmt: skip
"""Minute of the day, its spread, and size in main meals."""
SNACKS = 0.3
"""The chance of each of the small ones."""
KEEP = 0.7 ** (MINUTES / 15)
"""The sensor's error keeps 0.7 of itself in 15 minutes."""


@dataclass(frozen=True, eq=False)
class MinimalModel(Family):
    """Days of people who differ as `PRIOR` says; a row as in `data.rows`."""

    wide: float = 1.0
    """Times the spread of every parameter."""

    @property
    def name(self) -> str:
        return "minimal model"

    @property
    def input_size(self) -> int:
        return len(INPUTS)

    @property
    def examples(self) -> int:
        return DAY // STEP

    def draw_task(self, key: PRNGKeyArray) -> dict[str, Array]:
        keys = jax.random.split(key, len(PRIOR))
        return {
            name: middle * jnp.exp(self.wide * spread * jax.random.normal(each))
            for each, (name, (middle, spread)) in zip(keys, PRIOR.items(), strict=True)
        }

    def target(self, task: Any, x: Array) -> Any:
        raise NotImplementedError("examples of a day depend on each other: see draw_examples")

    def draw_examples(self, key: PRNGKeyArray, task: Any, length: int) -> tuple[Array, Array]:
        meal_key, noise_key, drift_key, start_key = jax.random.split(key, 4)
        steps = (length + 2) * STEPS
        carbs = meals(meal_key, task["meal_size"], steps)
        errors = jax.random.normal(noise_key, (steps,))
        moves = jax.random.normal(drift_key, (steps,)) * task["drift"] / STEPS**0.5
        begun = task["basal_glucose"] * jnp.exp(0.2 * jax.random.normal(start_key))
        cgm, insulin = day(task, carbs, errors, moves, begun)
        return as_rows(cgm, carbs, insulin, task["basal"])

    def scaling(self) -> Scaling:
        stream = jax.jit(lambda key: self.sample(key, 256, self.examples))(jax.random.key(1))
        inputs, targets = np.asarray(stream.inputs), np.asarray(stream.targets)
        return measured_scaling(inputs.reshape(-1, self.input_size), targets.reshape(-1, 1))


def meals(key: PRNGKeyArray, size: Array, steps: int) -> Array:
    """g/kg eaten in each step, from 5:30 on."""
    middle, spread, part = (jnp.asarray(column) for column in zip(*MEALS, strict=True))
    time_key, size_key, there_key = jax.random.split(key, 3)
    at = middle + spread * jnp.clip(jax.random.normal(time_key, part.shape), -2.0, 2.0)
    chance = jnp.where(part < 0.5, SNACKS, 0.95)
    there = jax.random.bernoulli(there_key, chance)
    amount = size * part * jnp.exp(0.2 * jax.random.normal(size_key, part.shape)) * there
    step = jnp.clip((at - 330.0) / MINUTES, 0, steps - 1).astype(int)
    return jnp.zeros(steps).at[step].add(amount)


class Body(NamedTuple):
    """The state: glucose in blood and as felt by the sensor (mg/dL), insulin action (1/min), and
    two compartments each of a meal (g/kg) and of insulin under the skin (U / 100 kg)."""

    glucose: Array
    felt: Array
    action: Array
    meal: tuple[Array, Array]
    insulin: tuple[Array, Array]


def rested(glucose: Array) -> Body:
    zero = jnp.zeros_like(glucose)
    return Body(glucose, glucose, zero, (zero, zero), (zero, zero))


def meal_effect(task: Any) -> Array:
    """mg/dL that a meal of 1 g/kg would add, nothing being used: nine tenths are absorbed."""
    return 1000.0 * 0.9 / task["volume"]


def advance(task: Any, body: Body, meal: Array, bolus: Array, move: Array) -> Body:
    """The state `MINUTES` later, after a meal and a bolus now; `move` is added to glucose."""
    (m1, m2), (s1, s2) = body.meal, body.insulin
    m1, s1 = m1 + meal, s1 + bolus
    eats, takes = MINUTES / task["meal_time"], MINUTES / task["insulin_time"]
    glucose, action = body.glucose, body.action
    back = MINUTES * task["p1"] * task["basal_glucose"]
    used = MINUTES * (task["p1"] + action) * glucose
    new = jnp.maximum(glucose - used + back + meal_effect(task) * eats * m2 + move, 20.0)
    wanted = task["sensitivity"] * s2 / task["insulin_time"]
    action = action + MINUTES / task["action_time"] * (wanted - action)
    felt = body.felt + MINUTES / (MINUTES + task["lag"]) * (new - body.felt)
    eaten = (m1 - eats * m1, m2 + eats * (m1 - m2))
    taken = (s1 - takes * s1, s2 + takes * (s1 - s2))
    return Body(new, felt, action, eaten, taken)


def day(task: Any, carbs: Array, errors: Array, moves: Array, begun: Array) -> tuple[Array, Array]:
    """Readings at the beginning of each step (mg/dL) and boluses in it (U / 100 kg)."""
    undoing = 1.0 / (task["sensitivity"] * task["basal_glucose"])  # U / 100 kg for each mg/dL

    def step(state: tuple[Body, Array], now: Any) -> tuple[Any, tuple[Array, Array]]:
        body, error = state
        meal, fresh, move = now
        error = KEEP * error + (1 - KEEP**2) ** 0.5 * fresh
        cgm = jnp.clip(body.felt + task["sensor"] * error, 39.0, 600.0)
        high = jnp.where(cgm > 150.0, cgm - 140.0, 0.0)
        wanted = task["bolus"] * meal_effect(task) * meal + task["correction"] * high
        bolus = jnp.where(meal > 0, wanted * undoing, 0.0)
        return (advance(task, body, meal, bolus, move), error), (cgm, bolus)

    _, (cgm, bolus) = jax.lax.scan(step, (rested(begun), jnp.zeros(())), (carbs, errors, moves))
    return cgm, bolus


def as_rows(cgm: Array, carbs: Array, insulin: Array, basal: Array) -> tuple[Array, Array]:
    """Inputs [time, input] and targets [time] of a day of steps; the first half hour is before."""
    reading = cgm.reshape(-1, STEPS)[:, 0]
    parts = [reading[1:-1], reading[1:-1] - reading[:-2]]
    for told, fall in zip((carbs, insulin), EARLIER, strict=True):
        keep = jnp.exp(-MINUTES / fall)
        step = lambda kept, value, keep=keep: (keep * (kept + value), kept)  # noqa: E731
        _, before = jax.lax.scan(step, jnp.zeros(()), told)
        parts += [told.reshape(-1, STEPS).sum(axis=1)[1:-1], before.reshape(-1, STEPS)[1:-1, 0]]
    parts.append(jnp.full_like(parts[0], basal))
    return jnp.stack(parts, axis=-1), reading[2:] - reading[1:-1]
