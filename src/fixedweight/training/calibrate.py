"""After training: intervals that hold as often as they say, and an alarm that is seldom false."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.families import Stream, TaskFamily
from fixedweight.learner import Learner
from fixedweight.networks import Uncertain

STREAMS = 2000
SWITCHING = 64
EXAMPLES = 256_000
"""No more examples than that are drawn where each stream holds one task."""
FALSE_ALARMS = 0.01
"""The share of the family's streams that raise the alarm."""


def calibrated(learner: Learner, family: TaskFamily, key: PRNGKeyArray) -> Learner:
    """The same learner with a spread that fits held-out tasks; as it is if it predicts none."""
    network = learner.network
    if not isinstance(network, Uncertain):
        return learner
    part = family.part("validation")
    streams = SWITCHING if part.switches else min(STREAMS, EXAMPLES // part.examples)
    draw = jax.jit(lambda key: part.judge(key, max(20, streams))._replace(tasks=()))
    stream = jax.tree.map(np.asarray, draw(key))
    mean, parts = recorded(learner, stream, ("spread",))
    scored = stream.scored
    away = (stream.targets - mean)[scored] / np.asarray(learner.scaling.target_scale)
    params = network.calibrated(learner.params, away, parts["spread"][scored])
    learner = replace(learner, params=params)
    if "alarm" not in learner.params:
        return learner
    _, parts = recorded(learner, stream, ("strange",))
    highest = parts["strange"].max(axis=(1, 2))
    threshold = np.quantile(highest, 1.0 - FALSE_ALARMS, method="higher")
    alarm = learner.params["alarm"] / np.maximum(threshold, 1e-3)
    return replace(learner, params={**learner.params, "alarm": alarm})


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
