"""Which input each feature takes, and features as rows of numbers."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fixedweight.errors import InputError
from fixedweight.learner import Learner


def places(learner: Learner, known: Mapping[Any, int], features: Any) -> Mapping[Any, int]:
    """The input that each feature takes, with features that were not known before.

    They go to the inputs of their names where all are names of inputs, and otherwise take those
    that are free in order.

    Args:
        known: feature -> place so far; left as it is.
        features: names of features, in order.

    Raises:
        InputError: more features than the learner has inputs.
    """
    new = [feature for feature in features if feature not in known]
    if not new:
        return known
    names = learner.input_names
    if all(feature in names for feature in (*known, *new)) and all(
        names[place] == feature for feature, place in known.items()
    ):
        return {**known, **{feature: names.index(feature) for feature in new}}
    free = [place for place in range(learner.input_size) if place not in known.values()]
    if len(new) > len(free):
        raise InputError(
            f"Expected at most {learner.input_size} features, the inputs of this learner, got "
            f"{len(known) + len(new)}, {str(new[-1])!r} among them. Choose among them or "
            "combine them first (a feature selector or a random projection in a pipeline), or "
            "derive a learner with more inputs."
        )
    return {**known, **dict(zip(new, free, strict=False))}


def number(what: str, value: Any) -> float:
    """A finite number, or NaN for None.

    Raises:
        InputError: text, or anything else that is no number, or an infinite one.
    """
    if value is None:
        return math.nan
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError("text is not a number")
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.inf
    if math.isinf(found):
        raise InputError(
            f"Expected a finite number for {what}, got {value!r}. Leave it out or encode it first "
            "(one column a category, say)."
        )
    return found


def one_row(where: Mapping[Any, int], features: Mapping[Any, Any], size: int) -> np.ndarray:
    """One example as [1, input], NaN where a feature is missing.

    Args:
        where: the place of each feature.
        features: name -> number; None or NaN where missing.
        size: how many inputs there are.

    Raises:
        InputError: a value that is no finite number.
    """
    row = np.full((1, size), np.nan)
    for name, value in features.items():
        row[0, where[name]] = number(f"the feature {name!r}", value)
    return row


def many_rows(where: Mapping[Any, int], columns: Any, values: np.ndarray, size: int) -> np.ndarray:
    """Columns of a table [row, column] as [row, input], NaN where there is none."""
    rows = np.full((len(values), size), np.nan)
    rows[:, [where[column] for column in columns]] = values
    return rows
