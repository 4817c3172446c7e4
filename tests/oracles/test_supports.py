"""Sparse linear functions: against every set of inputs conditioned in one go."""

from itertools import combinations

import numpy as np
import pytest
from oracle_figures import drawn, known_oracle, squared_errors

from fixedweight.errors import InputError
from fixedweight.families import Noisy, SparseLinear, Stream
from fixedweight.oracles import LeastSquares, Supports, oracle_for
from fixedweight.oracles import supports as module


def stream_of(inputs, nonzero, noise, batch, time, seed=0):
    """In float64, some targets never told."""
    rng = np.random.default_rng(seed)
    w = np.zeros((batch, inputs))
    for row in w:
        row[rng.choice(inputs, nonzero, replace=False)] = rng.normal(size=nonzero)
    x = rng.normal(size=(batch, time, inputs))
    y = np.einsum("btd,bd->bt", x, w) + noise**0.5 * rng.normal(size=(batch, time))
    told = rng.uniform(size=(batch, time)) < 0.8
    every = np.ones((batch, time), dtype=bool)
    return Stream((), x, y[..., None], told, every, every.astype(int))


def by_conditioning(stream, nonzero, noise, delay):
    """E[y | told before] by one Gaussian density and one linear solve for each set of inputs."""
    predictions = np.empty(stream.targets.shape[:2])
    sets = list(combinations(range(stream.inputs.shape[-1]), nonzero))
    for b, row in enumerate(predictions):
        x, y = stream.inputs[b], stream.targets[b, :, 0]
        for t in range(len(row)):
            past = np.flatnonzero(stream.revealed[b, : max(0, t - delay)])
            logs, means = [], []
            for used in sets:
                f = x[:, used]
                gram = f[past] @ f[past].T + noise * np.eye(len(past))
                solved = np.linalg.solve(gram, y[past])
                logs.append(-0.5 * (y[past] @ solved + np.linalg.slogdet(gram)[1]))
                means.append(f[t] @ f[past].T @ solved)
            weights = np.exp(np.array(logs) - max(logs))
            row[t] = weights @ means / weights.sum()
    return predictions


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("noise", [1.0, 0.01])
def test_is_the_mixture_over_all_sets_of_inputs(noise, delay, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    stream = stream_of(5, 2, noise, 5, 14)
    found = Supports(5, 2, noise, delay=delay).predict(stream)[..., 0]
    expected = by_conditioning(stream, 2, noise, delay)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_all_inputs_used_is_least_squares():
    stream = stream_of(3, 3, 0.1, 5, 10)
    same = LeastSquares(np.asarray, np.zeros(3), np.eye(3), 0.1).predict(stream)
    np.testing.assert_allclose(Supports(3, 3, 0.1).predict(stream), same, atol=1e-9)


def test_without_noise_the_inputs_are_known_after_one_example_more_than_weights():
    family = SparseLinear()
    stream = drawn(family, 0, 150, 12)
    errors = squared_errors(known_oracle(family), stream)
    assert errors[:, 4:].max() < 1e-6
    assert errors[:, :3].mean(axis=0).min() > 0.3
    linear = LeastSquares(np.asarray, *family.prior()[:2])
    assert errors[:, 3].mean() < squared_errors(linear, stream)[:, 3].mean()


def test_noise_is_weighed():
    family = Noisy(SparseLinear(8, nonzero=2), sd=0.5)
    stream = drawn(family, 0, 200, 30)
    errors = squared_errors(known_oracle(family), stream)
    sure = Supports(8, 2, 1e-4).predict(stream)[..., 0]
    assert errors.mean() < 0.8 * ((sure - stream.targets[..., 0]) ** 2).mean()
    assert 0.25 < errors[:, -10:].mean() < 0.36


def test_too_many_sets_are_not_weighed():
    assert isinstance(oracle_for(SparseLinear(20)), Supports)
    assert isinstance(oracle_for(SparseLinear(40)), LeastSquares)


def test_refuses_impossible_sizes():
    for config in ({"nonzero": 0}, {"nonzero": 4}, {"nonzero": 1, "noise": -1.0}):
        with pytest.raises(InputError, match="1 to 3 weights"):
            Supports(3, **config)
    with pytest.raises(InputError, match="examples of 3 inputs, got 5"):
        Supports(3, 1).predict(stream_of(5, 1, 0.0, 2, 3))
