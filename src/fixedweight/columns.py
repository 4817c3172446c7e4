"""Columns of a table as numbers: text, dates and gaps, at use as they were when it was derived."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from fixedweight.errors import FamilyError, InputError, require

MOST_LEVELS = 12
"""Different words in a column that is still a few categories, and no text."""
DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"
"""Text that is a date (ISO 8601)."""
DAY = 86_400.0
Kind = Literal["number", "category", "date"]


@dataclass(frozen=True)
class Column:
    """One column, and the inputs that it becomes."""

    name: str
    kind: Kind = "number"
    """number: itself; category: 1 for its level and 0 for the others; date: days since the first
    row of its task."""
    levels: tuple[str, ...] = ()
    """Of a category; any other value is 0 everywhere."""
    fill: float = 0.0
    """Stands for a missing number or date: the median of those that were there."""
    gaps: bool = False
    """Whether values were missing; if so one more input is 1 where they are, else 0."""

    @property
    def plain(self) -> bool:
        return self.kind == "number" and not self.gaps

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        if self.kind == "category":
            return tuple(f"{self.name}={level}" for level in self.levels)
        return (self.name, f"{self.name} missing") if self.gaps else (self.name,)

    def numbers(self, values: Any) -> np.ndarray:
        """Values [row], a date in days, as [row, input]; NaN where a number is missing that never
        was before.

        Args:
            values: words, or numbers with NaN where missing.
        """
        if self.kind == "category":
            return np.stack([values == level for level in self.levels], axis=-1).astype(float)
        missing = np.isnan(values)
        if not self.gaps:
            return values[:, None]
        return np.stack([np.where(missing, self.fill, values), missing], axis=-1)


def names_of(columns: Sequence[Column]) -> tuple[str, ...]:
    """The inputs that columns become, in order."""
    return tuple(name for column in columns for name in column.inputs)


def described(
    frame: Any, names: Sequence[str], known: np.ndarray, tasks: np.ndarray
) -> tuple[Column, ...]:
    """What each column is, from the rows that may be known.

    Args:
        known: [row] whether a row may be looked at.
        tasks: [row] the number of its task; rows of a task are in order.

    Raises:
        FamilyError: a column of text with many different words, or of nothing.
    """
    return tuple(_described(frame[name], name, known, tasks) for name in names)


def encoded(frame: Any, columns: Sequence[Column], tasks: np.ndarray) -> np.ndarray:
    """The columns of a table as inputs [row, input]; arguments as in `described`.

    Raises:
        FamilyError: text where numbers or dates were, an infinite number, or one missing in a
            column where none was.
    """
    parts = [np.empty((len(frame), 0))]
    for column in columns:
        values = _values(frame[column.name], column.name, column.kind, tasks)
        numbers = column.numbers(values)
        bad = ~np.isfinite(numbers).all(axis=-1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise FamilyError(
                f"Expected finite numbers in column {column.name!r}, got {values[row]} in row "
                f"{frame.index[row]} ({int(bad.sum())} such values in all). Fill or drop them "
                "first."
            )
        parts.append(numbers)
    return np.concatenate(parts, axis=-1)


def encoded_one(columns: Sequence[Column], x: Mapping[str, Any]) -> list[float]:
    """One example's values by column as inputs; a date is given in days since its task began.

    Raises:
        InputError: a column is not there, or text where numbers were.
    """
    found: list[float] = []
    for column in columns:
        if column.name not in x:
            raise InputError(
                f"Expected the columns {[each.name for each in columns]}, got no {column.name!r}."
            )
        value = x[column.name]
        if column.kind == "category":
            found += [float(_word(value) == level) for level in column.levels]
            continue
        try:
            number = math.nan if value is None else float(value)
        except (TypeError, ValueError):
            unit = "days since its task's first row" if column.kind == "date" else "a number"
            raise InputError(f"Expected {unit} for {column.name!r}, got {value!r}.") from None
        missing = math.isnan(number)
        found += [column.fill, 1.0] if missing and column.gaps else [number, 0.0][: 1 + column.gaps]
    return found


def _described(values: Any, name: str, known: np.ndarray, tasks: np.ndarray) -> Column:
    kind = _kind(values)
    found = _values(values, name, kind, tasks)[known]
    if kind == "category":
        levels = sorted(set(found.tolist()))
        if len(levels) > MOST_LEVELS:
            raise FamilyError(
                f"Expected numbers, dates (2024-01-31) or at most {MOST_LEVELS} different words in "
                f"column {name!r}, got {len(levels)}, {levels[0]!r} and {levels[1]!r} among them. "
                "Leave the column out of the inputs or turn it into numbers first."
            )
        return Column(name, kind, tuple(levels))
    there = found[~np.isnan(found)]
    if not len(there):
        raise FamilyError(f"Expected values in column {name!r}, got none to learn from.")
    gaps = bool(np.isnan(found).any())
    return Column(name, kind, fill=float(np.median(there)) if gaps else 0.0, gaps=gaps)


def _kind(values: Any) -> Kind:
    pd = require("pandas", "cli")
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    there = values[values.notna()]
    if len(there) and there.astype(str).str.fullmatch(DATE).all():
        return "date"
    read = pd.to_numeric(there, errors="coerce").notna()  # a few words among numbers: refused
    return "number" if read.mean() > 0.5 or not len(there) else "category"


def _values(values: Any, name: str, kind: Kind, tasks: np.ndarray) -> np.ndarray:
    """Words, numbers, or days since the first of the task's rows that has a date."""
    pd = require("pandas", "cli")
    if kind == "category":
        return np.array([_word(value) for value in values], dtype=object)
    dates = partial(pd.to_datetime, utc=True, format="ISO8601")
    read = pd.to_numeric if kind == "number" else dates
    found = read(values, errors="coerce")
    unread = values[found.isna() & values.notna()]
    if len(unread):
        what = "numbers" if kind == "number" else "dates"
        raise FamilyError(
            f"Expected {what} in column {name!r}, got {unread.iloc[0]!r}. Turn it "
            f"into {what} first."
        )
    if kind == "number":
        return found.to_numpy(dtype=np.float64, na_value=np.nan)
    began = pd.Timestamp(0, tz="UTC")
    days = pd.Series(((found - began).dt.total_seconds() / DAY).to_numpy())
    return (days - days.groupby(tasks).transform("first")).to_numpy()


def _word(value: Any) -> str:
    """A category's value as text; a missing one is a level of its own."""
    if value is None or value != value or type(value).__name__ == "NAType":
        return "missing"
    return str(value)
