"""Errors by task and by example, and their intervals."""

import numpy as np
import pytest

from fixedweight.evaluation import Units, examples_to_learn
from fixedweight.evaluation.errors import RESAMPLES


def streams(seed=0, batch=4, time=30):
    """Streams in which tasks of random length follow each other, some steps not scored."""
    rng = np.random.default_rng(seed)
    example = np.zeros((batch, time), dtype=int)
    for b in range(batch):
        for t in range(1, time):
            example[b, t] = 0 if rng.uniform() < 0.15 else example[b, t - 1] + 1
    scored = rng.uniform(size=(batch, time)) < 0.7
    return example, scored, rng.exponential(size=(batch, time))


def sums_by_hand(example, scored, values, where=None):
    """One sum a task, in order."""
    sums = []
    for b in range(example.shape[0]):
        for t in range(example.shape[1]):
            if t == 0 or example[b, t] == 0:
                sums.append(0.0)
            if scored[b, t] and (where is None or where[b, t]):
                sums[-1] += values[b, t]
    return np.array(sums)


def test_a_task_begins_where_the_example_number_is_0_or_the_stream_begins():
    example = np.array([[0, 1, 0, 1, 2], [3, 4, 0, 0, 1]])
    units = Units.of(example, np.ones((2, 5), dtype=bool))
    np.testing.assert_array_equal(units.task, [[0, 0, 1, 1, 1], [2, 2, 3, 4, 4]])
    np.testing.assert_array_equal(units.sums(np.ones((2, 5))), [2, 3, 2, 1, 2])


def test_sums_mean_and_ratio_are_those_of_a_loop():
    example, scored, values = streams()
    other = np.random.default_rng(5).exponential(size=values.shape)
    units = Units.of(example, scored)
    for where in (None, example >= 3):
        above = sums_by_hand(example, scored, values, where)
        below = sums_by_hand(example, scored, other, where)
        count = sums_by_hand(example, scored, np.ones_like(values), where)
        np.testing.assert_allclose(units.sums(values, where), above)
        assert units.mean(values, where).value == pytest.approx(above.sum() / count.sum())
        assert units.ratio(values, other, where).value == pytest.approx(above.sum() / below.sum())


def test_the_interval_is_that_of_resampled_tasks():
    example, scored, values = streams()
    units = Units.of(example, scored)
    above = sums_by_hand(example, scored, values)
    count = sums_by_hand(example, scored, np.ones_like(values))
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(4000):
        chosen = rng.integers(0, len(above), len(above))
        draws.append(above[chosen].sum() / count[chosen].sum())
    estimate = units.mean(values)
    low, high = np.percentile(draws, [2.5, 97.5])
    width = high - low
    assert estimate.low == pytest.approx(low, abs=0.1 * width)
    assert estimate.high == pytest.approx(high, abs=0.1 * width)
    assert estimate.low < estimate.value < estimate.high
    assert units.mean(values) == estimate


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Steps of one task are nearly copies of each other: an interval over steps would fail."""
    rng = np.random.default_rng(0)
    tasks, steps, repeats = 60, 8, 200
    example = np.broadcast_to(np.arange(steps), (tasks, steps))
    units = Units.of(example, np.ones((tasks, steps), dtype=bool))
    held = 0
    for _ in range(repeats):
        values = 2.0 + rng.normal(size=(tasks, 1)) + 0.1 * rng.normal(size=(tasks, steps))
        estimate = units.mean(values)
        held += estimate.low <= 2.0 <= estimate.high
    # 190 expected, standard deviation 3.1; the bootstrap of 60 tasks holds about 94 %
    assert 178 <= held <= 198
    assert RESAMPLES >= 1000


def test_a_ratio_is_surer_than_its_parts():
    """Hard tasks are hard for both: their errors are resampled together."""
    rng = np.random.default_rng(0)
    example = np.broadcast_to(np.arange(5), (100, 5))
    units = Units.of(example, np.ones((100, 5), dtype=bool))
    best = rng.exponential(size=(100, 1)) + 0.01 * rng.exponential(size=(100, 5))
    errors = 1.5 * best + 0.01 * rng.normal(size=(100, 5))
    ratio, mean = units.ratio(errors, best), units.mean(best)
    assert ratio.value == pytest.approx(1.5, abs=0.01)
    assert ratio.high - ratio.low < 0.05 * (mean.high - mean.low) / mean.value


def test_nothing_scored_or_not_finite_is_no_estimate():
    example = np.array([[0, 1, 2], [0, 1, 2]])
    scored = np.array([[True, True, False], [True, True, True]])
    values = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    units = Units.of(example, scored)
    assert units.mean(values).value == 3.0  # what is not scored may be anything
    assert units.mean(values, example > 2) is None
    assert units.ratio(values, np.zeros((2, 3))) is None
    values[1, 1] = np.inf
    assert units.mean(values) is None
    assert units.mean(values, example == 0).value == 2.0


def test_errors_by_example_are_those_of_a_loop():
    example, scored, values = streams()
    curve = Units.of(example, scored).by_example(values, 12)
    assert len(curve) == 12
    for n, error in enumerate(curve):
        here = values[scored & (example == n)]
        assert error == (pytest.approx(here.mean()) if len(here) else None)
    longest = int(example.max())
    scored = scored & (example != 1)
    curve = Units.of(example, scored).by_example(values, longest + 3)
    assert curve[1] is None
    assert curve[-1] is None
    assert curve[0] is not None


@pytest.mark.parametrize(
    ("curve", "learned"),
    [
        ([0.5, 0.3, 0.1, 0.1, 0.0], 2),
        ([0.5, 0.3, 0.1000001, 0.1, 0.0], 3),  # at most a tenth
        ([0.05, 0.01, 0.01], 0),
        ([0.5, 0.01, 0.2, 0.01, 0.02], 3),  # it rises again
        ([0.5, 0.01, 0.01, 0.2], None),  # and ends so
        ([0.5, 0.5], None),
        ([0.5, None, 0.01, None, 0.02, None], 2),  # an example without errors says nothing
        ([None, 0.01], 1),
        ([0.5, 0.01, float("nan"), 0.01], 3),
        ([0.01, float("inf")], None),
        ([None, None], None),
        ([], None),
    ],
)
def test_examples_to_learn(curve, learned):
    assert examples_to_learn(curve, 1.0) == learned
    assert examples_to_learn([e if e is None else 0.25 * e for e in curve], 0.25) == learned
