"""A learner from a small table: against the truth, and only from the tasks it may see."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import fixedweight as fw
from fixedweight.errors import FamilyError, InputError
from fixedweight.relatives import Relatives, explained, fit, tasks
from fixedweight.relatives.derive import FIRST, RAMPS
from fixedweight.relatives.told import MOST_TOLD

TASKS, TIME, NOISE = 24, 8, 0.3
COVARIANCE = np.array([[1.0, 0.3], [0.3, 0.5]])


def drawn(seed=0, tasks=TASKS, missing=False):
    """Lines with random intercept and slope around a known mean."""
    rng = np.random.default_rng(seed)
    x = np.tile(np.linspace(-1.0, 1.0, TIME), (tasks, 1))
    w = rng.multivariate_normal([2.0, 1.0], COVARIANCE, tasks)
    y = w[:, :1] + w[:, 1:] * x + NOISE * rng.normal(size=x.shape)
    who = np.repeat(np.arange(tasks), TIME)
    frame = pd.DataFrame({"who": who, "x": x.ravel(), "y": y.ravel()})
    if missing:
        frame.loc[3::7, "y"] = np.nan
    return frame


def table(frame):
    return fw.read_table(frame, task="who", target="y", test=[0, 1, 2, 3], validation=[4, 5])


@pytest.fixture(scope="module")
def learner():
    return fw.derive_related(table(drawn()))


def best_linear(x, y):
    """The predictions of the model that the lines were drawn from."""
    f = np.stack([np.ones_like(x), x], axis=-1)
    predictions = np.empty_like(y)
    for t in range(TIME):
        gain = f[t] @ COVARIANCE @ f[:t].T
        total = f[:t] @ COVARIANCE @ f[:t].T + NOISE**2 * np.eye(t)
        predictions[:, t] = f[t] @ [2.0, 1.0]
        if t:
            rest = y[:, :t] - f[:t] @ [2.0, 1.0]
            predictions[:, t] += rest @ np.linalg.solve(total, gain)
    return predictions


def test_it_comes_near_the_best_linear_prediction(learner):
    fresh = drawn(seed=1, tasks=400)
    x, y = (fresh[name].to_numpy().reshape(400, TIME) for name in ("x", "y"))
    found = learner.unroll(x[..., None], y[..., None])[0][..., 0]
    exact = best_linear(x[0], y)
    assert np.mean((found - y) ** 2) < 1.1 * np.mean((exact - y) ** 2)


def test_test_tasks_are_not_looked_at(learner):
    frame = drawn()
    frame.loc[frame["who"] < 4, "y"] += 100.0
    again = fw.derive_related(table(frame))
    for name, value in learner.params.items():
        np.testing.assert_array_equal(again.params[name], value)


def test_it_survives_its_file_and_says_what_it_is_made_of(learner, tmp_path):
    learner.save(tmp_path / "lines.safetensors")
    again = fw.Learner.load(tmp_path / "lines.safetensors")
    x, y = np.zeros((1, 3, 1)), np.ones((1, 3, 1))
    np.testing.assert_array_equal(again.unroll(x, y)[0], learner.unroll(x, y)[0])
    lines = explained(again.card)
    assert len(lines) == 1 + MOST_TOLD
    assert "share" in lines[1]


def test_with_little_time_less_is_fitted_and_the_card_says_so(learner):
    short = fw.derive_related(table(drawn()), minutes=1e-9)
    run, whole = short.card["derivation"], learner.card["derivation"]
    assert {one["ramps"] for one in run["structures"]} == {RAMPS[FIRST]}
    assert {one["ramps"] for one in whole["structures"]} == set(RAMPS)
    assert (run["not_fitted"], whole["not_fitted"]) == (2, 0)
    assert "for lack of time 2 fits" in "".join(explained(short.card))
    same = [one for one in whole["structures"] if one["ramps"] == RAMPS[FIRST]]
    assert [one["held_out_log_likelihood"] for one in run["structures"]] == [
        one["held_out_log_likelihood"] for one in same
    ]


def test_no_time_at_all_is_refused():
    with pytest.raises(InputError, match="more than 0 minutes"):
        fw.derive_related(table(drawn()), minutes=0.0)


def test_predictions_are_bounded_by_what_the_tasks_have_shown(learner):
    wild = learner.unroll(np.full((1, 30, 1), 1e6), np.full((1, 30, 1), 1e6))[0]
    y = drawn()["y"]
    room = y.max() - y.min()
    assert wild.min() > y.min() - room
    assert wild.max() < y.max() + room


def test_missing_targets_are_passed_over():
    found = fw.derive_related(table(drawn(missing=True)))
    assert found.flagged
    x, y = np.linspace(-1, 1, TIME)[None, :, None], np.ones((1, TIME, 1))
    y[0, 2:4] = np.nan
    assert np.isfinite(found.unroll(x, y)[0]).all()


def test_too_few_tasks_are_refused():
    frame = drawn(tasks=4)
    few = fw.read_table(frame, task="who", target="y", test=[0, 1], validation=[2])
    with pytest.raises(FamilyError, match="at least 3 tasks to fit, got 2"):
        fw.derive_related(few)


def test_relatives_have_the_moments_of_the_filters(learner):
    """Without extra spread draws have the mean and variance of the filters' first forecast."""
    heads = learner.network.heads
    family = Relatives(table(drawn()), learner, own=0.0, spread=0.0)
    x = learner.scaling.scale_inputs(np.full((20_000, 1, 1), 0.5, dtype=np.float32))
    y = np.asarray(family.draw(jax.random.key(0), jnp.asarray(x)))[:, 0]
    params, network = learner.params, learner.network
    state = network.init_state(params, (), np)
    mean, variance = network.foresee(params, state, network.seen(params, x[0, 0], np), np)
    share = np.exp(params["weight"]).reshape(heads)
    expected = share @ mean
    assert abs(y.mean() - expected) < 0.03
    total = share @ (variance + mean**2) - expected**2
    np.testing.assert_allclose(y.var(), total, rtol=0.05)


def test_relatives_can_be_trained_on_from_the_fit(learner):
    family = Relatives(table(drawn()), learner)
    fw_schedule = fw.Schedule((fw.Stage(TIME, 16, 3),), learning_rate=1e-9, optimizer="adam")
    start = dict(learner.params)
    small = replace(learner.network)
    found = fw.derive_seeds(family, small, schedule=fw_schedule, start=start, seeds=1)[0]
    for name, value in start.items():
        np.testing.assert_allclose(found.params[name], value, atol=1e-6)


def test_the_likelihood_s_slope_is_that_of_the_scan(monkeypatch):
    network = fw.networks.KalmanMemory(
        heads=1, features=1, knots=2, input_size=2, output="linear"
    )  # fmt: skip
    rng = np.random.default_rng(0)
    start = network.init_params(rng)
    params = {name: jnp.asarray(value, jnp.float32) for name, value in start.items()}
    known = rng.uniform(size=(5, 6)) < 0.8
    data = fit.examples(network, params, rng.normal(size=(5, 6, 1)), rng.normal(size=(5, 6)), known)
    weights = jnp.asarray([1.0, 1.0, 0.0, 1.0, 1.0])
    slope = jax.grad(fit.unlikelihood, 1)
    compiled = slope(network, params, data, weights)
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    plain = slope(network, params, data, weights)
    for name, value in plain.items():
        np.testing.assert_allclose(compiled[name], value, rtol=2e-3, atol=2e-3, err_msg=name)


def test_forecasts_of_the_fit_are_those_of_the_network(learner):
    """The network's own step, one example after the other, foresees what the fit saw."""
    x, y = drawn()["x"].to_numpy().reshape(TASKS, TIME, 1), drawn()["y"].to_numpy()
    network, scaling = learner.network, learner.scaling
    one = replace(network, heads=1, input_size=2)
    params = learner.params
    first = {
        name: params[name].reshape(*params[name].shape[:-1], network.heads, -1)[..., 0, :]
        for name in ("mean", "scale", "feature", "gap", "drift", "start", "spread", "rate", "noise")
    } | {name: params[name] for name in ("begin", "slope", "low", "high", "temper")}
    first["weight"] = np.zeros(1)
    first = {name: np.asarray(value, np.float32) for name, value in first.items()}
    inputs = scaling.scale_inputs(x)
    targets = scaling.scale_targets(y.reshape(TASKS, TIME, 1))[..., 0]
    data = fit.examples(one, first, inputs, targets, np.ones((TASKS, TIME), dtype=bool))
    foreseen, _ = fit.forecasts(one, {k: jnp.asarray(v) for k, v in first.items()}, data)
    alone = replace(learner, network=one, params=first)
    stepped, _ = alone.unroll(x, y.reshape(TASKS, TIME, 1))
    np.testing.assert_allclose(
        scaling.scale_targets(stepped)[..., 0], foreseen, rtol=1e-3, atol=1e-3
    )


def test_series_beyond_the_most_are_left_out_of_the_fit(monkeypatch):
    monkeypatch.setattr(tasks, "MOST_TASKS", 5)
    assert len(tasks._known_tasks(table(drawn()), 0)) == 5


def test_fits_go_on_for_as_long_as_they_gain(monkeypatch):
    """Where there is next to no noise one round of steps is far from the end."""
    frame = drawn(tasks=10)
    x, who = frame["x"].to_numpy(), frame["who"].to_numpy()
    slope = np.random.default_rng(3).normal(size=10)
    frame["y"] = 2.0 + slope[who] * np.exp(x) + 1e-3 * np.random.default_rng(4).normal(size=len(x))
    family = table(frame)

    def likelihood(learner):
        structures = learner.card["derivation"]["structures"]
        return max(one["held_out_log_likelihood"] for one in structures)

    whole = fw.derive_related(family)
    monkeypatch.setattr(fit, "MOST_ROUNDS", 1)
    short = fw.derive_related(family)
    assert short.card["derivation"]["updates"] == fit.STEPS
    assert whole.card["derivation"]["updates"] > fit.STEPS
    assert likelihood(whole) > likelihood(short) + 10.0


def test_a_round_that_makes_a_fit_worse_is_forgotten():
    """Far too high a rate ends anywhere, or nowhere finite: the weights before stay."""
    network = fw.networks.KalmanMemory(
        heads=1, features=4, knots=3, input_size=2, output="linear"
    )  # fmt: skip
    knots = {"begin": np.array([[-1.0, -0.3, 0.3]]), "slope": np.full((1, 3), 1.5)}
    prior = fit.hyper_prior(network, fit.CANDIDATES[-1], knots, np.array([True]))
    priors = jax.tree.map(lambda leaf: np.stack([leaf] * 2).astype(np.float32), prior)
    rng = np.random.default_rng(0)
    data = fit.examples(
        network, knots, rng.normal(size=(3, 6, 1)), rng.normal(size=(3, 6)), np.ones((3, 6), bool)
    )
    weights = jnp.ones((2, 3))
    params, cost = fit._begun(network, priors, data, weights)
    kept, after = fit._further(network, params, cost, priors, data, weights, 1e4)
    np.testing.assert_array_equal(after, cost)
    for name, value in params.items():
        np.testing.assert_array_equal(kept[name], value)
    _, after = fit._further(network, params, cost, priors, data, weights, fit.RATE)
    assert (after < cost).all()
