"""Streams that switch among a few tasks."""

import jax
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Boolean, Recurring


@pytest.fixture(scope="module")
def stream():
    family = Recurring(Boolean(inputs=6), fewest=2, most=4, rarest=0.05, oftenest=0.05)
    return family.sample(jax.random.key(0), 64, 400)


def kinds(stream):
    """[stream, time]: the number of the task in force."""
    tables = np.asarray(stream.tasks).reshape(-1, stream.tasks.shape[-1])
    return np.unique(tables, axis=0, return_inverse=True)[1].reshape(stream.targets.shape[:2])


def test_a_stream_has_a_small_pool(stream):
    sizes = [len(np.unique(row)) for row in kinds(stream)]
    assert set(sizes) == {2, 3, 4}


def test_a_switch_leads_to_another_task_at_the_pace_given(stream):
    changed = np.diff(kinds(stream), axis=1) != 0
    np.testing.assert_array_equal(changed, np.asarray(stream.example)[:, 1:] == 0)
    assert changed.mean() == pytest.approx(0.05, abs=0.006)


def test_targets_are_those_of_the_task_in_force(stream):
    row = np.asarray(stream.inputs).astype(int) @ 2 ** np.arange(6)
    expected = np.take_along_axis(np.asarray(stream.tasks), row[..., None], axis=-1)
    np.testing.assert_array_equal(stream.targets, expected)


def test_paces_differ_between_streams_and_a_curriculum_sets_them():
    family = Recurring(Boolean(), rarest=1 / 400, oftenest=1 / 25)
    assert family.examples == 100
    assert family.at_pace(0.0) == Boolean()
    slow = family.at_pace(0.01).sample(jax.random.key(1), 100, 300)
    assert float((slow.example[:, 1:] == 0).mean()) == pytest.approx(0.01, rel=0.2)
    drawn = family.sample(jax.random.key(2), 200, 300)
    rates = np.asarray(drawn.example[:, 1:] == 0).mean(axis=1)
    assert np.quantile(rates, 0.9) > 5 * np.quantile(rates, 0.1)


@pytest.mark.parametrize(
    "wrong", [{"fewest": 1}, {"fewest": 5, "most": 4}, {"rarest": 0.1}, {"rarest": 0.0}]
)
def test_pools_and_paces_that_make_no_sense_are_refused(wrong):
    with pytest.raises(FamilyError, match="Expected"):
        Recurring(Boolean(), **wrong)
