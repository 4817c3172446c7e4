"""Conditions on a family: what they change happens as often as they say, and nothing else."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import (
    Boolean,
    Late,
    Missing,
    Noisy,
    Quadratic,
    Semilinear,
    Stream,
    Switching,
    network_inputs,
)

pytestmark = pytest.mark.usefixtures("quick_compile")


@cache
def draw(family, batch, length):
    sample = jax.jit(lambda key: family.sample(key, batch, length))
    return jax.tree.map(np.asarray, sample(jax.random.key(0)))


def truth(stream):
    """The targets of Boolean(1) by its tables."""
    place = stream.inputs[..., :1].astype(int)
    return np.take_along_axis(stream.tasks, place, axis=-1)


def assert_rate(events, chance):
    """A number of events within 4.5 standard deviations of a binomial one."""
    expected, sd = events.size * chance, (events.size * chance * (1.0 - chance)) ** 0.5
    assert abs(events.sum() - expected) < 4.5 * sd


class TestNoisy:
    def test_gaussian_noise_has_its_standard_deviation(self):
        stream = draw(Noisy(Boolean(1), sd=0.3), 50, 400)
        noise = stream.targets - truth(stream)
        assert abs(noise.mean()) < 4.5 * 0.3 / noise.size**0.5
        assert noise.std() == pytest.approx(0.3, rel=4.5 / (2 * noise.size) ** 0.5)
        assert abs(np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1]) < 0.04

    def test_targets_are_flipped_by_chance(self):
        stream = draw(Noisy(Boolean(1), flip=0.15), 50, 400)
        flipped = stream.targets != truth(stream)
        assert set(np.unique(stream.targets)) == {0.0, 1.0}
        assert_rate(flipped, 0.15)
        assert_rate(flipped[:, 1:] & flipped[:, :-1], 0.15**2)

    def test_what_is_noisy_is_also_what_is_told(self):
        stream = draw(Noisy(Boolean(1), sd=0.3), 50, 400)
        seen = np.asarray(network_inputs(jax.tree.map(jnp.asarray, stream), 0, False))
        np.testing.assert_array_equal(seen[:, 1:, 1], stream.targets[:, :-1, 0])

    @pytest.mark.parametrize(
        "config", [{}, {"sd": -0.1}, {"flip": -0.1}, {"flip": 0.6}, {"sd": -1.0, "flip": 0.2}]
    )
    def test_refuses_noise_that_is_none(self, config):
        with pytest.raises(FamilyError, match=r"sd above 0, or flip above 0 and at most 0\.5"):
            Noisy(Boolean(), **config)

    def test_refuses_to_flip_what_is_not_between_0_and_1(self):
        with pytest.raises(FamilyError, match=r"targets in \[0, 1\] to flip.*'quadratic'"):
            Noisy(Quadratic(scale="none"), flip=0.1)


class TestMissing:
    def test_targets_are_withheld_by_chance_and_all_scored(self):
        stream = draw(Missing(Boolean(1), share=0.3), 50, 400)
        assert_rate(~stream.revealed, 0.3)
        assert stream.scored.all()
        np.testing.assert_array_equal(stream.targets, truth(stream))

    def test_what_is_withheld_twice_is_withheld_if_either_does(self):
        stream = draw(Missing(Missing(Boolean(1), share=0.3), share=0.5), 50, 400)
        assert_rate(stream.revealed, 0.7 * 0.5)

    @pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
    def test_refuses_to_withhold_none_or_all(self, share):
        with pytest.raises(FamilyError, match=f"between 0 and 1, got {share}"):
            Missing(Boolean(), share=share)


class TestLate:
    def test_leaves_the_stream_as_it_is_and_adds_its_steps(self):
        family = Late(Late(Boolean(1), steps=2), steps=3)
        assert family.delay == 5
        stream = draw(family, 4, 9)
        np.testing.assert_array_equal(stream.targets, truth(stream))
        assert stream.revealed.all()

    def test_the_network_is_told_only_what_has_arrived(self):
        targets = jnp.arange(1.0, 7.0)[None, :, None]
        every = jnp.ones((1, 6), dtype=bool)
        stream = Stream(
            tasks=jnp.zeros((1, 6)),
            inputs=10.0 * targets,
            targets=targets,
            revealed=every.at[0, 1].set(False),
            scored=every,
            example=jnp.arange(6)[None],
        )
        seen = np.asarray(network_inputs(stream, 0, False))[0]
        np.testing.assert_array_equal(seen[:, 0], [10, 20, 30, 40, 50, 60])
        np.testing.assert_array_equal(seen[:, 1], [0, 1, 0, 3, 4, 5])
        seen = np.asarray(network_inputs(stream, 2, True))[0]
        np.testing.assert_array_equal(seen[:, 1], [0, 0, 0, 1, 0, 3])
        np.testing.assert_array_equal(seen[:, 2], [0, 0, 0, 1, 0, 1])
        seen = np.asarray(network_inputs(stream, 9, True))[0]
        assert not seen[:, 1:].any()

    def test_refuses_targets_that_are_not_late(self):
        with pytest.raises(FamilyError, match="at least 1 step late, got steps=0"):
            Late(Boolean(), steps=0)


class TestSwitching:
    @pytest.mark.parametrize("length", [5, 30])
    def test_a_fixed_period_holds_one_task(self, length):
        stream = draw(Switching(Semilinear(1), every=12), 6, length)
        for begin in range(0, length, 12):
            tasks = stream.tasks[:, begin : begin + 12]
            np.testing.assert_array_equal(tasks, np.broadcast_to(tasks[:, :1], tasks.shape))
        assert len(np.unique(stream.tasks[..., 0])) == 6 * -(-length // 12)
        np.testing.assert_array_equal(
            stream.example, np.broadcast_to(np.arange(length) % 12, (6, length))
        )
        # No example is shown twice.
        assert len(np.unique(stream.inputs)) == 6 * length

    def test_random_switches_come_at_the_hazards_rate(self):
        stream = draw(Switching(Boolean(1), hazard=0.1), 60, 300)
        switch = stream.example[:, 1:] == 0
        assert_rate(switch, 0.1)
        assert_rate(switch[:, 1:] & switch[:, :-1], 0.01)
        # One of four tables follows another: a quarter of the switches leave it the same.
        same = (stream.tasks[:, 1:] == stream.tasks[:, :-1]).all(axis=-1)
        assert same[~switch].all()
        assert_rate(same[switch], 0.25)

    @pytest.mark.parametrize("hazard", [0.02, 0.7])
    def test_random_switches_begin_fresh_tasks_and_show_no_example_twice(self, hazard):
        stream = draw(Switching(Semilinear(1), hazard=hazard), 10, 100)
        begins = stream.example == 0
        assert len(np.unique(stream.tasks[..., 0])) == begins.sum()
        assert len(np.unique(stream.inputs)) == stream.inputs.size
        assert_rate(begins[:, 1:], hazard)

    def test_announces_how_long_a_task_lasts(self):
        assert Switching(Boolean(), every=40).examples == 40
        assert Switching(Boolean(), hazard=0.04).examples == 25
        assert Switching(Boolean(), hazard=0.9).examples == 2
        assert Switching(Boolean(), every=40).stream_length == 4000
        assert Switching(Boolean(), every=40).chance == 1 / 40

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({}, "either every=EXAMPLES .* or hazard=CHANCE"),
            ({"every": 10, "hazard": 0.1}, "got every=10, hazard=0.1"),
            ({"every": 1}, "at least 2 examples between switches, got 1"),
            ({"hazard": 0.0}, "hazard between 0 and 1, got 0.0"),
            ({"hazard": 1.0}, "hazard between 0 and 1, got 1.0"),
        ],
    )
    def test_refuses_switches_that_make_no_sense(self, config, message):
        with pytest.raises(FamilyError, match=message):
            Switching(Boolean(), **config)
