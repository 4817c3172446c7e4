"""Where a network of hypotheses begins: at tasks that the family draws."""

import jax
import numpy as np
from jaxtyping import Float

from fixedweight.families import TaskFamily
from fixedweight.networks import Hypotheses, Params
from fixedweight.networks.simple import affine
from fixedweight.training.loop import seen

DRAWS = 12
"""Tasks that are drawn, times the hypotheses."""
EXAMPLES = 128
"""Examples of each."""
FREE = 0.1
"""The prior chance of a task that is none of the fixed hypotheses, at first."""
COMMON = 256
"""Inputs at which tasks are compared."""
RIDGE = 0.03
NEWTON = 8
"""Steps of Newton's method for a logistic hypothesis."""


def hypotheses_from(network: Hypotheses, family: TaskFamily, rng: np.random.Generator) -> Params:
    """Weights whose hypotheses are the tasks drawn most often, fitted on the network's own basis.

    Tasks that are alike, in the sign of what is foreseen of targets in [0, 1] at common inputs,
    are one hypothesis, of a prior chance by their number. Others are drawn at random.
    """
    params = network.init_params(rng)
    alone = family.at_pace(0.0)
    count = DRAWS * network.hypotheses
    key = jax.random.key(int(rng.integers(2**32)))
    stream = jax.jit(lambda key: alone.sample(key, count, EXAMPLES))(key)
    inputs, targets, counted = (np.asarray(a) for a in seen(stream, family, family.scaling()))
    x = inputs[..., : network.example_size].astype(np.float64)
    basis = _with_one(network, params, x)
    fit = _logistic if network.output == "logistic" else _linear
    by_target = [fit(basis, one, counted) for one in np.moveaxis(targets, -1, 0)]
    found = np.stack(by_target, axis=-1)  # [task, basis, target]
    common = _with_one(network, params, x[rng.permutation(count)[:COMMON], 0])
    foreseen = np.einsum("ni,tio->tno", common, found).reshape(count, -1)
    kept, chance = _distinct(foreseen, network)
    order = np.argsort(-chance, kind="stable")[: network.hypotheses]
    order = np.resize(order, network.hypotheses)  # again from the first where there are fewer
    chosen, chance = found[kept[order]], chance[order]
    flat = np.moveaxis(chosen, 0, 1).reshape(basis.shape[-1], -1)
    params["w_hypothesis"], params["b_hypothesis"] = flat[:-1], flat[-1]
    chance = (1.0 - FREE) * chance / chance.sum()
    # each free one half as likely as the one before, so that they are not taken up together
    free = 0.5 ** np.arange(network.free)
    params["prior"] = np.log(np.concatenate([chance, FREE * free / free.sum()]))
    return params


def _with_one(
    network: Hypotheses, params: Params, x: Float[np.ndarray, "... input"]
) -> Float[np.ndarray, "... basis"]:
    hidden = np.tanh(affine(x, params, "hidden"))
    return np.concatenate([x, hidden, np.ones_like(x[..., :1])], axis=-1)


def _distinct(foreseen: Float[np.ndarray, "task number"], network: Hypotheses):
    """The first of each kind of task, and how many there are of it."""
    if network.output != "logistic":
        return np.arange(len(foreseen)), np.ones(len(foreseen))
    _, first, number = np.unique(foreseen > 0, axis=0, return_index=True, return_counts=True)
    return first, number.astype(float)


def _linear(
    basis: Float[np.ndarray, "task time basis"],
    targets: Float[np.ndarray, "task time"],
    counted: Float[np.ndarray, "task time"],
) -> Float[np.ndarray, "task basis"]:
    """Ridge regression."""
    weighted = (basis * counted[..., None]).swapaxes(1, 2)
    gram = weighted @ basis + RIDGE * np.eye(basis.shape[-1])
    return np.linalg.solve(gram, weighted @ targets[..., None])[..., 0]


def _logistic(
    basis: Float[np.ndarray, "task time basis"],
    targets: Float[np.ndarray, "task time"],
    counted: Float[np.ndarray, "task time"],
) -> Float[np.ndarray, "task basis"]:
    """Ridge logistic regression by Newton's method."""
    w = np.zeros(basis.shape[::2])
    penalty = RIDGE * np.eye(basis.shape[-1])
    for _ in range(NEWTON):
        p = 0.5 + 0.5 * np.tanh(0.5 * (basis @ w[..., None])[..., 0])
        slope = ((counted * (targets - p))[..., None, :] @ basis)[..., 0, :] - RIDGE * w
        curve = (basis * (counted * p * (1.0 - p))[..., None]).swapaxes(1, 2) @ basis + penalty
        w = w + np.linalg.solve(curve, slope[..., None])[..., 0]
    return w
