"""The baselines against loops over one stream, one step at a time."""

import numpy as np
import pytest

from fixedweight.evaluation import baselines
from fixedweight.evaluation.baselines import BASELINES

BATCH, TIME = 3, 20
START = np.array([0.3, -2.0])


def examples(seed=0):
    """(inputs, targets, told): some inputs come again with another target, some are never told."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (BATCH, TIME, 2)).astype(float)
    y = rng.normal(size=(BATCH, TIME, 2)) + 3.0 * x
    told = rng.uniform(size=(BATCH, TIME)) < 0.7
    told[0, :4] = False  # a late beginning
    told[1] = True
    told[2] = False
    return x, y, told


def last_target(known, x):
    return known[-1][1] if known else START


def running_mean(known, x):
    return np.mean([y for _, y in known], axis=0) if known else START


def nearest_neighbour(known, x):
    prediction, least = START, np.inf
    for there, y in known:
        distance = np.sum((there - x) ** 2)
        if distance <= least:
            prediction, least = y, distance
    return prediction


def linear_regression(known, x):
    if not known:
        return START
    z = np.array([[1.0, *there] for there, _ in known])
    y = np.array([y for _, y in known]) - START
    weights = np.linalg.solve(z.T @ z + 0.1 * np.eye(3), z.T @ y)
    return START + np.array([1.0, *x]) @ weights


BY_HAND = {
    "last target": last_target,
    "running mean": running_mean,
    "nearest neighbour": nearest_neighbour,
    "linear regression": linear_regression,
}
every_baseline = pytest.mark.parametrize("name", BASELINES)


def test_every_baseline_is_written_out_here():
    assert BASELINES.keys() == BY_HAND.keys()


@every_baseline
@pytest.mark.parametrize("delay", [0, 1, 5, TIME - 1, TIME + 3])
def test_equals_a_loop_over_what_has_arrived(name, delay):
    x, y, told = examples()
    predictions = BASELINES[name](x, y, told, delay, START)
    assert predictions.shape == y.shape
    for b in range(BATCH):
        known = []
        for t in range(TIME):
            source = t - 1 - delay
            if source >= 0 and told[b, source]:
                known.append((x[b, source], y[b, source]))
            np.testing.assert_allclose(
                predictions[b, t], BY_HAND[name](known, x[b, t]), rtol=1e-9, atol=1e-9
            )


@every_baseline
@pytest.mark.parametrize("delay", [0, 2])
def test_nothing_is_known_before_it_is_told(name, delay):
    x, y, told = examples()
    told[:] = True
    before = BASELINES[name](x, y, told, delay, START)
    for t in (0, 7, TIME - 1):
        changed = y.copy()
        changed[:, t:] += 100.0
        after = BASELINES[name](x, changed, told, delay, START)
        seen = min(TIME, t + 1 + delay)
        np.testing.assert_array_equal(after[:, :seen], before[:, :seen])
        assert seen == TIME or not np.allclose(after[:, seen:], before[:, seen:])


@every_baseline
def test_what_is_never_told_does_not_matter(name):
    x, y, told = examples()
    other = np.where(told[..., None], y, 1e6)
    for delay in (0, 3):
        np.testing.assert_array_equal(
            BASELINES[name](x, other, told, delay, START),
            BASELINES[name](x, y, told, delay, START),
        )


@every_baseline
def test_streams_do_not_see_each_other(name):
    x, y, told = examples()
    together = BASELINES[name](x, y, told, 0, START)
    for b in range(BATCH):
        part = slice(b, b + 1)
        alone = BASELINES[name](x[part], y[part], told[part], 0, START)
        np.testing.assert_allclose(alone, together[part], rtol=1e-12)


def test_the_nearest_neighbour_forgets(monkeypatch):
    monkeypatch.setattr(baselines, "MEMORY", 3)
    x = np.array([5.0, 0.0, 1.0, 2.0, 5.0, 5.0])[None, :, None]
    y = np.arange(6.0)[None, :, None]
    told = np.ones((1, 6), dtype=bool)
    predictions = baselines.nearest_neighbour(x, y, told, 0, np.array([-1.0]))
    # step 3 still remembers step 0; step 4 no longer does
    np.testing.assert_array_equal(predictions[0, :, 0], [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    x[0, 3] = 5.0
    predictions = baselines.nearest_neighbour(x, y, told, 0, np.array([-1.0]))
    np.testing.assert_array_equal(predictions[0, 3:, 0], [0.0, 3.0, 4.0])
