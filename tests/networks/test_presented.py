"""Networks told their error, or target and data in turn, against loops over the one within."""

from dataclasses import dataclass, replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight import Learner, OnlineEstimator
from fixedweight.errors import LearnerFileError, NetworkError
from fixedweight.families import Boolean, Late, Missing, network_inputs
from fixedweight.gradients import GRADIENTS
from fixedweight.networks import (
    GRU,
    LSTM,
    LSTM1997,
    Alternating,
    Elman,
    FullyRecurrent,
    Gaussian,
    Hypotheses,
    Network,
    PreviousError,
    check_network,
    initial_state,
)
from fixedweight.scaling import Scaling
from fixedweight.training import fit_network

TIME = 12


@dataclass(frozen=True)
class Mine(Network):
    """A user's own: what it saw, once."""

    def init_params(self, rng):
        return {"w": rng.normal(size=(self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"seen": xp.zeros((*batch, self.input_size))}

    def step(self, params, state, inputs, xp):
        return {"seen": inputs}, self.squash((inputs + 0.5 * state["seen"]) @ params["w"], xp)


WITHIN = (LSTM1997(blocks=2, hidden=1), FullyRecurrent(hidden=3), Mine())


def drawn(within, wrap=PreviousError, *, data=2, targets=1, delay=0, flagged=False):
    """A wrapper with parameters, raw data [time, ...], targets and whether each is told."""
    network = wrap(within).fitted(
        input_size=data + targets + flagged,
        target_size=targets,
        output="linear",
        delay=delay,
        flagged=flagged,
    )
    rng = np.random.default_rng(4)
    params = {name: 3.0 * value for name, value in network.init_params(rng).items()}
    told = rng.random(TIME) < (0.6 if flagged else 1.1)
    return network, params, rng.normal(size=(TIME, data)), rng.normal(size=(TIME, targets)), told


def outputs(network, params, inputs):
    state, found = initial_state(network, params, (), np), []
    for x in inputs:
        state, y = network.step(params, state, x, np)
        found.append(y)
    return np.array(found)


def as_inputs(network, x, y, told):
    """What a network is shown: data, what is told, flag."""
    rows = []
    for t in range(len(x)):
        source = t - 1 - network.delay
        arrived = source >= 0 and told[source]
        target = y[source] if arrived else np.zeros(network.target_size)
        rows.append(np.concatenate([x[t], target, [float(arrived)] * network.flagged]))
    return np.array(rows)


@pytest.mark.parametrize(
    ("within", "delay", "flagged", "targets"),
    list(product(WITHIN, (0, 1, 3), (False, True), (1, 2))),
)
def test_the_error_is_that_of_the_prediction_whose_target_arrives(within, delay, flagged, targets):
    network, params, x, y, told = drawn(within, delay=delay, flagged=flagged, targets=targets)
    state, expected = initial_state(network.network, params, (), np), []
    for t in range(TIME):
        source = t - 1 - delay
        arrived = source >= 0 and told[source]
        error = y[source] - expected[source] if arrived else np.zeros(targets)
        shown = np.concatenate([x[t], error, [float(arrived)] * flagged])
        state, prediction = network.network.step(params, state, shown, np)
        expected.append(prediction)
    found = outputs(network, params, as_inputs(network, x, y, told))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.ptp(expected, axis=0).min() > 1e-2


@pytest.mark.parametrize(("within", "flagged"), list(product(WITHIN, (False, True))))
def test_target_and_data_are_two_steps_of_the_network_within(within, flagged):
    network, params, x, y, told = drawn(within, Alternating, flagged=flagged)
    inputs = as_inputs(network, x, y, told)
    doubled = np.zeros((2 * TIME, inputs.shape[1] + 1))
    doubled[0::2, 2:-1], doubled[0::2, -1] = inputs[:, 2:], 1.0
    doubled[1::2, :2] = x
    expected = outputs(network.network, params, doubled)[1::2]
    np.testing.assert_array_equal(outputs(network, params, inputs), expected)


def test_both_together_show_error_and_data_in_turn():
    network, params, x, y, told = drawn(Alternating(Elman(hidden=3)), delay=1)
    inputs = as_inputs(network, x, y, told)
    found = outputs(network, params, inputs)
    shown = inputs.copy()
    shown[2:, 2:] -= found[:-2]
    shown[:2, 2:] = 0.0
    expected = outputs(network.network, params, shown)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_who_predicts_nothing_is_told_the_target_and_who_is_right_nothing():
    network, params, x, y, told = drawn(Elman(hidden=3))
    inputs = as_inputs(network, x, y, told)
    mute = {**params, "w_output": 0.0 * params["w_output"], "b_output": np.zeros(1)}
    state, plain = (initial_state(n, mute, (), np) for n in (network, network.network))
    for row in inputs:
        state, _ = network.step(mute, state, row, np)
        plain, _ = network.network.step(mute, plain, row, np)
    np.testing.assert_array_equal(state["hidden"], plain["hidden"])

    silent = np.concatenate([x, np.zeros((TIME, 1))], axis=1)
    right = outputs(network.network, params, silent)
    found = outputs(network, params, as_inputs(network, x, right, told))
    np.testing.assert_allclose(found, right, rtol=1e-12)


def test_alternating_the_target_reaches_the_prediction_through_the_state_alone():
    network, params, *_ = drawn(Mine(), Alternating)
    state = initial_state(network, params, (), np)
    one, other = (network.step(params, state, np.array([0.3, -0.2, y]), np) for y in (0.0, 1.0))
    assert one[1] != other[1]  # "seen" holds what was shown in the first step
    forgetful = type("Forgetful", (Mine,), {"step": lambda self, params, state, inputs, xp: (
        state, self.squash(inputs @ params["w"], xp))})  # fmt: skip
    network = replace(network, network=forgetful())
    one, other = (network.step(params, state, np.array([0.3, -0.2, y]), np) for y in (0.0, 1.0))
    assert one[1] == other[1]


@pytest.mark.parametrize("family", [Boolean(), Late(Boolean(), 2), Missing(Boolean(), 0.3)])
def test_a_family_says_how_its_targets_come(family):
    network = fit_network(family, PreviousError(Alternating(GRU(hidden=2))))
    check_network(network)
    within = network.network
    assert (network.delay, network.flagged) == (family.delay, family.flagged)
    assert (within.delay, within.flagged) == (family.delay, family.flagged)
    assert within.network == GRU(hidden=2, input_size=family.network_input_size + 1)

    stream = jax.jit(lambda key: family.sample(key, 1, TIME))(jax.random.key(0))
    inputs = np.asarray(network_inputs(stream, family.delay, family.flagged), np.float64)[0]
    params = network.init_params(np.random.default_rng(0))
    found = outputs(network, params, inputs)
    error = np.zeros((TIME, 1))
    ahead = 1 + family.delay
    told = np.asarray(stream.revealed)[0, : TIME - ahead, None]
    error[ahead:] = told * (np.asarray(stream.targets)[0, : TIME - ahead] - found[:-ahead])
    shown = np.concatenate([inputs[:, :2], error, inputs[:, 3:]], axis=1)
    np.testing.assert_allclose(outputs(within, params, shown), found, rtol=1e-6)


@pytest.mark.parametrize(
    ("network", "gradient"),
    [
        (PreviousError(LSTM(hidden=1), delay=1), "bptt"),
        (Alternating(LSTM(hidden=1)), "one_step"),
        (PreviousError(Alternating(LSTM(hidden=1))), "truncated1997"),
    ],
    ids=["error", "alternating", "both"],
)
def test_gradients_in_kernels_as_in_the_scan(network, gradient, monkeypatch, quick_compile):
    rng = np.random.default_rng(1)
    single = lambda v: jnp.asarray(v, jnp.float32)  # noqa: E731
    params = {name: single(5.0 * v) for name, v in network.init_params(rng).items()}
    state = initial_state(network, params, (3,), jnp)
    inputs, targets = single(rng.normal(size=(3, 6, 3))), single(rng.uniform(size=(3, 6, 1)))
    assert network.memory == {"cells"}
    found = []
    for kernels in ("1", "0"):
        monkeypatch.setenv("FIXEDWEIGHT_KERNELS", kernels)
        run = jax.jit(GRADIENTS[gradient](network))
        found.append(run(params, state, inputs, targets, jnp.ones((3, 6)))[1])
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-4, atol=1e-6)
        assert np.any(value)


def learner(network, **settings):
    params = network.init_params(np.random.default_rng(0))
    scaling = Scaling((0.0, 1.0), (1.0, 2.0), (3.0,), (4.0,))
    names = {"input_names": ("a", "b"), "target_names": ("y",)}
    return Learner(network, params, scaling, **names, **settings)


@pytest.mark.parametrize("wrap", [PreviousError, Alternating])
def test_an_estimator_predicts_purely_and_learns_as_the_stream_says(wrap, tmp_path):
    made = learner(replace(wrap(Mine()), output="linear"))
    made.save(tmp_path / "learner")
    made = Learner.load(tmp_path / "learner", networks=[Mine])
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1, TIME, 2)), rng.normal(size=(1, TIME, 1))
    expected = made.unroll(x, y)[0][0, :, 0]
    estimator = OnlineEstimator(made)
    for t in range(TIME):
        before = estimator.get_state()
        for other in rng.normal(size=(3, 2)):
            estimator.predict_one(other)
        estimator.predict_many(rng.normal(size=(3, 2)))
        assert all(np.array_equal(estimator.get_state()[k], part) for k, part in before.items())
        assert estimator.predict_one(x[0, t]) == pytest.approx(expected[t], rel=1e-5)
        estimator.learn_one(x[0, t], y[0, t])


def test_a_file_in_which_targets_come_otherwise_is_refused(tmp_path):
    learner(PreviousError(Elman(hidden=2), delay=1), delay=2).save(tmp_path / "learner")
    with pytest.raises(LearnerFileError, match="expects targets that come otherwise"):
        Learner.load(tmp_path / "learner")


@dataclass(frozen=True)
class Clash(Mine):
    def init_state(self, params, batch, xp):
        return {"predictions": xp.zeros((*batch, 1))}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PreviousError(PreviousError()), "told its error once, got it twice"),
        (lambda: Alternating(PreviousError()), r"got PreviousError.*Write PreviousError\(Alter"),
        (lambda: Alternating(Alternating()), "a plain network in Alternating, got Alternating"),
        (lambda: Gaussian(Hypotheses()), "no Hypotheses in Gaussian: it takes its examples as"),
        (lambda: PreviousError(delay=-1), "a delay from 0"),
        (lambda: Alternating(input_size=1, flagged=True), "at least 2 inputs to hold the target"),
        (lambda: check_network(PreviousError(Clash())), "no part 'predictions' in the state of Cl"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()
