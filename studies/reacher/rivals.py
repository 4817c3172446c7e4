"""The rivals: each a function (train, test) -> predictions, a number a row of `test`.

All see the inputs that learners see. Each example is predicted from its inputs and the examples of
its arm before it, then shown; what is fitted beforehand is fitted on the arms that learners are
derived on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from river import compose, forest, linear_model, optim, preprocessing
from sklearn.ensemble import HistGradientBoostingRegressor

from fixedweight.evaluation.rivals.mixed_effects import Effects, fit
from studies.protocol import previous, series
from studies.reacher import process
from studies.reacher.simulate import INPUTS
from studies.series.mixed import walked

Rival = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
NAMES = list(INPUTS)
DRIFTS = (1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03)
SHARES = (1.0, 0.3, 0.1, 0.03)
SHRINKAGES = (0.25, 1.0, 4.0, 16.0, 64.0)  # examples of no bias
CHOOSING = 150
"""Training arms on which what is chosen is chosen."""
TAUGHT = 100
"""Training arms that a warm model of River has gone through."""


def last_value(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last target; at first, 0."""
    return previous(test, "task", "target", 0.0)


def boosted(x: pd.DataFrame | np.ndarray, y: pd.Series) -> HistGradientBoostingRegressor:
    model = HistGradientBoostingRegressor(max_iter=300, early_stopping=False, random_state=0)
    return model.fit(np.asarray(x), np.asarray(y))


def boosting(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled gradient boosting on the inputs: nothing of the arm's own examples."""
    return boosted(train[NAMES], train["target"]).predict(test[NAMES].to_numpy())


def boosting_bias(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The same plus the arm's shrunken mean residual so far, shrinkage by arms left out."""
    left = train["task"].isin(train["task"].unique()[:CHOOSING]).to_numpy()
    model = boosted(train.loc[~left, NAMES], train.loc[~left, "target"])

    def biased(frame: pd.DataFrame, shrinkage: float) -> np.ndarray:
        pooled = model.predict(frame[NAMES].to_numpy())
        rest, bias = frame["target"].to_numpy() - pooled, np.empty(len(frame))
        for at, _ in series(frame, "task"):
            before = np.concatenate([[0.0], np.cumsum(rest[at])[:-1]])
            bias[at] = before / (np.arange(len(at)) + shrinkage)
        return pooled + bias

    kept = train[left]
    errors = [np.abs(biased(kept, s) - kept["target"]).mean() for s in SHRINKAGES]
    return biased(test, SHRINKAGES[int(np.argmin(errors))])


def features(train: pd.DataFrame, frame: pd.DataFrame, degree: int) -> np.ndarray:
    """1, the inputs scaled as in `train`, and with degree 2 all products of two."""
    scaled = ((frame[NAMES] - train[NAMES].mean()) / train[NAMES].std()).to_numpy()
    first, second = np.triu_indices(len(NAMES))
    products = [scaled[:, first] * scaled[:, second]] if degree == 2 else []
    return np.hstack([np.ones((len(frame), 1)), scaled, *products])


def effects_of(train: pd.DataFrame, degree: int) -> Effects:
    """The mixed model of the training arms: coefficients normal over arms, by expectation
    maximisation."""
    f = features(train, train, degree).reshape(train["task"].nunique(), -1, _width(degree))
    y = train["target"].to_numpy().reshape(len(f), -1)
    return fit(f, y, np.ones(y.shape, dtype=bool))


def _width(degree: int) -> int:
    n = len(NAMES)
    return 1 + n + (n * (n + 1) // 2 if degree == 2 else 0)


def mixed(train: pd.DataFrame, test: pd.DataFrame, *, degree: int, walk: bool) -> np.ndarray:
    """Empirical Bayes on the inputs or all their products; with `walk` its coefficients drift, by
    how much (and with what noise) the likelihood of training arms says."""
    effects, drift = effects_of(train, degree), 0.0
    if walk:
        some = train[train["task"].isin(train["task"].unique()[:CHOOSING])]
        known = list(_each(train, some, degree))

        def cost(choice: tuple[float, float]) -> float:
            changed = effects._replace(noise=effects.noise * choice[1])
            return sum(walked(changed, choice[0], f, y)[1] for _, f, y in known)

        drift, share = min(((d, s) for d in DRIFTS for s in SHARES), key=cost)
        effects = effects._replace(noise=effects.noise * share)
    predictions = np.empty(len(test))
    for at, f, y in _each(train, test, degree):
        predictions[at], _ = walked(effects, drift, f, y)
    return predictions


def _each(train: pd.DataFrame, frame: pd.DataFrame, degree: int) -> Any:
    f, y = features(train, frame, degree), frame["target"].to_numpy()
    return ((at, f[at], y[at]) for at, _ in series(frame, "task"))


def gaussian_process(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """A Gaussian process an arm, on what a pooled quadratic leaves (trees leave steps)."""
    coefficients, *_ = np.linalg.lstsq(features(train, train, 2), train["target"].to_numpy())
    unit = train["target"].std()

    def parts(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count, pooled = frame["task"].nunique(), features(train, frame, 2) @ coefficients
        rest = (frame["target"].to_numpy() - pooled) / unit
        x = features(train, frame, 1)[:, 1:]
        return x.reshape(count, -1, len(NAMES)), rest.reshape(count, -1), pooled

    some = train[train["task"].isin(train["task"].unique()[:CHOOSING])]
    theta = process.fitted(*parts(some)[:2])
    x, rest, pooled = parts(test)
    return pooled + unit * process.foreseen_each(theta, x, rest).ravel()


def _linear() -> Any:
    return compose.Pipeline(
        preprocessing.StandardScaler(), linear_model.LinearRegression(optimizer=optim.SGD(0.02))
    )


def _forest() -> Any:
    return forest.ARFRegressor(n_models=10, seed=0)


def river(train: pd.DataFrame, test: pd.DataFrame, *, make: Any, warm: bool) -> np.ndarray:
    """A River model an arm: new, or a copy of one that training arms have taught."""
    taught = make()

    def stream(model: Any, rows: pd.DataFrame) -> list[float]:
        found = []
        for x, y in zip(rows[NAMES].to_dict("records"), rows["target"].tolist(), strict=True):
            found.append(model.predict_one(x))
            model.learn_one(x, y)
        return found

    if warm:
        tasks = train["task"].unique()[:TAUGHT]
        for _, rows in series(train[train["task"].isin(tasks)], "task"):
            stream(taught, rows)
    predictions = np.empty(len(test))
    for at, rows in series(test, "task"):
        predictions[at] = stream(copy.deepcopy(taught), rows)
    return predictions


RIVALS: dict[str, Rival] = {
    "last value": last_value,
    "boosting": boosting,
    "boosting + running bias": boosting_bias,
    **{
        f"EB {name}{', random walk' if walk else ''}": partial(mixed, degree=degree, walk=walk)
        for degree, name in ((1, "linear"), (2, "quadratic"))
        for walk in (False, True)
    },
    "Gaussian process": gaussian_process,
    **{
        f"River {name}, {'warm' if warm else 'cold'}": partial(river, make=make, warm=warm)
        for name, make in (("linear", _linear), ("forest", _forest))
        for warm in (False, True)
    },
}
