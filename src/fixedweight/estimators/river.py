"""Derived learners as River's estimators."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.estimators.features import many_rows, number, one_row, places
from fixedweight.estimators.task import Task
from fixedweight.learner import Learner
from fixedweight.learners import load

require("river", "river")
from river import base  # noqa: E402
from river.utils import dataframe  # noqa: E402

Features = Mapping[Any, Any]
"""Feature name -> number; None or NaN where it is missing."""


class _OnFeatures:
    """One task on features by name: what the two estimators share."""

    def __init__(self, learner: Learner | str | Path) -> None:
        self.learner = learner
        self._task = Task(load(learner), 1)
        self._places: Mapping[Any, int] = {}

    def _where(self, features: Any) -> Mapping[Any, int]:
        """The place of each feature. Features not known yet are placed as they would be if learned
        now, in the order of their names, so that the order in which they are given says nothing."""
        new = [feature for feature in features if feature not in self._places]
        if not new:
            return self._places
        new.sort(key=lambda feature: (str(feature), str(type(feature))))
        return places(self._task.learner, self._places, new)

    def _row(self, x: Features) -> np.ndarray:
        """[1, input]"""
        return one_row(self._where(x), x, self._task.learner.input_size)

    def _rows(self, X: Any) -> np.ndarray:
        """The rows of a frame of any library that River takes, [row, input]."""
        frame = dataframe.into_frame(X)
        where, values = self._where(frame.columns), dataframe.to_numpy(frame)
        return many_rows(where, frame.columns, values, self._task.learner.input_size)

    def _learn(self, features: Any, row: np.ndarray, targets: np.ndarray) -> None:
        self._task.learn(row, targets)
        self._places = self._where(features)


class FixedWeightRegressor(_OnFeatures, base.MiniBatchRegressor):
    """A derived learner that predicts a number, in constant memory.

    Features go to the learner's inputs by name where all have an input's name, and otherwise in the
    order in which they are first seen (those seen together sorted). One that is missing, or has not
    been seen in learning, counts as its mean.

    Args:
        learner: a `Learner`, the path of its file, or the name of one that ships. The default is
            for any table of up to 20 features in any unit; its answers stay near what was told.

    Raises:
        InputError: no such learner, or one with several targets or late ones.
        LearnerFileError: the file is not a learner.
    """

    def __init__(self, learner: Learner | str | Path = "tabular-regression") -> None:
        super().__init__(learner)

    def learn_one(self, x: Features, y: Any) -> None:
        """Learn one example.

        Raises:
            InputError: more features than inputs, or a value that is no finite number. Nothing has
                changed then.
        """
        self._learn(x, self._row(x)[0], np.array([_target(y)]))

    def predict_one(self, x: Features) -> float:
        """The prediction for one example; changes nothing.

        Raises:
            InputError: as in `learn_one`.
        """
        return float(self._task.predict(self._row(x))[0, 0])

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a frame in order: X [row, feature] and its series y [row]."""
        columns = dataframe.into_frame(X).columns
        for row, target in zip(self._rows(X), list(y), strict=True):
            self._learn(columns, row, np.array([_target(target)]))

    def predict_many(self, X: Any) -> Any:
        """Predictions for the rows of a frame, each as if it came next, as a series like it."""
        found = self._task.predict(self._rows(X))[:, 0]
        return dataframe.to_native_series(found, name="prediction", like=dataframe.into_frame(X))


class FixedWeightClassifier(_OnFeatures, base.MiniBatchClassifier):
    """A derived learner that predicts classes, two or more as they come, in constant memory each.

    It learns every class against the rest, in streams side by side. A class that comes late has
    been told "no" until then. Features are placed as in `FixedWeightRegressor`.

    Args:
        learner: a `Learner` of targets 0 and 1, the path of its file, or the name of one that
            ships. The default is for any table of up to 20 features in any unit.

    Raises:
        InputError: no such learner, or one with several targets or late ones.
        LearnerFileError: the file is not a learner.
    """

    def __init__(self, learner: Learner | str | Path = "tabular-classification") -> None:
        super().__init__(learner)  # its one stream is that of the classes that have not come yet
        self._classes: list[Hashable] = []

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Features, y: Hashable) -> None:
        """Learn one example.

        Raises:
            InputError: more features than inputs, or a value that is no finite number. Nothing has
                changed then.
        """
        self._learn_class(x, self._row(x)[0], y)

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[Any, float]:
        """The probability of each class seen so far; changes nothing.

        Raises:
            InputError: as in `learn_one`.
        """
        return dict(zip(self._classes, self._chances(self._row(x))[0].tolist(), strict=True))

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a frame in order: X [row, feature] and its series y [row]."""
        columns = dataframe.into_frame(X).columns
        for row, label in zip(self._rows(X), list(y), strict=True):
            self._learn_class(columns, row, label)

    def predict_proba_many(self, X: Any) -> Any:
        """Probabilities for the rows of a frame, each as if it came next: a frame like it with a
        column a class."""
        found = self._chances(self._rows(X))
        columns = dict(zip(self._classes, found.T, strict=True))
        return dataframe.to_native_frame(columns, like=dataframe.into_frame(X))

    def predict_many(self, X: Any) -> Any:
        """The most likely class for each row of a frame, as a series like it."""
        best = self._chances(self._rows(X)).argmax(axis=1) if self._classes else []
        labels = [self._classes[i] for i in best]
        return dataframe.to_native_series(labels, name="prediction", like=dataframe.into_frame(X))

    def _learn_class(self, features: Any, row: np.ndarray, label: Hashable) -> None:
        if label is None or label != label:
            raise InputError(f"Expected a class, got {label!r}. Leave the example out.")
        if label not in self._classes:
            self._task.predict(row[None])  # what cannot be used is refused before anything changes
            self._task.repeat_last()
            self._classes.append(label)
        told = np.zeros(len(self._classes) + 1)
        told[self._classes.index(label)] = 1.0
        self._learn(features, row, told)

    def _chances(self, rows: np.ndarray) -> np.ndarray:
        """[row, class]"""
        return self._task.chances(rows, len(self._classes))


def _target(y: Any) -> float:
    found = number("the target", y)
    if np.isnan(found):
        raise InputError(f"Expected a number as the target, got {y!r}. Leave the example out.")
    return found
