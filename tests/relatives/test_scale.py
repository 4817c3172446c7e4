"""The scale of the targets: logarithms where they are likelier, wild numbers cut off."""

import numpy as np
import pandas as pd
import pytest

import fixedweight as fw
from fixedweight.estimators import OnlineEstimator
from fixedweight.relatives.scale import REACH, scales

ROWS = np.arange(6)
EVERY = np.ones((6, 40), dtype=bool)


def read(targets, inputs=None):
    inputs = np.zeros((6, 40, 1)) if inputs is None else inputs
    return scales(inputs, targets, EVERY, EVERY, ROWS)


def test_logarithms_are_tried_where_all_targets_are_positive():
    y = np.exp(np.random.default_rng(0).normal(size=(6, 40)))
    plain, logs = read(y)
    for scaled in (plain, logs):
        np.testing.assert_allclose(scaled.raw(scaled.targets), y, rtol=1e-4)
    np.testing.assert_allclose([logs.targets.mean(), logs.targets.std()], [0, 1], atol=1e-5)
    y[2, 3] = 0.0
    assert len(read(y)) == 1
    assert len(read(10.0 + 0.01 * y)) == 1


def test_densities_of_both_are_those_of_raw_targets():
    y = np.exp(np.random.default_rng(0).normal(size=(6, 40)))
    step = 1e-3 * y
    for scaled, more in zip(read(y), read(y + step), strict=True):
        if scaled.log:
            moved = np.log((y + step) / y) / scaled.unit
        else:
            moved = step / scaled.scaling.target_scale[0]
        np.testing.assert_allclose(np.exp(scaled.steepness), moved / step, rtol=2e-3)
        assert more.log == scaled.log


def test_a_wild_number_is_cut_off_and_spoils_no_scale():
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(6, 40)), rng.normal(size=(6, 40, 1))
    wild_y, wild_x = y.copy(), x.copy()
    wild_y[1, 1], wild_x[2, 2] = 1e9, -1e9
    (scaled,), (wild,) = read(y, x), read(wild_y, wild_x)
    assert wild.scaling.target_scale[0] < 3 * scaled.scaling.target_scale[0]
    assert wild.scaling.input_scale[0] < 3 * scaled.scaling.input_scale[0]
    assert wild.raw(wild.targets).max() < y.max() + 2 * REACH


def growing(seed, tasks=16, time=10):
    """Exponential growth of sizes over three decades, errors in proportion."""
    rng = np.random.default_rng(seed)
    day = np.tile(np.arange(time), tasks)
    who = np.repeat(np.arange(tasks), time)
    start, rate = rng.normal(0.0, 0.7, tasks)[who], rng.normal(0.6, 0.1, tasks)[who]
    y = np.exp(start + rate * day + 0.1 * rng.normal(size=len(day)))
    return pd.DataFrame({"who": who, "day": day, "y": y})


@pytest.fixture(scope="module")
def learner():
    table = fw.read_table(growing(0), task="who", target="y", test=[0], validation=[1])
    return fw.derive_related(table)


def test_logarithms_are_taken_where_they_are_likelier(learner, tmp_path):
    scale = learner.card["derivation"]["scales"]
    assert learner.network.log
    assert scale["in logarithms"][0] > scale["as they are"][0]
    assert scale["in logarithms"][1] < scale["as they are"][1]
    fresh = growing(1, tasks=50)
    x, y = (fresh[name].to_numpy().reshape(50, 10, 1) for name in ("day", "y"))
    found = learner.unroll(x, y)[0]
    off = np.abs(np.log(found / y))
    assert off[:, 3:].mean() < 0.15
    learner.save(tmp_path / "growing.safetensors")
    again = fw.Learner.load(tmp_path / "growing.safetensors")
    np.testing.assert_array_equal(again.unroll(x, y)[0], found)


def test_targets_that_cannot_be_are_survived(learner):
    estimator = OnlineEstimator(learner)
    largest = growing(0)["y"].max()
    for y in (0.0, -5.0, 1e12, 1.0, 2.0):
        estimator.learn_one([3.0], y)
        assert 0 < estimator.predict_one([4.0]) < 1e3 * largest


def test_the_compiled_step_takes_logarithms_too(learner):
    pytest.importorskip("jax")
    plain, compiled = OnlineEstimator(learner), fw.CompiledEstimator(learner)
    for day, y in enumerate([1.0, 2.0, 0.0, 7.0]):
        np.testing.assert_allclose(compiled.predict_one([day]), plain.predict_one([day]), rtol=1e-4)
        plain.learn_one([day], y)
        compiled.learn_one([day], y)


def test_relatives_are_drawn_in_the_unit_of_the_table(learner):
    import jax

    from fixedweight.relatives import Relatives

    table = fw.read_table(growing(0), task="who", target="y", test=[0], validation=[1])
    drawn = Relatives(table, learner, own=0.0).sample(jax.random.key(0), 500, 10)
    y = np.asarray(drawn.targets)
    assert (y > 0).all()
    middle = np.log(y[..., 0]).mean(axis=0)
    np.testing.assert_allclose(middle, 0.6 * np.arange(10), atol=0.5)
