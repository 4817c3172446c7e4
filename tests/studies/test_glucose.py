"""The glucose study: rows as they should be, a simpler model that behaves, rivals looking back."""

import importlib.util
import warnings

import jax
import numpy as np
import pandas as pd
import pytest

import fixedweight as fw

pytest.importorskip("river", reason="rivals come with the extra `studies`")

from studies.glucose.data import BEGIN, INPUTS, STEP, on_board, rows
from studies.glucose.fitted import SEEN, curve
from studies.glucose.kept import kept_arm, kept_days
from studies.glucose.minimal import MINUTES, PRIOR, MinimalModel, advance, as_rows, rested
from studies.glucose.rivals import RIVALS


@pytest.fixture(scope="module")
def days():
    """Five short days of people of the simpler model, as the study's frame."""
    family = MinimalModel()
    stream = jax.jit(lambda key: family.sample(key, 5, 10))(jax.random.key(0))
    found = []
    for i in range(5):
        frame = pd.DataFrame(np.asarray(stream.inputs[i], dtype=float), columns=list(INPUTS))
        frame["target"] = np.asarray(stream.targets[i, :, 0], dtype=float)
        found.append(frame.assign(task=f"p{i}", group=f"p{i}", order=np.arange(1, 11)))
    return pd.concat(found, ignore_index=True)


def run(minutes=BEGIN + 4 * STEP + 1, weight=50.0):
    rng = np.random.default_rng(0)
    return {
        "cgm": rng.normal(140.0, 20.0, minutes),
        "carbs": 40.0 * (rng.uniform(size=minutes) < 0.01),
        "insulin": 3.0 * (rng.uniform(size=minutes) < 0.01),
        "basal": 0.02,
        "weight": weight,
    }


def test_a_row_is_what_is_known_when_it_is_predicted():
    minute = run()
    frame = rows(minute)
    assert frame["minute"].tolist() == [BEGIN + STEP * i for i in range(4)]
    for _, row in frame.iterrows():
        at = int(row["minute"])
        assert row["glucose"] == minute["cgm"][at]
        assert row["trend"] == minute["cgm"][at] - minute["cgm"][at - STEP]
        assert row["target"] == minute["cgm"][at + STEP] - minute["cgm"][at]
        assert row["carbs"] == pytest.approx(minute["carbs"][at : at + STEP].sum() / 50.0)
        ago = at - np.arange(at)
        left = (2.0 * minute["insulin"][:at] * np.exp(-ago / 150.0)).sum()
        assert row["insulin_before"] == pytest.approx(left)
    assert frame["basal"].unique() == pytest.approx([60 * 0.02 * 2.0])


def test_what_is_on_board_is_of_earlier_minutes_alone():
    assert on_board(np.array([1.0, 0.0, 2.0]), 10.0) == pytest.approx(
        [0.0, np.exp(-0.1), np.exp(-0.2)]
    )


def test_the_simpler_model_rests_eats_and_takes_insulin():
    task = {name: np.float32(middle) for name, (middle, _) in PRIOR.items()}
    rest = rested(np.float32(135.0))

    def after(meal, bolus, steps=24):
        body = advance(task, rest, np.float32(meal), np.float32(bolus), np.float32(0.0))
        for _ in range(steps):
            body = advance(task, body, np.float32(0.0), np.float32(0.0), np.float32(0.0))
        return float(body.felt)

    assert after(0.0, 0.0) == pytest.approx(135.0, rel=1e-4)
    assert after(0.5, 0.0) > 180.0
    assert after(0.0, 5.0) < 125.0
    assert after(0.5, 5.0) < after(0.5, 0.0)


def test_rows_of_the_simpler_model_are_those_of_the_data():
    rng = np.random.default_rng(1)
    steps = 4 * STEP // MINUTES
    cgm = rng.normal(140.0, 20.0, steps).astype(np.float32)
    carbs, insulin = (rng.uniform(size=steps).astype(np.float32) for _ in range(2))
    inputs, targets = as_rows(cgm, carbs, insulin, np.float32(1.2))
    reading = cgm.reshape(4, -1)[:, 0]
    assert targets == pytest.approx(reading[2:] - reading[1:-1])
    assert inputs[:, 0] == pytest.approx(reading[1:-1])
    assert inputs[:, 1] == pytest.approx(reading[1:-1] - reading[:-2])
    assert inputs[:, 2] == pytest.approx(carbs.reshape(4, -1).sum(axis=1)[1:-1], rel=1e-5)
    ago = MINUTES * (6 - np.arange(6))
    assert inputs[0, 3] == pytest.approx((carbs[:6] * np.exp(-ago / 60.0)).sum(), rel=1e-5)


def test_the_fitted_curve_is_the_model_that_was_fitted(days):
    frame = days[days["task"] == "p0"][SEEN].to_numpy()
    names = ("p1", "basal_glucose", "volume", "meal_time", "insulin_time", "action_time",
             "sensitivity", "lag")  # fmt: skip
    p = np.append(np.log([PRIOR[name][0] for name in names]), 0.0)
    felt = np.asarray(curve(p, frame))
    assert felt.shape == (11,)
    assert felt[0] == pytest.approx(frame[0, 0], rel=1e-5)
    later = frame.copy()
    later[5:, 1] += 1.0  # a meal can change nothing before it
    changed = np.asarray(curve(p, later))
    assert changed[:6] == pytest.approx(felt[:6])
    assert changed[8] > felt[8] + 1.0


OWN = (
    "last + mean gain",
    "pooled linear",
    "EB quadratic",
    "MAP of the minimal model",
    "River linear, warm",
)


@pytest.mark.parametrize("name", OWN)  # the others are those of studies.series
def test_rivals_look_back_alone(days, name):
    train, test = days[days["task"] < "p4"], days[days["task"] >= "p4"].reset_index(drop=True)
    late = (test["order"] >= 6).to_numpy()
    changed = test.copy()
    changed.loc[late, ["glucose", "trend", "target"]] += 7.0
    first, second = (RIVALS[name](train, part) for part in (test, changed))
    # the row at which it begins has another reading; those before it have none
    np.testing.assert_allclose(first[~late], second[~late], atol=1e-3)
    assert np.isfinite(first).all()


@pytest.mark.skipif(
    importlib.util.find_spec("simglucose") is None, reason="simglucose is not installed"
)
def test_a_virtual_patient_eats_and_is_treated():
    from studies.glucose import data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minute = data.simulate("adult#001", 1, 1)
        assert 7.0 < data.sensor_floor(draws=300) < 8.5
    assert minute["carbs"].sum() > 50.0
    assert minute["insulin"].sum() > 2.0
    assert len(rows(minute)) == 48
    assert 39.0 <= minute["cgm"].min() < minute["cgm"].max() <= 600.0


def test_of_several_seeds_that_with_the_least_validation_error_counts():
    from studies.glucose import evaluate

    numbers = np.repeat(np.arange(1, 11), 3)
    frame = pd.DataFrame({"condition": "adults", "number": numbers, "day": 0, "target": 1.0})
    frame["group"] = frame["task"] = frame["number"].astype(str)
    frame["order"] = np.tile([1, 2, 3], 10)
    by_fold = {}
    for fold in range(evaluate.FOLDS):
        train, test = evaluate.parts(frame, fold, 1)
        assert not set(train["number"]) & set(test["number"])
        assert len(train) + len(test) == len(frame)
        guesses = np.stack([np.zeros(len(test)), np.full(len(test), 0.5)])
        by_fold[fold] = {
            "rival": {"predictions": np.full((1, len(test)), 3.0), "seconds": 1.0},
            evaluate.REFERENCE: {"predictions": guesses, "seconds": 3.0, "validation": [0.4, 0.3]},
        }
    found = evaluate.summarised(frame, 1, by_fold)
    adults = found["conditions"]["adults"]
    assert (adults["tasks"], adults["examples"]) == (10, 30)
    assert adults["mean"][evaluate.REFERENCE]["2-20"] == pytest.approx(0.5)
    assert adults["seeds"] == {evaluate.REFERENCE: pytest.approx([1.0, 0.5])}
    assert adults["paired"]["rival"]["difference"] == pytest.approx(1.5)
    assert found["seconds"] == {"rival": 1.0, evaluate.REFERENCE: 3.0}


def test_what_is_kept_is_what_was_measured_and_is_measured_once(days, tmp_path):
    learner = fw.load("linear-5d-switching")
    found = {"predictions": np.ones((1, 3)), "validation": [0.5], "seconds": 2.0}
    measured = iter([{**found, "learners": [learner]}])
    for _ in range(2):
        kept = kept_arm(tmp_path / "fold-an arm.npz", lambda: next(measured))
        assert kept.keys() == {"learners", *found}
        np.testing.assert_array_equal(kept["predictions"], found["predictions"])
        assert kept["learners"][0].card == learner.card
        np.testing.assert_array_equal(kept["learners"][0].params["w_key"], learner.params["w_key"])
    rows = iter([days])
    for _ in range(2):
        pd.testing.assert_frame_equal(
            kept_days(tmp_path / "days.parquet", lambda: next(rows)), days
        )
    assert not list(tmp_path.glob("*.partial"))
