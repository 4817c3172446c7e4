"""The probes on states made up so that the answer is known."""

import numpy as np
import pytest

from fixedweight.errors import InputError
from fixedweight.probing import Recording, countdown, decode, dimension, regress, shuffled

STREAMS, TIME = 800, 40
RNG = np.random.default_rng


def recording(signals, tasks, **changes):
    """Signals [batch, time, unit] (or [batch, unit], the same at every step) beside the tasks of
    one task a stream."""
    batch = len(tasks)
    long = {
        name: np.broadcast_to(v if v.ndim == 3 else v[:, None], (batch, TIME, v.shape[-1]))
        for name, v in signals.items()
    }
    tasks = np.broadcast_to(tasks[:, None], (batch, TIME, tasks.shape[-1]))
    example = np.broadcast_to(np.arange(TIME), (batch, TIME))
    return Recording(**{"signals": long, "tasks": tasks, "example": example,
                        "memory": tuple(signals)} | changes)  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    """[stream, 4] one of the sixteen truth tables."""
    return RNG(0).integers(0, 2, (STREAMS, 4)).astype(float)


def coded(tables, noise=0.3):
    """Six units: the four entries, mixed up, on scales of their own, between two of noise."""
    rng = RNG(1)
    code = np.stack([
        3.0 - 9.0 * tables[:, 2], rng.normal(size=STREAMS), tables[:, 0], -tables[:, 3],
        rng.normal(0, 50, STREAMS), 20.0 * np.logical_xor(tables[:, 1], tables[:, 0]),
    ], axis=1)  # fmt: skip
    return code + rng.normal(0, noise, code.shape) * np.array([1, 1, 0.3, 0.3, 1, 1])


def test_a_planted_code_is_found_with_its_units(tables):
    found = decode(recording({"cells": coded(tables)}, tables))
    assert found.needed == 4
    assert found.units[3] == ("cells[0]", "cells[2]", "cells[3]", "cells[5]")
    assert found.accuracy[3] > 0.98
    assert found.accuracy[0] < 0.2 < found.accuracy[1] < 0.4 < found.accuracy[2] < 0.7
    assert found.distinct == 16
    assert len(found.codes) == 16
    # unit 0 is high where entry 2 is 0, unit 2 where entry 0 is 1, unit 5 where 0 and 1 differ
    np.testing.assert_array_equal(found.codes[:, 0], 1 - found.tasks[:, 2])
    np.testing.assert_array_equal(found.codes[:, 1], found.tasks[:, 0])
    np.testing.assert_array_equal(found.codes[:, 3], found.tasks[:, 0] != found.tasks[:, 1])


def test_two_tasks_that_share_a_code_are_not_told_apart(tables):
    found = decode(recording({"cells": coded(tables)[:, [0, 1, 2, 3, 4]]}, tables))
    assert found.needed is None
    assert found.distinct == 8
    assert 0.4 < max(found.accuracy) < 0.65


def test_a_value_of_many_levels_is_in_the_state_and_no_binary_code(tables):
    level = (tables @ [1, 2, 4, 8])[:, None]
    found = decode(recording({"cells": level}, tables))
    assert found.accuracy[0] < 0.2
    assert found.linear > 0.5


def test_noise_and_shuffled_tasks_are_at_chance(tables):
    noise = RNG(3).normal(size=(STREAMS, 6))
    for one in (
        recording({"cells": noise}, tables),
        shuffled(recording({"cells": coded(tables)}, tables)),
    ):
        found = decode(one)
        assert found.needed is None
        assert max(*found.accuracy, found.linear) < 2.5 / 16
        assert found.chance < 2 / 16


def test_continuous_tasks_are_not_decoded():
    tasks = RNG(0).normal(size=(STREAMS, 2))
    with pytest.raises(InputError, match=r"one task in 8 rows.*got 800 in 400.*use `regress`"):
        decode(recording({"cells": tasks}, tasks))


def test_planted_parameters_are_found_by_step():
    """Three values rotated into five units, in noise that falls with the step."""
    rng = RNG(0)
    tasks = rng.uniform(-1, 1, (STREAMS, 3))
    mix = rng.normal(size=(3, 5))
    noise = 1.0 / np.arange(1, TIME + 1)[:, None]
    states = (tasks @ mix)[:, None] + noise * rng.normal(size=(STREAMS, TIME, 5))
    found = regress(recording({"cells": states}, tasks), examples=[0, 4, TIME - 1])
    assert found.r2.shape == (3, 3)
    assert (np.diff(found.r2.mean(axis=1)) > 0).all()
    assert found.r2[0].mean() < 0.8
    assert found.r2[-1].min() > 0.99
    assert found.explained > 0.99
    assert found.dimension.components99 == 3


def test_r2_is_what_theory_says():
    """One value of variance 1 in noise of variance 1: half of it can be known."""
    rng = RNG(1)
    tasks = rng.normal(size=(20000, 1))
    found = regress(recording({"cells": tasks + rng.normal(size=tasks.shape)}, tasks), examples=[3])
    assert found.r2[0, 0] == pytest.approx(0.5, abs=0.02)


def test_a_state_full_of_other_things_is_told_from_one_that_holds_the_task():
    rng = RNG(2)
    tasks = rng.uniform(-1, 1, (STREAMS, 2))
    both = np.concatenate([tasks, rng.normal(size=(STREAMS, 2))], axis=1)
    found = regress(recording({"cells": both}, tasks), examples=[5])
    assert found.r2.min() > 0.99
    assert found.explained == pytest.approx(0.5, abs=0.05)


def test_noise_and_shuffled_tasks_explain_nothing():
    rng = RNG(4)
    tasks = rng.uniform(-1, 1, (STREAMS, 3))
    for one in (
        recording({"cells": rng.normal(size=(STREAMS, 6))}, tasks),
        shuffled(recording({"cells": tasks}, tasks)),
    ):
        found = regress(one, examples=[0, 5])
        assert np.abs(found.r2).max() < 0.05
        assert abs(found.explained) < 0.1


@pytest.mark.parametrize("true", [1, 2, 5])
def test_dimension_of_a_planted_subspace(true):
    rng = RNG(0)
    cloud = rng.normal(size=(4000, true)) @ np.linalg.qr(rng.normal(size=(8, 8)))[0][:true]
    found = dimension(np.concatenate([cloud, np.ones((4000, 2))], axis=1))
    assert found.components99 == true
    assert 1 <= found.participation <= true + 1e-9


def test_dimension_of_independent_units_is_their_number():
    found = dimension(RNG(0).normal(size=(20000, 6)) * [1, 10, 100, 0.1, 3, 7])
    assert found.participation == pytest.approx(6, abs=0.02)
    assert found == (found.participation, 6, 6)


def falling(shape, spread=0.1, tasks=STREAMS):
    """A unit of this mean, beside one of noise and a constant one."""
    rng = RNG(0)
    planted = shape + spread * rng.normal(size=(tasks, 1)) + 0.05 * rng.normal(size=(tasks, TIME))
    units = [planted, rng.normal(size=(tasks, TIME)), np.full((tasks, TIME), 0.7)]
    return recording({"gates": np.stack(units, axis=-1)}, np.zeros((tasks, 1)))


N = np.arange(1, TIME + 1)


def test_a_planted_countdown_is_found():
    found = countdown(falling(0.2 + 0.6 / N))
    assert [one.signal for one in found] == ["gates[0]", "gates[1]"]
    best = found[0]
    assert (best.level, best.height) == pytest.approx((0.2, 0.6), abs=0.02)
    assert best.r2 > 0.99 > best.r2_exponential
    assert best.power == pytest.approx(1.0, abs=0.11)
    assert found[1].r2 < 0.6  # the mean of 400 is not 0, and few steps weigh much


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_other_powers_are_told_apart(power):
    best = countdown(falling(0.6 * N**-power, spread=0.0))[0]
    assert best.power == pytest.approx(power, abs=0.15)
    assert best.r2 < 0.99


def test_an_exponential_is_told_apart():
    best = countdown(falling(np.exp(-N / 6), spread=0.0))[0]
    assert best.r2_exponential > 0.999 > 0.95 > best.r2


def test_the_share_is_what_theory_says():
    """A mean of variance V over the (weighted) steps in noise of variance 0.09 + 0.0025."""
    shape = 0.6 / N
    best = countdown(falling(shape, spread=0.3, tasks=8000))[0]
    weight = 1.0 / N
    variance = np.average((shape - np.average(shape, weights=weight)) ** 2, weights=weight)
    assert best.share == pytest.approx(variance / (variance + 0.0925), abs=0.01)


def test_steps_are_counted_within_a_task_where_tasks_switch():
    one = falling(0.2 + 0.6 / N)
    example = np.broadcast_to((np.arange(TIME) + 10) % 20, (STREAMS, TIME))
    gates = (0.2 + 0.6 / (example + 1.0))[..., None]
    best = countdown(recording({"gates": gates}, one.tasks[:, 0], example=example))[0]
    assert len(best.mean) == 20
    assert best.r2 == pytest.approx(1.0)
    assert best.share == pytest.approx(1.0)


def test_refuses_what_cannot_be_probed(tables):
    one = recording({"cells": coded(tables)}, tables)
    with pytest.raises(InputError, match=r"signals among \['cells'\], got \['gates'\]"):
        decode(one, signals=["gates"])
    with pytest.raises(InputError, match="below 40 in at least 4 streams, got examples=40 in 0"):
        regress(one, examples=[40])
    with pytest.raises(InputError, match="every parameter varies"):
        regress(recording({"cells": coded(tables)}, np.zeros((STREAMS, 1))))
    with pytest.raises(InputError, match="at least 2 states"):
        dimension(np.ones((5, 3)))
    short = recording({"cells": coded(tables)}, tables, example=one.example % 4)
    with pytest.raises(InputError, match="at least 8 examples to see a decline, got 4"):
        countdown(short)
