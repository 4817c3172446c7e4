"""Folds by person, the table of errors, and paired comparisons: functions of predictions.

python -m studies.remifentanil.evaluate
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from studies import protocol
from studies.protocol import Fit

from . import gaussian, rivals, trees
from .data import load
from .rivals import Rival

RIVALS: dict[str, Rival] = {
    "last value": rivals.last_value,
    "Minto": rivals.minto_alone,
    "Minto x last ratio": rivals.minto_last_ratio,
    "boosting": trees.boosting,
    "boosting + running bias": trees.boosting_bias,
    "boosting + random walk": gaussian.boosting_walk,
    "boosting on history": trees.boosting_history,
    "extra trees on history": trees.extra_trees_history,
    "River forest, warm": trees.forest_warm,
    "River forest, cold": trees.forest_cold,
    "random walk": gaussian.random_walk,
    "Gaussian process": gaussian.gaussian_process,
}

#: First and last sample, counted from 1, of each column of the table.
SPANS = {"1": (1, 1), "2-5": (2, 5), "6-10": (6, 10), "11-20": (11, 20), "21+": (21, 10**9)}


def cross_predict_many(
    frame: pd.DataFrame, fit: Fit, seed: int = 0, count: int = 5
) -> dict[str, np.ndarray]:
    """Predictions of every row by what ``fit`` makes of the people of the other folds."""
    return protocol.cross_predict_many(frame, "patient", fit, seed, count)


def cross_predict(frame: pd.DataFrame, rival: Rival, seed: int = 0, count: int = 5) -> np.ndarray:
    """Predictions of every row by ``rival`` fitted on the people of the other folds."""
    return cross_predict_many(frame, lambda train, test: {"": rival(train, test)}, seed, count)[""]


def errors(frame: pd.DataFrame, predictions: np.ndarray) -> np.ndarray:
    """Absolute log errors: 0.1 is about 10 % of the concentration."""
    return np.abs(frame["log_concentration"].to_numpy() - predictions)


def error_table(frame: pd.DataFrame, predictions: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Mean absolute log error over samples, by name and by span of samples, and over all."""
    found = {name: errors(frame, values) for name, values in predictions.items()}
    return protocol.error_table(frame, found, SPANS)


def paired(
    frame: pd.DataFrame, predictions: Mapping[str, np.ndarray], reference: str
) -> pd.DataFrame:
    """Each learner less ``reference``: per-person mean errors, mean difference, 95 % interval."""
    found = {name: errors(frame, values) for name, values in predictions.items()}
    return protocol.paired(frame["patient"].to_numpy(), found, reference)


def only_looks_back(rival: Rival, train: pd.DataFrame, test: pd.DataFrame, cut: int) -> bool:
    """Whether predictions up to sample ``cut`` ignore the concentrations from ``cut`` on."""
    changed, late = test.copy(), test["order"] >= cut
    changed.loc[late, ["log_concentration", "log_ratio"]] += 1.0
    early = (test["order"] <= cut).to_numpy()
    return np.array_equal(rival(train, test)[early], rival(train, changed)[early])


def rival_predictions(
    frame: pd.DataFrame, folds_seed: int = 0, verbose: bool = False
) -> dict[str, np.ndarray]:
    """Cross-predictions of every rival in ``RIVALS``, on one thread."""
    predictions = {}
    with threadpool_limits(1):
        for name, rival in RIVALS.items():
            began = time.perf_counter()
            predictions[name] = cross_predict(frame, rival, folds_seed)
            if verbose:
                print(f"{name}: {time.perf_counter() - began:.1f} s", flush=True)
    return predictions


def rivals_table(folds_seed: int = 0) -> pd.DataFrame:
    """``error_table`` of the rivals alone."""
    frame = load()
    return error_table(frame, rival_predictions(frame, folds_seed, verbose=True))


if __name__ == "__main__":
    print(rivals_table().round(4).to_string())
