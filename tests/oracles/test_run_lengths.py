"""The mixture over run lengths against all change-point sequences, one by one."""

from dataclasses import dataclass
from itertools import product

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from fixedweight.errors import InputError
from fixedweight.families import (
    LinearFamily,
    Noisy,
    Prior,
    Quadratic,
    Semilinear,
    Stream,
    Switching,
)
from fixedweight.oracles import oracle_for
from fixedweight.oracles.features import affine
from fixedweight.oracles.least_squares import LeastSquares
from fixedweight.oracles.run_lengths import RunLengths


def stream_of(x, y, revealed=None):
    batch, time = y.shape
    every = np.ones((batch, time), dtype=bool)
    revealed = every if revealed is None else revealed
    example = np.broadcast_to(np.arange(time), (batch, time))
    return Stream(np.zeros((batch, time, 1)), x, y[..., None], revealed, every, example)


def drawn(rng, batch, time, mean, root, hazard, noise):
    x = rng.uniform(-1, 1, (batch, time, len(mean) - 1))
    w = mean + rng.normal(size=(batch, len(mean))) @ root.T
    y = np.empty((batch, time))
    for t in range(time):
        fresh = mean + rng.normal(size=(batch, len(mean))) @ root.T
        w = np.where(rng.uniform(size=(batch, 1)) < hazard, fresh, w)
        y[:, t] = (w * affine(x[:, t])).sum(axis=-1)
    return x, y + noise**0.5 * rng.normal(size=y.shape)


def enumerated(x, y, known, mean, covariance, hazard, noise):
    """E[y[t] | past] as a sum over all sequences of switches, from joint Gaussian densities."""
    f = affine(x)
    predictions = []
    for t in range(len(y)):
        told = [s for s in range(t) if known[s]]
        total, weights = 0.0, 0.0
        for switches in product((0, 1), repeat=t):
            task = np.concatenate([[0], np.cumsum(switches)])
            prior = np.prod([hazard if s else 1 - hazard for s in switches])
            same = task[:, None] == task[None]
            cov = (f[: t + 1] @ covariance @ f[: t + 1].T) * same + noise * np.eye(t + 1)
            mu = f[: t + 1] @ mean
            if told:
                K, k = cov[np.ix_(told, told)], cov[t, told]
                weight = prior * multivariate_normal.pdf(y[told], mu[told], K)
                guess = mu[t] + k @ np.linalg.solve(K, y[told] - mu[told])
            else:
                weight, guess = prior, mu[t]
            total, weights = total + weight * guess, weights + weight
        predictions.append(total / weights)
    return np.array(predictions)


@pytest.mark.parametrize("hazard", [0.05, 0.5])
def test_it_is_the_sum_over_all_sequences_of_switches(hazard):
    rng = np.random.default_rng(0)
    mean, root, noise = np.array([0.3, -0.2]), np.array([[1.0, 0.0], [0.4, 0.7]]), 0.05
    x, y = drawn(rng, 4, 9, mean, root, hazard, noise)
    known = rng.uniform(size=y.shape) < 0.8
    oracle = RunLengths(affine, mean, root @ root.T, hazard, noise)
    found = oracle.predict(stream_of(x, y, known))[..., 0]
    for b in range(4):
        expected = enumerated(x[b], y[b], known[b], mean, root @ root.T, hazard, noise)
        np.testing.assert_allclose(found[b], expected, rtol=1e-6, atol=1e-8)
    assert np.all(oracle.dropped(stream_of(x, y, known)) == 0.0)


def test_rare_switches_leave_least_squares():
    rng = np.random.default_rng(1)
    mean, root = np.zeros(3), np.eye(3)
    x, y = drawn(rng, 20, 30, mean, root, 0.0, 0.1)
    rare = RunLengths(affine, mean, root, 1e-12, 0.1).predict(stream_of(x, y))
    none = LeastSquares(affine, mean, root, 0.1).predict(stream_of(x, y))
    np.testing.assert_allclose(rare, none, atol=1e-8)


def test_what_is_dropped_bounds_what_it_costs():
    rng = np.random.default_rng(2)
    mean, root, hazard = np.zeros(2), np.eye(2), 0.1
    x, y = drawn(rng, 200, 60, mean, root, hazard, 0.3)
    stream = stream_of(x, y)
    few = RunLengths(affine, mean, root, hazard, 0.3, runs=6)
    all_runs = RunLengths(affine, mean, root, hazard, 0.3, runs=60)
    mass = few.dropped(stream)
    assert mass.max() > 1e-4
    assert np.all(all_runs.dropped(stream) == 0.0)
    apart = np.abs(few.predict(stream) - all_runs.predict(stream))[..., 0]
    assert apart.mean() < mass.sum(axis=1).mean()
    assert np.corrcoef(apart.mean(axis=1), mass.sum(axis=1))[0, 1] > 0


@pytest.mark.parametrize(
    "family",
    [
        Switching(Quadratic(scale="none"), hazard=1 / 20),
        Noisy(Switching(Quadratic(scale="none"), hazard=1 / 20), sd=0.1),
        Switching(Semilinear(), hazard=1 / 20),
    ],
    ids=["quadratic", "noisy", "semilinear"],
)
def test_it_is_calibrated_on_the_familys_own_streams(family):
    """Its errors are uncorrelated with its predictions, as a posterior mean's are; and it loses
    much less than the filter that knows of no switch."""
    stream = family.sample(jax.random.key(0), 300, 60)
    stream = Stream(*(jax.tree.map(np.asarray, part) for part in stream))
    oracle = oracle_for(family)
    assert isinstance(oracle, RunLengths)
    p, y = oracle.predict(stream)[..., 0], np.asarray(stream.targets, dtype=float)[..., 0]
    error = y - p
    slope = (error * (p - p.mean())).mean() / p.var()
    assert abs(slope) < 0.02
    blind = LeastSquares(oracle.features, oracle.mean, oracle.covariance, max(oracle.noise, 0.01))
    if oracle.link == "none":
        assert (error**2).mean() < 0.7 * ((blind.predict(stream)[..., 0] - y) ** 2).mean()
    late = np.asarray(stream.example) >= 10
    if not oracle.noise:  # known but for a switch just now
        known = (1 - oracle.hazard) * y + oracle.hazard * p[0, 0]
        assert np.median(np.abs((p - known)[late])) < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hazard": 0.0}, "hazard above 0"),
        ({"runs": 1}, "at least 2 runs"),
        ({"noise": -1.0}, "noise variance of 0 or more"),
        ({"noise": 0.1, "link": "half tanh"}, "0 under a link"),
        ({"delay": 1}, "not late"),
        ({"mean": np.zeros(3)}, "a covariance of shape"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    usual = {"features": affine, "mean": np.zeros(2), "covariance": np.eye(2), "hazard": 0.1}
    with pytest.raises(InputError, match=message):
        RunLengths(**(usual | change))


def test_an_own_family_that_names_its_prior_has_an_exact_oracle():
    """Straight lines with a known slope's prior: against the posterior mean in closed form."""

    @dataclass(frozen=True)
    class Lines(LinearFamily):
        name, input_size, examples = "lines", 1, 20

        def draw_task(self, key):
            return 2.0 * jax.random.normal(key, (1,))

        def features(self, x):
            return x

        def prior(self):
            return Prior(np.zeros(1), np.array([[4.0]]), gaussian=True)

    family = Noisy(Lines(), sd=0.5)
    oracle = oracle_for(family)
    assert oracle.kind == "exact"
    stream = family.sample(jax.random.key(0), 10, 20)
    x, y = (np.asarray(v, dtype=float)[..., 0] for v in (stream.inputs, stream.targets))
    before = (np.cumsum(v, axis=1) - v for v in (x * y, x * x))
    xy, xx = before
    np.testing.assert_allclose(
        oracle.predict(stream)[..., 0], x * xy / (xx + 0.25 / 4.0), rtol=1e-5, atol=1e-6
    )
    assert oracle_for(Switching(Lines(), hazard=0.1)).kind == "exact"
    assert oracle_for(Switching(Lines(), every=10)).kind == "bound from above"
