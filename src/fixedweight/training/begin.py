"""Where a network begins: at random, or having seen tasks of the family."""

import jax
import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.families import TaskFamily
from fixedweight.networks import Network, Params
from fixedweight.training.loop import seen

EXAMPLES = 128
"""Of a task that a network sees to begin."""


def first_params(network: Network, family: TaskFamily, rng: np.random.Generator) -> Params:
    """What a network begins its training from.

    Raises:
        NetworkError: what its `first_params` returns are not its weights.
    """

    def tasks(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        alone, key = family.at_pace(0.0), jax.random.key(int(rng.integers(2**32)))
        stream = jax.jit(lambda key: alone.sample(key, count, EXAMPLES))(key)
        inputs, targets, scored = map(np.asarray, seen(stream, family, family.scaling()))
        return inputs, targets, scored

    params = network.first_params(rng, tasks)
    wanted, got = weight_shapes(network), shapes(params)
    if got != wanted:
        raise NetworkError(
            f"Expected {type(network).__name__}.first_params to return weights {wanted}, got {got}."
        )
    return params


def weight_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """The shape of each of a network's weights."""
    return shapes(network.init_params(np.random.default_rng(0)))


def shapes(params: Params) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(value) for name, value in params.items()}
