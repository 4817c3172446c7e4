"""The rivals: each a function (problem, train, test) -> predictions, a number a row of `test`.

Each example is predicted from its inputs and the examples of its task before it, then shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from river import compose, forest, linear_model, preprocessing
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from studies.gaussian import fit_process, process
from studies.protocol import previous, series
from studies.series.data import Problem
from studies.series.domain import MODELS, map_predictions
from studies.series.mixed import mixed

Rival = Callable[[Problem, pd.DataFrame, pd.DataFrame], np.ndarray]
Axis = Callable[[pd.DataFrame], np.ndarray]
SHRINKAGES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # examples of no bias


def _first(train: pd.DataFrame) -> float:
    return float(train.loc[train["order"] == 1, "target"].mean())


def last_value(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last target; at first, the mean first one of the training tasks."""
    return previous(test, "task", "target", _first(train))


def last_gain(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last target plus the mean change of training tasks at that place in the series."""
    change = train["target"] - previous(train, "task", "target", 0.0)
    gains = change.groupby(train["order"]).mean()
    gain = test["order"].map(gains).fillna(change[train["order"] > 1].mean()).to_numpy()
    return previous(test, "task", "target", 0.0) + gain


def _booster() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=8,
        min_samples_leaf=5,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )


def _pooled(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    inputs = list(problem.inputs)
    return _booster().fit(train[inputs], train["target"]).predict(test[inputs])


def _held_out(problem: Problem, train: pd.DataFrame) -> np.ndarray:
    """Training targets less boosting fitted on the other training tasks, by four parts."""
    rest = train["target"].to_numpy().copy()
    for kept, left in GroupKFold(4).split(train, groups=train["group"]):
        rest[left] -= _pooled(problem, train.iloc[kept], train.iloc[left])
    return rest


def _bias(frame: pd.DataFrame, rest: np.ndarray, shrinkage: float) -> np.ndarray:
    """Before each example: the sum of the task's residuals over their count + `shrinkage`."""
    bias = np.empty(len(frame))
    for at, _ in series(frame, "task"):
        before = np.concatenate([[0.0], np.cumsum(rest[at])[:-1]])
        bias[at] = before / np.maximum(np.arange(len(at)) + shrinkage, 1e-9)
    return bias


def boosting(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled gradient boosting on the inputs: nothing of the task's own examples."""
    return _pooled(problem, train, test)


def boosting_bias(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The same plus the task's shrunken mean residual so far, shrinkage by held-out tasks."""
    rest = _held_out(problem, train)
    errors = [np.abs(rest - _bias(train, rest, s)).mean() for s in SHRINKAGES]
    shrinkage = SHRINKAGES[int(np.argmin(errors))]
    pooled = _pooled(problem, train, test)
    return pooled + _bias(test, test["target"].to_numpy() - pooled, shrinkage)


def boosting_history(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled boosting of the change of the target, on inputs and history."""

    def seen(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        last = previous(frame, "task", "target", first)
        before = previous(frame.assign(last=last), "task", "last", first)
        moved = [frame[c] - previous(frame, "task", c, 0.0) for c in problem.inputs[:1]]
        mean = _bias(frame, frame["target"].to_numpy(), 0.0)
        columns = [frame[list(problem.inputs)], frame["order"], *moved, last, before, mean]
        return np.column_stack(columns), last

    first = _first(train)
    x, last = seen(train)
    model = _booster().fit(x, train["target"] - last)
    x, last = seen(test)
    return last + model.predict(x)


def gaussian_process(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """A Gaussian process along the first input, on residuals of pooled boosting; the input as it
    is or in logarithms, as is more likely for the training tasks."""
    low, unit = train[problem.inputs[0]].min(), train[problem.inputs[0]].std()

    def plain(rows: pd.DataFrame) -> np.ndarray:
        return (rows[problem.inputs[0]].to_numpy() - low) / unit

    def logs(rows: pd.DataFrame) -> np.ndarray:
        return 3.0 * np.log1p(np.maximum(plain(rows), 0.0))

    return process_along((plain, logs), problem, train, test)


def process_along(
    axes: tuple[Axis, ...], problem: Problem, train: pd.DataFrame, test: pd.DataFrame
) -> np.ndarray:
    """The same along the one of `axes` that is likeliest for the training tasks."""
    spread = float(train["target"].std())
    rest = _held_out(problem, train) / spread
    found = []
    for axis in axes:
        theta, cost = fit_process([(axis(rows), rest[at]) for at, rows in series(train, "task")])
        found.append((cost, axis, theta))
    _, axis, theta = min(found, key=lambda item: item[0])
    pooled = _pooled(problem, train, test)
    predictions = np.empty(len(test))
    for at, rows in series(test, "task"):
        own = (rows["target"].to_numpy() - pooled[at]) / spread
        predictions[at] = pooled[at] + spread * process(theta, axis(rows), own)[0]
    return predictions


def streamed(problem: Problem, train: pd.DataFrame, test: pd.DataFrame, make) -> np.ndarray:
    """A River model a task, as `make` makes it; the mean first target before any is seen."""
    predictions = np.empty(len(test))
    for at, rows in series(test, "task"):
        model = make()
        inputs, targets = rows[list(problem.inputs)].to_dict("records"), rows["target"].tolist()
        for i, (x, y) in enumerate(zip(inputs, targets, strict=True)):
            predictions[at[i]] = model.predict_one(x) if i else _first(train)
            model.learn_one(x, y)
    return predictions


def river_linear(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """River's scaled linear regression, started anew for each task."""
    return streamed(
        *(problem, train, test),
        lambda: compose.Pipeline(preprocessing.StandardScaler(), linear_model.LinearRegression()),
    )


def river_forest(problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """River's adaptive random forest, started anew for each task."""
    return streamed(
        *(problem, train, test),
        lambda: forest.ARFRegressor(n_models=10, leaf_prediction="mean", seed=0),
    )


RIVALS: dict[str, Rival] = {
    "last value": last_value,
    "last + mean gain": last_gain,
    "boosting": boosting,
    "boosting + running bias": boosting_bias,
    "boosting on history": boosting_history,
    **{
        f"EB {name}{', random walk' if walk else ''}": partial(mixed, degree=degree, walk=walk)
        for degree, name in enumerate(("constant", "linear", "quadratic", "cubic"))
        for walk in (False, True)
    },
    "Gaussian process": gaussian_process,
    "River linear, cold": river_linear,
    "River forest, cold": river_forest,
}


def rivals_of(problem: Problem) -> dict[str, Rival]:
    """All of them, and the fit of the field's own model where there is one."""
    if problem.name not in MODELS:
        return RIVALS
    return {**RIVALS, "MAP": map_predictions}
