"""Gradient descent on the same terms as evolution: the weights after given numbers of updates."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from fixedweight.errors import InputError
from fixedweight.families import TaskFamily
from fixedweight.gradients import bptt
from fixedweight.networks import Network, Params, check_network
from fixedweight.training import Schedule, Stage, fit_network
from fixedweight.training.loop import init_seeds, make_advance, make_optimizer


def descend(
    family: TaskFamily,
    network: Network,
    optimizer: Literal["soap", "adam", "sgd"],
    *,
    step: float,
    looks: Sequence[int],
    batch: int = 64,
    seeds: int = 3,
    seed: int = 0,
) -> Params:
    """Train as `derive_seeds` does, with full backpropagation through time on streams of the
    family's usual length, and show the weights at each look.

    Args:
        step: the learning rate at its peak; it falls along a cosine to the last look.
        looks: after how many updates to look, in ascending order.

    Returns:
        The weights, leaves [look, seed, ...].

    Raises:
        InputError: an unknown optimiser or numbers that make no sense.
        NetworkError: the network does not keep to the protocol.
    """
    if not looks or min(looks) < 0 or list(looks) != sorted(looks):
        raise InputError(f"Expected updates to look at, in ascending order, got {looks}.")
    network = fit_network(family, network)
    check_network(network)
    stage = Stage(family.examples, batch, max(looks[-1], 1))
    course = make_optimizer(Schedule((stage,), learning_rate=step, optimizer=optimizer))
    advance = make_advance(
        network, bptt(network), course, family.part("train"), family.scaling(), stage
    )
    state = init_seeds(network, course, seed, seeds)
    keys = jax.random.split(jax.random.key(seed), seeds)
    found, done = [], 0
    for look in looks:
        state, done = advance(state, keys, done, look - done)[0], look
        found.append(state.params)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)
