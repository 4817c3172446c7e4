"""Standardising on the way: the mean and the spread of each column so far."""

from typing import Any

import numpy as np

FAR = 5.0
"""Standard deviations from the mean beyond which a value is cut off."""


class Moments:
    """Mean and standard deviation of columns by Welford's method, in constant memory.

    A value is standardised by the moments up to and with itself, so that the n-th is at most
    sqrt(n - 1) from 0 and the first one is 0, whatever its unit.

    Args:
        columns: how many.
    """

    def __init__(self, columns: int) -> None:
        self.count = np.zeros(columns)
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)
        """Sum of squared deviations from the mean."""

    def with_each(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, mean and sum of squares as they would be with each row added alone; a NaN adds
        nothing.

        Args:
            values: [..., column].
        """
        known = np.isfinite(values)
        count = self.count + known
        off = np.where(known, values - self.mean, 0.0)
        mean = self.mean + off / np.maximum(count, 1.0)
        return count, mean, self.squares + off * np.where(known, values - mean, 0.0)

    def add(self, values: np.ndarray) -> None:
        """Take in one row [column]; a NaN adds nothing."""
        self.count, self.mean, self.squares = self.with_each(values)

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Rows [..., column], each as if it came next: standardised; 0 for NaN and in columns that
        have not varied."""
        count, mean, squares = self.with_each(values)
        return _cut(values - mean, squares / np.maximum(count, 1.0), mean)

    def repeat_last(self) -> None:
        """Add a column that has seen what the last one has."""
        for name in ("count", "mean", "squares"):
            values = getattr(self, name)
            setattr(self, name, np.append(values, values[-1]))

    def restore(self, scaled: np.ndarray) -> np.ndarray:
        """What standardised values would be in the columns' own unit, by the moments so far."""
        return self.mean + scaled * np.sqrt(self.squares / np.maximum(self.count, 1.0))


def _cut(off: np.ndarray, variance: np.ndarray, mean: np.ndarray) -> Any:
    """off / sd, cut off far out; 0 where there is no spread beyond rounding."""
    varies = (variance > 1e-24 * mean**2) & np.isfinite(off)
    scaled = np.where(varies, off, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    return np.clip(scaled, -FAR, FAR)
