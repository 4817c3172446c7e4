"""All Boolean functions of n inputs, each as likely as any other."""

import jax
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Boolean

pytestmark = pytest.mark.usefixtures("quick_compile")
QUANTILES = {1: (0.0, 15.1), 3: (0.0052, 21.1), 7: (0.30, 29.9), 15: (2.4, 44.3), 255: (179, 348)}
"""Degrees of freedom -> where chi-square has 1 in 10 000 below and above (1: below left out)."""


def assert_even(counts):
    """Pearson's test that all cells are equally likely."""
    expected = counts.sum() / len(counts)
    low, high = QUANTILES[len(counts) - 1]
    assert low <= ((counts - expected) ** 2 / expected).sum() <= high


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_all_truth_tables_and_all_inputs_are_equally_frequent(inputs):
    rows, tables = 2**inputs, 2**2**inputs
    draw = jax.jit(lambda key: Boolean(inputs).sample(key, 50 * tables, 8))
    stream = jax.tree.map(np.asarray, draw(jax.random.key(0)))
    task = stream.tasks[:, 0].astype(int) @ 2 ** np.arange(rows)
    assert_even(np.bincount(task, minlength=tables))
    spelled = stream.inputs.astype(int) @ 2 ** np.arange(inputs)
    assert_even(np.bincount(spelled.ravel(), minlength=rows))
    # The first input is the lowest binary digit of the table's row.
    entry = np.take_along_axis(stream.tasks, spelled[..., None], axis=-1)
    np.testing.assert_array_equal(stream.targets, entry)


@pytest.mark.parametrize("inputs", [0, 11])
def test_refuses_numbers_of_inputs_without_a_table(inputs):
    with pytest.raises(FamilyError, match=f"between 1 and 10 Boolean inputs, got {inputs}"):
        Boolean(inputs)


def test_refuses_streams_of_one_example():
    with pytest.raises(FamilyError, match="at least 2 examples of a task, got length=1"):
        Boolean(length=1)
