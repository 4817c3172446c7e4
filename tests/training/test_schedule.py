"""Stages and default courses."""

import json
import math

import pandas as pd
import pytest

from fixedweight.errors import InputError
from fixedweight.families import (
    Boolean,
    Late,
    Missing,
    Noisy,
    Quadratic,
    Semilinear,
    Switching,
    read_table,
)
from fixedweight.training import Schedule, Stage, default_schedule


def table(rows):
    frame = pd.DataFrame(
        [(task, x, x * task) for task in range(5) for x in range(rows)], columns=["task", "x", "y"]
    )
    return read_table(frame, task="task", target="y")


RESET = {
    "boolean": Boolean(),
    "boolean, short": Boolean(length=12),
    "semilinear": Semilinear(),
    "quadratic": Quadratic(),
    "quadratic, long": Quadratic(length=1000),
    "late": Late(Boolean(), steps=2),
    "missing, noisy": Missing(Noisy(Semilinear(), sd=0.1), share=0.5),
    "table of 2 rows a task": table(2),
    "table of 45 rows a task": table(45),
    "table, late": Late(table(9)),
}
SWITCHING = {
    "every": Switching(Boolean(), every=256),
    "hazard": Switching(Boolean(), hazard=1 / 50),
    "short": Switching(Boolean(), every=4),
    "late": Late(Switching(Semilinear(), every=64)),
}


@pytest.mark.parametrize("name", RESET)
def test_a_course_grows_to_the_length_of_a_task(name):
    family = RESET[name]
    schedule = default_schedule(family)
    lengths = [stage.length for stage in schedule.stages]
    assert lengths == sorted(set(lengths))
    assert lengths[-1] == family.examples
    assert lengths[0] == min(20, family.examples)
    assert all(stage.windows == 1 and stage.hazard is None for stage in schedule.stages)


@pytest.mark.parametrize("name", SWITCHING)
def test_a_course_for_switches_begins_without_and_ends_with_the_familys_own(name):
    family = SWITCHING[name]
    first, *middle, last = default_schedule(family).stages
    assert first.hazard == 0.0
    assert first.length == min(20, family.examples)
    assert all(stage.hazard and stage.hazard > 0 for stage in middle)
    # a switch is within what is differentiated
    assert all(stage.length * stage.hazard >= 1 for stage in middle)
    assert last.hazard is None
    assert last.length == 2 * family.examples
    assert last.length * last.windows >= 8 * family.examples


def test_scaled_is_the_same_course_with_other_numbers_of_updates():
    schedule = Schedule((Stage(3, 4, 10, hazard=0.1), Stage(5, 6, 3, windows=2)), final=0.5)
    assert schedule.updates == 13
    more = schedule.scaled(2.5)
    assert more.stages == (Stage(3, 4, 25, hazard=0.1), Stage(5, 6, 8, windows=2))
    assert (more.final, more.learning_rate) == (0.5, schedule.learning_rate)
    assert [stage.updates for stage in schedule.scaled(1e-9).stages] == [1, 1]
    assert schedule.scaled(1.0) == schedule


def test_a_schedule_is_plain_values():
    plain = default_schedule(SWITCHING["every"]).plain()
    again = json.loads(json.dumps(plain, allow_nan=False))
    stages = tuple(Stage(**stage) for stage in again.pop("stages"))
    assert Schedule(stages, **again) == default_schedule(SWITCHING["every"])


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_effort_is_refused(factor):
    with pytest.raises(InputError, match="effort above 0"):
        default_schedule(Boolean()).scaled(factor)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"length": 0}, "length of at least 1, got 0"),
        ({"batch": -3}, "batch of at least 1, got -3"),
        ({"updates": 0}, "updates of at least 1"),
        ({"windows": 0}, "windows of at least 1"),
        ({"hazard": 1.0}, "hazard from 0 to below 1, got 1.0"),
        ({"hazard": -0.1}, "hazard from 0"),
        ({"hazard": math.nan}, "hazard from 0"),
    ],
)
def test_an_impossible_stage_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        Stage(**({"length": 5, "batch": 5, "updates": 5} | changes))


def test_an_impossible_schedule_is_refused():
    with pytest.raises(InputError, match="at least one stage"):
        Schedule(())
    for rate in (0.0, -0.1, 10.0, math.nan):
        with pytest.raises(InputError, match="learning rate between 0 and 10"):
            Schedule((Stage(5, 5, 5),), learning_rate=rate)
