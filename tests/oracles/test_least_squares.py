"""Recursive least squares against conditioning in one go, and the risks of the quadratics."""

from dataclasses import replace

import numpy as np
import pytest
from oracle_figures import bayes_products, drawn, known_oracle, mean_and_error, squared_errors

from fixedweight.errors import InputError
from fixedweight.families import Noisy, Quadratic, Stream
from fixedweight.oracles import LeastSquares, quadratic_least_squares

# facts: the Gaussian-prior bound in units of q, by example.
RISK = np.array([0.728, 0.445, 0.294, 0.206, 0.124, 0.062])


def gaussian_stream(seed, batch, time, mean, covariance, noise):
    """Features as inputs, Gaussian parameters and noise, in float64."""
    rng = np.random.default_rng(seed)
    w = rng.multivariate_normal(mean, covariance, batch)
    x = rng.uniform(-1, 1, (batch, time, len(mean)))
    y = np.einsum("btd,bd->bt", x, w) + noise**0.5 * rng.standard_normal((batch, time))
    every = np.ones((batch, time), dtype=bool)
    tasks = np.broadcast_to(w[:, None], x.shape)
    return Stream(tasks, x, y[..., None], every, every, every.astype(int))


def by_conditioning(stream, mean, covariance, noise, delay=0):
    """E[y | told before] of jointly Gaussian targets, by one linear solve for every prediction."""
    predictions = np.empty(stream.targets.shape[:2])
    for b, row in enumerate(predictions):
        f, y = stream.inputs[b], stream.targets[b, :, 0]
        for t in range(len(row)):
            past = np.flatnonzero(stream.revealed[b, : max(0, t - delay)])
            gram = f[past] @ covariance @ f[past].T + noise * np.eye(len(past))
            cross = f[t] @ covariance @ f[past].T
            row[t] = f[t] @ mean + cross @ np.linalg.solve(gram, y[past] - f[past] @ mean)
    return predictions


def prior(size, seed=0):
    """A correlated prior that is not centred."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((size, size))
    return rng.standard_normal(size), root @ root.T / size


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_gaussian_posterior_mean(noise, delay):
    mean, covariance = prior(4)
    stream = gaussian_stream(1, 5, 12, mean, covariance, noise)
    stream = stream._replace(revealed=np.random.default_rng(2).random((5, 12)) < 0.8)
    found = LeastSquares(np.asarray, mean, covariance, noise, delay=delay).predict(stream)
    expected = by_conditioning(stream, mean, covariance, noise, delay)
    np.testing.assert_allclose(found[..., 0], expected, rtol=0, atol=1e-8)


def test_exact_observations_as_by_conditioning_then_interpolation():
    mean, covariance = prior(4, seed=3)
    stream = gaussian_stream(4, 20, 12, mean, covariance, 0.0)
    found = LeastSquares(np.asarray, mean, covariance).predict(stream)[..., 0]
    short = Stream(*(part[:, :4] for part in stream))
    expected = by_conditioning(short, mean, covariance, 0.0)
    np.testing.assert_allclose(found[:, :4], expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found[:, 5:], stream.targets[:, 5:, 0], rtol=0, atol=1e-5)


def test_repeated_inputs_and_a_singular_prior():
    covariance = np.diag([1.0, 0.0, 0.5])
    mean = np.array([0.0, 0.3, 0.0])
    stream = gaussian_stream(5, 30, 40, mean, covariance, 0.0)
    repeated = np.repeat(stream.inputs[:, :4], 10, axis=1)
    targets = np.einsum("btd,btd->bt", repeated, stream.tasks)[..., None]
    stream = stream._replace(inputs=repeated, targets=targets)
    errors = squared_errors(LeastSquares(np.asarray, mean, covariance), stream)
    assert errors[:, 1:10].max() < 1e-10
    assert errors[:, 21:].max() < 1e-8


def test_risk_of_the_quadratics_is_the_gaussian_bound():
    family = Quadratic(2, "none")
    errors = squared_errors(quadratic_least_squares(family), drawn(family, 0, 16000, 16))
    spread = errors[:, :6].std(axis=0) / len(errors) ** 0.5
    assert np.all(np.abs(errors[:, :6].mean(axis=0) - RISK) < 4 * spread + 0.003)
    mean, error = mean_and_error(errors.sum(axis=1))
    assert abs(mean - 1.858) < 4 * error
    assert errors[:, 6:].mean(axis=0).max() < 1e-6


def test_risk_is_what_the_batch_formula_predicts():
    """At t: E f'(P - P F'(F P F')^-1 F P)f, with other inputs than those of the errors."""
    family = Quadratic(2, "none")
    oracle = quadratic_least_squares(family)
    x = np.random.default_rng(6).uniform(-1, 1, (20000, 6, 2))
    f = oracle.features(x)
    risk = []
    for t in range(6):
        F = f[:, :t]
        coefficients = np.linalg.solve(F @ F.mT, F @ f[:, t, :, None])
        residual = f[:, t] - (F.mT @ coefficients)[..., 0]
        risk.append((residual**2).sum(axis=-1).mean() / 3)
    errors = squared_errors(oracle, drawn(family, 0, 16000, 16))
    np.testing.assert_allclose(errors[:, :6].mean(axis=0), risk, rtol=0.06)
    assert risk[0] == pytest.approx((1 + 2 / 3 + 2 / 5 + 1 / 9) / 3, rel=0.01)


def test_global_scale_is_an_affine_image():
    raw, scaled = Quadratic(2, "none"), Quadratic(2, "global")
    a = quadratic_least_squares(raw).predict(drawn(raw, 9, 50, 6))
    b = quadratic_least_squares(scaled).predict(drawn(scaled, 9, 50, 6))
    np.testing.assert_allclose(b, 0.05 * a + 0.5, atol=1e-4)


def test_task_scale_starts_at_the_middle_and_ends_exact():
    family = Quadratic(2, "task")
    oracle = quadratic_least_squares(family)
    stream = drawn(family, 10, 4000, 16)
    predictions = oracle.predict(stream)
    np.testing.assert_allclose(predictions[:, 0], 0.5, atol=1e-12)
    assert predictions.min() >= 0.2
    assert predictions.max() <= 0.8
    errors = squared_errors(oracle, stream)
    assert errors[:, 6:].mean(axis=0).max() < 1e-6
    free = squared_errors(replace(oracle, low=-np.inf, high=np.inf), stream)
    assert errors.sum() < free.sum()
    assert np.all(errors[:, :6].mean(axis=0)[1:] < 0.8 * errors[:, :6].mean(axis=0)[:-1])


def test_noise_is_in_the_gain():
    family = Noisy(Quadratic(2, "none"), sd=0.5)
    stream = drawn(family, 11, 500, 30)
    right = squared_errors(known_oracle(family), stream).mean()
    without = quadratic_least_squares(Quadratic(2, "none"))
    assert 0.25 < right < 0.8 * squared_errors(without, stream).mean()


def test_excess_over_the_bayes_risk():
    """3 % in all and 32 % at the 6th example, as its note says; at full size: oracle_figures."""
    family = Quadratic(2, "none")
    stream = drawn(family, 12, 400, 6)
    _, gaps = bayes_products(family, stream)
    mean, error = mean_and_error(gaps.sum(axis=1))
    assert error < 0.01
    assert abs(mean - 0.0521) < 4 * error
    sixth, error = mean_and_error(gaps[:, 5])
    assert abs(sixth - 0.0152) < 4 * error


@pytest.mark.slow
def test_excess_over_the_bayes_risk_at_full_size():
    family = Quadratic(2, "none")
    stream = drawn(family, 13, 8000, 6)
    products, gaps = bayes_products(family, stream)
    ratio = gaps.sum() / products.sum()
    assert ratio == pytest.approx(0.029, abs=0.004)
    assert gaps[:, 5].sum() / products[:, 5].sum() == pytest.approx(0.32, abs=0.06)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(2)}, "mean of shape"),
        ({"covariance": np.full((3, 3), np.nan)}, "finite prior moments"),
        ({"noise": -1.0}, "noise variance of 0 or more"),
        ({"low": 1.0, "high": 0.0}, "low < high"),
        ({"delay": -1}, "delay of 0 steps or more"),
    ],
)
def test_impossible_configuration_is_refused(changes, message):
    good = {"features": np.asarray, "mean": np.zeros(3), "covariance": np.eye(3)}
    with pytest.raises(InputError, match=message):
        LeastSquares(**{**good, **changes})


def test_targets_of_two_numbers_are_refused():
    stream = gaussian_stream(0, 2, 3, np.zeros(2), np.eye(2), 0.0)
    stream = stream._replace(targets=np.repeat(stream.targets, 2, axis=-1))
    with pytest.raises(InputError, match="one number"):
        LeastSquares(np.asarray, np.zeros(2), np.eye(2)).predict(stream)
