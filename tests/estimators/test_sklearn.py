"""Derived learners as scikit-learn's estimators: its own checks, and what they do not ask."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fixedweight.errors import InputError
from fixedweight.estimators import OnlineEstimator, river
from fixedweight.estimators.sklearn import FixedWeightClassifier, FixedWeightRegressor
from fixedweight.networks import LSTM, LeastSquaresMemory
from test_learner import drawn_learner, drawn_stream

KINDS = {"regressor": FixedWeightRegressor, "classifier": FixedWeightClassifier}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
OWN = {
    "LSTM1997": drawn_learner(inputs=3),
    "LSTM": drawn_learner(inputs=3, kind=LSTM),
    "least squares": drawn_learner(inputs=3, kind=LeastSquaresMemory),
}
every_own = pytest.mark.parametrize("learner", OWN.values(), ids=OWN)


def table(kind, rows=60):
    """A table in random order, X and y."""
    x, y = (load_diabetes if kind is FixedWeightRegressor else load_iris)(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(x))[:rows]
    return x[chosen], y[chosen]


def answers(model, x):
    return model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)


@parametrize_with_checks(
    [FixedWeightRegressor(), FixedWeightClassifier()],
    expected_failed_checks=lambda estimator: {},  # none
)
def test_it_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


@every_own
def test_the_regressor_is_the_online_estimator_on_a_learners_own_family(learner):
    x, y = drawn_stream(learner, 40)
    estimator = OnlineEstimator(learner)
    estimator.learn_many(x[:30], y[:30])
    model = FixedWeightRegressor(learner).fit(x[:30], y[:30, 0])
    assert model.predict(x).tolist() == [estimator.predict_one(row) for row in x]
    mixed = pd.DataFrame(x[:, ::-1], columns=learner.input_names[::-1])  # to inputs by name
    named = FixedWeightRegressor(learner).fit(mixed[:30], y[:30, 0])
    assert named.predict(mixed).tolist() == model.predict(x).tolist()


@every_own
def test_one_against_the_rest_is_an_estimator_for_each_class(learner):
    x, _ = drawn_stream(learner, 30)
    labels = np.array(["c", "a", "b"] * 10)
    model = FixedWeightClassifier(learner).fit(x, labels)
    scores = []
    for name in model.classes_:
        estimator = OnlineEstimator(learner)
        estimator.learn_many(x, (labels == name).astype(float))
        scores.append([np.clip(estimator.predict_one(row), 1e-3, 1.0) for row in x])
    expected = np.array(scores).T / np.sum(scores, axis=0)[:, None]
    np.testing.assert_array_equal(model.predict_proba(x), expected)
    assert model.predict(x).tolist() == [model.classes_[i] for i in expected.argmax(axis=1)]


@every_kind
def test_learning_in_parts_is_learning_at_once(kind):
    x, y = table(kind)
    whole, parts = kind().fit(x, y), kind()
    for begin in range(0, len(x), 13):
        names = {"classes": [2, 0, 1]} if kind is FixedWeightClassifier and not begin else {}
        parts.partial_fit(x[begin : begin + 13], y[begin : begin + 13], **names)
    np.testing.assert_array_equal(answers(parts, x), answers(whole, x))
    refitted = parts.fit(x[::-1], y[::-1])
    np.testing.assert_array_equal(answers(refitted, x), answers(kind().fit(x[::-1], y[::-1]), x))


@every_kind
def test_it_is_the_estimator_for_river_on_a_table(kind):
    x, y = table(kind)
    model = kind().fit(x, y)
    other = getattr(river, kind.__name__)()
    for row, target in zip(x, y, strict=True):
        other.learn_one({f"{i:02}": value for i, value in enumerate(row)}, target)
    for row, found in zip(x, answers(model, x), strict=True):
        named = {f"{i:02}": value for i, value in enumerate(row)}
        if kind is FixedWeightRegressor:
            assert other.predict_one(named) == found
        else:
            chances = other.predict_proba_one(named)
            np.testing.assert_allclose([chances[c] for c in model.classes_], found, rtol=1e-12)


@every_kind
def test_answers_to_a_whole_batch_are_those_to_each_row(kind, monkeypatch):
    x, y = table(kind)
    model = kind().fit(x, y)
    each = [answers(model, row[None])[0] for row in x]
    np.testing.assert_array_equal(answers(model, x), each)
    monkeypatch.setattr("fixedweight.estimators.streams.MOST_TOGETHER", 50_000)
    np.testing.assert_array_equal(answers(model, x), each)


@every_kind
@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_are_arrays_with_names(kind, library):
    x, y = table(kind)
    x = np.hstack([x, x**2, x**3])[:, :12]
    names = [f"column {99 - i}" for i in range(12)]
    frame = library.DataFrame(dict(zip(names, x.T, strict=True)))
    model = kind().fit(frame, library.Series(y))
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(answers(model, frame), answers(kind().fit(x, y), x))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[names[::-1]])


@every_kind
def test_a_missing_number_counts_as_the_mean(kind):
    x, y = table(kind)
    x[::4, 1] = np.nan
    model = kind().fit(x, y)
    query = x[1:2].copy()
    query[0, 1] = np.nanmean(x[:, 1])
    expected = answers(model, query)
    query[0, 1] = np.nan
    np.testing.assert_allclose(answers(model, query), expected, rtol=1e-4)


def test_it_learns_tables_new_to_it():
    x, y = load_diabetes(return_X_y=True)
    assert cross_val_score(FixedWeightRegressor(), x, y).mean() > 0.4
    x, y = table(FixedWeightClassifier, 150)
    model = make_pipeline(StandardScaler(), FixedWeightClassifier())
    assert cross_val_score(model, x, y).mean() > 0.85


@every_kind
def test_a_clone_and_a_pickle_keep_what_they_should(kind):
    x, y = table(kind)
    model = kind().fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(answers(again, x), answers(model, x))
    fresh = clone(model)
    assert not hasattr(fresh, "n_features_in_")
    assert fresh.get_params() == model.get_params()
    small = model.set_params(learner=OWN["LSTM"]).fit(x[:, :3], y)
    assert small.n_features_in_ == 3
    assert clone(small).learner is OWN["LSTM"]


def test_what_cannot_be_used_is_refused():
    x, y = table(FixedWeightClassifier)
    wide = np.random.default_rng(0).normal(size=(60, 21))
    for kind in KINDS.values():
        with pytest.raises(InputError, match="at most 20 features"):
            kind().fit(wide, y)
        with pytest.raises(InputError, match="got 'none'"):
            kind(learner="none").fit(x, y)
        with pytest.raises(ValueError, match="infinity"):
            kind().fit(np.where(x > 5, np.inf, x), y)
    model = FixedWeightClassifier()
    with pytest.raises(InputError, match="Expected classes="):
        model.partial_fit(x, y)
    model.partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(InputError, match=r"Expected labels among \[0 1 2\], got \[3\]"):
        model.partial_fit(x[:1], [3])
    with pytest.raises(InputError, match=r"Expected the classes \[0 1 2\], got \[0, 1\]"):
        model.partial_fit(x, y, classes=[0, 1])
