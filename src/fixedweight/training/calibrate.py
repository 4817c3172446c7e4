"""After training: intervals that hold as often as they say, and an alarm that is seldom false."""

from dataclasses import replace

import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.evaluation.spread import recorded
from fixedweight.evaluation.trial import drawn
from fixedweight.families import TaskFamily
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
    stream = drawn(lambda key: part.judge(key, max(20, streams))._replace(tasks=()), key)
    mean, parts = recorded(learner, stream, ("spread",))
    scored = stream.scored
    away = (np.asarray(stream.targets) - mean)[scored] / np.asarray(learner.scaling.target_scale)
    params = network.calibrated(learner.params, away, parts["spread"][scored])
    learner = replace(learner, params=params)
    if "alarm" not in learner.params:
        return learner
    _, parts = recorded(learner, stream, ("strange",))
    highest = parts["strange"].max(axis=(1, 2))
    threshold = np.quantile(highest, 1.0 - FALSE_ALARMS, method="higher")
    alarm = learner.params["alarm"] / np.maximum(threshold, 1e-3)
    return replace(learner, params={**learner.params, "alarm": alarm})
