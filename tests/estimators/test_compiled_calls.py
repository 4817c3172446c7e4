"""The calls that Python makes itself are those that go through arrays, and refuse what they do."""

import gc
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixedweight import load
from fixedweight.errors import InputError
from fixedweight.estimators import CompiledEstimator
from fixedweight.kernels import NotCompiled
from fixedweight.kernels.build import compiler

try:
    compiler()
except NotCompiled:
    pytest.skip("there is no C compiler", allow_module_level=True)

NUMBERS = st.one_of(
    st.floats(-10.0, 10.0), st.integers(-10, 10), st.booleans(), st.floats(-9, 9).map(np.float32)
)


@pytest.fixture(scope="module")
def learner():
    return load("quadratic-2d")


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=8))
def test_numbers_of_any_kind_count_as_in_an_array(learner, examples):
    direct, by_array = CompiledEstimator(learner), CompiledEstimator(learner)
    for a, b, y in examples:
        row = np.array([a, b], dtype=np.float64)
        assert direct.predict_one([a, b]) == by_array.predict_one(row)
        assert direct.predict_one((a, b)) == direct.predict_one([a, b])
        direct.learn_one([a, b], y)
        by_array.learn_one(row, float(y))
    assert direct.examples == by_array.examples == len(examples)
    for name, part in by_array.get_state().items():
        np.testing.assert_array_equal(direct.get_state()[name], part)


def test_a_list_that_changes_under_its_numbers_is_harmless(learner):
    class Thief:
        def __init__(self, row):
            self.row = row

        def __float__(self):
            self.row.clear()
            gc.collect()
            return 0.5

    estimator = CompiledEstimator(learner)
    row = []
    row += [Thief(row), 1.0]
    with pytest.raises(InputError):
        estimator.predict_one(row)
    assert estimator.predict_one([0.5, 1.0]) == estimator.predict_one(np.array([0.5, 1.0]))


class Odd:
    def __float__(self):
        raise ValueError("this is no number today")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0], 1.0), ([1.0, 2.0, 3.0], 1.0), ([], 1.0), (["a", 2.0], 1.0), ([None, 2.0], 1.0),
        ([math.nan, 1.0], 1.0), ([1e300, 1.0], 1.0), ([Odd(), 1.0], 1.0), ([1.0, 2.0], "b"),
        ([1.0, 2.0], math.inf), ([1.0, 2.0], 1e30), ([1.0, 2.0], Odd()),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing_behind(learner, x, y):
    estimator = CompiledEstimator(learner)
    estimator.learn_one([0.5, 0.5], 0.25)
    before = estimator.get_state()
    with pytest.raises(InputError):
        estimator.learn_one(x, y)
    for name, part in before.items():
        np.testing.assert_array_equal(estimator.get_state()[name], part)
    assert estimator.predict_one([0.1, 0.2]) == estimator.predict_one(np.array([0.1, 0.2]))


def test_a_missing_target_is_no_number(learner):
    direct, by_array = CompiledEstimator(learner), CompiledEstimator(learner)
    for y in (None, math.nan, 0.5):
        direct.learn_one([0.5, 0.5], y)
        by_array.learn_one(np.array([0.5, 0.5]), y)
    assert direct.examples == 3
    assert direct.predict_one([0.0, 1.0]) == by_array.predict_one(np.array([0.0, 1.0]))


def test_no_reference_is_kept_or_lost(learner):
    estimator = CompiledEstimator(learner)
    x, y = [0.123456, 0.654321], 0.111111
    gc.collect()
    before = [sys.getrefcount(one) for one in (*x, y, x)]
    for _ in range(1000):
        estimator.predict_one(x)
        estimator.learn_one(x, y)
    assert [sys.getrefcount(one) for one in (*x, y, x)] == before


def test_estimators_may_come_and_go(learner):
    kept = CompiledEstimator(learner)
    for i in range(50):
        one = CompiledEstimator(learner)
        one.learn_one([0.1, 0.2], float(i))
        assert math.isfinite(one.predict_one([0.3, 0.4]))
    del one
    gc.collect()
    assert kept.examples == 0
    assert kept.predict_one([0.3, 0.4]) == CompiledEstimator(learner).predict_one([0.3, 0.4])
