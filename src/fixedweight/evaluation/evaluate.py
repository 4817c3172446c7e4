"""How good a learner is: on tasks it has never seen, against the best that can be done."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fixedweight.evaluation.baselines import BASELINES
from fixedweight.evaluation.spread import coverage
from fixedweight.evaluation.trial import Trial, drawn, plain, squared, streams, try_on, units_of
from fixedweight.families import Family, Stream, TaskFamily, innermost
from fixedweight.learner import Learner

LONG = 10
"""How many times the trained length a learner is judged at as well."""


def evaluate(learner: Learner, family: TaskFamily, seed: int = 0) -> dict[str, Any]:
    """Judge a learner on held-out tasks of a family; plain values, ready for the learner's card.

    Errors are squared errors in the targets' own unit, summed over the numbers of a target; each
    figure comes with a 95 % confidence interval over tasks.

    Returns:
        `regime` ("reset": a task a stream, from the initial state; "continuous": tasks follow each
        other unmarked), `tasks`, `examples`, `variance` of the targets; for the `learner`, the
        `oracle` (None if unknown) and each of the `baselines` the same record: `mse` over whole
        streams, `after` 10 and 30 examples of each task, `by_example`, `examples_to_learn`; the
        learner's `ratio` of mse to the oracle's and its `regret`, what it loses a step beyond the
        oracle on the same streams; and `long`, the errors at ten times the trained
        length (None where a family has no more examples of a task). Of a learner that predicts a
        spread also `coverage`: the share of targets within its 90 % intervals, in all, over the
        first ten examples of each task and after them, the mean `width` of these intervals, and the
        share of streams that raise its alarm, if it has one.
    """
    return evaluate_all([learner], family, seed)[0]


def evaluate_all(
    learners: Sequence[Learner], family: TaskFamily, seed: int = 0
) -> list[dict[str, Any]]:
    """Judge several learners of one family on the same tasks: a record of `evaluate` for each."""
    trial = try_on(family, seed)
    shared = {
        **trial.about(),
        "baselines": {
            name: trial.figures(trial.errors_of(baseline)) for name, baseline in BASELINES.items()
        },
    }
    records = []
    for learner in learners:
        errors = squared_errors(learner, family, trial.stream)
        records.append(
            {
                **shared,
                "learner": trial.figures(errors),
                **trial.against_oracle(errors),
                "long": _long(learner, trial),
                **coverage(learner, trial),
            }
        )
    return records


def squared_errors(learner: Learner, family: TaskFamily, stream: Stream) -> np.ndarray:
    """[batch, time] squared error of each prediction, made before its target is told."""
    predictions, _ = learner.unroll(stream.inputs, stream.targets, stream.revealed)
    return squared(predictions, stream)


def _long(learner: Learner, trial: Trial) -> dict[str, Any] | None:
    """The errors at ten times the trained length, where the family can be drawn so long.

    A stream of switching tasks is as long anyhow: a hundred tasks, where training carries the
    state through eight.
    """
    family = trial.family.part("test")
    if not isinstance(innermost(family), Family):
        return None
    if family.switches:
        batch, length = streams(family), family.stream_length
    else:
        batch, length = streams(family) // LONG, LONG * family.examples

    def draw(key: Any) -> Stream:
        return family.sample(key, batch, length)._replace(tasks=())

    stream = drawn(draw, jax.random.fold_in(trial.key, LONG))
    errors = squared_errors(learner, family, stream)
    units = units_of(stream)
    trained = np.broadcast_to(np.arange(length) < length // LONG, stream.scored.shape)
    return {
        "length": length,
        "mse": plain(units.mean(errors)),
        "first_tenth": plain(units.mean(errors, trained)),
        "rest": plain(units.mean(errors, ~trained)),
    }
