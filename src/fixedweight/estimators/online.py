"""A derived learner at work: an online estimator with a state and nothing else that changes."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fixedweight import files
from fixedweight.columns import encoded_one
from fixedweight.errors import InputError, LearnerFileError
from fixedweight.learner import Learner, as_floats, as_row

ARRIVED = np.ones(1, dtype=np.float32)
NOT_ARRIVED = np.zeros(1, dtype=np.float32)
MOST_SCALED = 1e20
"""Targets larger than this, as scaled for the network, are refused: its sums would overflow."""
Inputs = Any
"""An example's inputs: numbers in order (any sequence or array), or a mapping from their names; of
a learner that has `columns` a mapping from the names of those, with words and None as in the table,
and dates in days since the task's first row."""
Target = Any
"""A number, or several in order where a target has several; None or NaN where it is missing."""
KIND = "fixedweight state"
VERSION = 1


class OnlineEstimator:
    """Learns one task from its examples, one at a time, in constant memory.

        estimator = OnlineEstimator(Learner.load("boolean.safetensors"))
        guess = estimator.predict_one([0, 1])
        estimator.learn_one([0, 1], 1)

    `predict_*` never changes the state; `learn_*` changes the state and never the weights.

    A learner derived for targets that come `delay` steps late is told, in the n-th `learn_one`, the
    target of the n - delay-th input. Where labels are late but always come with their inputs, use a
    learner without delay and call `learn_one` when the pair is complete.

    Args:
        learner: the derived learner; shared, not copied, since it never changes.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.reset()

    def reset(self) -> "OnlineEstimator":
        """Forget everything learned, as before the first example."""
        self.examples = 0
        """Examples learned so far."""
        self._state = self.learner.initial_state()
        nothing = np.zeros(self.learner.target_size, dtype=np.float32)
        self._supplement = self.learner.supplement(nothing, NOT_ARRIVED)
        self._ahead: tuple[bytes, dict[str, np.ndarray], np.ndarray] | None = None
        return self

    def copy(self) -> "OnlineEstimator":
        """Another estimator with the same state, independent from here on."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "OnlineEstimator":
        twin = OnlineEstimator(self.learner)
        twin.set_state(self.get_state())
        return twin

    def predict_one(self, x: Inputs) -> float | np.ndarray:
        """The prediction for the inputs of the next example.

        Args:
            x: the inputs in order, or by name.

        Returns:
            A float, or [target] where a target has several numbers.

        Raises:
            InputError: the wrong number of inputs, a name missing, or a value that is not finite or
                so large that the prediction is not.
        """
        _, prediction = self._step(self._inputs(x))
        return prediction.item() if prediction.size == 1 else prediction.copy()

    def predict_interval_one(self, x: Inputs, coverage: float = 0.9) -> tuple[Any, Any]:
        """Where the target of the next example lies with a probability of `coverage`.

        Args:
            x: the inputs in order, or by name.
            coverage: between 0 and 1; of a learner of quantiles 0.9 or 0.5.

        Returns:
            The lower and the upper end: floats, or each [target] where a target has several.

        Raises:
            InputError: as in `predict_one`, or the learner predicts no spread.
        """
        state, prediction = self._step(self._inputs(x))
        ends = self.learner.interval(state, prediction, coverage)
        low, high = (end.item() if end.size == 1 else end for end in ends)
        return low, high

    @property
    def strange(self) -> float:
        """How unlike anything the learner was derived for the stream is; above 1 is an alarm.

        One stream of its family in a hundred comes to 1. What was told in the last `learn_one`
        counts from the next one on.

        Raises:
            InputError: the learner is none derived with `Gaussian`.
        """
        if "strange" not in self._state:
            raise InputError(
                "Expected a learner that predicts normal distributions, which can tell. Derive it "
                "with Gaussian(network); fixedweight derive --spread gaussian."
            )
        return float(self._state["strange"][0])

    def learn_one(self, x: Inputs, y: Target) -> None:
        """Learn one example.

        Args:
            x: the inputs in order, or by name.
            y: its target; None or NaN where it is missing.

        Raises:
            InputError: as in `predict_one`, or a target of the wrong size, infinite or so large
                that the network would overflow. Nothing has changed then.
        """
        inputs = self._inputs(x)
        targets = self._target(y)
        self._learn(inputs, targets)

    def predict_many(self, inputs: Any) -> np.ndarray:
        """Predictions for many inputs, each as if it came next: [query, input] -> [query, target].

        Raises:
            InputError: wrong shape, or values that are not finite.
        """
        x = as_floats("inputs", inputs, (None, self.learner.input_size))
        n = (len(x),)
        state = {k: np.broadcast_to(part, n + part.shape) for k, part in self._state.items()}
        supplement = np.broadcast_to(self._supplement, n + self._supplement.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = self.learner.step(state, x, supplement)[1]
        if not np.isfinite(predictions).all():
            row = x[np.flatnonzero(~np.isfinite(predictions).all(axis=-1))[0]]
            raise too_large("inputs", row)
        return predictions

    def learn_many(self, inputs: Any, targets: Any) -> np.ndarray:
        """Go through a stream: predict each example, then learn it.

        Args:
            inputs: [time, input]; targets: [time] or [time, target], NaN where missing.

        Returns:
            The predictions [time, target], each made before its target was learned.

        Raises:
            InputError: wrong shapes or values; nothing has changed then.
        """
        x = as_floats("inputs", inputs, (None, self.learner.input_size))
        y = target_rows(targets, len(x), self.learner.target_size)
        predictions = np.empty_like(y)
        before = (self._state, self._supplement, self.examples)
        try:
            for t in range(len(x)):
                predictions[t] = self._learn(x[t], y[t])
        except InputError:
            self._state, self._supplement, self.examples = before
            self._ahead = None
            raise
        return predictions

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that learning has changed, as arrays of its own; see `set_state`."""
        return {
            **{f"state.{name}": part.copy() for name, part in self._state.items()},
            "supplement": self._supplement.copy(),
            "examples": np.array(self.examples, dtype=np.int64),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state that `get_state` of an estimator of the same network gave.

        Raises:
            InputError: the state does not fit this learner. Nothing has changed then.
        """
        mine = self.get_state()
        got = {name: (np.shape(part), np.asarray(part).dtype) for name, part in state.items()}
        wanted = {name: (part.shape, part.dtype) for name, part in mine.items()}
        if got != wanted:
            raise InputError(f"Expected a state of this learner, {wanted}, got {got}.")
        if not all(np.isfinite(part).all() for part in state.values()) or state["examples"] < 0:
            raise InputError("Expected a state of finite numbers after 0 or more examples.")
        parts = {name: np.array(part) for name, part in state.items()}
        self._supplement, self._ahead = parts.pop("supplement"), None
        self.examples = int(parts.pop("examples"))
        self._state = {name.removeprefix("state."): part for name, part in parts.items()}

    def save_state(self, path: str | Path) -> None:
        """Write the state to a file."""
        header = {"version": VERSION, "learner": self.learner.digest}
        files.write(path, KIND, self.get_state(), header)

    def load_state(self, path: str | Path) -> None:
        """Go on from a state file of the same learner.

        Raises:
            LearnerFileError: the file is damaged, of another version, or of another learner.
        """
        arrays, header = files.read(path, KIND)
        if header.get("version") != VERSION:
            raise LearnerFileError(
                f"Expected a state file of version {VERSION}, got {header.get('version')!r}."
            )
        if header.get("learner") != self.learner.digest:
            raise LearnerFileError(
                f"Expected a state of this learner at {str(path)!r}, got one of another learner. "
                "Load it with the learner that saved it."
            )
        try:
            self.set_state(arrays)
        except InputError as error:
            raise LearnerFileError(f"{str(path)!r}: {error}") from error

    def _step(self, x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The network's step from the present state, remembered until the state changes: learning
        an example just predicted costs no second one."""
        key = x.tobytes()
        if self._ahead is None or self._ahead[0] != key:
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                state, prediction = self.learner.step(self._state, x, self._supplement)
            if not all(map(math.isfinite, prediction.tolist())):
                raise too_large("inputs", x)
            self._ahead = (key, state, prediction)
        return self._ahead[1], self._ahead[2]

    def _learn(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        state, prediction = self._step(x)
        if np.isnan(y).any():
            supplement = self.learner.supplement(np.zeros_like(y), NOT_ARRIVED)
        else:
            with np.errstate(over="ignore"):  # refused below
                supplement = self.learner.supplement(y, ARRIVED)
            if not all(-MOST_SCALED <= value <= MOST_SCALED for value in supplement.tolist()):
                raise too_large("target", y)
        self._state, self._supplement, self._ahead = state, supplement, None
        self.examples += 1
        return prediction

    def _inputs(self, x: Inputs) -> np.ndarray:
        if isinstance(x, Mapping) and self.learner.columns:
            x = encoded_one(self.learner.columns, x)
        elif isinstance(x, Mapping):
            missing = [name for name in self.learner.input_names if name not in x]
            if missing:
                raise InputError(
                    f"Expected the inputs {list(self.learner.input_names)}, got no {missing}."
                )
            x = [x[name] for name in self.learner.input_names]
        return as_row("inputs", x, self.learner.input_size)

    def _target(self, y: Target) -> np.ndarray:
        size = self.learner.target_size
        if y is None:
            y = [math.nan] * size
        elif not np.iterable(y):
            y = [y]
        return as_row("the target", y, size, missing=True)


def target_rows(targets: Any, rows: int, size: int) -> np.ndarray:
    """Targets [row], or [row, target], as [row, target].

    Raises:
        InputError: wrong shapes or values.
    """
    try:
        flat = size == 1 and np.ndim(targets) == 1
    except ValueError:  # ragged: refused below
        flat = False
    shape = (rows,) if flat else (rows, size)
    return as_floats("targets", targets, shape, missing=True).reshape(rows, size)


def too_large(what: str, values: np.ndarray) -> InputError:
    return InputError(
        f"Expected {what} on the scale the learner was derived for, got {values.tolist()}: its "
        "arithmetic overflows. Check the units, or drop the example."
    )
