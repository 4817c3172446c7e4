"""Where a network begins: one of hypotheses, one of a user's own."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.families import Boolean, Linear, Recurring
from fixedweight.networks import Hypotheses
from fixedweight.training import Schedule, Stage, default_schedule, derive, fit_network
from fixedweight.training.begin import first_params
from fixedweight.training.loop import init_seeds, make_optimizer

ROWS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def fitted(family, network) -> Hypotheses:
    found = fit_network(family, network)
    assert isinstance(found, Hypotheses)
    return found


def foreseen(network, params, x):
    hidden = np.tanh(x @ params["w_hidden"] + params["b_hidden"])
    basis = np.concatenate([x, hidden], axis=1)
    return basis @ params["w_hypothesis"] + params["b_hypothesis"]


def test_every_boolean_map_is_a_hypothesis_of_its_chance():
    family = Recurring(Boolean())
    network = fitted(family, Hypotheses(hypotheses=16))
    params = first_params(network, family, np.random.default_rng(0))
    tables = (foreseen(network, params, ROWS) > 0).T
    assert len(np.unique(tables, axis=0)) == 16
    chance = np.exp(params["prior"])
    assert chance[:16].sum() == pytest.approx(0.9)
    assert chance.sum() == pytest.approx(1.0)
    assert chance[:16].max() < 6 * chance[:16].min()
    shapes = {k: v.shape for k, v in network.init_params(np.random.default_rng(0)).items()}
    assert {k: np.shape(v) for k, v in params.items()} == shapes


def test_linear_tasks_are_hypotheses_as_they_are_drawn():
    family = Linear(inputs=2)
    network = fitted(family, Hypotheses(hypotheses=20))
    params = first_params(network, family, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(50, 2))
    found = foreseen(network, params, x)
    slopes, *_ = np.linalg.lstsq(x, found, rcond=None)
    np.testing.assert_allclose(x @ slopes, found, atol=0.1)
    assert np.linalg.matrix_rank(slopes) == 2


def test_examples_that_do_not_count_are_left_out():
    class Half(Boolean):
        """A family whose later examples are padding with wrong targets."""

        def sample(self, key, batch, length):
            stream = super().sample(key, batch, length)
            counts = jnp.arange(length) < length // 2
            targets = jnp.where(counts[None, :, None], stream.targets, 1.0 - stream.targets)
            return stream._replace(targets=targets, scored=stream.scored & counts)

    network = fitted(Boolean(), Hypotheses(hypotheses=16))
    both = [
        first_params(network, family, np.random.default_rng(0)) for family in (Boolean(), Half())
    ]
    tables = [(foreseen(network, params, ROWS) > 0).T for params in both]
    assert len(np.unique(tables[1], axis=0)) == 16
    assert not np.array_equal(both[0]["w_hypothesis"], both[1]["w_hypothesis"])


def test_seeds_begin_apart():
    family = Recurring(Boolean())
    network = fitted(family, Hypotheses(hypotheses=16))
    schedule = default_schedule(family, network)
    draw = partial(first_params, network, family)
    state = init_seeds(network, make_optimizer(schedule), 0, 2, draw=draw)
    weights = np.asarray(state.params["w_hypothesis"])
    assert not np.array_equal(weights[0], weights[1])
    for seed in range(2):
        params = {name: np.asarray(value[seed]) for name, value in state.params.items()}
        assert len(np.unique(foreseen(network, params, ROWS) > 0, axis=1).T) == 16


def test_a_network_of_ones_own_may_see_tasks_before_it_begins(tiny):
    class Informed(tiny.elman):
        """Its readout begins at the mean target."""

        def first_params(self, rng, tasks):
            inputs, targets, scored = tasks(50)
            assert inputs.shape == (50, 128, self.input_size)
            assert targets.shape[:2] == scored.shape == (50, 128)
            mean = float(targets[scored > 0].mean())
            return {**self.init_params(rng), "v": np.full((self.hidden, 1), mean)}

    still = Schedule((Stage(3, 4, 1),), learning_rate=1e-9)
    learner = derive(Boolean(inputs=1, length=6), Informed(), schedule=still, seeds=1)
    np.testing.assert_allclose(learner.params["v"], 0.5, atol=0.1)


def test_what_is_no_weights_to_begin_at_is_refused(tiny):
    class Careless(tiny.elman):
        def first_params(self, rng, tasks):
            return {"w": np.zeros(2)}

    with pytest.raises(NetworkError, match=r"Careless.first_params to return weights .*'v'"):
        first_params(Careless(), Boolean(), np.random.default_rng(0))
