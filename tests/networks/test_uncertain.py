"""Networks that predict a spread, against loops over the one within, and what they promise."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_presented import as_inputs

from fixedweight import Learner, OnlineEstimator
from fixedweight.errors import InputError, NetworkError
from fixedweight.networks import (
    GRU,
    Alternating,
    Elman,
    Gaussian,
    LeastSquaresMemory,
    PreviousError,
    Quantiles,
    initial_state,
)
from fixedweight.networks.uncertain import LEAST, LEVELS, MOST, bounded
from fixedweight.scaling import Scaling

TIME = 14
WITHIN = (GRU(hidden=3), PreviousError(Elman(hidden=3)), LeastSquaresMemory(features=3, hidden=2))


def drawn(wrap, within=WITHIN[0], *, data=2, targets=1, delay=0, flagged=False, output="linear"):
    network = wrap(within).fitted(
        input_size=data + targets + flagged,
        target_size=targets,
        output=output,
        delay=delay,
        flagged=flagged,
    )
    rng = np.random.default_rng(3)
    params = {name: 2.0 * value for name, value in network.init_params(rng).items()}
    return network, params


@pytest.mark.parametrize(
    ("within", "delay", "flagged", "targets"),
    list(product(WITHIN, (0, 2), (False, True), (1, 2))),
)
def test_gaussian_is_its_definition(within, delay, flagged, targets):
    network, params = drawn(Gaussian, within, delay=delay, flagged=flagged, targets=targets)
    params |= {"sd_shift": np.full(targets, 0.2), "alarm": np.array([0.7])}
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(TIME, 2)), 3.0 * rng.normal(size=(TIME, targets))
    told = rng.random(TIME) < (0.6 if flagged else 1.1)
    inputs = as_inputs(network, x, y, told)
    inner, state = network.network, initial_state(network, params, (), np)
    inside, strange, past = initial_state(inner, params, (), np), 0.0, []
    most = 0.0
    for t in range(TIME):
        source = t - 1 - delay
        if source >= 0 and told[source]:
            z = (y[source] - past[source][0]) / np.exp(past[source][1])
            gain = [NormalDist(0, 2), NormalDist(0, 1)]
            ratio = sum(np.log(gain[0].pdf(v)) - np.log(gain[1].pdf(v)) for v in np.clip(z, -4, 4))
            strange = max(0.0, strange + 0.7 * ratio)
        elif source < 0 and not flagged:
            strange = max(0.0, strange - 0.7 * targets * np.log(2))
        end = 2 + targets
        row = np.concatenate([inputs[t, :end], np.zeros(targets), inputs[t, end:]])
        inside, output = inner.step(params, inside, row, np)
        past.append((output[:targets], bounded(output[targets:], np) + 0.2))
        state, mean = network.step(params, state, inputs[t], np)
        np.testing.assert_allclose(mean, past[t][0], rtol=1e-12)
        np.testing.assert_allclose(state["spread"], past[t][1], rtol=1e-12)
        np.testing.assert_allclose(state["strange"], [strange], rtol=1e-6, atol=1e-9)
        most = max(most, strange)
    assert most > 0.0


def test_gaussian_error_is_the_negative_log_likelihood():
    network, _ = drawn(Gaussian, targets=2)
    spread, mean, y = np.array([0.3, -1.0]), np.array([0.1, 2.0]), np.array([-0.4, 2.5])
    expected = -sum(
        np.log(NormalDist(m, np.exp(s)).pdf(t)) for m, s, t in zip(mean, spread, y, strict=True)
    )
    got = network.error({"spread": spread}, mean, y, np)
    assert got == pytest.approx(expected - np.log(2.0 * np.pi), rel=1e-12)


def test_quantile_error_is_the_squared_error_and_pinball_losses():
    network, _ = drawn(Quantiles, targets=2)
    rng = np.random.default_rng(0)
    spread, mean, y = rng.normal(size=(5, 2)), rng.normal(size=2), rng.normal(size=2)
    expected = ((y - mean) ** 2).sum()
    for level, quantile in zip(LEVELS, mean + spread, strict=True):
        for q, t in zip(quantile, y, strict=True):
            expected += level * (t - q) if t > q else (1.0 - level) * (q - t)
    assert network.error({"spread": spread.ravel()}, mean, y, np) == pytest.approx(expected)


@given(st.lists(st.floats(-1e4, 1e4), min_size=10, max_size=10), st.integers(0, 99))
def test_quantiles_never_cross(inputs, seed):
    network, params = drawn(Quantiles, targets=2)
    params |= {"widths": np.random.default_rng(seed).uniform(0.5, 2.0, (4, 2))}
    state = initial_state(network, params, (2,), np)
    state, _ = network.step(params, state, np.reshape(inputs[:8], (2, 4)), np)
    by_level = state["spread"].reshape(2, 5, 2)
    assert np.isfinite(by_level).all()
    assert (np.diff(by_level, axis=1) > 0.0).all()


@given(st.floats(-1e30, 1e30), st.floats(1e-6, 10.0))
def test_bounds_hold_and_nothing_turns_round(x, more):
    assert LEAST - 1e-3 <= bounded(x, np) <= MOST
    assert bounded(x, np) <= bounded(x + more, np)
    assert bounded(-2.0, np) == pytest.approx(-2.0, abs=0.03)


@pytest.mark.parametrize("wrap", [Gaussian, Quantiles])
@pytest.mark.parametrize("off", [0.3, 1.0, 2.5])
def test_calibrated_intervals_hold_as_often_as_they_say(wrap, off):
    """Targets that lie `off` times as far from the mean as stated, on both sides alike."""
    network, params = drawn(wrap, targets=2)
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(4000, 4))

    def seen(params):
        state = initial_state(network, params, (len(inputs),), np)
        state, mean = network.step(params, state, inputs, np)
        return mean, state["spread"]

    mean, spread = seen(params)
    middle = mean if wrap is Gaussian else mean + spread.reshape(-1, 5, 2)[:, 2]
    low, high = network.interval(mean, spread, 0.9)
    side = rng.normal(size=mean.shape) / NormalDist().inv_cdf(0.95)
    y = middle + off * np.where(side > 0, high - middle, middle - low) * side
    params = network.calibrated(params, y - mean, spread)
    low, high = network.interval(*seen(params), 0.9)
    assert ((low <= y) & (y <= high)).mean(axis=0) == pytest.approx([0.9, 0.9], abs=1e-3)


def test_quantiles_give_the_coverages_they_have():
    network, params = drawn(Quantiles)
    state = initial_state(network, params, (3,), np)
    state, mean = network.step(params, state, np.ones((3, 3)), np)
    wide, narrow = (network.interval(mean, state["spread"], c) for c in (0.9, 0.5))
    assert (wide[0] < narrow[0]).all()
    assert (narrow[1] < wide[1]).all()
    with pytest.raises(InputError, match=r"coverage of 0\.9 or 0\.5"):
        network.interval(mean, state["spread"], 0.8)


def learner_of(wrap, **settings):
    network, params = drawn(wrap, **settings)
    params = {name: value.astype(np.float32) for name, value in params.items()}
    scaling = Scaling((1.0, 2.0), (2.0, 0.5), (5.0,), (10.0,))
    return Learner(network, params, scaling, 0, False, ("a", "b"), ("y",))


@pytest.mark.parametrize("wrap", [Gaussian, Quantiles])
def test_an_estimator_gives_intervals_in_raw_units_and_stays_as_it_is(wrap):
    estimator = OnlineEstimator(learner_of(wrap))
    for t in range(5):
        estimator.learn_one([t, t % 2], 3.0 * t)
    before = estimator.get_state()
    low, high = estimator.predict_interval_one({"a": 1.0, "b": 0.0})
    after = estimator.get_state()
    assert all(np.array_equal(after[name], part) for name, part in before.items())
    state, output = estimator.learner.step(
        estimator._state, np.float32([1.0, 0.0]), estimator._supplement
    )
    ends = estimator.learner.network.interval((output - 5.0) / 10.0, state["spread"], 0.9)
    assert [low, high] == pytest.approx([float(end[0]) * 10.0 + 5.0 for end in ends], rel=1e-4)
    assert low < high


def test_intervals_of_probabilities_are_probabilities():
    learner = learner_of(Gaussian, output="logistic")
    learner = Learner(
        learner.network, {**learner.params, "sd_shift": np.float32([9.0])},
        Scaling((0.0, 0.0), (1.0, 1.0), (0.0,), (1.0,)), 0, False, ("a", "b"), ("y",),
    )  # fmt: skip
    low, high = OnlineEstimator(learner).predict_interval_one([0.5, 0.5])
    assert (low, high) == (0.0, 1.0)


def test_a_stream_unlike_any_is_strange():
    estimator = OnlineEstimator(learner_of(Gaussian))
    assert estimator.strange == 0.0
    for t in range(8):
        guess = estimator.predict_one([0.0, 1.0])
        _, high = estimator.predict_interval_one([0.0, 1.0], 0.99)
        estimator.learn_one([0.0, 1.0], guess + 1.5 * (high - guess) * (-1) ** t)
    estimator.learn_one([0.0, 1.0], estimator.predict_one([0.0, 1.0]))
    assert estimator.strange > 1.0
    assert OnlineEstimator(estimator.learner).strange == 0.0


def test_what_cannot_be_asked_is_refused():
    plain = OnlineEstimator(learner_of(lambda network: network))
    with pytest.raises(InputError, match="predicts a spread, got one of GRU"):
        plain.predict_interval_one([0.0, 1.0])
    with pytest.raises(InputError, match="predicts normal distributions"):
        _ = plain.strange
    with pytest.raises(InputError, match="coverage between 0 and 1, got 1"):
        OnlineEstimator(learner_of(Gaussian)).predict_interval_one([0.0, 1.0], 1.0)
    with pytest.raises(NetworkError, match="says once how sure it is"):
        Gaussian(Quantiles(GRU()))
    with pytest.raises(NetworkError, match="PreviousError, got Gaussian"):
        PreviousError(Gaussian(GRU()))
    with pytest.raises(NetworkError, match="plain network in Alternating"):
        Alternating(Gaussian(GRU()))
