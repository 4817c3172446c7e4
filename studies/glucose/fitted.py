"""The field's own way: the minimal model fitted to each day so far, by maximum a posteriori.

Parameters are log-normal over days; mean and covariance come from fits to the training days, each
drawn to those of the last round, and begin as the simulator's prior. What the model leaves of a
reading is taken to persist in a share that the training days say.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array
from scipy.optimize import least_squares

from studies.glucose.minimal import PRIOR, STEPS, Body, advance, rested
from studies.protocol import series

NAMES = ("p1", "basal_glucose", "volume", "meal_time", "insulin_time", "action_time",
         "sensitivity", "lag")  # fmt: skip
BEGUN = 0.1
"""Spread of the logarithm of the first glucose about the first reading."""
ROUNDS = 3
EVALUATIONS = 12
SEEN = ["glucose", "carbs", "carbs_before", "insulin", "insulin_before"]


class Population(NamedTuple):
    mean: np.ndarray
    covariance: np.ndarray
    noise: float
    kept: float
    """The share of a residual that persists for half an hour."""


def curve(p: Array, rows: Array) -> Array:
    """Glucose as felt at the beginning of each row and at the end of the last: [time + 1].

    `p`: logs of `NAMES`, and of the first glucose over the first reading; rows [time, `SEEN`].
    """
    task = {name: jnp.exp(value) for name, value in zip(NAMES, p[:-1], strict=True)}
    body = rested(rows[0, 0] * jnp.exp(p[-1]))
    zero = jnp.zeros(())
    body = body._replace(meal=(zero, rows[0, 2]), insulin=(zero, rows[0, 4]))

    def row(body: Body, now: Array) -> tuple[Body, Array]:
        felt = body.felt
        for _ in range(STEPS):
            body = advance(task, body, now[1] / STEPS, now[3] / STEPS, zero)
        return body, felt

    last, felt = jax.lax.scan(row, body, rows)
    return jnp.append(felt, last.felt)


@jax.jit
def residuals(p: Array, rows: Array, count: Array, kept: Array) -> Array:
    """What is new in each of the first `count` readings, 0 in the others; mg/dL."""
    rest = rows[:, 0] - curve(p, rows)[:-1]
    fresh = rest - kept * jnp.concatenate([jnp.zeros(1), rest[:-1]])
    return jnp.where(jnp.arange(len(fresh)) < count, jnp.clip(fresh, -1e4, 1e4), 0.0)


slopes = jax.jit(jax.jacfwd(residuals))
curves = jax.jit(curve)


def fit(who: Population, rows: np.ndarray, count: int, start: np.ndarray) -> np.ndarray:
    """The most probable parameters after `count` readings."""
    whiten = np.linalg.inv(np.linalg.cholesky(who.covariance))

    def rest(p: np.ndarray) -> np.ndarray:
        return np.append(residuals(p, rows, count, who.kept) / who.noise, whiten @ (p - who.mean))

    def slope(p: np.ndarray) -> np.ndarray:
        return np.vstack([slopes(p, rows, count, who.kept) / who.noise, whiten])

    return least_squares(rest, start, jac=slope, max_nfev=EVALUATIONS).x


def population(days: list[np.ndarray]) -> Population:
    """Mean and covariance of parameters, noise and what persists, from days [time, `SEEN`]."""
    mean = np.append(np.log([PRIOR[name][0] for name in NAMES]), 0.0)
    spread = np.append([PRIOR[name][1] for name in NAMES], BEGUN)
    who = Population(mean, np.diag(spread**2), 15.0, 0.5)
    for _ in range(ROUNDS):
        each = np.array([fit(who, rows, len(rows), who.mean) for rows in days])
        rest = [rows[:, 0] - np.asarray(curves(p, rows))[:-1]
                for p, rows in zip(each, days, strict=True)]  # fmt: skip
        kept = sum(r[1:] @ r[:-1] for r in rest) / sum(r[:-1] @ r[:-1] for r in rest)
        fresh = np.concatenate([r[1:] - kept * r[:-1] for r in rest])
        covariance = np.cov(each.T) + 0.1 * np.diag(spread**2)
        who = Population(each.mean(axis=0), covariance, float(fresh.std()), float(kept))
    return who


def map_predictions(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Changes, each predicted by the fit to the readings before."""
    who = population([rows[SEEN].to_numpy() for _, rows in series(train, "task")])
    predictions = np.empty(len(test))
    for at, frame in series(test, "task"):
        rows, p = frame[SEEN].to_numpy(), who.mean
        for i in range(len(rows)):
            # readings up to the one at the beginning of row i are known
            p = fit(who, rows, i + 1, p)
            felt = np.asarray(curves(p, rows))
            error = rows[i, 0] - felt[i]
            predictions[at[i]] = felt[i + 1] + who.kept * error - rows[i, 0]
    return predictions
