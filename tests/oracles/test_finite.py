"""The filter over finitely many tasks: against enumeration, and against the Boolean filter."""

from itertools import product

import jax
import numpy as np
import pytest
from scipy.stats import norm

from fixedweight.errors import InputError
from fixedweight.families import Boolean, Late, Missing, Noisy, Stream, Switching
from fixedweight.oracles import FiniteTasks, oracle_for
from fixedweight.oracles.finite import truth_tables

SLOPES = np.array([-1.0, 0.3, 2.0])


def lines(x):
    return x * SLOPES


def stream_of(x, y, revealed):
    batch, time = y.shape
    every = np.ones((batch, time), dtype=bool)
    example = np.broadcast_to(np.arange(time), (batch, time))
    return Stream(np.zeros((batch, time, 1)), x, y[..., None], revealed, every, example)


def enumerated(x, y, known, oracle):
    """E[y[t] | past] as a sum over all sequences of tasks."""
    mean, predictions = lines(x), []
    tasks = range(len(SLOPES))
    for t in range(len(y)):
        up_to = max(0, t - oracle.delay)
        total = weights = 0.0
        for path in product(tasks, repeat=t + 1):
            weight = oracle.prior[path[0]]
            for s in range(1, t + 1):
                if oracle.period:
                    fresh = s % oracle.period == 0
                    stay = 0.0 if fresh else 1.0
                else:
                    stay = 1.0 - oracle.hazard
                same = path[s] == path[s - 1]
                weight *= stay * same + (1.0 - stay) * oracle.prior[path[s]]
            for s in range(up_to):
                if known[s]:
                    here = mean[s, path[s]]
                    weight *= (1 - oracle.flip) * norm.pdf(y[s], here, oracle.sd) + (
                        oracle.flip * norm.pdf(y[s], 1 - here, oracle.sd)
                    )
            here = mean[t, path[t]]
            total += weight * ((1 - oracle.flip) * here + oracle.flip * (1 - here))
            weights += weight
        predictions.append(total / weights)
    return predictions


@pytest.mark.parametrize(
    "regime",
    [{}, {"hazard": 0.3}, {"period": 3}, {"hazard": 0.2, "delay": 2}, {"period": 2, "delay": 1}],
    ids=str,
)
@pytest.mark.parametrize("flip", [0.0, 0.2])
def test_it_is_the_sum_over_all_sequences_of_tasks(regime, flip):
    rng = np.random.default_rng(0)
    prior = np.array([0.5, 0.3, 0.2])
    oracle = FiniteTasks(lines, prior, flip=flip, sd=0.4, **regime)
    x, y = rng.normal(size=(3, 7, 1)), rng.normal(size=(3, 7))
    known = rng.uniform(size=y.shape) < 0.8
    found = oracle.predict(stream_of(x, y, known))[..., 0]
    for b in range(3):
        np.testing.assert_allclose(found[b], enumerated(x[b], y[b], known[b], oracle), rtol=1e-9)


@pytest.mark.parametrize(
    "family",
    [
        Boolean(2),
        Switching(Boolean(2), hazard=0.1),
        Late(Missing(Switching(Boolean(2), hazard=0.1), share=0.2), steps=2),
    ],
    ids=["reset", "switching", "late"],
)
def test_without_noise_it_is_the_boolean_filter(family):
    stream = family.sample(jax.random.key(0), 50, 80)
    stream = Stream(*(jax.tree.map(np.asarray, part) for part in stream))
    hazard = 0.1 if family.switches else 0.0
    every = FiniteTasks(truth_tables(2), np.full(16, 1 / 16), hazard=hazard, delay=family.delay)
    np.testing.assert_allclose(every.predict(stream), oracle_for(family).predict(stream), atol=1e-6)


def test_noisy_boolean_functions_are_learned_cell_by_cell():
    """Reset, the rows of a table are independent: a Bernoulli of two values each."""
    family, flip = Noisy(Boolean(2), flip=0.1), 0.1
    stream = family.sample(jax.random.key(1), 30, 40)
    stream = Stream(*(jax.tree.map(np.asarray, part) for part in stream))
    found = oracle_for(family).predict(stream)[..., 0]
    row = stream.inputs.astype(int) @ [1, 2]
    for b in range(30):
        for t in range(40):
            seen = stream.targets[b, :t, 0][row[b, :t] == row[b, t]]
            expected = flip + (1 - 2 * flip) * table_value(seen, flip)
            assert found[b, t] == pytest.approx(expected, abs=1e-9)


def table_value(seen, flip):
    ones, zeros = np.sum(seen == 1), np.sum(seen == 0)
    one = (1 - flip) ** ones * flip**zeros
    zero = (1 - flip) ** zeros * flip**ones
    return one / (one + zero)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior": np.array([0.5, 0.6])}, "add up to 1"),
        ({"hazard": 1.0}, "hazard from 0 to below 1"),
        ({"flip": 0.6}, "flip from 0 to 0.5"),
        ({"sd": -1.0}, "no negative sd"),
        ({"period": 3, "hazard": 0.1}, "no hazard beside it"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        FiniteTasks(**({"targets": lines, "prior": np.full(3, 1 / 3)} | change))
