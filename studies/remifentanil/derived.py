"""The derived learner as more columns of the table: meta-trained on the training people alone.

It predicts the log ratio of a concentration to Minto's prediction, from when the sample is drawn
and what Minto's model says of it, and is told the ratio of the sample before. Which of the seeds is
kept and when its training stops is decided by a fifth of the training people; the people of the
test fold only go through `Learner.unroll`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fixedweight import LSTM1997, Learner, Schedule, Stage, derive_seeds, read_table

from .rivals import people

INPUTS = ["log_minto", "minto_change", "minto_gradient", "log_order", "log_gap", "log_since_end"]
NETWORK = LSTM1997(blocks=4, hidden=3)
SCHEDULE = Schedule(
    (Stage(16, 64, 400), Stage(52, 32, 800)),
    learning_rate=0.02,
    optimizer="adam",
    weight_decay=0.05,
)
SEEDS = 8
VALIDATION = 0.2


def visible(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns the learner sees, long-tailed ones in logarithms."""
    return rows.assign(
        log_order=np.log(rows["order"]),
        log_gap=np.log1p(rows["gap"]),
        log_since_end=np.log1p(rows["since_end"]),
    )[["patient", "order", *INPUTS, "log_ratio"]]


def learners(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> list[Learner]:
    """One a seed, derived without the test people, the best by validation first."""
    patients = np.random.default_rng(seed).permutation(np.unique(train["patient"]))
    table = read_table(
        visible(pd.concat([train, test])),
        task="patient",
        order="order",
        inputs=INPUTS,
        target="log_ratio",
        validation=patients[: round(VALIDATION * len(patients))].tolist(),
        test=np.unique(test["patient"]).tolist(),
    )
    found = derive_seeds(table, NETWORK, schedule=SCHEDULE, seeds=SEEDS, seed=seed)
    return sorted(found, key=lambda learner: learner.card["derivation"]["validation_error"])


def predict(learner: Learner, test: pd.DataFrame) -> np.ndarray:
    """Log concentrations, each predicted before it is learned."""
    predictions = np.empty(len(test))
    seen = visible(test)
    for place, rows in people(test):
        stream = seen.iloc[place]
        ratio, _ = learner.unroll(
            stream[INPUTS].to_numpy()[None], stream["log_ratio"].to_numpy()[None, :, None]
        )
        predictions[place] = rows["log_minto"] + ratio[0, :, 0]
    return predictions


def best_and_mean(
    seed: int = 0,
) -> Callable[[pd.DataFrame, pd.DataFrame], dict[str, np.ndarray]]:
    """The learner that was best on the validation people, and the mean of all eight seeds'."""

    def both(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, np.ndarray]:
        each = [predict(learner, test) for learner in learners(train, test, seed)]
        return {"derived": each[0], f"derived, mean of {SEEDS}": np.mean(each, axis=0)}

    return both
