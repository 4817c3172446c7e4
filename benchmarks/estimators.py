"""The general-purpose estimators beside River's own, on data nobody prepared.

    python -m benchmarks.estimators > benchmarks/estimators.txt

Progressive validation, each example predicted before it is learned: mean absolute error of numbers,
error rate and log loss (no less than 1e-3 a class) of classes. A cell is the mean over the first 50
examples, then over all, 2000 at most. No model is tuned, none has seen the data before. Every data
set ships with River or scikit-learn (its tables in random order), or is drawn by River with seed 0.
Below are the medians over the data sets of microseconds to predict and learn one example.
"""

import math
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
from river import (
    base,
    datasets,
    dummy,
    forest,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    preprocessing,
    stats,
    stream,
)
from river.datasets import synth
from sklearn import datasets as tables

from fixedweight.estimators.river import FixedWeightClassifier, FixedWeightRegressor

FIRST, MOST, LEAST_CHANCE = 50, 2000, 1e-3


def table(load: Callable[[], Any]) -> Iterable[Any]:
    """A scikit-learn table in random order."""
    return stream.iter_sklearn_dataset(load(), shuffle=True, seed=0)


def scaled(model: Any) -> Any:
    return preprocessing.StandardScaler() | model


def nearest() -> Any:
    """The search of River's nearest neighbours, with its one random choice fixed."""
    return neighbors.SWINN(seed=0)


REGRESSION: dict[str, Callable[[], Iterable[Any]]] = {
    "TrumpApproval": datasets.TrumpApproval,
    "ChickWeights": datasets.ChickWeights,
    "diabetes": lambda: table(tables.load_diabetes),
    "Friedman": lambda: synth.Friedman(seed=0),
    "Mv": lambda: ((only_numbers(x), y) for x, y in synth.Mv(seed=0)),
}
CLASSES: dict[str, Callable[[], Iterable[Any]]] = {
    "Phishing": datasets.Phishing,
    "Bananas": datasets.Bananas,
    "ImageSegments": datasets.ImageSegments,
    "iris": lambda: table(tables.load_iris),
    "wine": lambda: table(tables.load_wine),
    "SEA": lambda: synth.SEA(seed=0),
    "Hyperplane": lambda: synth.Hyperplane(seed=0, n_features=10),
    "LED": lambda: synth.LED(seed=0),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "fixedweight": FixedWeightRegressor,
    "scaler + linear": lambda: scaled(linear_model.LinearRegression()),
    "scalers + Bayesian linear": lambda: scaled(
        preprocessing.TargetStandardScaler(linear_model.BayesianLinearRegression())
    ),
    "scaler + 5 nearest": lambda: scaled(neighbors.KNNRegressor(engine=nearest())),
    "forest": lambda: forest.ARFRegressor(seed=0),
    "scaler + forest": lambda: scaled(forest.ARFRegressor(seed=0)),
    "mean so far": lambda: dummy.StatisticRegressor(stats.Mean()),
}
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "fixedweight": FixedWeightClassifier,
    "scaler + logistic": lambda: scaled(
        multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    ),
    "scaler + 5 nearest": lambda: scaled(neighbors.KNNClassifier(engine=nearest())),
    "naive Bayes": naive_bayes.GaussianNB,
    "forest": lambda: forest.ARFClassifier(seed=0),
    "chances so far": dummy.PriorClassifier,
}


def only_numbers(x: dict[Any, Any]) -> dict[Any, float]:
    """Categories as one column each."""
    return {
        (f"{name}={value}" if isinstance(value, str) else str(name)): (
            1.0 if isinstance(value, str) else float(value)
        )
        for name, value in x.items()
    }


def log_loss(chances: dict[Any, float], y: Any) -> float:
    """-log of what was given to the class that came."""
    kept = {label: max(LEAST_CHANCE, chance) for label, chance in chances.items()}
    return -math.log(kept.get(y, LEAST_CHANCE) / max(1.0, sum(kept.values())))


def errors(model: Any, data: Iterable[Any]) -> tuple[np.ndarray, float]:
    """[example, kind of error] of progressive validation, and microseconds an example."""
    found, began = [], time.perf_counter()
    for x, y in islice(data, MOST):
        if isinstance(model, base.Classifier):
            chances = model.predict_proba_one(x)
            guess = max(chances, key=chances.get) if chances else None  # type: ignore[arg-type]
            found.append((float(guess != y), log_loss(chances, y)))
        else:
            found.append((abs(model.predict_one(x) - y),))
        model.learn_one(x, y)
    return np.array(found), (time.perf_counter() - began) / len(found) * 1e6


def rows(
    title: str,
    measure: int,
    results: dict[str, dict[str, tuple[np.ndarray, float]]],
) -> str:
    """One table: a data set a row, a model a column."""
    models = list(next(iter(results.values())))
    lines = ["| " + " | ".join([title, *models]) + " |", "| --- " * (1 + len(models)) + "|"]
    for name, found in results.items():
        errors = [values[:, measure] for values, _ in found.values()]
        cells = [f"{each[:FIRST].mean():.3g}, {each.mean():.3g}" for each in errors]
        lines.append("| " + " | ".join([f"{name}, {len(errors[0])}", *cells]) + " |")
    if measure == 0:
        took = [np.median([found[model][1] for found in results.values()]) for model in models]
        cells = [f"{value:.0f}" for value in took]
        lines.append("| " + " | ".join(["microseconds", *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    numbers = measured(REGRESSION, REGRESSORS)
    print(rows("absolute error", 0, numbers), end="\n\n")
    classes = measured(CLASSES, CLASSIFIERS)
    print(rows("error rate", 0, classes), end="\n\n")
    print(rows("log loss", 1, classes))


def measured(kinds: Any, makers: Any) -> dict[str, dict[str, tuple[np.ndarray, float]]]:
    return {
        name: {label: errors(make(), data()) for label, make in makers.items()}
        for name, data in kinds.items()
    }


if __name__ == "__main__":
    main()
