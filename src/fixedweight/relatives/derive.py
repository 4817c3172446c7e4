"""derive_related(): from a table of related series to a learner, few tasks being enough."""

import time
from dataclasses import replace
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
    STEPS,
    Candidate,
    Examples,
    examples,
    fit_many,
    hyper_prior,
)
from fixedweight.relatives.knots import knots_of, varying
from fixedweight.scaling import Scaling, measured_scaling

RAMPS = (5, 9, 16)
"""How finely inputs are divided, one of these for all filters of a network."""
FOLDS = 4
MOST_TASKS = 100
MOST_EXAMPLES = 64
"""The beginnings of so many tasks are fitted; more would take longer and change little."""
ROOM = 0.5
"""Predictions leave the range of the known targets by at most this share of it."""


MOST_TOLD = 8
"""Lines of what was fitted."""


def derive_related(table: Table, *, seed: int = 0) -> Learner:
    """Derive a learner for a table of related series: filters whose weights gradient descent finds.

    Several structures (what differs between tasks: a constant, curves, a level that drifts) are
    fitted to the tasks for training and validation, and chosen and weighed by their forecasts of
    tasks left out of each fit. The learner's card says which, and with what weights. Test tasks
    are not used.

    Args:
        table: from `read_table`; a few tasks will do, a hundred at most are looked at.
        seed: of the folds.

    Raises:
        FamilyError: fewer than three tasks to fit, or no structure whose fit stays finite.
    """
    began = time.monotonic()
    rows = _known_tasks(table, seed)
    there = table.present[:, :MOST_EXAMPLES]
    inputs = _held(table.inputs[:, :MOST_EXAMPLES], there)
    targets, known = table.targets[:, :MOST_EXAMPLES, 0], table.known[:, :MOST_EXAMPLES]
    scaling = measured_scaling(inputs[rows][there[rows]], targets[rows][known[rows]][:, None])
    x = np.asarray(scaling.scale_inputs(inputs), dtype=np.float32)
    y = np.asarray(scaling.scale_targets(targets[..., None])[..., 0], dtype=np.float32)
    one = KalmanMemory(
        heads=1,
        features=max(candidate.features for candidate in CANDIDATES),
        knots=max(RAMPS),
        input_size=table.input_size + 1,
        output="linear",
    )
    varies = varying(x[rows], there[rows])
    knots = [knots_of(x[rows], there[rows], count, max(RAMPS)) for count in RAMPS]
    tried = [(count, candidate) for count in RAMPS for candidate in CANDIDATES]
    sights = _sights(len(table.tasks), rows, seed)
    found = [
        _fitted(
            one,
            [hyper_prior(one, candidate, place, varies) for candidate in CANDIDATES],
            examples(one, place, x, y, known),
            sights,
        )
        for place in knots
    ]
    params, mean, variance = jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)
    held, spread = (_left_out(part, sights, rows) for part in (mean, variance))
    score = log_scores(y[rows], held, spread, known[rows])
    share = _of_one_fineness(y[rows], held, spread, known[rows], seed)
    temper = best_temper(y[rows], np.nan_to_num(held), np.nan_to_num(score), share, known[rows])
    heads = np.flatnonzero(share)
    network = replace(one, heads=len(heads), flagged=table.flagged,
                      input_size=table.network_input_size)  # fmt: skip
    weights = _assembled([_row(params, (int(i), -1)) for i in heads], share[heads], temper,
                         y[rows][known[rows]])  # fmt: skip
    foreseen = mixed(np.nan_to_num(held), np.nan_to_num(score), share, temper)
    error = float(np.mean((y[rows] - foreseen)[known[rows]] ** 2))
    return _learner(table, network, weights, scaling, {
        "structures": [
            {"ramps": count, **candidate._asdict(), "share": round(float(share[i]), 3),
             "held_out_log_likelihood": round(float(score[i].sum()), 2)}
            for i, (count, candidate) in enumerate(tried)
        ],
        "temper": temper,
        "tasks": len(rows),
        "seed": seed,
        "validation_error": error,
        "seconds": round(time.monotonic() - began, 1),
    })  # fmt: skip


def explained(card: dict[str, Any]) -> list[str]:
    """What was fitted, a line a structure, those taken first, then the likeliest; and why."""
    run = card["derivation"]
    ordered = sorted(
        run["structures"], key=lambda one: (one["share"] == 0, -one["held_out_log_likelihood"])
    )
    lines = [
        f"{run['tasks']} tasks, each left out of the fit that foresees it; the number of ramps has "
        "the least error, shares go by likelihood, of which here the logarithm:"
    ]
    for one in ordered[:MOST_TOLD]:
        taken = f"share {one['share']:.2f}" if one["share"] else "left out"
        candidate = Candidate(*(one[name] for name in Candidate._fields))
        lines.append(
            f"  {one['held_out_log_likelihood']:9.1f}  {structure(candidate)}, "
            f"{one['ramps']} ramps: {taken}"
        )
    return lines


def structure(candidate: Candidate) -> str:
    """A candidate in words: what differs between tasks."""
    parts = ["a constant"]
    if curves := candidate.features - 1:
        many = "a curve" if curves == 1 else f"{curves} curves"
        parts.append(f"{many} (bend {candidate.rough:g})")
    if candidate.level:
        parts.append("a drifting level" + (" with a velocity" if candidate.velocity else ""))
    return ", ".join(parts)


def _known_tasks(table: Table, seed: int) -> np.ndarray:
    """Indices of the tasks that may be fitted and have a target."""
    rows = np.sort(np.concatenate([table.parts["train"], table.parts["validation"]]))
    rows = rows[table.known[rows, :MOST_EXAMPLES].any(axis=1)]
    if len(rows) < 3:
        raise FamilyError(
            f"Expected at least 3 tasks to fit, got {len(rows)}: one says nothing of how tasks "
            "differ. Hold out fewer."
        )
    if len(rows) > MOST_TASKS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_TASKS, replace=False))
    return rows


def _held(inputs: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Inputs with a series' last ones beyond its end."""
    last = np.maximum(there.sum(axis=1) - 1, 0)
    ends = inputs[np.arange(len(inputs)), last][:, None]
    return np.where(there[..., None], inputs, ends)


def _sights(tasks: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """[fit, task]: which tasks each fit sees; all but one part of them, and last all."""
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), min(FOLDS, len(rows)))
    sights = np.zeros((len(parts) + 1, tasks), dtype=np.float32)
    sights[:, rows] = 1.0
    for i, part in enumerate(parts):
        sights[i, part] = 0.0
    return sights


def _fitted(one: KalmanMemory, priors: list[Any], data: Examples, sights: np.ndarray) -> Any:
    """(weights, forecasts, variances) with leading axes [candidate, sight]."""
    count, ways = len(priors), len(sights)
    stacked = jax.tree.map(
        lambda *leaves: jnp.repeat(
            jnp.stack([jnp.asarray(leaf, dtype=jnp.float32) for leaf in leaves]), ways, axis=0
        ),
        *priors,
    )
    found = fit_many(one, stacked, data, jnp.tile(jnp.asarray(sights), (count, 1)))
    return jax.tree.map(lambda leaf: np.asarray(leaf).reshape(count, ways, *leaf.shape[1:]), found)


def _left_out(values: np.ndarray, sights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of [candidate, sight, task, time] what the fit says that did not see the task."""
    unseen = np.argmin(sights[:-1], axis=0)
    return np.stack([values[:, unseen[task], task] for task in rows], axis=1)


def _of_one_fineness(
    targets: np.ndarray, mean: np.ndarray, variance: np.ndarray, known: np.ndarray, seed: int
) -> np.ndarray:
    """The shares of the candidates of one fineness, that whose mixed forecasts of tasks left out
    have the least mean absolute error; they say where a curve is, the likelihood how sure."""
    score = robust_scores(targets, mean, variance, known)
    found = []
    for i in range(len(RAMPS)):
        of = slice(i * len(CANDIDATES), (i + 1) * len(CANDIDATES))
        by_task = score[of].sum(axis=-1)
        if not np.isfinite(by_task).all(axis=1).any():
            continue
        share = shares(by_task, seed)
        foreseen = mixed(np.nan_to_num(mean[of]), np.nan_to_num(score[of]), share, 0.0)
        everyone = np.zeros(len(score))
        everyone[of] = share
        found.append((float(np.abs(targets - foreseen)[known].mean()), everyone))
    if not found:
        raise FamilyError(
            "Expected the fit of a structure to stay finite, but none did. Look for targets that "
            "are many spreads away from all others."
        )
    return min(found, key=lambda one: one[0])[1]


def _row(params: dict[str, Any], at: tuple[int, int]) -> dict[str, np.ndarray]:
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
        "updates": STEPS,
        "stopped_early": False,
        "weights": parameter_count(params),
        "validation_by_seed": [error],
        "history": [[STEPS, error, error]],
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
