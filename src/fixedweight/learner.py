"""The derived learner: frozen weights, and everything needed to use and to judge them.

NumPy and safetensors are all that is needed here. A learner is a value: nothing in this module
changes one. Its state, which does change as it learns, belongs to whoever runs it
(`fixedweight.estimators.OnlineEstimator`).
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fixedweight.columns import Column
from fixedweight.errors import InputError
from fixedweight.networks import Network, Params, State, Uncertain, initial_state
from fixedweight.scaling import Scaling


@dataclass(frozen=True, eq=False)
class Learner:
    """A network with fixed weights that learns a new task of its family from a stream of examples.

    At step t the network receives the inputs x(t), the supplementary input y(t - 1 - delay) and,
    if `flagged`, whether such a target arrived; its output is the prediction of y(t).
    """

    network: Network
    params: Params
    """Parameter name -> float32 array; read-only."""
    scaling: Scaling
    delay: int = 0
    """Steps by which a target comes later than the next example's inputs."""
    flagged: bool = False
    input_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    """The table columns that the inputs come from, where some are no plain numbers."""
    card: dict[str, Any] = field(default_factory=dict)
    """How it was derived (`family`, `derivation`) and how good it is (`evaluation`)."""

    def __post_init__(self) -> None:
        frozen = {
            name: np.array(value, dtype=np.float32, order="C")
            for name, value in self.params.items()
        }
        for value in frozen.values():
            value.setflags(write=False)
        object.__setattr__(self, "params", frozen)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Learner":
        return self  # it never changes

    def __repr__(self) -> str:
        family = self.card.get("family", {}).get("family", "own")
        kind = type(self.network).__name__
        return f"Learner({family}: {kind}, {self.input_size} -> {self.target_size})"

    @property
    def input_size(self) -> int:
        """Numbers in one example's inputs."""
        return len(self.scaling.input_offset)

    @property
    def target_size(self) -> int:
        return len(self.scaling.target_offset)

    @property
    def digest(self) -> str:
        """A name for the weights: learners with the same one understand each other's states."""
        digest = hashlib.sha256()
        for name in sorted(self.params):
            digest.update(name.encode() + self.params[name].tobytes())
        return digest.hexdigest()

    def initial_state(self, batch: tuple[int, ...] = ()) -> State:
        """The network's state before any example, each part [*batch, units]."""
        return initial_state(self.network, self.params, batch, np)

    def supplement(self, y: np.ndarray, arrived: np.ndarray) -> np.ndarray:
        """The supplementary input: the target that arrives, in raw units, and the flag if any.

        Args:
            y: [..., target], any finite number where none arrived.
            arrived: [..., 1] float32: 1 where a target arrives, 0 where not.

        Returns:
            [..., target (+ 1)], scaled.
        """
        told = self.scaling.scale_targets(y) * arrived
        return np.concatenate([told, arrived], axis=-1) if self.flagged else told

    def step(self, state: State, x: np.ndarray, supplement: np.ndarray) -> tuple[State, np.ndarray]:
        """One example; any leading batch axes.

        Args:
            state: from `initial_state` or an earlier step; left as it is.
            x: [..., input] inputs of the example to predict, in raw units.
            supplement: what has arrived, from `supplement`.

        Returns:
            The new state and the prediction [..., target] in raw units.
        """
        inputs = np.concatenate([self.scaling.scale_inputs(x), supplement], axis=-1)
        state, output = self.network.step(self.params, state, inputs, np)
        return state, self.scaling.unscale_targets(output)

    def interval(
        self, state: State, prediction: np.ndarray, coverage: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where a target lies with a probability of `coverage`.

        Args:
            state: that came from `step` with the prediction.
            prediction: [..., target] in raw units.
            coverage: between 0 and 1.

        Returns:
            The lower and the upper end, [..., target] in raw units.

        Raises:
            InputError: the learner predicts no spread, or not this coverage.
        """
        network = self.network
        if not isinstance(network, Uncertain):
            raise InputError(
                "Expected a learner that predicts a spread, got one of "
                f"{type(network).__name__}. Derive it with Gaussian(network) or "
                "Quantiles(network); fixedweight derive --spread gaussian."
            )
        if not 0.0 < coverage < 1.0:
            raise InputError(f"Expected a coverage between 0 and 1, got {coverage}.")
        mean = self.scaling.scale_targets(prediction)
        ends = network.interval(mean, state["spread"], coverage)
        if network.output == "logistic":
            ends = tuple(np.clip(end, 0.0, 1.0) for end in ends)
        low, high = (self.scaling.unscale_targets(end) for end in ends)
        return low, high

    def unroll(
        self, inputs: Any, targets: Any, revealed: Any | None = None, state: State | None = None
    ) -> tuple[np.ndarray, State]:
        """Predict, then learn, through whole streams side by side, each from its beginning.

        Args:
            inputs: [batch, time, input]; targets: [batch, time, target], NaN where unknown.
            revealed: [batch, time] bool, whether each target is told; by default where it is known.
            state: to begin from; the initial state by default.

        Returns:
            Predictions [batch, time, target] (each made before its target is told), and the state
            after the last step.

        Raises:
            InputError: wrong shapes, or inputs that are not finite.
        """
        x = as_floats("inputs", inputs, (None, None, self.input_size))
        state = self.initial_state(x.shape[:1]) if state is None else state
        predictions = np.empty((*x.shape[:2], self.target_size), dtype=np.float32)
        for t, (after, prediction) in enumerate(self.steps(x, targets, revealed, state)):
            state, predictions[:, t] = after, prediction
        return predictions, state

    def steps(
        self, inputs: Any, targets: Any, revealed: Any | None = None, state: State | None = None
    ) -> Iterator[tuple[State, np.ndarray]]:
        """`unroll` step by step: each new state, with the predictions [batch, target]."""
        x = as_floats("inputs", inputs, (None, None, self.input_size))
        y = as_floats("targets", targets, (*x.shape[:2], self.target_size), missing=True)
        known = np.isfinite(y).min(axis=-1)
        told = known if revealed is None else known & np.asarray(revealed, dtype=bool)
        arrived = told[..., None].astype(np.float32)
        supplement = self.supplement(np.where(told[..., None], y, np.float32(0.0)), arrived)
        supplement = _later(supplement, 1 + self.delay)
        state = self.initial_state(x.shape[:1]) if state is None else state
        for t in range(x.shape[1]):
            state, prediction = self.step(state, x[:, t], supplement[:, t])
            yield state, prediction

    def save(self, path: str | Path) -> None:
        """Write the learner file: safetensors with a JSON header."""
        from fixedweight.learner_file import save_learner

        save_learner(self, path)

    @staticmethod
    def load(path: str | Path, networks: Sequence[type[Network]] = ()) -> "Learner":
        """Read a learner file.

        Args:
            path: of the file.
            networks: your own network classes that the file may name, beside the built-in ones.

        Raises:
            LearnerFileError: the file is not a learner, is cut short, too large, of another
                version, or its contents do not fit together.
        """
        from fixedweight.learner_file import load_learner

        return load_learner(path, networks)


def _later(values: np.ndarray, steps: int) -> np.ndarray:
    """Values [batch, time, ...] moved `steps` later, zeros first."""
    moved = np.zeros_like(values)
    moved[:, steps:] = values[:, : max(0, values.shape[1] - steps)]
    return moved


MOST = float(np.finfo(np.float32).max)


def as_row(what: str, values: Any, size: int, *, missing: bool = False) -> np.ndarray:
    """A few numbers as a float32 array [size]: `as_floats` for one example, made to be quick.

    Raises:
        InputError: as in `as_floats`.
    """
    try:
        row = [_number(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InputError(f"Expected {size} numbers as {what}, got {values!r}.") from error
    if len(row) != size:
        raise InputError(f"Expected {size} numbers as {what}, got {len(row)}.")
    for value in row:
        if not -MOST <= value <= MOST and not (missing and math.isnan(value)):
            raise InputError(f"Expected finite {what}, got {row}. Fill or drop the value first.")
    return np.array(row, dtype=np.float32)


def _number(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError("text is not a number")
    return float(value)


def as_floats(
    what: str, values: Any, shape: tuple[int | None, ...], *, missing: bool = False
) -> np.ndarray:
    """`values` as a float32 array of `shape` (None: any size).

    Raises:
        InputError: not numbers, another shape, or not finite (NaN is let through if `missing`).
    """
    try:
        given = np.asarray(values)
        text = given.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in given.flat)
        if text or given.dtype.kind in "USMmc":
            raise TypeError("text, times and complex numbers are no numbers here")
        with np.errstate(over="ignore"):  # refused below
            array = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"Expected numbers as {what}, got {values!r}.") from error
    fits = array.ndim == len(shape) and all(
        size is None or size == got for size, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
        raise InputError(f"Expected {what} of shape {wanted}, got {array.shape}.")
    good = ~np.isinf(array) if missing else np.isfinite(array)
    if not good.all():
        bad = ~good
        raise InputError(
            f"Expected finite {what}, got {array[bad][0]} in {int(bad.sum())} of {array.size} "
            "places. Fill or drop them first."
        )
    return array
