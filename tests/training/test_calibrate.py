"""Calibration makes intervals hold and false alarms rare, however bad the network."""

import jax
import numpy as np
import pytest

from fixedweight import Boolean, Learner, Noisy, Semilinear, Switching
from fixedweight.errors import InputError
from fixedweight.evaluation import alarms, evaluate
from fixedweight.families import TaskFamily
from fixedweight.networks import GRU, Gaussian, Quantiles
from fixedweight.scaling import identity_scaling
from fixedweight.training import calibrated, fit_network

FAMILY = Noisy(Semilinear(length=20), sd=0.05)


def untrained(wrap, family: TaskFamily = FAMILY) -> Learner:
    network = fit_network(family, wrap(GRU(hidden=4)))
    params = {k: 3.0 * v for k, v in network.init_params(np.random.default_rng(1)).items()}
    scaling = identity_scaling(family.input_size, family.target_size)
    names = family.input_names, family.target_names
    return Learner(network, params, scaling, family.delay, family.flagged, *names)


@pytest.mark.parametrize("wrap", [Gaussian, Quantiles])
def test_intervals_hold_on_tasks_it_was_not_calibrated_on(wrap):
    before = untrained(wrap)
    after = calibrated(before, FAMILY, jax.random.key(0))
    record = evaluate(after, FAMILY)
    assert record["coverage"]["all"]["value"] == pytest.approx(0.9, abs=0.02)
    first = evaluate(before, FAMILY)
    assert abs(first["coverage"]["all"]["value"] - 0.9) > 0.03
    assert record["learner"] == first["learner"]  # the predictions stay
    if wrap is Gaussian:
        assert record["alarms"] == pytest.approx(0.01, abs=0.01)


@pytest.mark.parametrize("family", [FAMILY, Switching(Boolean(), hazard=0.1)])
def test_the_alarm_is_raised_by_one_stream_in_a_hundred(family):
    learner = calibrated(untrained(Gaussian, family), family, jax.random.key(0))
    found = alarms(learner, family, streams=400, seed=1)
    assert found.shape == (family.stream_length,)
    assert (np.diff(found) >= 0).all()
    assert found[-1] <= 0.04


def test_what_is_strange_raises_it_sooner():
    learner = calibrated(untrained(Gaussian), FAMILY, jax.random.key(0))
    louder = [alarms(learner, Noisy(Semilinear(length=20), sd=sd), 400) for sd in (0.05, 1.0, 4.0)]
    assert louder[0][-1] < 0.05 < louder[1][-1] < louder[2][-1]


def test_a_learner_without_a_spread_stays_as_it_is():
    learner = untrained(lambda network: network)
    assert calibrated(learner, FAMILY, jax.random.key(0)) is learner
    with pytest.raises(InputError, match="has an alarm"):
        alarms(learner, FAMILY)
