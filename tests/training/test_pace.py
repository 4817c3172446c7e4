"""How much of a course fits a time, and a run that is given one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixedweight.errors import InputError
from fixedweight.training import Schedule, Stage, pace
from fixedweight.training.pace import Clock, Pace, share

TIMES = st.floats(1e-3, 1e4)
PACES = st.lists(st.builds(Pace, TIMES, TIMES), min_size=1, max_size=4)


@given(PACES, TIMES)
def test_the_share_fits_the_time_and_is_all_of_it_at_most(paces, left):
    got = share(paces, left)
    assert 0 < got <= 1
    once, whole = sum(p.once for p in paces), sum(p.whole for p in paces)
    if got > pace.LEAST:
        assert once + got * whole <= left + 1e-9
    assert share(paces, once + 1.2 * whole) == 1


def test_the_pace_is_told_by_some_of_the_draws(monkeypatch):
    now, done = [0.0], []

    def advance(draws):
        done.append(draws)
        now[0] += 0.02 * draws + (3.0 if len(done) == 1 else 0.0)

    def look():
        now[0] += 0.5

    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    got = pace.measured(advance, look, draws=1000, looks=4)
    assert done == [1, 1, 4, 16]
    assert got == pytest.approx(Pace(once=3.52, whole=20.0 + 2.0))


def test_a_clock_does_what_there_is_time_for(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])

    def work(takes):
        now[0] += takes
        return takes

    clock = Clock(1.0)
    assert clock.within([lambda: work(70.0), lambda: work(1.0)]) == [70.0]
    assert clock.within([lambda: work(1.0)]) == []
    assert clock.left_out == 2
    clock = Clock(1.0)
    works = [lambda takes=takes: work(takes) for takes in (10.0, 25.0, 10.0, 5.0)]
    assert clock.within(works) == [10.0, 25.0, 10.0]
    unbounded = Clock(None)
    assert unbounded.within(works) == [10.0, 25.0, 10.0, 5.0]


@pytest.fixture
def slow(monkeypatch):
    """Every stage of a course takes a minute, whatever it is."""
    monkeypatch.setattr(pace, "measured", lambda *given: Pace(0.0, 60.0))


def interrupt(progress):
    raise KeyboardInterrupt


@pytest.mark.usefixtures("small_chunks", "slow")
def test_a_bound_shortens_the_course_and_a_resumed_run_keeps_it(tiny, assert_same_run, tmp_path):
    long = Schedule((Stage(3, 4, 40), Stage(4, 4, 20, windows=2)), learning_rate=0.1)
    learners = tiny.derive(schedule=long, minutes=1.0)
    run = learners[0].card["derivation"]
    first, second = (stage["updates"] for stage in run["schedule"]["stages"])
    assert 14 <= first <= 18  # 0.9 of a minute, less what the run took to set up, of two
    assert second == pytest.approx(first / 2, abs=1)
    assert run["updates"] - (first + second) in (0, 1)
    assert (run["minutes"], run["stopped_early"]) == (1.0, False)

    path = tmp_path / "run.checkpoint"
    tiny.derive(schedule=long, minutes=1.0, checkpoint=path, on_progress=interrupt)
    kept = tiny.derive(schedule=long, minutes=1.0, checkpoint=path)[0].card["derivation"]
    stages = [stage["updates"] for stage in kept["schedule"]["stages"]]
    again = [Stage(3, 4, stages[0]), Stage(4, 4, stages[1], windows=2)]
    whole = tiny.derive(schedule=Schedule(tuple(again), learning_rate=0.1))[0].card["derivation"]
    assert kept["history"] == whole["history"]
    assert not path.exists()


def test_with_time_enough_nothing_changes(tiny, uninterrupted, small_chunks):
    bounded = tiny.derive(minutes=60.0)
    for one, other in zip(bounded, uninterrupted[0], strict=True):
        for name, value in other.params.items():
            np.testing.assert_array_equal(one.params[name], value)


@pytest.mark.usefixtures("small_chunks")
def test_a_run_ends_when_its_time_is_up_with_what_there_is(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(pace, "measured", lambda *given: Pace(0.0, 1e-9))  # far too hopeful
    path = tmp_path / "run.checkpoint"
    run = tiny.derive(minutes=1e-6, checkpoint=path)[0].card["derivation"]
    assert run["updates"] == 1  # of each stage one is the least, and the second is not begun
    assert run["stopped_early"] is False
    assert not path.exists()


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_no_time_is_refused(minutes, tiny):
    with pytest.raises(InputError, match="more than 0 minutes"):
        tiny.derive(minutes=minutes)
