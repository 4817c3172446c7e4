"""Where a network begins: at random, or having seen tasks of the family."""

import jax
import numpy as np

from fixedweight.families import TaskFamily
from fixedweight.networks import Network, Params
from fixedweight.training.loop import seen

EXAMPLES = 128
"""Of a task that a network sees to begin."""


def first_params(network: Network, family: TaskFamily, rng: np.random.Generator) -> Params:
    """What a network begins its training from."""

    def tasks(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        alone, key = family.at_pace(0.0), jax.random.key(int(rng.integers(2**32)))
        stream = jax.jit(lambda key: alone.sample(key, count, EXAMPLES))(key)
        inputs, targets, scored = map(np.asarray, seen(stream, family, family.scaling()))
        return inputs, targets, scored

    return network.first_params(rng, tasks)
