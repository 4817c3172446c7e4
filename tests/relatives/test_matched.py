"""A simulator's tasks that look like a table's: against the truth that the table was drawn from."""

import importlib

import jax
import numpy as np
import pandas as pd
import pytest

import fixedweight as fw
from fixedweight.errors import FamilyError, InputError
from fixedweight.families import check_family
from fixedweight.relatives import Matched
from fixedweight.relatives.matched import summaries
from fixedweight.training import Schedule, Stage

TIME = 20
SLOPE, SPREAD, NOISE = 2.0, 0.3, 0.2
"""Of the tasks in the table."""


def lines(tasks=12, seed=0, missing=False):
    """Lines through 0 of slopes about 2, at x in [0, 1]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(tasks, TIME))
    y = rng.normal(SLOPE, SPREAD, (tasks, 1)) * x + NOISE * rng.normal(size=x.shape)
    who = np.repeat(np.arange(tasks), TIME)
    frame = pd.DataFrame({"who": who, "x": x.ravel(), "y": y.ravel()})
    if missing:
        frame.loc[3::7, "y"] = np.nan
    return frame


def table(frame=None):
    frame = lines() if frame is None else frame
    return fw.read_table(frame, task="who", target="y", inputs=["x"], test=[0, 1], validation=[2])


def simulator():
    """Lines of any slope in [-5, 5], with the table's noise."""
    return fw.Noisy(
        fw.Simulator(
            draw=lambda key: jax.random.uniform(key, (), minval=-5.0, maxval=5.0),
            compute=lambda slope, x: slope * x[0],
            inputs=lambda key, slope, length: jax.random.uniform(key, (length, 1)),
            length=TIME,
        ),
        sd=NOISE,
    )


def sampled(family, streams):
    return jax.jit(lambda key: family.sample(key, streams, TIME))(jax.random.key(0))


@pytest.fixture(scope="module")
def family():
    return Matched(table(), simulator(), draws=4096, nearest=40)


def test_the_spread_of_what_is_drawn_is_that_of_the_table(family):
    stream = sampled(family, 2000)
    x, y = np.asarray(stream.inputs)[..., 0], np.asarray(stream.targets)[..., 0]
    slope = (x * y).sum(axis=1) / (x * x).sum(axis=1)
    rows = family.table.parts["train"]
    own = family.table.inputs[rows, :, 0], family.table.targets[rows, :, 0]
    wanted = (own[0] * own[1]).sum(axis=1) / (own[0] ** 2).sum(axis=1)
    assert slope.mean() == pytest.approx(wanted.mean(), abs=0.1)
    assert wanted.std() < slope.std() < 2.0 * wanted.std() + 0.1
    rest = (y - slope[:, None] * x).std(axis=1)
    assert np.median(rest) == pytest.approx(NOISE, rel=0.25)


def test_as_it_is_the_simulator_is_not_matched():
    wide = Matched(table(), simulator(), matched=False)
    stream = sampled(wide, 500)
    assert np.asarray(stream.targets)[..., 0].std() > 1.4


def test_it_can_be_trained_on_and_all_else_is_the_tables(family):
    check_family(family)
    assert family.scaling() == family.table.scaling()
    assert family.part("train") is family
    assert family.part("test").current == "test"
    assert family.describe()["simulator"]["family"] == "simulator"
    again = Matched(family.table, simulator(), draws=4096, nearest=40)
    np.testing.assert_array_equal(again.matches[1], family.matches[1])


def test_columns_become_numbers_as_in_the_table():
    frame = lines().assign(arm=lambda rows: np.where(rows["who"] % 2, "drug", "placebo"))
    mixed = fw.read_table(frame, task="who", target="y", inputs=["x", "arm"])
    family = Matched(mixed, fw.Quadratic(inputs=3))
    assert family.input_names == ("x", "arm=drug", "arm=placebo")
    assert family.encoding == mixed.encoding != ()


def test_targets_that_are_missing_count_for_nothing():
    gaps = table(lines(missing=True))
    assert Matched(gaps, simulator()).flagged
    x = np.random.default_rng(0).normal(size=(1, 9, 2))
    y = x[..., :1] - 2.0 * x[..., 1:]
    known = np.arange(9)[None] < 6
    changed = np.where(known[..., None], y, 50.0)
    np.testing.assert_allclose(summaries(x, y, known), summaries(x, changed, known))
    assert summaries(x, y, known)[0, 2] < -1.0


def test_validation_and_test_tasks_have_no_say():
    frame = lines()
    other = frame.assign(y=np.where(frame["who"] < 3, 9.0, frame["y"]))
    one, two = (Matched(table(f), simulator(), draws=512, nearest=9) for f in (frame, other))
    np.testing.assert_array_equal(one.matches[1], two.matches[1])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Matched(table(), fw.Late(simulator())), "one by one"),
        (lambda: Matched(table(), fw.Quadratic(inputs=2)), "1 inputs and 1 targets"),
        (lambda: Matched(table(), simulator(), nearest=0), "nearest"),
    ],
)
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(FamilyError, match=words):
        make()


def test_a_learner_comes_from_the_simulator_then_from_the_table():
    short = Schedule((Stage(TIME, 16, 60),))
    family = Matched(table(), simulator(), draws=512, nearest=9)
    learner = fw.derive_matched(family, fw.GRU(hidden=4), schedule=short, seeds=2)
    run = learner.card["derivation"]
    assert run["validation_error"] <= run["on_simulator"]["validation_error"]
    assert learner.card["family"]["simulator"]["family"] == "simulator"
    assert learner.scaling == table().scaling()
    assert learner.input_names == ("x",)
    guess, _ = learner.unroll(*(part[2:3] for part in (table().inputs, table().targets)))
    assert np.isfinite(guess).all()


def test_the_time_is_shared_between_simulator_and_table(monkeypatch):
    """What each part is given; neither trains here."""
    module = importlib.import_module("fixedweight.relatives.derive_matched")
    given = {}

    class Done:
        network, params = fw.GRU(hidden=4), {}
        card = {"derivation": {"stopped_early": False, "validation_error": 1.0}}  # noqa: RUF012

    def derive(family, network, minutes=None, **settings):
        if isinstance(family, Matched):
            given["simulator"] = minutes
            return Done
        given["table"] = minutes
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "derive", derive)
    matched = Matched(table(), simulator())
    for minutes in (10.0, None):
        with pytest.raises(KeyboardInterrupt):
            fw.derive_matched(matched, minutes=minutes)
        if minutes is None:
            assert given == {"simulator": None, "table": None}
        else:
            assert given["simulator"] == 8.0
            assert given["table"] == pytest.approx(10.0, abs=0.1)
    with pytest.raises(InputError, match="more than 0 minutes"):
        fw.derive_matched(matched, minutes=0.0)
