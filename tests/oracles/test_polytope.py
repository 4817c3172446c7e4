"""The Bayes predictor of boxes against quadrature over the slice, and what it may not know."""

from dataclasses import replace

import numpy as np
import pytest
from oracle_figures import drawn, known_oracle, mean_and_error, squared_errors

from fixedweight.errors import InputError
from fixedweight.families import Late, Missing, Quadratic, Semilinear, Stream, Switching
from fixedweight.oracles import (
    Polytope,
    quadratic_least_squares,
    quadratic_polytope,
    semilinear_polytope,
)
from fixedweight.oracles.link import NARROW, HalfTanh, Linear

IDENTITY = Linear()
CASES = {
    "semilinear": (Semilinear(2), semilinear_polytope(Semilinear(2)), np.arctanh),
    "quadratic": (Quadratic(1, "none"), quadratic_polytope(Quadratic(1, "none")), None),
    "global": (Quadratic(1, "global"), quadratic_polytope(Quadratic(1, "global")), None),
}
"""Families of three parameters: the slice after one example is a plane's, after two a segment."""


def linear_part(oracle, stream):
    """Features z and the exact g^-1(y) in float64, from the float32 tasks."""
    w = oracle.parameters(np.asarray(stream.tasks, dtype=np.float64))
    z = oracle.features(np.asarray(stream.inputs, dtype=np.float64))
    return z, (z * w).sum(axis=-1)


@pytest.mark.parametrize("case", CASES)
def test_one_example_as_by_a_grid_over_two_parameters(case):
    """w1, w2 on a grid; the third feature is the constant 1, so that w3 = c - z1 w1 - z2 w2."""
    family, oracle, _ = CASES[case]
    oracle = replace(oracle, chains=256, moves=40)
    stream = drawn(family, 1, 24, 2)
    found = oracle.predict(stream)[:, 1, 0]
    z, c = linear_part(oracle, stream)
    middle = (np.arange(500) + 0.5) / 250 - 1
    w1, w2 = np.meshgrid(middle, middle)
    expected = []
    for b in range(24):
        w3 = c[b, 0] - z[b, 0, 0] * w1 - z[b, 0, 1] * w2
        inside = np.abs(w3) <= 1
        values = oracle.link.value(z[b, 1, 0] * w1 + z[b, 1, 1] * w2 + z[b, 1, 2] * w3)
        expected.append(values[inside].mean())
    unit = np.diff(oracle.link.value(np.array([0.0, 1.0])))[0]
    np.testing.assert_allclose(found / unit, np.array(expected) / unit, rtol=0, atol=0.015)
    assert np.mean((found - expected) ** 2) < (0.005 * unit) ** 2


@pytest.mark.parametrize("case", CASES)
def test_two_examples_as_by_the_interval_of_one_parameter(case):
    """w1 in an interval; w2 and w3 follow from the two examples."""
    family, oracle, _ = CASES[case]
    stream = drawn(family, 2, 200, 3)
    found = oracle.predict(stream)[:, 2, 0]
    z, c = linear_part(oracle, stream)
    for b in range(200):
        # (w2, w3) = start + slope w1
        start = np.linalg.solve(z[b, :2, 1:], c[b, :2])
        slope = np.linalg.solve(z[b, :2, 1:], -z[b, :2, 0])
        ends = np.sort((np.array([[-1.0], [1.0]]) - start) / slope, axis=0)
        low, high = max(-1.0, *ends[0]), min(1.0, *ends[1])
        w1 = low + (high - low) * (np.arange(4000) + 0.5) / 4000
        w = np.stack([w1, *(start[:, None] + slope[:, None] * w1)])
        expected = oracle.link.value(z[b, 2] @ w).mean()
        assert found[b] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_no_example_and_enough_of_them(case):
    family, oracle, _ = CASES[case]
    stream = drawn(family, 3, 50, 10)
    predictions = oracle.predict(stream)
    np.testing.assert_array_equal(predictions[:, 0], oracle.link.value(np.zeros((50, 1))))
    np.testing.assert_allclose(predictions[:, 3:], stream.targets[:, 3:], rtol=0, atol=2e-6)


def test_semilinear_risk():
    """0.0757 + 0.0399 + 0.0180 = 0.1336 (s.e. 0.0002, 200,000 streams; oracle_figures)."""
    family = Semilinear(2)
    errors = squared_errors(known_oracle(family), drawn(family, 4, 3000, 6))
    spread = errors[:, :3].std(axis=0) / len(errors) ** 0.5
    found = errors.mean(axis=0)
    assert np.all(np.abs(found[:3] - [0.0757, 0.0399, 0.0180]) < 4 * spread)
    assert found[3:].max() < 1e-12
    mean, error = mean_and_error(errors.sum(axis=1))
    assert abs(mean - 0.1336) < 4 * error


def test_first_semilinear_risk_is_the_prior_variance():
    """E (tanh(w . z) / 2)^2 over tasks and inputs that the oracle has no part in."""
    rng = np.random.default_rng(5)
    w, x = rng.uniform(-1, 1, (400000, 3)), rng.uniform(-1, 1, (400000, 2))
    variance = 0.25 * np.tanh((w[:, :2] * x).sum(axis=1) + w[:, 2]) ** 2
    assert variance.mean() == pytest.approx(0.0757, abs=0.0006)


def test_least_squares_cannot_beat_it():
    family = Quadratic(2, "none")
    stream = drawn(family, 6, 300, 6)
    bayes = squared_errors(quadratic_polytope(family), stream)
    linear = squared_errors(quadratic_least_squares(family), stream)
    mean, error = mean_and_error((linear - bayes).sum(axis=1))
    assert mean > 2 * error


@pytest.mark.parametrize("seen", [1, 2])
def test_truth_matters_only_through_what_was_observed(seen):
    """Another truth that agrees with all examples so far must give the same predictions.

    This is the test that the oracle does not peek: it reads the truth, but only to start its
    chains, so any other point of the slice must do as well, up to the chains' Monte Carlo error.
    """
    family = Semilinear(2)
    oracle = semilinear_polytope(family)
    stream = drawn(family, 7, 1000, seen + 1)
    w = stream.tasks[:, 0].astype(np.float64)
    z, _ = linear_part(oracle, stream)
    rng = np.random.default_rng(8)
    # A uniform point on a random chord of the slice through the truth.
    free = np.linalg.svd(z[:, :seen])[2][:, seen:]
    direction = np.einsum("bmd,bm->bd", free, rng.standard_normal(free.shape[:2]))
    ends = (np.array([-1.0, 1.0])[:, None, None] - w) / direction
    low, high = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    other = w + (low + rng.random(1000) * (high - low))[:, None] * direction
    tasks = np.broadcast_to(other[:, None], stream.tasks.shape)
    links = np.tanh(np.einsum("btd,bd->bt", z, other))
    changed = stream._replace(tasks=tasks, targets=0.5 + 0.5 * links[..., None])
    np.testing.assert_allclose(changed.targets[:, :seen], stream.targets[:, :seen], atol=1e-6)

    a, b = oracle.predict(stream)[..., 0], oracle.predict(changed)[..., 0]
    np.testing.assert_array_equal(a[:, 0], b[:, 0])
    truths = stream.targets[:, seen, 0] - changed.targets[:, seen, 0]
    difference = a[:, seen] - b[:, seen]
    pull = (difference * truths).mean() / (truths**2).mean()
    assert (truths**2).mean() > 0.01
    assert abs(pull) < 0.005
    assert (difference**2).mean() < 0.01 * (truths**2).mean()


def test_too_few_dropped_moves_would_feign_a_lower_risk():
    """Why moves are dropped: without it the chains carry the truth into the prediction."""
    family = Semilinear(2)
    oracle = semilinear_polytope(family)
    stream = drawn(family, 9, 2000, 2)
    errors = squared_errors(oracle, stream)[:, 1]
    feigned = squared_errors(replace(oracle, moves=2, dropped=0), stream)[:, 1]
    assert feigned.mean() < 0.95 * errors.mean()


def test_repeated_inputs_add_nothing():
    family = Semilinear(2)
    oracle = semilinear_polytope(family)
    stream = drawn(family, 10, 40, 3)
    twice = Stream(*(np.repeat(part, 2, axis=1) for part in stream))
    once, found = oracle.predict(stream), oracle.predict(twice)
    np.testing.assert_allclose(found[:, 1::2], twice.targets[:, 1::2], atol=1e-6)
    np.testing.assert_allclose(found[:, ::2], once, atol=0.05)
    np.testing.assert_allclose(found[:, 4], once[:, 2], atol=1e-12)


def test_late_and_missing_targets_hold_the_slice_back():
    stream = drawn(Semilinear(2), 11, 30, 8)
    late = known_oracle(Late(Semilinear(2), steps=2)).predict(stream)
    np.testing.assert_array_equal(late[:, :3], 0.5)
    np.testing.assert_allclose(late[:, 5:], stream.targets[:, 5:], atol=2e-6)
    told = np.zeros((30, 8), dtype=bool)
    missing = known_oracle(Missing(Semilinear(2), share=0.5))
    np.testing.assert_array_equal(missing.predict(stream._replace(revealed=told)), 0.5)


@pytest.mark.parametrize("link", [IDENTITY, Linear(0.05, 0.5), HalfTanh()])
@pytest.mark.parametrize("width", [3.0, 1.0, 2 * NARROW, 0.5 * NARROW, 0.0])
def test_mean_of_a_link_is_its_integral(link, width):
    a = np.linspace(-4, 4, 41)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    z = a[:, None] + width * (nodes + 1) / 2
    np.testing.assert_allclose(link.mean(a, a + width), link.value(z) @ weights / 2, atol=1e-9)
    np.testing.assert_allclose(link.mean(a + width, a), link.value(z) @ weights / 2, atol=1e-9)


def test_what_is_not_uniform_in_a_box_is_refused():
    assert quadratic_polytope(Quadratic(2, "task")) is None
    family = Semilinear(2)
    oracle = semilinear_polytope(family)
    stream = drawn(family, 12, 4, 5)
    with pytest.raises(InputError, match=r"parameters in \[-1, 1\]"):
        oracle.predict(stream._replace(tasks=3 * stream.tasks))
    with pytest.raises(InputError, match="Expected 3 parameters for each of 4 streams"):
        oracle.predict(stream._replace(tasks=stream.tasks[..., :2]))
    with pytest.raises(InputError, match="change in time"):
        oracle.predict(drawn(Switching(family, every=2), 13, 4, 6))


@pytest.mark.parametrize("changes", [{"chains": 0}, {"moves": 0}, {"dropped": -1}])
def test_impossible_configuration_is_refused(changes):
    with pytest.raises(InputError, match="at least one chain"):
        Polytope(np.asarray, IDENTITY, **changes)
