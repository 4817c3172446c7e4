"""derive_matched(): from a simulator and a table of the real thing to a learner."""

import time
from dataclasses import replace
from typing import Any

from fixedweight.families import Table
from fixedweight.learner import Learner
from fixedweight.networks import Network
from fixedweight.relatives.matched import Matched
from fixedweight.training import Schedule, Stage, derive
from fixedweight.training.pace import check_minutes

LONGEST = 64
"""Examples that one gradient goes through on the table's own tasks."""
UPDATES = 300
ON_SIMULATOR = 0.8
"""The share of the time, where it is bounded, for the simulator's tasks."""
RATE = 0.005
"""A tenth of what a network begins with: it is to be corrected, not to begin anew."""


def derive_matched(family: Matched, network: Network | None = None, **settings: Any) -> Learner:
    """Derive a learner on a simulator's tasks that look like a table's, then on the table's own.

    The simulator need not be right, only of the kind: its spread is fitted to the training tasks
    (`Matched`), and what is still wrong the table's tasks correct, for as long as the error on
    its validation tasks falls. Scales are the table's; its test tasks are not used.

    Args:
        family: the table, and a simulator with its inputs, in its order and units, and its target.
        network, settings: as in `derive`. A checkpoint is of the simulator's part.

    Returns:
        A learner whose card says what each part came to, by the table's validation tasks.

    Raises:
        FamilyError: simulator and table do not fit each other, or cannot be trained on.
        NetworkError, InputError, LearnerFileError: as in `derive`.
    """
    began, minutes = time.monotonic(), settings.pop("minutes", None)
    check_minutes(minutes)
    first = derive(family, network, minutes=minutes and ON_SIMULATOR * minutes, **settings)
    if first.card["derivation"]["stopped_early"]:
        return first
    settings = {
        name: value
        for name, value in settings.items()
        if name in ("gradient", "effort", "seeds", "seed", "on_progress")
    }
    left = minutes and max(1e-3, minutes - (time.monotonic() - began) / 60.0)
    best = derive(
        family.table,
        first.network,
        start=first.params,
        minutes=left,
        schedule=correcting(family.table),
        **settings,
    )
    card = {
        "family": family.describe(),
        "derivation": {**best.card["derivation"], "on_simulator": first.card["derivation"]},
    }
    return replace(best, card=card)


def correcting(table: Table) -> Schedule:
    """The course on a table's own tasks of a network that a simulator has taught."""
    stage = Stage(min(table.examples, LONGEST), 32, UPDATES)
    return Schedule((stage,), learning_rate=RATE, warmup=UPDATES // 10)
