"""Importance sampling of noisy semi-linear functions against quadrature on a grid of tasks."""

import jax
import numpy as np
import pytest

from fixedweight.errors import InputError
from fixedweight.families import Late, Missing, Noisy, Semilinear, Stream
from fixedweight.oracles import oracle_for
from fixedweight.oracles.noisy_link import NoisyHalfTanh


def by_grid(stream, sd, delay, points=161):
    """The posterior mean over a fine grid of the two weights."""
    axis = np.linspace(-1, 1, points)
    w1, w0 = (part.ravel() for part in np.meshgrid(axis, axis))
    x, y = (np.asarray(v, dtype=float)[..., 0] for v in (stream.inputs, stream.targets))
    out = np.empty_like(y)
    for b in range(len(x)):
        means = 0.5 + 0.5 * np.tanh(x[b, :, None] * w1 + w0)
        fit = -0.5 * ((y[b, :, None] - means) / sd) ** 2 * stream.revealed[b, :, None]
        for t in range(x.shape[1]):
            log_weight = fit[: max(0, t - delay)].sum(axis=0)
            weight = np.exp(log_weight - log_weight.max())
            out[b, t] = (weight @ means[t]) / weight.sum()
    return out


@pytest.mark.parametrize("sd", [0.02, 0.2])
@pytest.mark.parametrize(
    "under", [lambda f: f, lambda f: Late(Missing(f, share=0.3), steps=2)], ids=["plain", "late"]
)
def test_it_is_the_posterior_mean(sd, under):
    family = under(Noisy(Semilinear(1), sd=sd))
    stream = family.sample(jax.random.key(0), 25, 30)
    stream = Stream(*(jax.tree.map(np.asarray, part) for part in stream))
    oracle = oracle_for(family)
    assert isinstance(oracle, NoisyHalfTanh)
    found, exact = oracle.predict(stream)[..., 0], by_grid(stream, sd, family.delay)
    y = np.asarray(stream.targets, dtype=float)[..., 0]
    # what sampling adds to the risk, of which its note speaks
    added = ((found - exact) ** 2).mean()
    assert added < 0.01 * ((exact - y) ** 2).mean()
    assert np.abs(found - exact).max() < 0.1
    assert np.median(oracle.effective(stream)) > 100


def test_without_noise_it_is_refused():
    with pytest.raises(InputError, match="noise variance above 0"):
        NoisyHalfTanh(0.0)
