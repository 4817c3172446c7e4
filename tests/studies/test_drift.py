"""Concepts, streams and filters of the study of drift."""

from itertools import product

import numpy as np
import pytest
from studies.drift import family, streams
from studies.drift.evaluate import frame_of, wrong
from studies.drift.filters import recurring, switching
from studies.drift.rivals import NearestInWindow, run
from studies.drift.show import table
from studies.drift.streams import CONDITIONS, OUTSIDE, Condition, Streams


def rows_of(tables):
    return {tuple(row) for row in np.asarray(tables)}


def test_the_family_is_wide_and_holds_staggers_three():
    tables, chance = family.all_concepts()
    assert len(tables) == len(rows_of(tables)) == 666
    assert chance.sum() == pytest.approx(1.0)
    at = {tuple(row): p for row, p in zip(tables, chance, strict=True)}
    own = [at[tuple(row)] for row in family.STAGGER]
    assert own == pytest.approx([1 / 648, 1 / 648, 1 / 54])
    left, rest = family.Concepts(without_stagger=True).known()
    assert len(left) == 663
    assert rest.sum() == pytest.approx(1.0)
    assert not rows_of(left) & rows_of(family.STAGGER)
    assert not rows_of(tables) & rows_of(OUTSIDE)


def test_a_concepts_targets_are_its_tables():
    import jax

    stream = family.Concepts().sample(jax.random.key(0), 8, 60)
    cell = family.cell_of(np.asarray(stream.inputs))
    expected = np.take_along_axis(np.asarray(stream.tasks), cell[..., None], axis=-1)
    np.testing.assert_array_equal(stream.targets, expected)
    assert set(np.unique(cell)) == set(range(27))


def test_rivers_stagger_has_the_concepts_that_we_say():
    synth = pytest.importorskip("river.datasets.synth", reason="it comes with `studies`")
    for number, concept in enumerate(family.STAGGER):
        for x, y in synth.STAGGER(number, seed=1).take(200):
            cell = 9 * x["size"] + 3 * x["color"] + x["shape"]
            assert y == concept[cell]


@pytest.mark.parametrize("name", CONDITIONS)
def test_streams_change_where_they_should(name):
    condition = CONDITIONS[name]
    if condition.river:
        pytest.importorskip("river", reason="it comes with `studies`")
    first, again = condition.streams(2), condition.streams(2)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(first.inputs[0], first.inputs[1])
    assert first.order[0, : condition.every].tolist() == list(range(1, condition.every + 1))
    by_turn = streams.cells(first).reshape(2, condition.changes, condition.every)
    labels = first.targets.reshape(by_turn.shape)
    agreed = condition.concepts[:, by_turn] == labels  # [concept, stream, change, example]
    best = agreed.mean(axis=-1).max(axis=0)
    assert best.mean() == pytest.approx(1.0 - condition.flip, abs=0.03)
    if not condition.flip:
        assert best.min() == 1.0


def test_each_concept_follows_another():
    turns = streams.in_turn(3, 1000, np.random.default_rng(0))
    assert (np.diff(turns) != 0).all()
    assert np.bincount(turns).min() > 250


def tiny(time=6):
    rng = np.random.default_rng(3)
    cell, targets = rng.integers(27, size=(1, time)), rng.integers(2, size=(1, time)).astype(float)
    return cell[0], Streams(family.ONE_HOT[cell], targets, np.arange(time)[None] + 1)


def test_the_switching_filter_is_the_sum_over_all_histories():
    cell, found = tiny()
    hazard, flip, prior = 0.2, 0.1, np.array([0.5, 0.2, 0.3])
    chance = flip + (1.0 - 2.0 * flip) * family.STAGGER[:, cell]  # [concept, time]
    right = np.where(found.targets[0] == 1.0, chance, 1.0 - chance)
    move = (1.0 - hazard) * np.eye(3) + hazard * prior
    for t in range(6):
        top = bottom = 0.0
        for path in product(range(3), repeat=t + 1):
            weight = prior[path[0]] * np.prod([move[a, b] for a, b in zip(path, path[1:])])  # noqa: B905, RUF007
            weight *= np.prod([right[k, s] for s, k in enumerate(path[:-1])])
            top, bottom = top + weight * chance[path[-1], t], bottom + weight
        own = switching(family.STAGGER, prior, hazard, flip, found)[0, t]
        assert own == pytest.approx(top / bottom, rel=1e-9)


def test_a_filter_that_remembers_is_bayes_rule_as_long_as_nothing_switches():
    cell, found = tiny()
    prior, flip = np.array([0.5, 0.2, 0.3]), 0.1
    chance = flip + (1.0 - 2.0 * flip) * family.STAGGER[:, cell]
    right = np.where(found.targets[0] == 1.0, chance, 1.0 - chance)
    weight = prior[:, None] * np.cumprod(right, axis=1)
    after = (weight / weight.sum(axis=0))[:, :-1]
    expected = np.concatenate([[prior @ chance[:, 0]], (after * chance[:, 1:]).sum(axis=0)])
    np.testing.assert_allclose(recurring(family.STAGGER, prior, 0.0, flip, found)[0], expected)


def test_remembering_helps_where_concepts_come_back():
    condition = Condition("", 50, 30, family.STAGGER)
    found = condition.streams(2)
    known = (*family.all_concepts(), 1 / 50, 0.001)
    errors = [wrong(rule(*known, found), found).mean() for rule in (switching, recurring)]
    assert errors[1] < 0.6 * errors[0]


def test_the_nearest_example_of_the_window_answers_the_latest_first():
    model = NearestInWindow(2)
    assert model.predict_one({"a": 0.0}) is None
    for a, y in ((0.0, 1), (1.0, 0), (0.0, 0), (0.9, 1)):
        model.learn_one({"a": a}, y)
    assert model.predict_one({"a": 0.0}) == 0
    assert model.predict_one({"a": 1.0}) == 1
    assert len(model.examples) == 2


def test_rivals_look_back_alone():
    found = Condition("", 20, 2, family.STAGGER).streams(1)
    changed = found._replace(targets=np.where(np.arange(40) >= 25, 0.0, found.targets))
    one, other = (run(lambda: NearestInWindow(10), each) for each in (found, changed))
    np.testing.assert_array_equal(one[:, :26], other[:, :26])


def test_errors_are_shown_by_example_since_the_change():
    found = Condition("", 60, 2, family.STAGGER).streams(2)
    frame, errors = frame_of(found), wrong(np.zeros(found.targets.shape), found)
    assert errors.mean() == pytest.approx(100 * found.targets.mean())
    assert frame["order"].max() == 60
    cell = {"1-4": 40.0, "all": 10.0}
    shown = table(
        {
            "filters": {"exact": cell},
            "rivals": {"tree": {"1-4": 60.0, "all": 30.0, "setting": "5"}},
            "learners": {"main": [cell, {"1-4": 50.0, "all": 20.0}, {"1-4": 45.0, "all": 15.0}]},
            "main": "main",
            "paired": {k: {"difference": 1.0, "low": 0.5, "high": 2.0} for k in ("exact", "tree")},
        }
    ).splitlines()
    assert shown[2].startswith("| *exact* | 40.00 | 10.00 | +1.00")
    assert shown[3] == "| **main** | 45.00 | 15.00 | seeds 10.00 to 20.00 |"
    assert shown[4].startswith("| tree (5) | 60.00 | 30.00 |")
