"""A family from a table of related series: one task per patient, sensor, machine or home."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.columns import Column, described, encoded, names_of
from fixedweight.errors import FamilyError, require
from fixedweight.families.stream import Stream
from fixedweight.families.task_family import TaskFamily
from fixedweight.frames import check_column, load_frame, numeric
from fixedweight.scaling import Scaling, measured_scaling

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Table(TaskFamily):
    """Series of examples, padded to one length, of which whole tasks are held out.

    Made by `read_table`. Sampling draws tasks at random from one part; a series longer than asked
    for is entered at its beginning half of the time and anywhere else otherwise.
    """

    inputs: np.ndarray
    """[task, time, input], raw; 0 beyond a series' end."""
    targets: np.ndarray
    """[task, time, target], raw; 0 beyond the end and where the target is missing."""
    present: np.ndarray
    """[task, time]: False beyond the end."""
    known: np.ndarray
    """[task, time]: whether the target is in the table."""
    tasks: tuple[str, ...]
    """The task column's value for each series."""
    parts: dict[str, np.ndarray]
    """Part name -> indices of its tasks."""
    columns: dict[str, Any]
    """The column names: task, order, inputs, target."""
    described: tuple[Column, ...]
    """What each column of the inputs is."""
    current: str = "train"

    @property
    def name(self) -> str:
        return "table"

    @property
    def input_size(self) -> int:
        return self.inputs.shape[-1]

    @property
    def target_size(self) -> int:
        return self.targets.shape[-1]

    @property
    def examples(self) -> int:
        return int(self.present.sum(axis=1).max())

    @property
    def flagged(self) -> bool:
        return bool((self.present & ~self.known).any())

    @property
    def input_names(self) -> tuple[str, ...]:
        return names_of(self.described)

    @property
    def encoding(self) -> tuple[Column, ...]:
        return () if all(column.plain for column in self.described) else self.described

    @property
    def target_names(self) -> tuple[str, ...]:
        return (self.columns["target"],)

    def describe(self) -> dict[str, Any]:
        held_out = {name: [self.tasks[i] for i in self.parts[name]] for name in PARTS}
        return {"family": self.name, "columns": self.columns, "tasks": held_out}

    def scaling(self) -> Scaling:
        """Mean and spread of each column over the training tasks alone."""
        rows = self.parts["train"]
        present = self.present[rows]
        return measured_scaling(
            self.inputs[rows][present], self.targets[rows][present & self.known[rows]]
        )

    def part(self, name: str) -> "Table":
        if name not in PARTS:
            raise FamilyError(f"Expected a part among {PARTS}, got {name!r}.")
        return replace(self, current=name)

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        task_key, start_key, whole_key = jax.random.split(key, 3)
        members = jnp.asarray(self.parts[self.current])
        chosen = members[jax.random.randint(task_key, (batch,), 0, len(members))]
        room = jnp.asarray(self.present.sum(axis=1))[chosen] - length
        start = jax.random.randint(start_key, (batch,), 0, jnp.maximum(room, 0) + 1)
        start = jnp.where(jax.random.bernoulli(whole_key, 0.5, (batch,)), 0, start)
        return self._take(chosen, start, length)

    def judge(self, key: PRNGKeyArray, batch: int) -> Stream:
        """Every series of the part once, from its beginning."""
        chosen = jnp.asarray(self.parts[self.current])
        return self._take(chosen, jnp.zeros(len(chosen), dtype=int), self.examples)

    def _take(self, chosen: jax.Array, start: jax.Array, length: int) -> Stream:
        steps = jnp.minimum(start[:, None] + jnp.arange(length), self.present.shape[1] - 1)
        inside = start[:, None] + jnp.arange(length) < self.present.shape[1]
        rows = chosen[:, None]
        present = jnp.asarray(self.present)[rows, steps] & inside
        known = jnp.asarray(self.known)[rows, steps] & present
        return Stream(
            tasks=jnp.broadcast_to(rows, steps.shape),
            inputs=jnp.asarray(self.inputs, dtype=jnp.float32)[rows, steps],
            targets=jnp.asarray(self.targets, dtype=jnp.float32)[rows, steps],
            revealed=known,
            scored=known,
            example=steps - start[:, None],
        )


def read_table(
    source: Any,
    *,
    task: str,
    target: str,
    inputs: Sequence[str] | None = None,
    order: str | None = None,
    validation: float | Sequence[Any] = 0.15,
    test: float | Sequence[Any] = 0.15,
    seed: int = 0,
) -> Table:
    """Read a table of related series, and hold out whole tasks for validation and test.

    Rows of one task are put in the order of the column `order` (ties and `order=None`: as in the
    table). `inputs` are all other columns unless named. A missing target is an example that is
    never told and never scored; a task with one row is kept: it teaches the first guess.

    An input that is text of a few different words becomes one input for each, a date the days since
    its task's first row, and a missing one the median, with one more input that says so; which
    words, and what median, the tasks say that are not for the test. The learner keeps that.

    Args:
        source: path of a .csv or .parquet file, or a pandas or polars DataFrame.
        validation, test: the share of tasks to hold out, or the tasks themselves.
        seed: of the draw of held-out tasks.

    Raises:
        FamilyError: the file cannot be read, a column is unknown or text of many different words,
            the table is empty, a number is infinite, a training target is constant, or too few
            tasks are left to train on.
    """
    pd = require("pandas", "cli")
    frame = load_frame(source)
    rest = [c for c in map(str, frame.columns) if c not in (task, target)]
    names = list(inputs) if inputs is not None else rest
    for column in (task, target, *names, *([order] if order else [])):
        check_column(frame, column)
    if task in names or target in names:
        raise FamilyError(
            f"Expected inputs other than the task and the target, got {names}: "
            "a learner that sees the target of an example has nothing to predict."
        )
    if not names:
        raise FamilyError("Expected at least one input column, got none.")
    if frame.empty:
        raise FamilyError("Expected a table with rows, got an empty one.")
    if frame[task].isna().any():
        row = int(np.flatnonzero(frame[task].isna())[0])
        raise FamilyError(f"Expected a task in every row, got none in column {task!r}, row {row}.")
    if order:
        frame = frame.sort_values(order, kind="stable")
    y = numeric(frame, [target])
    codes, labels = pd.factorize(frame[task], sort=True)
    tasks = tuple(str(label) for label in labels)
    parts = hold_out(tasks, validation, test, seed)
    columns = described(frame, names, ~np.isin(codes, parts["test"]), codes)
    x = encoded(frame, columns, codes)
    series = [np.flatnonzero(codes == code) for code in range(len(labels))]
    table = Table(
        **filled([(x[rows], y[rows]) for rows in series]),
        tasks=tasks,
        parts=parts,
        columns={"task": task, "order": order, "inputs": names, "target": target},
        described=columns,
    )
    for name in PARTS:
        rows = table.parts[name]
        if not table.known[rows].any():
            raise FamilyError(
                f"Expected targets in the {name} tasks, got none: every {target!r} there is "
                "missing."
            )
    table.scaling()
    return table


def filled(series: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Series of inputs [time, input] and targets [time, target], NaN where missing, at one length:
    the arrays of a `Table`."""
    longest = max(len(x) for x, _ in series)
    inputs = np.zeros((len(series), longest, series[0][0].shape[1]))
    targets = np.zeros((len(series), longest, series[0][1].shape[1]))
    present = np.zeros((len(series), longest), dtype=bool)
    known = np.zeros((len(series), longest), dtype=bool)
    for i, (x, y) in enumerate(series):
        n = len(x)
        inputs[i, :n] = x
        targets[i, :n] = np.nan_to_num(y)
        present[i, :n] = True
        known[i, :n] = ~np.isnan(y).any(axis=1)
    return {"inputs": inputs, "targets": targets, "present": present, "known": known}


def hold_out(
    tasks: tuple[str, ...],
    validation: float | Sequence[Any],
    test: float | Sequence[Any],
    seed: int,
) -> dict[str, np.ndarray]:
    """Indices of the tasks of each part; at least one task each."""
    if len(tasks) < 3:
        raise FamilyError(
            f"Expected at least 3 tasks (one each to train, validate and test), got {len(tasks)}. "
            "Check the task column."
        )
    free = list(np.random.default_rng(seed).permutation(len(tasks)))
    parts: dict[str, np.ndarray] = {}
    wanted = (("test", test), ("validation", validation))
    for name, share in wanted:
        if not isinstance(share, (int, float)):
            chosen = {_index(tasks, label) for label in share}
            if not chosen <= set(free):
                raise FamilyError("Expected no task to be held out for two parts at once.")
            parts[name] = np.array(sorted(chosen), dtype=int)
            free = [i for i in free if i not in chosen]
    for name, share in wanted:
        if isinstance(share, (int, float)):
            if not 0 < share < 1:
                raise FamilyError(f"Expected a {name} share between 0 and 1, got {share}.")
            count = max(1, round(share * len(tasks)))
            parts[name] = np.array(sorted(free[:count]), dtype=int)
            free = free[count:]
    parts["train"] = np.array(sorted(free), dtype=int)
    for name in PARTS:
        if not len(parts[name]):
            raise FamilyError(
                f"Expected at least one task to {name}, got none of the {len(tasks)} tasks: "
                "hold out fewer."
            )
    return parts


def _index(tasks: tuple[str, ...], label: Any) -> int:
    if str(label) not in tasks:
        raise FamilyError(f"Expected held-out tasks from the table, got {label!r}.")
    return tasks.index(str(label))
