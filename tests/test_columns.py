"""Text, dates and gaps of a table: as numbers, kept with the learner, the same at use."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import fixedweight as fw
from fixedweight.cli import app
from fixedweight.columns import Column, described, encoded, encoded_one, names_of
from fixedweight.errors import FamilyError, InputError
from fixedweight.estimators import OnlineEstimator
from test_learner import drawn_learner

FRAME = pd.DataFrame(
    {
        "who": ["a", "a", "b", "b", "c", "c"],
        "sex": ["male", "male", "female", "female", None, None],
        "dose": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0],
        "seen": ["2024-01-30", "2024-02-01T12:00", "2023-05-05", "2023-05-06", None, "2020-01-01"],
        "age": [30, 30, 41, 41, 52, 52],
    }
)
TASKS = np.array([0, 0, 1, 1, 2, 2])
INPUTS = ["sex", "dose", "seen", "age"]


def columns(known=(True,) * 6):
    return described(FRAME, INPUTS, np.array(known), TASKS)


def test_words_dates_and_gaps_become_numbers():
    found = columns()
    assert names_of(found) == (
        *("sex=female", "sex=male", "sex=missing", "dose", "dose missing"),
        *("seen", "seen missing", "age"),
    )
    np.testing.assert_allclose(
        encoded(FRAME, found, TASKS),
        [
            [0, 1, 0, 1, 0, 0.0, 0, 30],
            [0, 1, 0, 2, 0, 2.5, 0, 30],
            [1, 0, 0, 4, 1, 0.0, 0, 41],
            [1, 0, 0, 4, 0, 1.0, 0, 41],
            [0, 0, 1, 5, 0, 0.0, 1, 52],
            [0, 0, 1, 6, 0, 0.0, 0, 52],
        ],
    )


def test_only_rows_that_may_be_known_say_which_words_there_are_and_what_fills_gaps():
    sex, dose, seen, _ = columns(known=(True, True, True, True, False, False))
    assert sex.levels == ("female", "male")
    assert (dose.fill, dose.gaps) == (2.0, True)
    assert not seen.gaps
    unseen = encoded(FRAME, (sex,), TASKS)[4]
    np.testing.assert_array_equal(unseen, [0, 0])


def test_a_gap_where_there_never_was_one_is_refused():
    gap = FRAME.assign(age=[30, np.nan, 41, 41, 52, 52])
    with pytest.raises(FamilyError, match=r"column 'age', got nan in row 1 \(1 such"):
        encoded(gap, columns(), TASKS)


def test_one_example_is_read_as_a_table_is():
    found, rows = columns(), encoded(FRAME, columns(), TASKS)
    days = [0.0, 2.5, 0.0, 1.0, None, 0.0]
    for i, day in enumerate(days):
        given = {**FRAME.iloc[i].to_dict(), "seen": day}
        np.testing.assert_allclose(encoded_one(found, given), rows[i])
    with pytest.raises(InputError, match="got no 'age'"):
        encoded_one(found, {"sex": "male", "dose": 1.0, "seen": 0.0})
    with pytest.raises(InputError, match="days since its task's first row for 'seen', got '2024"):
        encoded_one(found, {**FRAME.iloc[0].to_dict()})


def test_columns_of_pandas_own_types_are_read_too():
    typed = FRAME.assign(
        sex=FRAME.sex.astype("category"),
        dose=FRAME.dose.astype("Float64"),
        seen=pd.to_datetime(FRAME.seen, format="ISO8601"),
        age=FRAME.age.astype(str),
    )
    np.testing.assert_allclose(
        encoded(typed, described(typed, INPUTS, np.ones(6, bool), TASKS), TASKS),
        encoded(FRAME, columns(), TASKS),
    )


LEARNER = replace(
    drawn_learner(),
    input_names=("arm=a", "arm=b"),
    columns=(Column("arm", "category", ("a", "b")),),
)


def test_an_estimator_takes_the_words_themselves():
    named, plain = OnlineEstimator(LEARNER), OnlineEstimator(LEARNER)
    assert named.predict_one({"arm": "b"}) == plain.predict_one([0, 1])
    assert named.predict_one({"arm": "z"}) == plain.predict_one([0, 0])
    named.learn_one({"arm": "a"}, 1.0)
    plain.learn_one([1, 0], 1.0)
    assert named.predict_one({"arm": "a"}) == plain.predict_one([1, 0])


def test_columns_survive_the_learner_s_file(tmp_path):
    LEARNER.save(tmp_path / "learner.safetensors")
    assert fw.Learner.load(tmp_path / "learner.safetensors").columns == LEARNER.columns


def raw(seed=0, tasks=12, time=6):
    """Lines whose slope a word decides, over days, with gaps in a covariate."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(tasks), time)
    arm = np.array(["fast", "slow"])[who % 2]
    day = np.tile(np.cumsum(rng.integers(1, 4, time)), tasks)
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(day + 100 * who, unit="D")
    y = rng.normal(size=tasks)[who] + np.where(arm == "fast", 0.5, 0.1) * day
    weight = np.where(rng.uniform(size=len(who)) < 0.2, np.nan, rng.normal(70, 5, len(who)))
    return pd.DataFrame(
        {"who": who, "date": dates.astype(str), "arm": arm, "weight": weight, "y": y}
    )


@pytest.mark.slow
def test_the_commands_take_a_raw_table_of_words_dates_and_gaps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw().to_csv("raw.csv", index=False)
    table = ["--task", "who", "--order", "date"]
    made = CliRunner().invoke(app, ["derive", "--table", "raw.csv", *table, "--target", "y"])
    assert made.exit_code == 0, made.output
    raw(seed=1).assign(arm="third").to_csv("new.csv", index=False)
    run = ["run", "raw.safetensors", "new.csv", *table, "--out", "told.csv"]
    ran = CliRunner().invoke(app, run)
    assert ran.exit_code == 0, ran.output
    assert pd.read_csv("told.csv")["prediction"].notna().all()
