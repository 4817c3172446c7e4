"""Each kind of rival against another way to the same figures."""

from functools import cache

import jax
import numpy as np
import pytest

from fixedweight.evaluation.rivals import RIVALS
from fixedweight.evaluation.rivals.boosting import running_bias
from fixedweight.evaluation.rivals.mixed_effects import Effects, fit
from fixedweight.evaluation.rivals.recursive import RIDGE
from fixedweight.evaluation.rivals.refitted import Refitted
from fixedweight.evaluation.rivals.training import TASKS, training
from fixedweight.families import (
    Boolean,
    GaussianProcess,
    Linear,
    LinearDynamics,
    Missing,
    Noisy,
    Quadratic,
    Semilinear,
    Sinusoid,
    Switching,
    TaskFamily,
)
from fixedweight.oracles import oracle_for


@cache
def shares(name, family, batch, length):
    """[time] squared error over the targets' variance."""
    rival = RIVALS[name](family)
    assert rival is not None
    x, y, told = scaled(family, batch, length)
    start = training(family).known.mean(axis=0)
    errors = ((rival(x, y, told, family.delay, start) - y) ** 2).sum(axis=-1)
    return errors.mean(axis=0) / y.var(axis=(0, 1)).sum()


def drawn(family, batch, length):
    stream = jax.jit(lambda key: family.sample(key, batch, length))(jax.random.key(9))
    return type(stream)(*(jax.tree.map(np.asarray, part) for part in stream))


def scaled(family, batch, length):
    stream = drawn(family, batch, length)
    x = np.asarray(family.scaling().scale_inputs(stream.inputs), dtype=float)
    return x, np.asarray(stream.targets, dtype=float), stream.revealed


def test_training_tasks_are_steady_scaled_and_shared():
    family = Noisy(Switching(Sinusoid(length=12), hazard=0.2), sd=0.5)
    known = training(family)
    assert known.inputs.shape == (TASKS, 12, 1)
    assert known.inputs.std() == pytest.approx(1.0, rel=0.05)
    assert known.spread == pytest.approx((8.503 / 2 + 0.25) ** 0.5, rel=0.1)
    assert training(family) is known
    for task in range(3):  # each stream is one sine wave and its noise
        x, y = known.inputs[task, :, 0] * 5.0 / 3.0**0.5, known.targets[task, :, 0]
        basis = np.column_stack([np.sin(x), np.cos(x)])
        rest = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
        assert np.abs(rest).max() < 2.5
    held_out = training(Missing(Boolean(2, length=50), share=0.3))
    assert held_out.told.mean() == pytest.approx(0.7, abs=0.03)
    assert held_out.binary
    assert not training(Semilinear(length=20)).binary


def test_only_the_latest_examples_are_fitted_and_only_when_asked():
    fitted = []

    class Sum:
        def __init__(self, x, y):
            fitted.append(len(y))
            self.total = x.sum() + y.sum()

        def predict(self, x):
            return [self.total]

    learner = Refitted(Sum, 3)
    for n in range(5):
        learner.learn_one(np.array([10.0 * n]), float(n))
    assert learner.predict_one(np.zeros(1)) == learner.predict_one(np.ones(1)) == 90 + 9
    assert fitted == [3]


@pytest.mark.parametrize("hazard", [None, 0.1])
def test_recursive_least_squares_is_weighted_least_squares(hazard):
    family: TaskFamily = Linear(2, length=20)
    if hazard:
        family = Switching(family, hazard=hazard)
    factor = 1.0 if hazard is None else 1.0 - 1.0 / 10
    x, y, told = scaled(family, 2, 20)
    for name, features in {
        "recursive least squares": np.concatenate([x, np.ones((2, 20, 1))], axis=-1),
        "recursive least squares, true basis": x,
    }.items():
        rival = RIVALS[name](family)
        assert rival is not None
        found = rival(x, y, told, 0, np.zeros(1))
        for b in range(2):
            for t in range(1, 20):
                weight = factor ** np.arange(t - 1, -1, -1)
                z = features[b, :t]
                gram = (z * weight[:, None]).T @ z + RIDGE * factor**t * np.eye(z.shape[1])
                w = np.linalg.solve(gram, z.T @ (weight * y[b, :t, 0]))
                assert found[b, t, 0] == pytest.approx(w @ features[b, t], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    "family", [Sinusoid(), Quadratic(2, "none"), GaussianProcess(lengthscale=1.0)], ids=repr
)
def test_on_the_true_basis_least_squares_come_near_the_oracle(family):
    late = shares("recursive least squares, true basis", family, 20, 30)[-10:].mean()
    assert late < 1e-3
    assert shares("recursive least squares", family, 20, 30)[-10:].mean() > 30 * late


def test_there_is_no_true_basis_of_what_is_not_linear():
    for family in (Boolean(2), Switching(Semilinear(), every=9)):
        assert RIVALS["recursive least squares, true basis"](family) is None


def test_a_gaussian_process_learns_its_like():
    """Once it has seen enough to fit its kernel; the oracle knows it from the start."""
    family = Noisy(GaussianProcess(), sd=0.1)
    late = shares("Gaussian process", family, 3, 25)[-10:].mean()
    oracle, stream = oracle_for(family), drawn(family, 3, 25)
    assert oracle is not None
    best = ((oracle.predict(stream) - stream.targets)[:, -10:] ** 2).mean() / stream.targets.var()
    assert 0.7 * best < late < 3.0 * best
    assert late < 0.5 * shares("k nearest neighbours", family, 3, 25)[-10:].mean()


def test_probabilities_of_classes_lie_between_0_and_1():
    family = Boolean(2, length=40)
    x, y, told = scaled(family, 4, 40)
    for name in ("gradient descent", "Hoeffding tree", "adaptive random forest"):
        rival = RIVALS[name](family)
        assert rival is not None
        predictions = rival(x, y, told, 0, np.array([0.5]))
        assert 0.0 <= predictions.min() < 0.2
        assert 0.8 < predictions.max() <= 1.0


def effects_and_data(seed, tasks, time, noise):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3)) / 2.0
    truth = Effects(rng.normal(size=3), root @ root.T + 0.1 * np.eye(3), noise)
    w = rng.multivariate_normal(truth.mean, truth.covariance, tasks)
    f = rng.normal(size=(tasks, time, 3))
    y = np.einsum("ntd,nd->nt", f, w) + noise**0.5 * rng.normal(size=(tasks, time))
    told = rng.uniform(size=(tasks, time)) < 0.8
    return truth, f, np.where(told, y, 1e6), told


def log_likelihood(effects, f, y, told):
    """Of all targets, each task's jointly normal with the coefficients integrated out."""
    total = 0.0
    for one, targets, known in zip(f, y, told, strict=True):
        z, d = one[known], targets[known] - one[known] @ effects.mean
        covariance = z @ effects.covariance @ z.T + effects.noise * np.eye(len(z))
        total -= 0.5 * (np.linalg.slogdet(covariance)[1] + d @ np.linalg.solve(covariance, d))
    return total


@pytest.mark.parametrize("noise", [0.5, 0.01])
def test_mixed_effects_are_fitted_by_maximum_likelihood(noise):
    truth, f, y, told = effects_and_data(0, 400, 8, noise)
    found = fit(f, y, told)
    error = np.sqrt(np.diag(truth.covariance) / 400)
    assert (np.abs(found.mean - truth.mean) < 5 * error + 0.05).all()
    np.testing.assert_allclose(found.covariance, truth.covariance, atol=0.25)
    assert found.noise == pytest.approx(noise, rel=0.1)
    best = log_likelihood(found, f, y, told)
    assert best > log_likelihood(truth, f, y, told) - 0.1
    for change in (
        {"mean": found.mean + 0.1},
        {"covariance": 1.3 * found.covariance},
        {"covariance": found.covariance / 1.3},
        {"noise": 1.1 * found.noise},
        {"noise": found.noise / 1.1},
    ):
        assert log_likelihood(found._replace(**change), f, y, told) < best


def test_mixed_effects_of_linear_functions_are_as_good_as_the_oracle():
    for family in (Linear(3, length=12), Noisy(LinearDynamics(2), sd=0.3)):
        stream = drawn(family, 100, 12)
        oracle = oracle_for(family)
        assert oracle is not None
        best = ((oracle.predict(stream) - stream.targets) ** 2).sum(axis=-1).mean()
        variance = stream.targets.var(axis=(0, 1)).sum()
        share = shares("mixed effects", family, 100, 12).mean()
        assert 0.98 * best / variance < share < 1.1 * best / variance


@pytest.mark.parametrize("delay", [0, 2, 30])
def test_the_running_bias_equals_a_loop(delay):
    rng = np.random.default_rng(0)
    rest, told = rng.normal(size=(2, 9, 2)), rng.uniform(size=(2, 9)) < 0.7
    found = running_bias(rest, told, delay, 1.5)
    for b in range(2):
        for t in range(9):
            arrived = [rest[b, s] for s in range(max(0, t - delay)) if told[b, s]]
            expected = np.sum(arrived, axis=0) / (len(arrived) + 1.5) if arrived else np.zeros(2)
            np.testing.assert_allclose(found[b, t], expected, atol=1e-12)
