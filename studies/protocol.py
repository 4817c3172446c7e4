"""What the studies share: folds of whole tasks, errors by example, paired comparisons.

A frame has a row an example; `order` counts the examples of a task from 1.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: First and last example, counted from 1.
Spans = Mapping[str, tuple[int, int]]
Fit = Callable[[pd.DataFrame, pd.DataFrame], Mapping[str, np.ndarray]]


def series(frame: pd.DataFrame, task: str) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """Each task's row positions in `frame` and rows, in their order."""
    for positions in frame.groupby(task, sort=False).indices.values():
        ordered = positions[np.argsort(frame["order"].to_numpy()[positions], kind="stable")]
        yield ordered, frame.iloc[ordered]


def early(frame: pd.DataFrame) -> np.ndarray:
    """Which rows are examples 2 to 20 of their task, by which tools are placed."""
    return frame["order"].between(2, 20).to_numpy()


def previous(frame: pd.DataFrame, task: str, column: str, first: float) -> np.ndarray:
    """The value of `column` at the task's example before, `first` where there is none."""
    values = np.empty(len(frame))
    for positions, rows in series(frame, task):
        values[positions] = np.concatenate([[first], rows[column].to_numpy()[:-1]])
    return values


def folds(frame: pd.DataFrame, group: str, count: int = 5, seed: int = 0) -> list[np.ndarray]:
    """The groups of `frame`, its tasks or sets of them, in a seeded shuffle, cut into parts."""
    groups = np.random.default_rng(seed).permutation(np.unique(frame[group]))
    return np.array_split(groups, count)


def cross_predict_many(
    frame: pd.DataFrame, group: str, fit: Fit, seed: int = 0, count: int = 5
) -> dict[str, np.ndarray]:
    """Predictions of every row by what `fit` makes of the groups of the other folds."""
    predictions: dict[str, np.ndarray] = {}
    for left in folds(frame, group, count, seed):
        held = frame[group].isin(left).to_numpy()
        for name, values in fit(frame[~held], frame[held]).items():
            predictions.setdefault(name, np.full(len(frame), np.nan))[held] = values
    if not all(np.isfinite(values).all() for values in predictions.values()):
        raise ValueError("a prediction is not finite")
    return predictions


def kept(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """What is in a file, made first if it is not there: a long run goes on where it stopped."""
    if not path.exists():
        found = timed(path.stem, make)
        path.parent.mkdir(parents=True, exist_ok=True)

        def write(partial: Path) -> None:
            with partial.open("wb") as file:  # a name alone would be given another ending
                np.save(file, found)

        replaced(path, write)
    return np.load(path)


def timed(what: str, make: Callable[[], Any]) -> Any:
    """What is made, and on the terminal how long that took."""
    began = time.perf_counter()
    found = make()
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)
    return found


def replaced(path: Path, write: Callable[[Path], object]) -> None:
    """Written to another name first: a file that is there is whole."""
    partial = path.with_suffix(".partial")
    write(partial)
    partial.rename(path)


@contextmanager
def each_on_a_core() -> Iterator[ProcessPoolExecutor]:
    """Processes for work that is best done by one core: as many as there are, one to each."""
    cores = sorted(os.sched_getaffinity(0))  # Linux alone has it
    fresh = multiprocessing.get_context("spawn")  # JAX's threads do not survive a fork
    free = fresh.Queue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), fresh, _stay, (free,)) as pool:
        yield pool


def _stay(free: Queue[int]) -> None:
    os.sched_setaffinity(0, {free.get()})


def error_table(
    frame: pd.DataFrame, errors: Mapping[str, np.ndarray], spans: Spans, square: bool = False
) -> pd.DataFrame:
    """Mean (root mean square) of absolute errors, by name and span of examples, and over all."""
    order = frame["order"].to_numpy()
    power = 2 if square else 1
    rows = {}
    for name, error in errors.items():
        cells = {
            span: (error[(order >= first) & (order <= last)] ** power).mean() ** (1 / power)
            for span, (first, last) in spans.items()
            if ((order >= first) & (order <= last)).any()
        }
        rows[name] = {**cells, "all": (error**power).mean() ** (1 / power)}
    return pd.DataFrame.from_dict(rows, orient="index")


def paired(
    tasks: np.ndarray,
    errors: Mapping[str, np.ndarray],
    reference: str,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Each predictor less `reference`: means of tasks, mean difference, 95 % interval.

    Tasks, not examples, are resampled (percentile bootstrap). `better` counts the tasks on which
    the predictor errs less than the reference.
    """
    by_task = {name: pd.Series(error).groupby(tasks).mean() for name, error in errors.items()}
    size = len(np.unique(tasks))
    drawn = np.random.default_rng(seed).integers(size, size=(draws, size))
    rows = {}
    for name in errors:
        if name == reference:
            continue
        difference = (by_task[name] - by_task[reference]).to_numpy()
        low, high = np.percentile(difference[drawn].mean(axis=1), [2.5, 97.5])
        rows[name] = {
            "difference": difference.mean(),
            "low": low,
            "high": high,
            "better": int((difference < 0).sum()),
            "tasks": size,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
