"""Derived learners as scikit-learn's estimators."""

from typing import Any

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.estimators.features import many_rows, places
from fixedweight.estimators.task import Task
from fixedweight.learners import load

require("sklearn", "sklearn")
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # noqa: E402
from sklearn.utils import Tags  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets, unique_labels  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402


class _OnColumns(BaseEstimator):
    """One task on the columns of a table: what the two estimators share."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _begin(self, targets: int) -> None:
        """Forget everything learned; the columns are known by now."""
        learner = load(self.learner)  # type: ignore[attr-defined]
        columns = getattr(self, "feature_names_in_", range(self.n_features_in_))  # type: ignore[attr-defined]
        self._columns = tuple(columns)
        self._places = places(learner, {}, self._columns)
        self._task = Task(learner, targets)

    def _table(self, X: Any, reset: bool, **settings: Any) -> Any:
        """X (and y) checked as scikit-learn does, numbers as float64; NaN is let through in X."""
        return validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", **settings
        )

    def _rows(self, X: np.ndarray) -> np.ndarray:
        """[row, input]"""
        return many_rows(self._places, self._columns, X, self._task.learner.input_size)

    def _queries(self, X: Any) -> np.ndarray:
        """[row, input]"""
        check_is_fitted(self)
        return self._rows(self._table(X, reset=False))

    def _learn(self, X: np.ndarray, targets: np.ndarray) -> None:
        for row, told in zip(self._rows(X), targets, strict=True):
            self._task.learn(row, told)


class FixedWeightRegressor(RegressorMixin, _OnColumns):
    """A derived learner that predicts a number.

    `fit` goes through the rows once, in order; `partial_fit` goes on from there. Columns go to the
    learner's inputs by name where all have an input's name, and otherwise in order. A NaN counts as
    the column's mean.

    Args:
        learner: a `Learner`, the path of its file, or the name of one that ships. The default is
            for any table of up to 20 columns in any unit; its answers stay near what was told.

    Attributes:
        n_features_in_: columns seen in `fit`.
        feature_names_in_: their names, where all have one.
    """

    def __init__(self, learner: Any = "tabular-regression") -> None:
        self.learner = learner

    def fit(self, X: Any, y: Any) -> "FixedWeightRegressor":
        """Learn a task from its rows, X [row, column] and y [row], in order, from the beginning.

        Raises:
            InputError: no such learner, or more columns than it has inputs.
        """
        return self._fit(X, y, reset=True)

    def partial_fit(self, X: Any, y: Any) -> "FixedWeightRegressor":
        """Learn more rows of the same task.

        Raises:
            InputError: as in `fit`.
        """
        return self._fit(X, y, reset=not hasattr(self, "_task"))

    def predict(self, X: Any) -> np.ndarray:
        """Predictions [row] for rows [row, column], each as if it came next."""
        rows = self._queries(X)
        return self._task.predict(rows)[:, 0]

    def _fit(self, X: Any, y: Any, reset: bool) -> "FixedWeightRegressor":
        X, y = self._table(X, reset, y=y, y_numeric=True)
        if reset:
            self._begin(1)
        self._learn(X, np.asarray(y, dtype=np.float64)[:, None])
        return self


class FixedWeightClassifier(ClassifierMixin, _OnColumns):
    """A derived learner that predicts classes, each learned against the rest, side by side.

    Rows and columns are taken as in `FixedWeightRegressor`.

    Args:
        learner: a `Learner` of targets 0 and 1, the path of its file, or the name of one that
            ships. The default is for any table of up to 20 columns in any unit.

    Attributes:
        classes_: the classes, sorted.
        n_features_in_: columns seen in `fit`.
        feature_names_in_: their names, where all have one.
    """

    def __init__(self, learner: Any = "tabular-classification") -> None:
        self.learner = learner

    def fit(self, X: Any, y: Any) -> "FixedWeightClassifier":
        """Learn a task from its rows, X [row, column] and y [row], in order, from the beginning.

        Raises:
            InputError: no such learner, or more columns than it has inputs.
        """
        return self._fit(X, y, None, reset=True)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
    ) -> "FixedWeightClassifier":
        """Learn more rows of the same task; the first call names all classes.

        Raises:
            InputError: as in `fit`, no classes in the first call, others later, or a label that is
                none of them.
        """
        reset = not hasattr(self, "_task")
        if reset and classes is None:
            raise InputError("Expected classes=[...] in the first call of partial_fit, got none.")
        return self._fit(X, y, classes, reset)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities [row, class] for rows [row, column], each as if it came next."""
        rows = self._queries(X)
        return self._task.chances(rows, len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def _fit(self, X: Any, y: Any, classes: Any, reset: bool) -> "FixedWeightClassifier":
        X, y = self._table(X, reset, y=y)
        check_classification_targets(y)
        if reset:
            self.classes_ = unique_labels(y if classes is None else classes)
            self._begin(len(self.classes_))
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise InputError(f"Expected the classes {self.classes_}, got {classes!r}.")
        if unknown := sorted(set(np.unique(y).tolist()) - set(self.classes_.tolist()), key=str):
            raise InputError(f"Expected labels among {self.classes_}, got {unknown}.")
        self._learn(X, np.asarray(y)[:, None] == self.classes_)
        return self
