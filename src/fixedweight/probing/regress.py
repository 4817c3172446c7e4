"""Are the task's continuous parameters in the state, and how many values does it hold?
(paper, section 5: "stored three continuous values in the memory cells")"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.probing.record import Recording


class Dimension(NamedTuple):
    """How many directions a cloud of states fills, each unit scaled to a variance of 1."""

    participation: float
    """(sum of eigenvalues)^2 / sum of squares of them, of the correlation matrix."""
    components95: int
    """Principal components that hold 95 % of the variance."""
    components99: int


@dataclass(frozen=True, eq=False)
class Regression:
    """How well a linear map of the state gives the task; R2 over held-out streams."""

    examples: list[int]
    """Told of the task when the state was read."""
    r2: np.ndarray
    """[examples, parameter] share of a parameter's variance explained; below 0 is worse than its
    mean."""
    explained: float
    """The other way round, at the last moment: the share of the units' variance across tasks that
    a cubic polynomial of the parameters explains. 1 where the state holds the task, nothing else.
    """
    dimension: Dimension
    """Of the states across tasks at the last moment."""


def regress(
    recording: Recording,
    *,
    signals: Sequence[str] | None = None,
    examples: Sequence[int] | None = None,
) -> Regression:
    """Regress the parameters of the task on the state (ridge, its strength cross-validated).

    Args:
        recording: from `record`.
        signals: parts of the state; the network's memory by default.
        examples: told of a task before the state is read; by default 0, 1, 2, 4, 8, ... and the
            most there are.

    Raises:
        InputError: a parameter that is the same in every task, or those of `Recording.after`.
    """
    last = recording.examples - 1
    if examples is None:
        examples = sorted({0, last, *(2**i for i in range(last.bit_length()) if 2**i < last)})
    r2 = []
    for n in examples:
        rows = recording.after(n, signals)
        if not (rows.tasks[~rows.held_out].std(axis=0) > 0).all():
            raise InputError("Expected tasks whose every parameter varies between streams.")
        r2.append(_held_out_r2(_ridge(), rows.values, rows.tasks, rows.held_out))
    rows = recording.after(None, signals)
    cubic = require("sklearn.preprocessing", "reproduce").PolynomialFeatures(3, include_bias=False)
    spread = rows.values[~rows.held_out].std(axis=0)
    values = rows.values[:, spread > 1e-6] / spread[spread > 1e-6]
    return Regression(
        examples=list(examples),
        r2=np.array(r2),
        explained=float(_held_out_r2(_ridge(cubic), rows.tasks, values, rows.held_out).mean()),
        dimension=dimension(values),
    )


def dimension(values: np.ndarray) -> Dimension:
    """The dimension of a cloud of states [row, unit]; constant units do not count.

    Raises:
        InputError: fewer than 2 rows, or no unit that varies.
    """
    if len(values) < 2 or not (values.std(axis=0) > 0).any():
        raise InputError("Expected at least 2 states, of which some unit varies.")
    values = values[:, values.std(axis=0) > 0]
    spread = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(values, rowvar=False)))[::-1]
    share = np.cumsum(spread) / spread.sum()
    return Dimension(
        float(spread.sum() ** 2 / (spread**2).sum()),
        int(np.sum(share < 0.95)) + 1,
        int(np.sum(share < 0.99)) + 1,
    )


def _ridge(*before: Any) -> Any:
    linear_model = require("sklearn.linear_model", "reproduce")
    scaler = require("sklearn.preprocessing", "reproduce").StandardScaler()
    ridge = linear_model.RidgeCV(np.logspace(-4, 4, 9))
    return require("sklearn.pipeline", "reproduce").make_pipeline(*before, scaler, ridge)


def _held_out_r2(model: Any, given: np.ndarray, true: np.ndarray, held_out: np.ndarray) -> Any:
    """[column of `true`] R2 on the rows held out of a fit to the others."""
    found = model.fit(given[~held_out], true[~held_out]).predict(given[held_out])
    true = true[held_out]
    return 1.0 - ((found.reshape(true.shape) - true) ** 2).mean(axis=0) / true.var(axis=0)
