"""The genetic algorithm over bit strings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import InputError
from fixedweight.evolution import evolve_bits

pytestmark = pytest.mark.usefixtures("quick_compile")
PLANTED = np.array([1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0], dtype=bool)


def agreement(key, members):
    return jnp.sum(members == PLANTED, axis=1).astype(jnp.float32)


def run(seed, generations, **settings):
    search = jax.jit(
        lambda key: evolve_bits(key, agreement, len(PLANTED), generations=generations, **settings)
    )
    return search(jax.random.key(seed))


def test_a_planted_string_is_found():
    best, fitness = run(0, 150)
    np.testing.assert_array_equal(best, PLANTED)
    assert fitness[0] < len(PLANTED)
    assert fitness[-1] == len(PLANTED)


def test_the_fittest_is_never_lost():
    fitness = np.asarray(run(2, 60, mutation=0.3).fitness)
    assert (np.diff(fitness) >= 0).all()
    assert fitness[-1] > fitness[0]


def test_without_crossover_and_mutation_nothing_new_appears():
    """Children are then copies of members of the first generation: its best is the last's."""
    _, fitness = run(1, 30, crossover=0.0, mutation=0.0)
    assert len(set(np.asarray(fitness).tolist())) == 1


def test_crossover_alone_combines_what_is_there():
    _, fitness = run(1, 60, mutation=0.0)
    assert fitness[-1] > fitness[0]


@pytest.mark.parametrize(
    "settings", [{"population": 1}, {"generations": 0}, {"crossover": 1.5}, {"mutation": -0.1}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="Expected"):
        evolve_bits(jax.random.key(0), agreement, 4, **settings)
