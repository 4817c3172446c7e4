"""What `fixedweight` derives: from the simulator, from the table of training days, from both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fixedweight import Learner, derive_seeds, read_table
from fixedweight.families import Table
from fixedweight.relatives import Matched, derive_related
from fixedweight.relatives.derive_matched import correcting
from studies.glucose.data import INPUTS
from studies.glucose.minimal import MinimalModel

SEEDS = 3
EFFORT = 0.5
"""Of the usual number of updates, which keeps six derivations a fold within minutes."""
VALIDATION = 0.25
"""The share of training patients to choose by, their days together."""

Known = dict[str, list[Learner]]
Arm = Callable[[Table, int, Known], list[Learner]]


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


def simulated(table: Table, seed: int, matched: bool) -> list[Learner]:
    """Derived on the simulator, as it is or with its spread fitted to the training days; the table
    gives scales and the days to choose by."""
    family = Matched(table, MinimalModel(), matched=matched, seed=seed)
    return derive_seeds(family, seeds=SEEDS, seed=seed, effort=EFFORT)


def adapted(table: Table, learners: list[Learner], seed: int) -> list[Learner]:
    """The best of `learners` taught the training days, as `derive_matched` does."""
    best = min(learners, key=lambda one: one.card["derivation"]["validation_error"])
    course = correcting(table)
    return derive_seeds(
        table, best.network, schedule=course, start=best.params, seeds=SEEDS, seed=seed
    )


#: By name: what it derives, one learner a seed, from the table, a seed and what came before.
ARMS: dict[str, Arm] = {
    "derived, filters": lambda table, seed, known: [derive_related(table, seed=seed)],
    "derived, table": lambda table, seed, known: derive_seeds(
        table, seeds=SEEDS, seed=seed, effort=EFFORT
    ),
    "derived, simulator": lambda table, seed, known: simulated(table, seed, False),
    "derived, matched simulator": lambda table, seed, known: simulated(table, seed, True),
    "derived, simulator + table": lambda table, seed, known: adapted(
        table, known["derived, simulator"], seed
    ),
    "derived, matched simulator + table": lambda table, seed, known: adapted(
        table, known["derived, matched simulator"], seed
    ),
}
