"""A task as it comes from outside: features in any unit, some missing, and one target or several.

What the shells for River and scikit-learn share. A learner derived for a family of its own is given
numbers as they are. A general-purpose learner was derived on tables standardised on the way, and
says so in its card: it is given them so, and its answers are put back into their unit.
"""

import numpy as np

from fixedweight.errors import InputError
from fixedweight.estimators.moments import Moments
from fixedweight.estimators.streams import Streams
from fixedweight.learner import MOST, Learner

LEAST_CHANCE = 1e-3
"""Of a class that has been seen, before the chances are made to sum to 1."""
LEAST_GENERAL = 1e-2
"""The same for a general-purpose learner, surer than it should be: no table is quite of its family.
Chosen by the log loss on tables of `benchmarks/estimators.py`."""


class Task:
    """One learner at work on rows of features: its streams, and the moments of what was seen.

    Args:
        learner: the derived learner.
        targets: how many targets of the same features.

    Raises:
        InputError: a learner that is told its targets late, or has several.
    """

    def __init__(self, learner: Learner, targets: int) -> None:
        standardised = bool(learner.card.get("family", {}).get("standardised"))
        self.streams = Streams(learner, targets)
        self.seen = Moments(learner.input_size) if standardised else None
        scaled = standardised and learner.network.output == "linear"
        self.told = Moments(targets) if scaled else None
        self.lowest, self.highest = np.full(targets, np.inf), np.full(targets, -np.inf)

    @property
    def learner(self) -> Learner:
        return self.streams.learner

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Answers for rows of features, each as if it came next: [row, input] -> [row, target].

        Those of a general-purpose learner stay within what was told, and as far again beyond it.

        Args:
            rows: NaN where a feature is missing.

        Raises:
            InputError: as in `learn`.
        """
        answers = self.streams.predict(self._inputs(rows)).astype(np.float64)
        if self.told is None:
            return answers
        if not self.told.count[0]:
            return np.zeros_like(answers)
        span = self.highest - self.lowest
        return np.clip(self.told.restore(answers), self.lowest - span, self.highest + span)

    def chances(self, rows: np.ndarray, classes: int) -> np.ndarray:
        """Answers of one stream a class as probabilities that sum to 1: [row, class].

        Args:
            rows: as in `predict`.
            classes: how many of the streams, from the first, are those of classes.

        Raises:
            InputError: as in `learn`.
        """
        least = LEAST_CHANCE if self.seen is None else LEAST_GENERAL
        scores = np.clip(self.predict(rows)[:, :classes], least, 1.0)
        return scores / scores.sum(axis=1, keepdims=True)

    def learn(self, row: np.ndarray, targets: np.ndarray) -> None:
        """Learn one example: features [input], NaN where missing, and its targets [target].

        Raises:
            InputError: a value that is not finite or so large that the network would overflow.
                Nothing has changed then.
        """
        if not (np.abs(targets) <= MOST).all():
            raise InputError(f"Expected a finite target, got {targets.tolist()}.")
        x, y = self._inputs(row[None])[0], targets
        if self.told is not None:
            y = self.told.standardise(targets)
        self.streams.learn(x, y)
        if self.seen is not None:
            self.seen.add(row)
        if self.told is not None:
            self.told.add(targets)
            self.lowest = np.minimum(self.lowest, targets)
            self.highest = np.maximum(self.highest, targets)

    def repeat_last(self) -> None:
        """Add a target that has been told what the last one has."""
        self.streams.repeat_last()
        self.lowest, self.highest = (np.append(v, v[-1]) for v in (self.lowest, self.highest))
        if self.told is not None:
            self.told.repeat_last()

    def _inputs(self, rows: np.ndarray) -> np.ndarray:
        """What the network is given: float32 [row, input]."""
        if not (np.abs(rows[~np.isnan(rows)]) <= MOST).all():
            raise InputError("Expected finite features, got an infinite or a larger one.")
        if self.seen is not None:
            return self.seen.standardise(rows).astype(np.float32)
        mean = np.asarray(self.learner.scaling.input_offset)
        return np.where(np.isnan(rows), mean, rows).astype(np.float32)
