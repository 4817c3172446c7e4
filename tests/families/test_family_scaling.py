"""Scaling: there and back again, and what cannot be scaled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fixedweight.errors import FamilyError
from fixedweight.scaling import Scaling, identity_scaling, measured_scaling

EPSILON = float(np.finfo(np.float32).eps)
TINY = 1e-30
"""Below this, single precision rounds to multiples of its smallest number."""
numbers = st.floats(-1e3, 1e3)
scales = st.floats(1e-3, 1e3)
rows = arrays(np.float32, (5, 2), elements=st.floats(-1e3, 1e3, width=32))
columns = st.tuples(*[st.tuples(values, values) for values in (numbers, scales, numbers, scales)])


@given(columns, rows)
def test_targets_come_back_from_their_scale(columns, targets):
    scaling = Scaling(*columns)
    scaled = scaling.scale_targets(targets)
    assert scaled.dtype == np.float32
    back = scaling.unscale_targets(scaled)
    size = np.abs(targets) + np.abs(np.asarray(scaling.target_offset))
    assert (np.abs(back - targets) <= 8 * EPSILON * size + TINY).all()


@given(columns, rows)
def test_inputs_are_offset_and_divided(columns, inputs):
    scaling = Scaling(*columns)
    expected = (inputs - np.asarray(scaling.input_offset)) / np.asarray(scaling.input_scale)
    size = (np.abs(inputs) + np.abs(scaling.input_offset)) / np.asarray(scaling.input_scale)
    error = np.abs(scaling.scale_inputs(inputs) - expected)
    assert (error <= 8 * EPSILON * size + TINY).all()


@given(rows)
def test_the_identity_changes_nothing(values):
    scaling = identity_scaling(2, 2)
    for change in (scaling.scale_inputs, scaling.scale_targets, scaling.unscale_targets):
        np.testing.assert_array_equal(change(values), values)


@given(st.floats(-50, 50), st.floats(1e-2, 1e2), st.integers(0, 1000))
def test_what_was_measured_becomes_standard(offset, scale, seed):
    rng = np.random.default_rng(seed)
    inputs, targets = (scale * (offset + rng.normal(size=(40, n))) for n in (3, 1))
    scaling = measured_scaling(inputs, targets)
    for scaled in (
        scaling.scale_inputs(inputs.astype(np.float32)),
        scaling.scale_targets(targets.astype(np.float32)),
    ):
        np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-3)
        np.testing.assert_allclose(scaled.std(axis=0), 1.0, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e6, 0.1])
def test_a_constant_input_becomes_nothing(value):
    inputs = np.column_stack([np.full(30, value), np.arange(30.0)])
    scaling = measured_scaling(inputs, np.arange(30.0)[:, None])
    assert scaling.input_scale[0] == 1.0
    scaled = scaling.scale_inputs(inputs.astype(np.float32))
    np.testing.assert_allclose(scaled[:, 0], 0.0, atol=1e-6 * max(1.0, abs(value)))
    assert scaled[:, 1].std() == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.5])
def test_a_constant_target_is_refused(value):
    targets = np.column_stack([np.arange(30.0), np.full(30, value)])
    with pytest.raises(FamilyError, match=rf"the constant {value:g} in target column 1 .*nothing"):
        measured_scaling(np.arange(30.0)[:, None], targets)


@pytest.mark.parametrize("what", ["input", "target"])
def test_numbers_that_single_precision_would_blur_are_refused(what):
    near, far = np.arange(30.0)[:, None], 1e7 + np.arange(30.0)[:, None]
    with pytest.raises(FamilyError, match=rf"{what} column 0 to vary .*Subtract a constant"):
        measured_scaling(*((far, near) if what == "input" else (near, far)))
