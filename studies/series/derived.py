"""What `fixedweight` derives, as more columns of the tables: test tasks only go through it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fixedweight import Learner, read_table
from fixedweight.families import Table
from fixedweight.relatives import derive_related
from studies.protocol import series
from studies.series.data import Problem


def table_of(problem: Problem, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Table:
    """Both as one table, the test tasks held out of it, and a fifth of the others to choose by."""
    tasks = np.random.default_rng(seed).permutation(np.unique(train["task"]))
    return read_table(
        pd.concat([train, test]),
        task="task",
        order="order",
        inputs=list(problem.inputs),
        target="target",
        validation=tasks[: max(1, round(0.2 * len(tasks)))].tolist(),
        test=np.unique(test["task"]).tolist(),
    )


def predict(learner: Learner, problem: Problem, test: pd.DataFrame) -> np.ndarray:
    """Each target of `test`, predicted before it is learned."""
    predictions = np.empty(len(test))
    for at, rows in series(test, "task"):
        foreseen, _ = learner.unroll(
            rows[list(problem.inputs)].to_numpy()[None], rows["target"].to_numpy()[None, :, None]
        )
        predictions[at] = foreseen[0, :, 0]
    return predictions


def related(problem: Problem, train: pd.DataFrame, test: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """`derive_related`, as it is."""
    learner = derive_related(table_of(problem, train, test, seed), seed=seed)
    return predict(learner, problem, test)
