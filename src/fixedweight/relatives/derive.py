"""derive_related(): from a table of related series to a learner, few tasks being enough."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight.errors import FamilyError
from fixedweight.families import Table
from fixedweight.learner import Learner
from fixedweight.networks import KalmanMemory, parameter_count
from fixedweight.relatives.choose import (
    best_temper,
    log_scores,
    mixed,
    robust_scores,
    shares,
)
from fixedweight.relatives.fit import (
    CANDIDATES,
    examples,
    fit_many,
    hyper_prior,
)
from fixedweight.relatives.knots import knots_of, varying
from fixedweight.relatives.scale import Scaled, scales
from fixedweight.relatives.tasks import Tasks, tasks_of
from fixedweight.scaling import Scaling
from fixedweight.training.pace import Clock, check_minutes

RAMPS = (5, 9, 16)
"""How finely inputs are divided, one of these for all filters of a network."""
FIRST = 1
"""The scale of the targets is chosen with the ramps that stand there."""
ROOM = 0.5
"""Predictions leave the range of the known targets by at most this share of it."""


def derive_related(table: Table, *, seed: int = 0, minutes: float | None = None) -> Learner:
    """Derive a learner for a table of related series: filters whose weights gradient descent finds.

    Several structures (what differs between tasks: a constant, curves, a level that drifts) are
    fitted to the tasks for training and validation, and chosen and weighed by their forecasts of
    tasks left out of each fit. Positive targets are foreseen in logarithms where those of tasks
    left out are then likelier, and the mean error less. The learner's card says what was chosen.
    Test tasks are not used.

    Args:
        table: from `read_table`; a few tasks will do, a hundred at most are looked at.
        seed: of the folds.
        minutes: the most that fitting may take. A fit that would take longer, by those before, is
            left out: logarithms first, then other numbers of ramps; the first is made in any case.

    Raises:
        FamilyError: fewer than three tasks to fit, or no structure whose fit stays finite.
        InputError: no time at all.
    """
    check_minutes(minutes)
    clock = Clock(minutes)
    tasks = tasks_of(table, seed)
    rows = tasks.rows
    on = scales(tasks.inputs, tasks.targets, tasks.there, tasks.known, rows)
    first = clock.within([partial(_fitted, table, tasks, scaled, RAMPS[FIRST]) for scaled in on])
    on = on[: len(first)]
    worth = [_worth(tasks, *pair, seed) for pair in zip(on, first, strict=True)]
    logs = len(on) > 1 and worth[1][0] > worth[0][0] and worth[1][1] < worth[0][1]
    scaled = on[logs]
    others = [count for count in RAMPS if count != RAMPS[FIRST]]
    more = clock.within([partial(_fitted, table, tasks, scaled, count) for count in others])
    fits = dict(sorted([(RAMPS[FIRST], first[logs]), *zip(others, more, strict=False)]))
    params, mean, variance, steps = jax.tree.map(
        lambda *leaves: np.concatenate(leaves), *fits.values()
    )
    y, known = scaled.targets[rows], tasks.known[rows]
    score = log_scores(y, mean, variance, known)
    share, _ = _of_one_fineness(scaled, y, mean, variance, known, seed)
    if not share.any():
        raise FamilyError(
            "Expected the fit of a structure to stay finite, but none did. Look for targets that "
            "are many spreads away from all others."
        )
    usable = np.nan_to_num(mean), np.nan_to_num(score)
    temper = best_temper(y, *usable, share, known, scaled.raw)
    heads = np.flatnonzero(share)
    network = replace(
        _one_filter(table), heads=len(heads), flagged=table.flagged, log=scaled.log,
        input_size=table.network_input_size,
    )  # fmt: skip
    weights = _assembled([_row(params, int(i)) for i in heads], share[heads], temper, y[known])
    if scaled.log:
        weights["unit"] = np.array([scaled.unit])
    off = scaled.raw(y) - scaled.raw(mixed(*usable, share, temper))
    tried = [(count, candidate) for count in fits for candidate in CANDIDATES]
    return _learner(table, network, weights, scaled.scaling, {
        "structures": [
            {"ramps": count, **candidate._asdict(), "share": round(float(share[i]), 3),
             "held_out_log_likelihood": round(float(score[i].sum()), 2)}
            for i, (count, candidate) in enumerate(tried)
        ],
        "temper": temper,
        "scales": {
            "in logarithms" if one.log else "as they are": list(found)
            for one, found in zip(on, worth, strict=True)
        },
        "not_fitted": clock.left_out,
        "updates": int(steps.max()),
        "tasks": len(rows),
        "seed": seed,
        "validation_error": float(np.mean((off[known] / scaled.scaling.target_scale[0]) ** 2)),
        "seconds": round(clock.elapsed(), 1),
    })  # fmt: skip


def _one_filter(table: Table) -> KalmanMemory:
    return KalmanMemory(
        heads=1,
        features=max(candidate.features for candidate in CANDIDATES),
        knots=max(RAMPS),
        input_size=table.input_size + 1,
        output="linear",
    )


def _fitted(table: Table, tasks: Tasks, scaled: Scaled, count: int) -> Any:
    """Of each candidate with so many ramps: the weights that saw all known tasks, and the forecasts
    [candidate, known task, time] and variances by those that did not see the task; the steps."""
    one, rows, ways = _one_filter(table), tasks.rows, len(tasks.sights)
    seen, there = scaled.inputs[rows], tasks.there[rows]
    place, varies = knots_of(seen, there, count, max(RAMPS)), varying(seen, there)
    stacked = jax.tree.map(
        lambda *leaves: np.repeat(np.stack(leaves).astype(np.float32), ways, axis=0),
        *[hyper_prior(one, candidate, place, varies) for candidate in CANDIDATES],
    )
    data = examples(one, place, scaled.inputs, scaled.targets, tasks.known)
    sights = jnp.tile(jnp.asarray(tasks.sights), (len(CANDIDATES), 1))
    *found, steps = fit_many(one, stacked, data, sights)
    params, *forecasts = jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(len(CANDIDATES), ways, *leaf.shape[1:]), found
    )
    left_out = map(tasks.left_out, forecasts)
    return {name: value[:, -1] for name, value in params.items()}, *left_out, np.array([steps])


def _worth(tasks: Tasks, scaled: Scaled, fit: Any, seed: int) -> tuple[float, float]:
    """How well targets of tasks left out are foreseen on a scale: the log likelihood by the
    likeliest candidate, up to a constant that all scales share, and the mean absolute error of all
    by their shares; both in the targets' own unit."""
    _, mean, variance, _ = fit
    y, known = scaled.targets[tasks.rows], tasks.known[tasks.rows]
    score = robust_scores(y, mean, variance, known).sum(axis=(1, 2))
    steep = scaled.steepness[tasks.rows][known].sum()
    likelihood = np.where(np.isfinite(score), score, -np.inf).max() + steep
    _, error = _of_one_fineness(scaled, y, mean, variance, known, seed)
    return round(float(likelihood), 2), error


def _of_one_fineness(
    scaled: Scaled,
    targets: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    known: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, float]:
    """The shares of the candidates of one fineness, that whose mixed forecasts of tasks left out
    have the least mean absolute error, with that; they say where a curve is, the likelihood how
    sure."""
    score = robust_scores(targets, mean, variance, known)
    found = []
    for first in range(0, len(score), len(CANDIDATES)):
        of = slice(first, first + len(CANDIDATES))
        by_task = score[of].sum(axis=-1)
        if not np.isfinite(by_task).all(axis=1).any():
            continue
        share = shares(by_task, seed)
        foreseen = mixed(np.nan_to_num(mean[of]), np.nan_to_num(score[of]), share, 0.0)
        everyone = np.zeros(len(score))
        everyone[of] = share
        off = scaled.raw(targets) - scaled.raw(foreseen)
        found.append((everyone, float(np.abs(off)[known].mean())))
    return min(found, key=lambda one: one[1], default=(np.zeros(len(score)), np.inf))


def _row(params: dict[str, Any], at: int) -> dict[str, np.ndarray]:
    return {name: np.asarray(value)[at] for name, value in params.items()}


def _assembled(
    filters: list[dict[str, np.ndarray]], share: np.ndarray, temper: float, targets: np.ndarray
) -> dict[str, np.ndarray]:
    """The weights of a network of several filters from those of each."""
    params = {
        name: np.concatenate([each[name] for each in filters], axis=-1)
        for name in ("mean", "scale", "feature", "gap", "drift", "start", "spread", "rate", "noise")
    }
    params |= {name: filters[0][name] for name in ("begin", "slope")}
    low, high = float(targets.min()), float(targets.max())
    room = ROOM * (high - low)
    return params | {
        "weight": np.log(share),
        "temper": np.array([temper]),
        "low": np.array([low - room]),
        "high": np.array([high + room]),
    }


def _learner(
    table: Table, network: KalmanMemory, params: dict[str, Any], scaling: Scaling, found: Any
) -> Learner:
    error = found["validation_error"]
    derivation = {
        **found,
        "network": network.config(),
        "gradient": "likelihood",
        "seeds": 1,
        "kept_seed": 0,
        "stopped_early": False,
        "weights": parameter_count(params),
        "validation_by_seed": [error],
        "history": [[found["updates"], error, error]],
    }
    return Learner(
        network=network,
        params=params,
        scaling=scaling,
        flagged=table.flagged,
        input_names=table.input_names,
        columns=table.encoding,
        target_names=table.target_names,
        card={"family": table.describe(), "derivation": derivation},
    )
