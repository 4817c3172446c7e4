"""How good a learner is: on tasks it has never seen, against the best that can be done."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import jax
import numpy as np

from fixedweight.evaluation.baselines import BASELINES
from fixedweight.evaluation.errors import Estimate, Units, examples_to_learn
from fixedweight.families import Family, Stream, TaskFamily
from fixedweight.families.wrappers import Wrapper
from fixedweight.learner import Learner
from fixedweight.oracles import oracle_for

STREAMS = 2000
"""Streams judged where each holds one task; fewer where tasks are long."""
EXAMPLES = 512_000
"""No more examples than that are judged where each stream holds one task."""
SWITCHING = 16
"""Streams judged where tasks switch in them."""
LONG = 10
"""How many times the trained length a learner is judged at as well."""
AFTER = (10, 30)
"""The error is also reported without the first so many examples of each task."""
GUESS = 256
"""Training streams over which the mean target is taken, which the baselines guess at first."""
TEST = 0x7E57
"""Folded into the seed, so that test tasks are never those of training or validation."""


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
        length (None where a family has no more examples of a task).
    """
    return evaluate_all([learner], family, seed)[0]


def evaluate_all(
    learners: Sequence[Learner], family: TaskFamily, seed: int = 0
) -> list[dict[str, Any]]:
    """Judge several learners of one family on the same tasks: a record of `evaluate` for each."""
    test = family.part("test")
    key = jax.random.fold_in(jax.random.key(seed), TEST)
    oracle = oracle_for(family)

    def judged(key: Any) -> Stream:
        stream = test.judge(key, _streams(test))
        # Only oracles read the tasks, and those of a network are larger than its examples.
        return stream if oracle else stream._replace(tasks=())

    stream = _numpy(jax.jit(judged)(key))
    units = _units(stream)
    variance = float(stream.targets[stream.scored].var(axis=0).sum())

    def figures(errors: np.ndarray) -> dict[str, Any]:
        return _figures(errors, units, family.examples, variance)

    best, held_against = None, None
    if oracle is not None:
        best = _squared(oracle.predict(stream), stream)
        held_against = {**figures(best), "kind": oracle.kind, "note": oracle.note}
    start = _mean_target(family.part("train"), jax.random.fold_in(key, GUESS))
    x = np.asarray(family.scaling().scale_inputs(stream.inputs), dtype=np.float64)
    y = np.asarray(stream.targets, dtype=np.float64)
    told = np.asarray(stream.revealed)
    shared = {
        "regime": "continuous" if family.switches else "reset",
        "tasks": int(units.task.max()) + 1,
        "examples": family.examples,
        "variance": variance,
        "oracle": held_against,
        "baselines": {
            name: figures(_squared(baseline(x, y, told, family.delay, start), stream))
            for name, baseline in BASELINES.items()
        },
    }
    records = []
    for learner in learners:
        errors = squared_errors(learner, family, stream)
        records.append(
            {
                **shared,
                "learner": figures(errors),
                "ratio": None if best is None else _plain(units.ratio(errors, best)),
                "regret": None if best is None else _plain(units.mean(errors - best)),
                "long": _long(learner, test, key),
            }
        )
    return records


def squared_errors(learner: Learner, family: TaskFamily, stream: Stream) -> np.ndarray:
    """[batch, time] squared error of each prediction, made before its target is told."""
    predictions, _ = learner.unroll(stream.inputs, stream.targets, stream.revealed)
    return _squared(predictions, stream)


def _figures(errors: np.ndarray, units: Units, examples: int, variance: float) -> dict[str, Any]:
    curve = units.by_example(errors, examples)
    return {
        "mse": _plain(units.mean(errors)),
        "after": {str(n): _plain(units.mean(errors, units.example >= n)) for n in AFTER},
        "by_example": [
            float(f"{error:.6g}") if error is not None and np.isfinite(error) else None
            for error in curve
        ],
        "examples_to_learn": examples_to_learn(curve, variance),
    }


def _long(learner: Learner, family: TaskFamily, key: Any) -> dict[str, Any] | None:
    """The errors at ten times the trained length, where the family can be drawn so long.

    A stream of switching tasks is as long anyhow: a hundred tasks, where training carries the
    state through eight.
    """
    base = family
    while isinstance(base, Wrapper):
        base = base.family
    if not isinstance(base, Family):
        return None
    key = jax.random.fold_in(key, LONG)
    if family.switches:
        batch, length = _streams(family), family.stream_length
    else:
        batch, length = _streams(family) // LONG, LONG * family.examples
    draw = jax.jit(lambda key: family.sample(key, batch, length)._replace(tasks=()))
    stream = _numpy(draw(key))
    errors = squared_errors(learner, family, stream)
    units = _units(stream)
    trained = np.broadcast_to(np.arange(length) < length // LONG, stream.scored.shape)
    return {
        "length": length,
        "mse": _plain(units.mean(errors)),
        "first_tenth": _plain(units.mean(errors, trained)),
        "rest": _plain(units.mean(errors, ~trained)),
    }


def _mean_target(family: TaskFamily, key: Any) -> np.ndarray:
    """[target] mean over the scored steps of some streams."""
    stream = _numpy(jax.jit(lambda key: family.sample(key, GUESS, family.examples))(key))
    return np.asarray(stream.targets, dtype=np.float64)[stream.scored].mean(axis=0)


def _units(stream: Stream) -> Units:
    return Units.of(np.asarray(stream.example), np.asarray(stream.scored))


def _streams(family: TaskFamily) -> int:
    if family.switches:
        return SWITCHING
    return max(2 * LONG, min(STREAMS, EXAMPLES // family.examples))


def _squared(predictions: np.ndarray, stream: Stream) -> np.ndarray:
    targets = np.where(stream.scored[..., None], stream.targets, predictions)
    return ((np.asarray(predictions, dtype=np.float64) - targets) ** 2).sum(axis=-1)


def _numpy(stream: Stream) -> Stream:
    return Stream(*(jax.tree.map(np.asarray, part) for part in stream))


def _plain(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {name: float(f"{value:.6g}") for name, value in asdict(estimate).items()}
