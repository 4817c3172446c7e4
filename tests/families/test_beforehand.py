"""Families from simulators that JAX cannot compile."""

import jax
import numpy as np
import pytest

from fixedweight import simulated
from fixedweight.errors import FamilyError
from fixedweight.families import beforehand


def lines(rng):
    x = rng.uniform(-1.0, 1.0, (12, 2))
    return x, x @ rng.normal(size=2) + 1.0


def ragged(rng):
    length = int(rng.integers(3, 9))
    y = rng.normal(size=(length, 2))
    y[0] = np.nan
    return rng.normal(size=(length, 1)), y


def test_tasks_are_those_that_the_simulator_draws_and_some_are_held_out():
    family = simulated(lines, 40, seed=3)
    x, y = lines(np.random.default_rng([3, 7]))
    np.testing.assert_array_equal(family.inputs[7], x)
    np.testing.assert_array_equal(family.targets[7, :, 0], y)
    parts = {name: set(map(int, rows)) for name, rows in family.parts.items()}
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [32, 4, 4]
    assert set.union(*parts.values()) == set(range(40))
    assert (family.name, family.input_size, family.examples) == ("lines", 2, 12)
    assert family.describe() == {"family": "lines", "tasks": 40, "seed": 3}
    stream = family.part("test").judge(jax.random.key(0), 4)
    assert stream.inputs.shape == (4, 12, 2)


def test_more_tasks_begin_with_the_same():
    few, many = simulated(lines, 10, seed=1), simulated(lines, 20, seed=1)
    np.testing.assert_array_equal(few.inputs, many.inputs[:10])


def test_series_may_differ_in_length_and_lack_targets():
    family = simulated(ragged, 10)
    lengths = [len(ragged(np.random.default_rng([0, i]))[0]) for i in range(10)]
    assert family.present.sum(axis=1).tolist() == lengths
    assert not family.known[:, 0].any()
    assert family.known.sum() == sum(lengths) - 10
    assert family.flagged
    assert (family.target_size, family.target_names) == (2, ("y1", "y2"))


@pytest.mark.parametrize(("seconds", "tasks"), [(0.0, beforehand.FEWEST), (1e9, 128)])
def test_by_default_as_many_tasks_as_time_allows(monkeypatch, seconds, tasks):
    monkeypatch.setattr(beforehand, "SECONDS", seconds)
    monkeypatch.setattr(beforehand, "MOST", 128)
    assert len(simulated(lines).tasks) == tasks


@pytest.mark.parametrize(
    ("simulate", "said"),
    [
        (lambda rng: 1 / 0, "raised ZeroDivisionError"),
        (lambda rng: 3.0, "two arrays of numbers"),
        (lambda rng: (np.zeros(4), np.zeros(4)), r"got shapes \(4,\) and \(4,\)"),
        (lambda rng: (np.zeros((4, 1)), np.zeros(3)), r"got shapes \(4, 1\) and \(3,\)"),
        (lambda rng: (np.zeros((0, 1)), np.zeros(0)), "got shapes"),
        (lambda rng: (np.full((4, 1), np.nan), np.zeros(4)), "finite numbers .* task 0 of seed 0"),
        (lambda rng: (np.zeros((4, int(rng.integers(1, 9)))), np.ones(4)), "of one size"),
        (lambda rng: (rng.normal(size=(4, 1)), np.ones(4)), "constant|vary|nothing to learn"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(simulate, said):
    with pytest.raises(FamilyError, match=said):
        simulated(simulate, 10)


def test_too_few_tasks_are_refused():
    with pytest.raises(FamilyError, match="at least 10 simulated tasks, got 3"):
        simulated(lines, 3)
