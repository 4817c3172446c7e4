"""Is the task written in the state as a binary code? (paper, section 5: "a four-neuron binary
encoding scheme" of the sixteen Boolean functions)"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.probing.record import Recording

MOST = 8
"""Units in a code at the most."""
BEAM = 64
"""Sets of units kept at each size while the best is looked for."""
READ = 0.95
"""A code counts as read when it names this share of the held-out tasks."""


@dataclass(frozen=True, eq=False)
class Decoding:
    """How well the task is told from the state; accuracies are of held-out streams."""

    tasks: np.ndarray
    """[task, parameter] the different tasks, in the order of their numbers."""
    accuracy: list[float]
    """Of the best code of 1, 2, ... units, each above or below its own threshold."""
    units: list[tuple[str, ...]]
    """The units of each of these codes."""
    needed: int | None
    """The fewest units whose code names 95 % of the tasks; None if none does."""
    codes: np.ndarray
    """[task, unit] the commonest code of each task: of `needed` units, or of the best code."""
    linear: float
    """Accuracy of logistic regression on all the values, not thresholded."""
    chance: float
    """Accuracy of always naming the commonest task."""

    @property
    def distinct(self) -> int:
        """Different codes; as many as there are tasks where the code is one-to-one."""
        return len(np.unique(self.codes, axis=0))

    @property
    def best(self) -> int:
        """The number of units of `codes`."""
        return self.needed or int(np.argmax(self.accuracy)) + 1


def decode(
    recording: Recording, *, signals: Sequence[str] | None = None, examples: int | None = None
) -> Decoding:
    """Read the task of a family with few tasks off the state, above all off thresholded units.

    Each unit's threshold is the one that says most about the task (a decision stump). Of all codes
    of k units the one is taken that shares most information with the task; the search keeps the
    best 64 of each size. Thresholds, choice and the table from code to task come from the streams
    that are not held out.

    Args:
        recording: from `record`.
        signals: parts of the state; the network's memory by default.
        examples: told of a task before the state is read; the most there are by default.

    Raises:
        InputError: too many different tasks, or those of `Recording.after`.
    """
    linear_model = require("sklearn.linear_model", "reproduce")
    preprocessing = require("sklearn.preprocessing", "reproduce")
    pipeline = require("sklearn.pipeline", "reproduce")
    rows = recording.after(examples, signals)
    tasks, task = np.unique(rows.tasks, axis=0, return_inverse=True)
    task, fit, test = task.reshape(-1), ~rows.held_out, rows.held_out
    if not 2 <= len(tasks) <= fit.sum() / 8:
        raise InputError(
            f"Expected from 2 tasks to one task in 8 rows to decode, got {len(tasks)} in "
            f"{int(fit.sum())} rows. Record more streams, or use `regress` for continuous tasks."
        )
    bits = rows.values > _thresholds(rows.values[fit], task[fit])
    names = recording.names(recording.chosen(signals))
    sets = _best_sets(bits[fit], task[fit], len(tasks))
    tables = [_counts(bits[fit][:, units], task[fit], len(tasks)) for units in sets]
    accuracy = [
        float(np.mean(table.argmax(axis=1)[_code(bits[test][:, units])] == task[test]))
        for units, table in zip(sets, tables, strict=True)
    ]
    needed = next((k + 1 for k, share in enumerate(accuracy) if share >= READ), None)
    best = needed or int(np.argmax(accuracy)) + 1
    modal = tables[best - 1].argmax(axis=0)
    classifier = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.LogisticRegression(max_iter=2000)
    ).fit(rows.values[fit], task[fit])
    return Decoding(
        tasks=tasks,
        accuracy=accuracy,
        units=[tuple(names[i] for i in units) for units in sets],
        needed=needed,
        codes=(modal[:, None] >> np.arange(best)) & 1,
        linear=float(classifier.score(rows.values[test], task[test])),
        chance=float(np.mean(task[test] == np.bincount(task[fit]).argmax())),
    )


def _thresholds(values: np.ndarray, task: np.ndarray) -> np.ndarray:
    """[unit] the cut that says most about the task; infinite where a unit is constant."""
    tree = require("sklearn.tree", "reproduce")
    cuts = []
    for column in values.T:
        stump = tree.DecisionTreeClassifier(max_depth=1, criterion="entropy", random_state=0)
        stump.fit(column[:, None], task)
        cuts.append(stump.tree_.threshold[0] if stump.tree_.node_count > 1 else np.inf)
    return np.array(cuts)


def _code(bits: np.ndarray) -> np.ndarray:
    return bits @ (1 << np.arange(bits.shape[1]))


def _counts(bits: np.ndarray, task: np.ndarray, tasks: int) -> np.ndarray:
    """[code, task] rows."""
    codes = 2 ** bits.shape[1]
    return np.bincount(_code(bits) * tasks + task, minlength=codes * tasks).reshape(codes, tasks)


def _information(bits: np.ndarray, task: np.ndarray, tasks: int) -> float:
    """Mutual information of code and task, in bits."""
    joint = _counts(bits, task, tasks) / len(task)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float(np.sum(joint[some] * np.log2(joint[some] / apart[some])))


def _best_sets(bits: np.ndarray, task: np.ndarray, tasks: int) -> list[tuple[int, ...]]:
    """The best set of units found of each size."""
    beam: list[tuple[int, ...]] = [()]
    best = []
    for _ in range(min(bits.shape[1], MOST)):
        wider = sorted({tuple(sorted({*s, i})) for s in beam for i in range(bits.shape[1])})
        wider = [s for s in wider if len(s) == len(best) + 1]
        said = {s: _information(bits[:, s], task, tasks) for s in wider}
        beam = sorted(wider, key=lambda s: -said[s])[:BEAM]
        best.append(beam[0])
    return best
