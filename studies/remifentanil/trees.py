"""Rivals of trees: pooled boosting and extra trees, and River's adaptive random forest.

All predict the log ratio to the population model, and have that model's prediction among
their inputs. Settings were chosen by the rivals' own errors on these people, in their favour.
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
from river.forest import ARFRegressor
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from .data import INPUTS
from .rivals import people, previous

Pooled = HistGradientBoostingRegressor | ExtraTreesRegressor

SHRINKAGES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # pseudo-samples of no bias


def booster() -> HistGradientBoostingRegressor:
    """Gradient boosting for some 1,600 rows of 52 people."""
    return HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )


def fitted(train: pd.DataFrame) -> HistGradientBoostingRegressor:
    """Boosting of the log ratio on the inputs of the training people."""
    return booster().fit(train[INPUTS].to_numpy(), train["log_ratio"].to_numpy())


def held_out_residuals(train: pd.DataFrame, splits: int = 4) -> pd.Series:
    """Log ratios less boosting fitted on the other training people, by ``splits`` parts."""
    residuals = train["log_ratio"].copy()
    for kept, left in GroupKFold(splits).split(train, groups=train["patient"]):
        model, rows = fitted(train.iloc[kept]), train.iloc[left]
        residuals.iloc[left] = rows["log_ratio"] - model.predict(rows[INPUTS].to_numpy())
    return residuals


def running_bias(residuals: np.ndarray, shrinkage: float) -> np.ndarray:
    """Before each sample: the sum of the residuals so far over their count + ``shrinkage``."""
    before = np.concatenate([[0.0], np.cumsum(residuals)[:-1]])
    return before / np.maximum(np.arange(len(residuals)) + shrinkage, 1e-9)


def biases(frame: pd.DataFrame, residuals: np.ndarray, shrinkage: float) -> np.ndarray:
    """``running_bias`` of every person, in the rows' order."""
    bias = np.empty(len(frame))
    for positions, _ in people(frame):
        bias[positions] = running_bias(residuals[positions], shrinkage)
    return bias


def boosting(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled boosting on the inputs: knows nothing of the person's own samples."""
    return test["log_minto"].to_numpy() + fitted(train).predict(test[INPUTS].to_numpy())


def boosting_bias(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled boosting plus the person's shrunken mean residual so far.

    The shrinkage is the one of ``SHRINKAGES`` with the least error on held-out training people.
    """
    held_out = held_out_residuals(train).to_numpy()
    errors = [np.abs(held_out - biases(train, held_out, s)).mean() for s in SHRINKAGES]
    shrinkage = SHRINKAGES[int(np.argmin(errors))]
    pooled = boosting(train, test)
    residuals = test["log_concentration"].to_numpy() - pooled
    return pooled + biases(test, residuals, shrinkage)


def history(frame: pd.DataFrame) -> np.ndarray:
    """The inputs, the last log ratio, the one before it and their mean so far.

    All three are 0, the population model's own opinion, where no sample has been seen.
    """
    last = previous(frame, "log_ratio", 0.0)
    before_last = previous(frame.assign(last=last), "last", 0.0)
    mean = biases(frame, frame["log_ratio"].to_numpy(), 0.0)
    return np.column_stack([frame[INPUTS].to_numpy(), last, before_last, mean])


def _change(model: Pooled, train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last log ratio (0 at first) plus its change, learned from inputs and history."""
    model.fit(history(train), train["log_ratio"] - previous(train, "log_ratio", 0.0))
    last = test["log_minto"].to_numpy() + previous(test, "log_ratio", 0.0)
    return last + model.predict(history(test))


def boosting_history(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled boosting of the change of the log ratio, on inputs and history."""
    return _change(booster(), train, test)


def extra_trees_history(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Pooled extremely randomised trees of the change of the log ratio, likewise."""
    trees = ExtraTreesRegressor(200, min_samples_leaf=5, max_features=0.5, random_state=0)
    return _change(trees, train, test)


def _stream(model: ARFRegressor, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Predict, then learn, row by row; ``model`` is changed."""
    predictions = np.empty(len(targets))
    for i, (row, target) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        x = dict(enumerate(row))
        predictions[i] = model.predict_one(x)
        model.learn_one(x, target)
    return predictions


def _forests(train: pd.DataFrame, test: pd.DataFrame, warm: bool) -> np.ndarray:
    """A forest per person of ``test``: a copy of one that ``train`` taught, or a new one.

    It learns the change of the log ratio from the last one. (Taught the ratio itself it errs
    half as much again; with linear leaves on unscaled inputs it explodes. Hence means here.)
    """

    def stream(model: ARFRegressor, rows: pd.DataFrame) -> np.ndarray:
        last = previous(rows, "log_ratio", 0.0)
        inputs = np.column_stack([rows[INPUTS].to_numpy(), last])
        return last + _stream(model, inputs, rows["log_ratio"].to_numpy() - last)

    taught = ARFRegressor(n_models=10, leaf_prediction="mean", seed=0)
    if warm:
        for _, rows in people(train):
            stream(taught, rows)
    ratios = np.empty(len(test))
    for positions, rows in people(test):
        ratios[positions] = stream(copy.deepcopy(taught), rows)
    return test["log_minto"].to_numpy() + ratios


def forest_warm(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """River's adaptive random forest, taught the training people, then copied per person."""
    return _forests(train, test, warm=True)


def forest_cold(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """River's adaptive random forest, new for every person."""
    return _forests(train, test, warm=False)
