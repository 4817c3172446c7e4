"""How raw inputs and targets are put on the scale a network works in.

A scaling is learned from training tasks only, travels with the learner, and is plain NumPy so that
a learner needs nothing more at use.
"""

from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fixedweight.errors import FamilyError

MOST_REMOTE = 1e4
"""Largest |mean| / spread of a column; beyond it float32 keeps less than three digits of it."""


@dataclass(frozen=True)
class Scaling:
    """scaled = (raw - offset) / scale, for each column of the inputs and of the targets."""

    input_offset: tuple[float, ...]
    input_scale: tuple[float, ...]
    target_offset: tuple[float, ...]
    target_scale: tuple[float, ...]

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return tuple(np.asarray(values, dtype=np.float32) for values in astuple(self))  # type: ignore[return-value]

    def scale_inputs(self, inputs: Any) -> Any:
        offset, scale, _, _ = self._rows
        return (inputs - offset) / scale

    def unscale_inputs(self, inputs: Any) -> Any:
        offset, scale, _, _ = self._rows
        return inputs * scale + offset

    def scale_targets(self, targets: Any) -> Any:
        _, _, offset, scale = self._rows
        return (targets - offset) / scale

    def unscale_targets(self, targets: Any) -> Any:
        _, _, offset, scale = self._rows
        return targets * scale + offset


def identity_scaling(input_size: int, target_size: int) -> Scaling:
    return Scaling(
        (0.0,) * input_size, (1.0,) * input_size, (0.0,) * target_size, (1.0,) * target_size
    )


def measured_scaling(inputs: np.ndarray, targets: np.ndarray) -> Scaling:
    """Zero mean and unit standard deviation of each column, over rows of finite numbers.

    A constant input carries nothing: its scale is 1, so that it becomes 0. A constant target leaves
    nothing to learn and is refused.

    Args:
        inputs: [rows, input]; targets: [rows, target].

    Raises:
        FamilyError: a target column is constant, or a column is so far from 0 for its spread that
            single precision would blur it.
    """
    inputs = np.asarray(inputs, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    spread = targets.std(axis=0)
    flat = spread <= 1e-12 * np.maximum(1.0, np.abs(targets.mean(axis=0)))
    if flat.any():
        column = int(np.flatnonzero(flat)[0])
        raise FamilyError(
            f"Expected targets that vary, got the constant {targets[0, column]:g} in target column "
            f"{column} of every training task: there is nothing to learn. Check the target column."
        )
    input_spread = inputs.std(axis=0)
    steady = input_spread <= 1e-12 * np.maximum(1.0, np.abs(inputs.mean(axis=0)))
    for what, values, scale in (("input", inputs, input_spread), ("target", targets, spread)):
        remote = (np.abs(values.mean(axis=0)) > MOST_REMOTE * scale) & (scale > 0)
        if (remote & ~(steady if what == "input" else flat)).any():
            column = int(np.flatnonzero(remote)[0])
            raise FamilyError(
                f"Expected {what} column {column} to vary on the scale of its size, got a mean of "
                f"{values[:, column].mean():g} and a spread of {scale[column]:g}. Subtract a "
                "constant from it first (a date: its beginning)."
            )
    return Scaling(
        tuple(inputs.mean(axis=0).tolist()),
        tuple(np.where(steady, 1.0, input_spread).tolist()),
        tuple(targets.mean(axis=0).tolist()),
        tuple(spread.tolist()),
    )
