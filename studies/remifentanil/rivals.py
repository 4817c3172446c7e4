"""The rivals: each a function ``(train, test) -> predictions`` of log concentration.

``train`` and ``test`` are rows of ``data.load()`` of different people. Within a person of
``test`` each sample is predicted from its inputs and the samples before it, then shown. The
result has one finite number per row of ``test``, in its order. Those that need more than a
few lines are in ``trees`` and ``gaussian``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from studies import protocol

Rival = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]


def people(frame: pd.DataFrame) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """Each person's row positions in ``frame`` and rows, in the order of sampling."""
    return protocol.series(frame, "patient")


def previous(frame: pd.DataFrame, column: str, first: float) -> np.ndarray:
    """The value of ``column`` at the person's sample before, ``first`` where there is none."""
    return protocol.previous(frame, "patient", column, first)


def last_value(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The last log concentration; at first, the mean first one of the training people."""
    first = train.loc[train["order"] == 1, "log_concentration"].mean()
    return previous(test, "log_concentration", first)


def minto_alone(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The population model as published, never corrected."""
    return test["log_minto"].to_numpy()


def minto_last_ratio(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The population model times the last observed ratio to it."""
    return test["log_minto"].to_numpy() + previous(test, "log_ratio", 0.0)
