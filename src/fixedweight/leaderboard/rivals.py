"""What online learners of other libraries make of the same tasks: of few, since they are slow."""

import time

from fixedweight.evaluation.rivals import RIVALS, TRUE_BASIS
from fixedweight.evaluation.trial import try_on
from fixedweight.families import LinearFamily, TaskFamily, innermost
from fixedweight.leaderboard.families import VERSION
from fixedweight.leaderboard.judged import shortened
from fixedweight.parts import Record, Work

EXAMPLES = 3000
"""Examples a rival is judged on, or one task if that is longer."""


def rivals_of(family: TaskFamily) -> list[str]:
    """The rivals that a family has."""
    linear = isinstance(innermost(family), LinearFamily)
    return [name for name in RIVALS if linear or name != TRUE_BASIS]


def measure_rival(family: TaskFamily, name: str, work: Work) -> Record:
    """A cell as of a network, but for what a rival has not: weights, a state, seeds."""
    work.say("making ...")
    begun = time.monotonic()
    baseline = RIVALS[name](family)
    assert baseline is not None, name
    made = time.monotonic() - begun
    work.say("judging ...")
    trial = try_on(family)
    batch, length = trial.stream.targets.shape[:2]
    trial = trial.start_of(min(batch, max(1, EXAMPLES // length)), EXAMPLES)
    about, begun = trial.about(), time.monotonic()
    errors = trial.errors_of(baseline)
    took = time.monotonic() - begun
    oracle, variance = about["oracle"], about["variance"]
    return {
        "version": VERSION,
        "regime": about["regime"],
        "variance": variance,
        "oracle": oracle and shortened(oracle, variance),
        "baselines": {},
        "network": None,
        "weights": None,
        "state": None,
        "tasks": about["tasks"],
        "derive_seconds": round(made, 1),
        "microseconds": round(1e6 * took / errors.size, 1),
        "asked": 1,
        "seeds": [
            {
                "validation": None,
                **shortened(trial.figures(errors), variance),
                "ratio": trial.against_oracle(errors)["ratio"],
                "long": None,
            }
        ],
    }
