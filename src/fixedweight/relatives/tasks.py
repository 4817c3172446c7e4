"""The tasks of a table that filters are fitted to, and which of them each fit may see."""

from typing import NamedTuple

import numpy as np

from fixedweight.errors import FamilyError
from fixedweight.families import Table

FOLDS = 4
MOST_TASKS = 100
MOST_EXAMPLES = 64
"""The beginnings of so many tasks are fitted; more would take longer and change little."""


class Tasks(NamedTuple):
    inputs: np.ndarray
    """[task, time, input], a series' last ones beyond its end."""
    targets: np.ndarray
    """[task, time]"""
    rows: np.ndarray
    """[known task] which of all tasks may be known."""
    there: np.ndarray
    """[task, time]"""
    known: np.ndarray
    """[task, time]: whether there is a target."""
    sights: np.ndarray
    """[fit, task]: 1 where a fit may see the task; the last sees all that may be known."""

    def left_out(self, values: np.ndarray) -> np.ndarray:
        """Of [candidate, fit, task, time] what the fit says that did not see the task:
        [candidate, known task, time]."""
        unseen = np.argmin(self.sights[:-1], axis=0)
        return np.stack([values[:, unseen[task], task] for task in self.rows], axis=1)


def tasks_of(table: Table, seed: int) -> Tasks:
    """Raises FamilyError for fewer than three tasks to fit."""
    rows = _known_tasks(table, seed)
    there, known = table.present[:, :MOST_EXAMPLES], table.known[:, :MOST_EXAMPLES]
    inputs = _held(table.inputs[:, :MOST_EXAMPLES], there)
    targets = table.targets[:, :MOST_EXAMPLES, 0]
    return Tasks(inputs, targets, rows, there, known, _sights(len(table.tasks), rows, seed))


def _known_tasks(table: Table, seed: int) -> np.ndarray:
    """Indices of the tasks that may be fitted and have a target."""
    rows = np.sort(np.concatenate([table.parts["train"], table.parts["validation"]]))
    rows = rows[table.known[rows, :MOST_EXAMPLES].any(axis=1)]
    if len(rows) < 3:
        raise FamilyError(
            f"Expected at least 3 tasks to fit, got {len(rows)}: one says nothing of how tasks "
            "differ. Hold out fewer."
        )
    if len(rows) > MOST_TASKS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_TASKS, replace=False))
    return rows


def _held(inputs: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Inputs with a series' last ones beyond its end."""
    last = np.maximum(there.sum(axis=1) - 1, 0)
    ends = inputs[np.arange(len(inputs)), last][:, None]
    return np.where(there[..., None], inputs, ends)


def _sights(tasks: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """[fit, task]: which tasks each fit sees; all but one part of them, and last all."""
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), min(FOLDS, len(rows)))
    sights = np.zeros((len(parts) + 1, tasks), dtype=np.float32)
    sights[:, rows] = 1.0
    for i, part in enumerate(parts):
        sights[i, part] = 0.0
    return sights
