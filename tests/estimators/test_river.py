"""Derived learners as River's estimators: River's own checks, and what they do not ask."""

import copy
import pickle
import random
from itertools import islice

import numpy as np
import pandas as pd
import polars as pl
import pytest
from river import checks, compose, datasets, evaluate, metrics, preprocessing

from fixedweight.errors import InputError, LearnerFileError
from fixedweight.estimators import OnlineEstimator
from fixedweight.estimators.river import FixedWeightClassifier, FixedWeightRegressor
from fixedweight.learners import load
from fixedweight.networks import LSTM, LeastSquaresMemory
from test_learner import drawn_learner, drawn_stream

KINDS = {"regressor": FixedWeightRegressor, "classifier": FixedWeightClassifier}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
OWN = {
    "LSTM1997": drawn_learner(inputs=3),
    "LSTM": drawn_learner(inputs=3, kind=LSTM),
    "least squares": drawn_learner(inputs=3, kind=LeastSquaresMemory),
    "flagged": drawn_learner(inputs=3, flagged=True),
}
every_own = pytest.mark.parametrize("learner", OWN.values(), ids=OWN)


def named(learner, row):
    """An example by name, in an order that differs from time to time."""
    pairs = list(zip(learner.input_names, row.tolist(), strict=True))
    random.shuffle(pairs)
    return dict(pairs)


def dataset(kind, count=60):
    source = datasets.TrumpApproval() if kind is FixedWeightRegressor else datasets.ImageSegments()
    return list(islice(source, count))


def answer(model, x):
    how = "predict_proba_one" if hasattr(model, "predict_proba_one") else "predict_one"
    return getattr(model, how)(x)


def learned(kind, rows, learner=None):
    model = kind(learner) if learner else kind()
    for x, y in rows:
        model.learn_one(x, y)
    return model


CHECKS = [
    pytest.param(model, check, id=f"{model}-{check.__name__}-{i}")
    for model in (FixedWeightRegressor(), FixedWeightClassifier())
    for i, check in enumerate(checks.yield_checks(model))
]


@pytest.mark.parametrize(("model", "check"), CHECKS)
def test_it_passes_every_check_of_river(model, check):
    check(model.clone())


def test_no_check_is_skipped():
    assert not any(kind()._unit_test_skips() for kind in KINDS.values())
    assert len(CHECKS) >= 25 + 42


@every_own
def test_the_regressor_is_the_online_estimator_on_a_learners_own_family(learner):
    x, y = drawn_stream(learner, 30)
    model, estimator = FixedWeightRegressor(learner), OnlineEstimator(learner)
    for row, target in zip(x, y[:, 0], strict=True):
        assert model.predict_one(named(learner, row)) == estimator.predict_one(row)
        assert model.learn_one(named(learner, row), target) is None
        estimator.learn_one(row, target)
    frame = pd.DataFrame(x, columns=learner.input_names)
    assert model.predict_many(frame).tolist() == [estimator.predict_one(row) for row in x]


@every_own
def test_one_against_the_rest_is_an_estimator_for_each_class(learner):
    """Those of classes that come late too: each was told "no" until then."""
    x, _ = drawn_stream(learner, 30)
    labels = ["a"] * 3 + ["b", "a"] * 5 + ["c", "b", "a", "d"] * 5
    model = FixedWeightClassifier(learner)
    each = {label: OnlineEstimator(learner) for label in "abcd"}
    for row, label in zip(x, labels, strict=False):
        seen = list(model.predict_proba_one(named(learner, row)))
        scores = [np.clip(each[name].predict_one(row), 1e-3, 1.0) for name in seen]
        expected = np.array(scores) / np.sum(scores) if seen else []
        assert list(model.predict_proba_one(named(learner, row)).values()) == list(expected)
        model.learn_one(named(learner, row), label)
        for name, estimator in each.items():
            estimator.learn_one(row, float(name == label))
    assert seen == ["a", "b", "c", "d"]


@every_kind
def test_features_come_in_any_order(kind):
    rows = dataset(kind)
    model, other = learned(kind, rows), kind()
    for x, y in rows:
        other.learn_one(dict(random.sample(list(x.items()), len(x))), y)
    assert answer(model, rows[0][0]) == answer(other, rows[0][0])


@every_kind
@pytest.mark.parametrize("gone", [None, float("nan")])
def test_a_feature_that_vanishes_comes_back_where_it_was(kind, gone):
    rows = dataset(kind)
    name = sorted(rows[0][0])[1]
    model = learned(kind, rows[:20])
    before = dict(model._places)
    without = [({k: v for k, v in x.items() if k != name}, y) for x, y in rows[20:40]]
    told = copy.deepcopy(model)
    for x, y in without:
        model.learn_one(x, y)
        told.learn_one({**x, name: gone}, y)  # None and NaN say the same
    assert answer(model, rows[45][0]) == answer(told, rows[45][0])
    assert model._places == before
    assert answer(model, rows[45][0]) != answer(model, without[5][0])


def test_a_missing_feature_counts_as_its_mean():
    rows = dataset(FixedWeightRegressor)
    model = learned(FixedWeightRegressor, rows)
    x = dict(rows[0][0])
    name = sorted(x)[1]
    x[name] = model._task.seen.mean[model._places[name]]
    without = {k: v for k, v in x.items() if k != name}
    assert model.predict_one(x) == pytest.approx(model.predict_one(without), rel=1e-6)
    learner = OWN["LSTM1997"]
    own = FixedWeightRegressor(learner)
    full = {"x1": 1.0, "x2": 2.0, "x3": learner.scaling.input_offset[2]}
    assert own.predict_one(full) == own.predict_one({"x1": 1.0, "x2": 2.0})


@every_kind
def test_a_clone_has_learned_nothing_and_a_copy_goes_its_own_way(kind):
    rows = dataset(kind)
    model = learned(kind, rows[:30])
    twin, x = copy.deepcopy(model), rows[40][0]
    before = answer(model, x)
    assert answer(model.clone(), x) == answer(kind(), x)
    for row in rows[30:]:
        twin.learn_one(*row)
    assert answer(model, x) == before != answer(twin, x)
    assert twin._task.learner is model._task.learner


@every_kind
def test_it_is_pickled_in_mid_stream(kind):
    rows = dataset(kind)
    model = learned(kind, rows[:30])
    again = pickle.loads(pickle.dumps(model))
    for x, y in rows[30:]:
        assert answer(again, x) == answer(model, x)
        model.learn_one(x, y)
        again.learn_one(x, y)


def test_a_pickle_needs_no_file(tmp_path):
    OWN["LSTM"].save(tmp_path / "own.safetensors")
    model = FixedWeightRegressor(str(tmp_path / "own.safetensors"))
    kept = pickle.dumps(model)
    (tmp_path / "own.safetensors").unlink()
    x = {"x1": 0.1, "x2": 0.2, "x3": 0.3}
    assert pickle.loads(kept).predict_one(x) == FixedWeightRegressor(OWN["LSTM"]).predict_one(x)


def test_it_stands_in_a_pipeline():
    few = compose.Select("gallup", "ipsos", "morning_consult") | preprocessing.StandardScaler()
    model = few | FixedWeightRegressor()
    score = evaluate.progressive_val_score(datasets.TrumpApproval(), model, metrics.MAE())
    assert score.get() < 0.5


def test_labels_may_come_late():
    """An example is predicted before those whose labels have not come are learned."""
    rows, delay = dataset(FixedWeightRegressor), 3
    model, waiting, errors = FixedWeightRegressor(), [], []
    for x, y in rows:
        while waiting and waiting[0][0]["ordinal_date"] + delay <= x["ordinal_date"]:
            model.learn_one(*waiting.pop(0))
        errors.append(abs(model.predict_one(x) - y))
        waiting.append((x, y))
    assert len(waiting) == delay
    score = evaluate.progressive_val_score(
        rows, FixedWeightRegressor(), metrics.MAE(), moment="ordinal_date", delay=delay
    )
    assert score.get() == pytest.approx(np.mean(errors), rel=1e-9)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@every_kind
def test_frames_are_rows_by_name(kind, frame):
    rows = dataset(kind)
    x, y = zip(*rows, strict=True)
    one, many = learned(kind, rows), kind()
    many.learn_many(frame(list(x)), pd.Series(y) if frame is pd.DataFrame else pl.Series(y))
    found = many.predict_many(frame(list(x)))
    assert type(found).__module__.startswith(frame.__module__.split(".")[0])
    assert found.to_list() == [one.predict_one(row) for row in x]
    if kind is FixedWeightClassifier:
        chances = many.predict_proba_many(frame(list(x)))
        assert chances.to_numpy().tolist() == [
            list(one.predict_proba_one(row).values()) for row in x
        ]
        assert list(chances.columns) == list(one._classes)


def test_answers_stay_near_what_was_told():
    """River's regression predicted 2e12 here: two values that are nearly equal, then another."""
    model = FixedWeightRegressor()
    assert model.predict_one({"a": 5.0}) == 0.0
    for a, y in ((1.0, 10.0), (1.0 + 1e-9, 11.0), (40.0, 12.0), (-1e30, 10.5), (1e-30, 11.5)):
        model.learn_one({"a": a}, y)
        for query in (0.0, a, 1e6, -1e30):
            assert 8.0 <= model.predict_one({"a": query}) <= 14.0
    assert model.predict_one({}) == model.predict_one({"never seen": 3.0})


def test_units_do_not_matter():
    rows = dataset(FixedWeightRegressor)
    small = learned(FixedWeightRegressor, rows)
    large = learned(
        FixedWeightRegressor, [({k: 1e6 * v + 1e3 for k, v in x.items()}, 1e4 * y) for x, y in rows]
    )
    x = rows[7][0]
    assert large.predict_one({k: 1e6 * v + 1e3 for k, v in x.items()}) == pytest.approx(
        1e4 * small.predict_one(x), rel=1e-3
    )


def test_it_learns_what_is_new_to_it():
    score = evaluate.progressive_val_score(
        datasets.TrumpApproval(), FixedWeightRegressor(), metrics.MAE()
    )
    assert score.get() < 0.35
    score = evaluate.progressive_val_score(
        datasets.Phishing(), FixedWeightClassifier(), metrics.Accuracy()
    )
    assert score.get() > 0.85


def test_a_learner_of_numbers_tells_classes_too():
    """Its targets, standardised each for itself, are those of streams side by side."""
    model = FixedWeightClassifier("tabular-regression")
    score = evaluate.progressive_val_score(
        datasets.ImageSegments().take(400), model, metrics.Accuracy()
    )
    assert score.get() > 0.7
    assert len(model._task.told.mean) == len(model._task.streams) == 7 + 1


@every_kind
def test_what_cannot_be_used_is_refused_and_nothing_changes(kind):
    rows = dataset(kind)
    model = learned(kind, rows[:20])
    x, y = rows[20]
    new = "a new class" if kind is FixedWeightClassifier else y
    name = sorted(x)[0]
    wide = {f"f{i}": 1.0 for i in range(30)}
    before = pickle.dumps(model)
    with pytest.raises(InputError, match="at most 20 features, the inputs of this learner, got"):
        model.learn_one(wide, y)
    for value in ("blue", float("inf"), 1e300, [1.0]):
        with pytest.raises(InputError, match=r"Expected (a )?finite"):
            model.learn_one({**x, name: value}, new)
        with pytest.raises(InputError, match=r"Expected (a )?finite"):
            model.predict_one({**x, name: value})
    for value in (None, float("nan")):
        with pytest.raises(InputError, match="Leave the example out"):
            model.learn_one(x, value)
    assert pickle.dumps(model) == before


def test_a_learner_is_itself_a_file_or_a_name(tmp_path):
    OWN["LSTM"].save(tmp_path / "own.safetensors")
    for kind in KINDS.values():
        assert kind(tmp_path / "own.safetensors")._task.learner.digest == OWN["LSTM"].digest
        with pytest.raises(InputError, match=r"one of \['.*tabular-regression.*'\], got 'tabul'"):
            kind("tabul")
        with pytest.raises(LearnerFileError):
            kind(tmp_path / "none.safetensors")
        for other in (drawn_learner(targets=2), drawn_learner(delay=1)):
            with pytest.raises(InputError, match=r"Use fixedweight\.OnlineEstimator"):
                kind(other)
    with pytest.raises(InputError, match="Expected a learner, its file or its name, got 3"):
        load(3)
    assert repr(FixedWeightRegressor(OWN["LSTM"])).count("\n") == 2
