"""A card in words."""

import re

import pytest

from fixedweight.evaluation.baselines import BASELINES
from fixedweight.families import Boolean, Late, Missing, Noisy, Quadratic, Semilinear, Switching
from fixedweight.networks import Alternating, Jordan, PreviousError
from fixedweight.report import conditions, describe_network, error_rows, headline, notes


def shown(estimate):
    return f"{estimate['value']:.3g} ±{(estimate['high'] - estimate['low']) / 2:.2g}"


def test_the_table_with_an_oracle(boolean_card):
    rows = error_rows(boolean_card)
    evaluation = boolean_card["evaluation"]
    assert [row[0] for row in rows] == [
        "",
        "this learner",
        "oracle (exact)",
        "paper, 256 examples",
        *BASELINES,
    ]
    assert {len(row) for row in rows} == {5}
    by_name = {row[0]: row[1:] for row in rows}
    for name, record in (
        ("this learner", evaluation["learner"]),
        ("oracle (exact)", evaluation["oracle"]),
        ("last target", evaluation["baselines"]["last target"]),
    ):
        learned = record["examples_to_learn"]
        assert by_name[name] == [
            shown(record["mse"]),
            f"{record['after']['10']['value']:.3g}",
            f"{record['after']['30']['value']:.3g}",
            "-" if learned is None else str(learned),
        ]
    assert by_name["paper, 256 examples"] == ["0.0058", "-", "-", "10"]
    assert by_name["oracle (exact)"][-1] != "-"
    assert by_name["last target"][-1] == "-"


def test_the_table_without_an_oracle(table_card):
    rows = error_rows(table_card)
    assert [row[0] for row in rows] == ["", "this learner", *BASELINES]
    assert rows[1][1] == shown(table_card["evaluation"]["learner"]["mse"])
    assert rows[1][2:4] == ["-", "-"]  # no task has more than 6 rows


def test_learned_at_once_is_0_and_not_unknown(boolean_card):
    boolean_card["evaluation"]["learner"]["examples_to_learn"] = 0
    assert error_rows(boolean_card)[1][-1] == "0"


@pytest.mark.parametrize(
    ("family", "paper"),
    [
        (Boolean(), "0.0058"),
        (Switching(Boolean(), every=256), "0.0058"),
        (Semilinear(), "0.0008"),
        (Quadratic(), "0.00068"),
        (Quadratic(scale="global"), None),
        (Quadratic(inputs=3), None),
        (Boolean(inputs=3), None),
        (Noisy(Boolean(), flip=0.1), None),
        (Switching(Late(Boolean()), every=256), None),
        (Missing(Semilinear()), None),
    ],
)
def test_the_paper_is_quoted_for_its_own_conditions_alone(family, paper, boolean_card):
    boolean_card["family"] = family.describe()
    rows = [row for row in error_rows(boolean_card) if row[0].startswith("paper")]
    assert [row[1] for row in rows] == ([paper] if paper else [])


def test_notes_with_an_oracle(boolean_card):
    evaluation, run = boolean_card["evaluation"], boolean_card["derivation"]
    ratio, over, paper, seeds, tasks = notes(boolean_card)
    assert "2001" in paper
    value, low, high = (f"{evaluation['ratio'][part]:.3f}" for part in ("value", "low", "high"))
    regret = " [".join(f"{evaluation['regret'][part]:.3g}" for part in ("value", "low"))
    regret += f", {evaluation['regret']['high']:.3g}]"
    oracle = evaluation["oracle"]["note"]
    assert ratio == f"error / oracle: {value} [{low}, {high}], regret {regret}. {oracle}"
    del evaluation["regret"]
    assert notes(boolean_card)[0] == f"error / oracle: {value} [{low}, {high}]. {oracle}"
    assert over.startswith("over 400 examples: ")
    assert f"{evaluation['long']['rest']['value']:.3g} in the rest" in over
    best, other = sorted(run["validation_by_seed"])
    assert f"2 seeds, best kept: {best:.3g}, {other:.3g} " in seeds
    assert tasks.startswith("40 test tasks of 40 examples")


def test_notes_say_what_was_not_estimated(table_card):
    ratio, over, *_ = notes(table_card)
    assert ratio == "error / oracle: not estimated, no oracle is known for this family."
    assert over == "at ten times the length: not estimated, the series end."
    assert not any("intervals" in note for note in notes(table_card))
    table_card["evaluation"]["tasks"] = 1
    assert "intervals: not estimated, there is one test task." in notes(table_card)


def test_notes_leave_out_seeds_that_diverged(boolean_card):
    boolean_card["derivation"]["validation_by_seed"] = [None, 0.25]
    assert any("1 seeds, best kept: 0.25 (" in note for note in notes(boolean_card))


def test_an_error_that_was_not_finite_is_said_so(boolean_card):
    evaluation = boolean_card["evaluation"]
    evaluation["long"]["rest"] = None
    assert "over 400 examples: the error did not stay finite." in notes(boolean_card)
    evaluation["learner"] |= {"mse": None, "examples_to_learn": None}
    evaluation["ratio"] = None
    assert error_rows(boolean_card)[1][1:] == ["not finite", "-", "-", "-"]
    said = "error / oracle: not estimated, the learner's error did not stay finite."
    assert notes(boolean_card)[0] == said


def test_the_headline(boolean_card):
    run = boolean_card["derivation"]
    assert re.fullmatch(
        r"boolean \(reset\), LSTM of 1997 with 1 cells \+ 1 standard units, \d+ weights, "
        r"2 seeds, 3 updates, \d+ s",
        headline(boolean_card),
    )
    assert f" {run['weights']} weights" in headline(boolean_card)
    run["stopped_early"] = True
    del boolean_card["evaluation"]
    assert headline(boolean_card).endswith(" s, stopped early")
    assert "(not evaluated)" in headline(boolean_card)


def test_networks_in_words():
    lstm = {"class": "LSTM1997", "blocks": 6, "block_size": 2, "hidden": 6, "second": 40}
    assert describe_network(lstm) == (
        "LSTM of 1997 with 12 cells + 6 standard units and 40 in a second layer"
    )
    told = PreviousError(Alternating(Jordan(hidden=2))).config()
    assert describe_network(told) == (
        "Jordan (hidden=2, activation=tanh, decay=0.5), shown targets and data in turn, told "
        "its previous error"
    )
    assert describe_network({"class": "MyNetwork"}) == "MyNetwork"
    mine = {"class": "MyNetwork", "input_size": 2, "hidden": 3, "kind": "tanh"}
    assert describe_network(mine) == "MyNetwork (hidden=3, kind=tanh)"


def test_conditions_in_words(table_card):
    family = Late(Missing(Noisy(Boolean(), flip=0.1), share=0.3), steps=2)
    assert conditions(family.describe()) == [
        "family=boolean",
        "inputs=2",
        "length=256",
        "noisy flip=0.1",
        "missing share=0.3",
        "late steps=2",
    ]
    assert conditions(Switching(Quadratic(), hazard=0.1).describe())[1:] == [
        "inputs=2",
        "scale=task",
        "length=60",
        "switching hazard=0.1",
    ]
    assert conditions(table_card["family"]) == ["family=table"]
