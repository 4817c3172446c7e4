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
    alarmed = "strange" in learner.initial_state()
    names = ("spread", "strange") if alarmed else ("spread",)
    predictions, state = recorded(learner, stream, names)
    low, high = learner.interval(state, predictions, COVERAGE)
    within = ((low <= stream.targets) & (stream.targets <= high)).mean(axis=-1)
    parts = {
        "all": None,
        f"first {FIRST}": units.example < FIRST,
        "after": units.example >= FIRST,
    }
    found = {
        "coverage": {name: plain(units.mean(within, part)) for name, part in parts.items()},
        "width": plain(units.mean((high - low).sum(axis=-1))),
    }
    if alarmed:
        found["alarms"] = float((state["strange"].max(axis=(1, 2)) > 1.0).mean())
    return found


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
    _, state = recorded(learner, stream, ("strange",))
    return (np.maximum.accumulate(state["strange"][..., 0], axis=1) > 1.0).mean(axis=0)


def recorded(
    learner: Learner, stream: Stream, names: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Predictions [batch, time, target], and parts of the state [batch, time, numbers]."""
    predictions, parts = [], {name: [] for name in names}
    for state, prediction in learner.steps(stream.inputs, stream.targets, stream.revealed):
        predictions.append(prediction)
        for name in names:
            parts[name].append(state[name])
    return np.stack(predictions, axis=1), {
        name: np.stack(values, axis=1) for name, values in parts.items()
    }
