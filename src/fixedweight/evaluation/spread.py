"""Whether a learner knows how sure it may be, and notices that a stream is not its own."""

from typing import Any

import jax
import numpy as np

from fixedweight.errors import InputError
from fixedweight.evaluation.trial import Trial, drawn, plain
from fixedweight.families import Stream, TaskFamily
from fixedweight.learner import Learner
from fixedweight.networks import Uncertain

COVERAGE = 0.9
FIRST = 10
"""Examples of a task whose coverage is reported apart."""


def coverage(learner: Learner, trial: Trial) -> dict[str, Any]:
    """What `evaluate` reports of a learner that predicts a spread; nothing of others."""
    if not isinstance(learner.network, Uncertain):
        return {}
    stream, units = trial.stream, trial.units
    inside, width, strange = [], [], []
    for t, (state, prediction) in enumerate(
        learner.steps(stream.inputs, stream.targets, stream.revealed)
    ):
        low, high = learner.interval(state, prediction, COVERAGE)
        target = stream.targets[:, t]
        inside.append(((low <= target) & (target <= high)).mean(axis=-1))
        width.append((high - low).sum(axis=-1))
        strange.append(state.get("strange", np.zeros((len(target), 1)))[:, 0])
    within = np.stack(inside, axis=1)
    parts = {
        "all": None,
        f"first {FIRST}": units.example < FIRST,
        "after": units.example >= FIRST,
    }
    alarms = {"alarms": float((np.max(strange, axis=0) > 1.0).mean())}
    return {
        "coverage": {name: plain(units.mean(within, part)) for name, part in parts.items()},
        "width": plain(units.mean(np.stack(width, axis=1))),
        **(alarms if "strange" in learner.initial_state() else {}),
    }


def alarms(learner: Learner, family: TaskFamily, streams: int = 1000, seed: int = 0) -> np.ndarray:
    """How soon a learner notices that streams are unlike what it was derived for.

    Args:
        learner: derived with `Gaussian`.
        family: any of the same inputs and targets; its test tasks are drawn.
        streams: how many, each from the learner's initial state.
        seed: of the draw.

    Returns:
        [example] the share of streams whose alarm has been raised once so many examples are told.

    Raises:
        InputError: the learner has no alarm.
    """
    if "strange" not in learner.initial_state():
        raise InputError("Expected a learner derived with Gaussian, which has an alarm.")
    part = family.part("test")

    def draw(key: Any) -> Stream:
        return part.judge(key, streams)._replace(tasks=())

    stream = drawn(draw, jax.random.key(seed))
    steps = learner.steps(stream.inputs, stream.targets, stream.revealed)
    strange = np.stack([state["strange"][:, 0] for state, _ in steps], axis=1)
    return (np.maximum.accumulate(strange, axis=1) > 1.0).mean(axis=0)
