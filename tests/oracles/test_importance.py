"""Importance sampling against oracles in closed form, and what it says of its own error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import InputError
from fixedweight.families import (
    Boolean,
    GaussianProcess,
    Late,
    Linear,
    Missing,
    Noisy,
    Simulator,
    Stream,
)
from fixedweight.oracles import Importance, oracle_for


def stream_of(family, batch, length, seed=0):
    stream = family.sample(jax.random.key(seed), batch, length)
    return Stream(*(jax.tree.map(np.asarray, part) for part in stream))


@pytest.mark.parametrize(
    ("base", "sd", "atol"),
    [
        (Linear(2), 0.5, 0.03),
        (Boolean(2), 0.4, 0.02),
        (GaussianProcess(lengthscale=2.0), 0.5, 0.05),
    ],
    ids=["linear", "boolean", "process"],
)
def test_it_is_the_exact_predictor_up_to_sampling(base, sd, atol):
    family = Noisy(base, sd=sd)
    stream = stream_of(family, 40, 12)
    found = Importance(base, sd).predict(stream)
    np.testing.assert_allclose(found, oracle_for(family).predict(stream), atol=4 * atol)
    assert np.abs(found - oracle_for(family).predict(stream)).mean() < atol


@pytest.mark.parametrize("steps", [1, 2])
def test_late_and_missing_targets_are_weighed_when_they_come(steps):
    family = Missing(Late(Noisy(Linear(2), sd=0.5), steps=steps), share=0.3)
    stream = stream_of(family, 40, 12)
    exact = oracle_for(family)
    assert exact.delay == steps
    found = Importance(Linear(2), 0.5, delay=steps).predict(stream)
    assert np.abs(found - exact.predict(stream)).mean() < 0.03


def test_its_risk_is_that_of_the_exact_predictor_within_its_error():
    family = Noisy(Linear(2), sd=0.5)
    stream = stream_of(family, 3000, 10)
    exact = (oracle_for(family).predict(stream) - stream.targets)[..., 0] ** 2
    few = Importance(Linear(2), 0.5, draws=256)
    risk = few.risk(stream)
    np.testing.assert_array_less(np.abs(risk.value - exact.mean(axis=0)), 4 * risk.error + 0.02)
    # the predictor itself pays for the few draws, and its risk says how few they are
    paid = ((few.predict(stream) - stream.targets)[..., 0] ** 2).mean(axis=0)
    assert paid[-1] > 1.01 * risk.value[-1]
    assert risk.effective[0] == pytest.approx(256)
    assert np.all(np.diff(risk.effective) < 0)


def test_a_simulator_of_ones_own_has_a_bound():
    family = Simulator(
        draw=lambda key: jax.random.uniform(key, (2,), minval=0.5, maxval=2.0),
        compute=lambda task, x: task[0] * jnp.sin(3.0 * task[1] * x[0]),
        length=20,
    )
    stream = stream_of(Noisy(family, sd=0.2), 500, 20)
    risk = Importance(family, 0.2, draws=4096).risk(stream)
    assert risk.effective.min() > 30
    assert risk.value[0] > 10 * risk.value[-1]
    # on a grid of tasks instead of drawn ones
    grid = np.stack(np.meshgrid(*[np.linspace(0.5, 2.0, 120)] * 2), axis=-1).reshape(-1, 2)
    log_weight, last = np.zeros((500, len(grid))), None
    for t in range(20):
        x, y = stream.inputs[:, t], stream.targets[:, t]
        means = grid[:, 0] * np.sin(3.0 * grid[:, 1] * x)
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        last = (weight * means).sum(axis=1) / weight.sum(axis=1)
        log_weight += -0.5 * ((y - means) / 0.2) ** 2
    by_grid = ((last - stream.targets[:, -1, 0]) ** 2).mean()
    assert risk.value[-1] == pytest.approx(by_grid, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"sd": 0.0}, "above 0"), ({"sd": 1.0, "draws": 3}, "even number of draws")],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Importance(Linear(2), **settings)
