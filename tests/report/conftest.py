"""Two cards: one of a family with an oracle; one of a table, where much is unknown.

The second is that of the same weights judged on the table, so that little has to be trained.
"""

import importlib
from copy import deepcopy
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from fixedweight.evaluation import evaluate
from fixedweight.families import Boolean, read_table
from fixedweight.networks import LSTM1997
from fixedweight.training import Schedule, Stage, derive, fit_network


def small_table():
    """Of the test tasks 0 and 1, nobody knows the targets of rows 2 and 3."""
    rng = np.random.default_rng(0)
    tasks = np.repeat(np.arange(6), 6)
    frame = pd.DataFrame({"task": tasks, "y": rng.normal(size=36)})
    frame[["a", "b"]] = rng.normal(size=(36, 2))
    row = np.tile(np.arange(6), 6)
    frame.loc[(tasks < 2) & ((row == 2) | (row == 3)), "y"] = np.nan
    return read_table(frame, task="task", target="y", validation=[2], test=[0, 1])


@pytest.fixture(scope="session")
def real_cards():
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)  # little runs, much compiles
    with pytest.MonkeyPatch.context() as patch:
        # the packages hide these modules behind the functions of the same name
        training = importlib.import_module("fixedweight.training.derive")
        run = importlib.import_module("fixedweight.training.run")
        judge = importlib.import_module("fixedweight.evaluation.trial")
        patch.setattr(run, "MOST_CHUNK_DRAWS", 1)
        patch.setattr(judge, "STREAMS", 40)
        patch.setattr(training, "check_family", lambda family: None)
        family, network = Boolean(length=40), LSTM1997(blocks=1, hidden=1)
        learner = derive(family, network, schedule=Schedule((Stage(3, 4, 3),)), seeds=2)
        boolean = {**learner.card, "evaluation": evaluate(learner, family)}
        family = small_table()
        learner = replace(learner, network=fit_network(family, network), scaling=family.scaling())
        judged = {"family": family.describe(), "evaluation": evaluate(learner, family)}
    jax.config.update("jax_disable_most_optimizations", before)
    return {"boolean": boolean, "table": {**boolean, **judged}}


@pytest.fixture
def boolean_card(real_cards):
    """A card that a test may change."""
    return deepcopy(real_cards["boolean"])


@pytest.fixture
def table_card(real_cards):
    return deepcopy(real_cards["table"])
