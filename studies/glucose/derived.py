"""What `fixedweight` derives: from the simulator, from the table of training days, from both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fixedweight import Learner, derive_seeds, read_table
from fixedweight.families import Table
from fixedweight.relatives import Simulated, derive_related
from fixedweight.training import Schedule, Stage
from studies.glucose.data import INPUTS
from studies.glucose.minimal import MinimalModel
from studies.glucose.rivals import PROBLEM
from studies.series.derived import predict

SEEDS = 3
VALIDATION = 0.25
"""The share of training patients to choose by, their days together."""
ADAPTING = Schedule((Stage(48, 32, 300),), learning_rate=0.005, warmup=30)

Arm = Callable[[Table, int], list[Learner]]


def table_of(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Table:
    """Both as one table, the test days held out of it, and days of some patients to choose by."""
    people = np.random.default_rng(seed).permutation(np.unique(train["group"]))
    chosen = train["group"].isin(people[: max(1, round(VALIDATION * len(people)))])
    return read_table(
        pd.concat([train, test]),
        task="task",
        order="order",
        inputs=list(INPUTS),
        target="target",
        validation=np.unique(train["task"][chosen]).tolist(),
        test=np.unique(test["task"]).tolist(),
    )


def best(learners: list[Learner]) -> Learner:
    return min(learners, key=lambda one: one.card["derivation"]["validation_error"])
