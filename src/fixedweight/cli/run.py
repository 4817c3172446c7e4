"""fixedweight run"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fixedweight.cli.console import console, print_rows
from fixedweight.columns import Column, encoded
from fixedweight.errors import InputError, require
from fixedweight.estimators import OnlineEstimator
from fixedweight.frames import check_column, load_frame, numeric
from fixedweight.learners import load
from fixedweight.networks import Gaussian, Uncertain

GROUPS = ((1, 1), (2, 5), (6, 10), (11, 20), (21, 30), (31, None))
"""Examples, counted from 1, whose errors are reported together."""


def run(
    learner: Annotated[Path, typer.Argument(help="a learner file, or the name of one that ships")],
    data: Annotated[Path, typer.Argument(help="rows in order, .csv or .parquet")],
    task: Annotated[
        str | None, typer.Option(help="column that names the task: each starts afresh")
    ] = None,
    order: Annotated[str | None, typer.Option(help="column that orders rows")] = None,
    target: Annotated[
        str | None, typer.Option(help="column to predict, if named otherwise")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="write the table with predictions")] = None,
    state: Annotated[Path | None, typer.Option(help="go on from this state, one task only")] = None,
    save_state: Annotated[Path | None, typer.Option(help="write the state at the end")] = None,
) -> None:
    """Predict, then learn, row by row, and print the error by example.

    A learner that says how sure it is adds its 90 % intervals, and how strange each task seems.

    A missing target is predicted and not learned. With no --task all rows are one task.
    """
    loaded = load(learner)
    if len(loaded.target_names) != 1:
        raise InputError(f"Expected a learner of one target, got {list(loaded.target_names)}.")
    frame = load_frame(data)
    target = target or loaded.target_names[0]
    columns = loaded.columns or tuple(Column(name) for name in loaded.input_names)
    given = [column.name for column in columns]
    wanted = [*given, target, *(name for name in (task, order) if name)]
    for column in wanted:
        check_column(frame, column)
    if frame.empty:
        raise InputError(f"Expected rows in {data}, got none.")
    if task and (state or save_state):
        raise InputError("Expected one task with --state or --save-state, got --task.")
    if out and out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"Expected --out to end in .csv or .parquet, got {out}.")
    for path in (out, save_state):
        if path and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise InputError(f"Expected a file name in an existing folder, got {path}.")
    if order:
        frame = frame.sort_values(order, kind="stable")
    y = numeric(frame, [target])
    names = frame[task].to_numpy() if task else np.zeros(len(frame), dtype=int)
    codes, labels = require("pandas", "cli").factorize(names)
    if (codes < 0).any():
        raise InputError(f"Expected a task in every row of column {task!r}, got none in some.")
    x = encoded(frame, columns, codes)
    predictions, example = np.empty(len(frame)), np.empty(len(frame), dtype=int)
    estimator = OnlineEstimator(loaded)
    ends = np.empty((len(frame), 2)) if isinstance(loaded.network, Uncertain) else None
    alarm, strange = isinstance(loaded.network, Gaussian), np.empty(len(frame))
    for code in range(len(labels)):
        rows = np.flatnonzero(codes == code)
        estimator.reset()
        if state:
            estimator.load_state(state)
        example[rows] = estimator.examples + np.arange(len(rows))
        told = np.concatenate([np.full(loaded.delay, np.nan), y[rows, 0]])[: len(rows)]
        if ends is None:
            predictions[rows] = estimator.learn_many(x[rows], told)[:, 0]
            continue
        for row, y_told in zip(rows, told, strict=True):
            predictions[row] = estimator.predict_one(x[row])
            ends[row] = estimator.predict_interval_one(x[row])
            strange[row] = estimator.strange if alarm else np.nan
            estimator.learn_one(x[row], y_told)
    print_rows(_error_rows(predictions - y[:, 0], example))
    console.print(f"{len(frame)} rows, {len(labels)} task{'s' if len(labels) > 1 else ''}")
    known = ~np.isnan(y[:, 0])
    if ends is not None and known.any():
        inside = ((ends[:, 0] <= y[:, 0]) & (y[:, 0] <= ends[:, 1]))[known]
        console.print(f"targets within 90 % intervals: {100 * inside.mean():.1f} %")
    if alarm:
        raised = np.unique(codes[strange > 1.0]).size
        console.print(f"unlike anything it was derived for: {raised} of {len(labels)} tasks")
    if save_state:
        estimator.save_state(save_state)
        console.print(f"state: {save_state}")
    if out:
        frame = frame.assign(prediction=predictions)
        if ends is not None:
            frame = frame.assign(low=ends[:, 0], high=ends[:, 1])
        if alarm:
            frame = frame.assign(strange=strange)
        write = frame.to_csv if out.suffix.lower() == ".csv" else frame.to_parquet
        write(out, index=False)
        console.print(f"predictions: {out}")


def _error_rows(errors: np.ndarray, example: np.ndarray) -> list[list[str]]:
    """Mean absolute and root mean square error by groups of examples, and over all."""
    rows = [["example", "rows", "mean |error|", "rms error"]]
    known = ~np.isnan(errors)
    for first, last in (*GROUPS, (1, None)):
        inside = known & (example >= first - 1)
        if last is not None:
            inside &= example < last
        if (first, last) == (1, None):
            name = "all"
        else:
            name = f"{first}" if first == last else f"{first}-{last}" if last else f"{first} on"
        if inside.any():
            group = errors[inside]
            numbers = (np.abs(group).mean(), np.sqrt((group**2).mean()))
            rows.append([name, str(len(group)), *(f"{value:.4g}" for value in numbers)])
    return rows
