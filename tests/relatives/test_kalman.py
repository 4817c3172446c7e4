"""A filter of the network is the exact conditional of the Gaussian model that its weights name."""

import numpy as np
import pytest

from fixedweight.networks import KalmanMemory, initial_state

TIME = 12


def one_filter(features=2, velocity=False):
    network = KalmanMemory(heads=1, features=features, knots=4, input_size=3, output="linear")
    params = network.init_params(np.random.default_rng(3))
    params["low"], params["high"] = np.array([-1e3]), np.array([1e3])
    params["drift"][:] = -30.0
    params["spread"][:] = params["start"][:] = np.array([-0.3, -0.7 if velocity else -30.0])
    return network, params


def foreseen(network, params, x, y):
    """Each target predicted from those before, by the network's step."""
    state = initial_state(network, params, (), np)
    told, outputs = np.zeros(1), []
    for t in range(len(x)):
        state, output = network.step(params, state, np.concatenate([x[t], told]), np)
        outputs.append(output[0])
        told = y[t : t + 1]
    return np.array(outputs)


def conditional(mean, covariance, noise, y):
    """E[y_t | y_1 ... y_(t-1)] by solving for each, from the joint normal distribution."""
    total = covariance + np.diag(noise)
    return np.array(
        [
            mean[t] + covariance[t, :t] @ np.linalg.solve(total[:t, :t], y[:t] - mean[:t])
            for t in range(len(y))
        ]
    )


def test_random_effects_and_a_level_are_those_of_the_joint_distribution():
    network, params = one_filter()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(TIME, 2)), rng.normal(size=TIME)
    mean, scale, key = (part[:, 0] for part in network.seen(params, x, np))
    gap = network.gap(params, x[:-1], x[1:], np)[:, 0]
    passed = np.concatenate([[0.0], np.cumsum(gap)])
    level = np.exp(2 * params["spread"][0]) * np.exp(
        -np.exp(params["rate"][0]) * np.abs(passed[:, None] - passed)
    )
    covariance = scale[:, None] * scale * (key[:, :2] @ key[:, :2].T + level)
    noise = scale**2 * (1e-5 + np.exp(params["noise"][0]))
    expected = conditional(mean, covariance, noise, y)
    np.testing.assert_allclose(foreseen(network, params, x, y), expected, rtol=1e-8, atol=1e-8)


def test_a_velocity_and_a_drift_are_those_of_a_plain_filter():
    network, params = one_filter(velocity=True)
    params["drift"][:] = [-2.0, -3.0]
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(TIME, 2)), rng.normal(size=TIME)
    mean, scale, key = (part[:, 0] for part in network.seen(params, x, np))
    state = np.zeros(4)
    cov = np.diag([1.0, 1.0, *np.exp(2 * params["start"])])
    expected = []
    for t in range(TIME):
        if t:
            gap = network.gap(params, x[t - 1], x[t], np)[0]
            keep = np.exp(-gap * np.exp(params["rate"]))
            move = np.diag([1.0, 1.0, *keep])
            move[2, 3] = gap
            added = np.exp(2 * params["spread"]) * (1 - keep**2)
            cov = move @ cov @ move.T + np.diag([*(gap * np.exp(params["drift"])), *added])
            state = move @ state
        expected.append(mean[t] + scale[t] * key[t] @ state)
        gain = cov @ key[t] / (key[t] @ cov @ key[t] + 1e-5 + np.exp(params["noise"][0]))
        state = state + gain * ((y[t] - mean[t]) / scale[t] - key[t] @ state)
        cov = cov - np.outer(gain, cov @ key[t])
    np.testing.assert_allclose(foreseen(network, params, x, y), expected, rtol=1e-8, atol=1e-8)


def test_filters_are_weighed_by_bayes_rule_where_temper_is_one():
    network = KalmanMemory(heads=3, features=1, knots=2, input_size=2, output="linear")
    params = network.init_params(np.random.default_rng(5))
    params["temper"], params["low"], params["high"] = np.ones(1), *np.array([[-1e3], [1e3]])
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(TIME, 1)), rng.normal(size=TIME)
    each, score = [], []
    for i in range(3):
        alone = {
            name: value.reshape(len(value), 3, -1)[:, i] if value.ndim == 2 else value
            for name, value in params.items()
            if name not in ("begin", "slope")
        }
        for name in ("drift", "start", "spread", "rate", "noise", "weight"):
            alone[name] = params[name].reshape(3, -1)[i]
        alone |= {name: params[name] for name in ("begin", "slope")}
        one = KalmanMemory(heads=1, features=1, knots=2, input_size=2, output="linear")
        each.append(foreseen(one, alone, x, y))
        state = {
            name: part for name, part in initial_state(one, alone, (), np).items()
            if name in ("mean", "covariance", "evidence")
        }  # fmt: skip
        density = []
        for t in range(TIME):
            gap = one.gap(alone, x[t - 1], x[t], np) if t else np.zeros(1)
            state = state | one.advance(alone, state, gap, np)
            seen = one.seen(alone, x[t], np)
            mean, variance = one.foresee(alone, state, seen, np)
            density.append(-0.5 * (np.log(variance) + (y[t] - mean) ** 2 / variance)[0])
            state = one.learn(alone, state, seen, y[t : t + 1], np)
        score.append(density)
    before = np.cumsum(score, axis=1) - score + params["weight"][:, None]
    share = np.exp(before - before.max(axis=0))
    expected = (share * each).sum(axis=0) / share.sum(axis=0)
    np.testing.assert_allclose(foreseen(network, params, x, y), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("wild", [1e4, 1e30])
def test_predictions_stay_in_their_bounds(wild):
    network = KalmanMemory(input_size=3, output="linear")
    params = network.init_params(np.random.default_rng(0))
    params = {name: value.astype(np.float32) for name, value in params.items()}
    x = (wild * np.random.default_rng(1).normal(size=(40, 2))).astype(np.float32)
    y = (wild * np.random.default_rng(2).normal(size=40)).astype(np.float32)
    outputs = foreseen(network, params, x, y)
    assert outputs.min() >= params["low"][0]
    assert outputs.max() <= params["high"][0]
