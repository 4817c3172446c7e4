"""Evolution strategies and gradient descent on networks, on equal terms."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import InputError, MissingExtraError
from fixedweight.evolution import descend, evolve, population_errors, strategies
from fixedweight.families import Boolean
from fixedweight.networks import LSTM1997, Elman, initial_state
from fixedweight.training import fit_network
from fixedweight.training.loop import seen

pytestmark = pytest.mark.usefixtures("quick_compile")
FAMILY = Boolean(inputs=1, length=6)
NETWORK = Elman(hidden=3)


def stream(batch=8):
    drawn = FAMILY.sample(jax.random.key(5), batch, FAMILY.length)
    return seen(drawn, FAMILY, FAMILY.scaling())


@pytest.mark.parametrize("network", [Elman(hidden=3), LSTM1997(blocks=2, hidden=1)])
def test_a_population_is_judged_as_each_member_alone(network):
    network = fit_network(FAMILY, network)
    members = [network.init_params(np.random.default_rng(i)) for i in range(4)]
    members = [{k: np.float32(3.0 * v) for k, v in member.items()} for member in members]
    inputs, targets, weights = stream()
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    together = jax.jit(lambda p: population_errors(network, p, inputs, targets, weights))
    expected = []
    for member in members:
        state = initial_state(network, member, (8,), np)
        total = 0.0
        for t in range(FAMILY.length):
            state, y = network.step(member, state, np.asarray(inputs[:, t]), np)
            total += ((y - np.asarray(targets[:, t])) ** 2).sum()
        expected.append(total / (8 * FAMILY.length))
    np.testing.assert_allclose(together(population), expected, rtol=1e-4)
    assert len(set(np.round(expected, 4))) == 4


def errors(params):
    """[look, seed]"""
    network = fit_network(FAMILY, NETWORK)
    given = stream(256)
    judge = jax.jit(jax.vmap(lambda members: population_errors(network, members, *given)))
    return np.asarray(judge(params))


def check_course(found, seed, seeds=2):
    """The first look is at the weights that training begins from, the last is better."""
    course = errors(found)
    assert (course[-1] < course[0] - 0.02).all()
    for i in range(seeds):
        begin = fit_network(FAMILY, NETWORK).init_params(np.random.default_rng((seed, i)))
        for name, value in begin.items():
            assert found[name].shape == (len(course), seeds, *value.shape)
            np.testing.assert_allclose(found[name][0, i], value, rtol=1e-6)


SETTINGS = {"step": 0.5, "population": 16, "batch": 8, "seeds": 2, "seed": 3}


def test_the_strategy_of_mirrored_noise_lowers_the_error():
    found = evolve(FAMILY, NETWORK, "open_es", looks=(0, 60), **SETTINGS)
    check_course(found, seed=3)


def test_covariance_adaptation_lowers_the_error_whenever_one_looks(monkeypatch):
    """And each generation is judged on the same streams, which have no axis of members."""
    found = evolve(FAMILY, NETWORK, "sep_cma_es", looks=(0, 5, 60), **SETTINGS)
    check_course(found, seed=3)
    shapes = []

    def judged(network, population, inputs, targets, weights):
        shapes.append((jax.tree.leaves(population)[0].shape[0], inputs.shape))
        return population_errors(network, population, inputs, targets, weights)

    monkeypatch.setattr(strategies, "population_errors", judged)
    again = evolve(FAMILY, NETWORK, "sep_cma_es", looks=(5,), **SETTINGS)
    for name in found:
        np.testing.assert_array_equal(again[name][0], found[name][1])
    assert set(shapes) == {(16, (8, FAMILY.length, FAMILY.network_input_size))}


def test_the_diagonal_learns_at_the_rates_of_its_paper():
    """Ros and Hansen 2008: those of the full matrix in Hansen's tutorial, times (n + 2) / 3."""
    n, members = 20, 16
    _, settings = strategies._sep_cma_es(members, {"w": jnp.zeros(n)}, 0.1)
    raw = np.log((members + 1) / 2) - np.log(np.arange(1, members // 2 + 1))
    mu = raw.sum() ** 2 / (raw**2).sum()
    np.testing.assert_allclose(settings.c_1, (n + 2) / 3 * 2 / ((n + 1.3) ** 2 + mu), rtol=1e-5)
    full = 2 * (mu - 2 + 1 / mu) / ((n + 2) ** 2 + mu)
    np.testing.assert_allclose(settings.c_mu, (n + 2) / 3 * full, rtol=1e-5)
    np.testing.assert_allclose(settings.std_init, 0.1)


def test_descent_lowers_the_error_from_the_same_weights():
    found = descend(
        FAMILY, NETWORK, "adam", step=0.03, looks=(0, 20, 120), batch=16, seeds=2, seed=3
    )
    check_course(found, seed=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "cma"}, {"step": 0.0}, {"looks": ()}, {"looks": (5, 2)}, {"population": 5},
        {"batch": 0}, {"seeds": 0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    settings = {"strategy": "open_es", "step": 0.1, "looks": (1,), **wrong}
    with pytest.raises(InputError, match="Expected"):
        evolve(FAMILY, NETWORK, **settings)


def test_descent_refuses_looks_out_of_order():
    with pytest.raises(InputError, match="ascending"):
        descend(FAMILY, NETWORK, "adam", step=0.1, looks=(5, 2))


def test_the_extra_is_named_where_the_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "evosax.algorithms", None)
    with pytest.raises(MissingExtraError, match=r"fixedweight\[reproduce\]"):
        evolve(FAMILY, NETWORK, "open_es", step=0.1, looks=(1,))
