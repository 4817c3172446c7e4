"""Held-out tasks on which all are judged alike, and what the best learner makes of them."""

from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.errors import Estimate, Units, examples_to_learn
from fixedweight.families import Stream, TaskFamily
from fixedweight.oracles import oracle_for

STREAMS = 2000
"""Streams judged where each holds one task; fewer where tasks are long."""
LEAST = 20
"""Streams judged where tasks are so long that there would be fewer."""
EXAMPLES = 512_000
"""No more examples than that are judged where each stream holds one task."""
SWITCHING = 16
"""Streams judged where tasks switch in them."""
AFTER = (10, 30)
"""The error is also reported without the first so many examples of each task."""
GUESS = 256
"""Training streams over which the mean target is taken, which the baselines guess at first."""
TEST = 0x7E57
"""Folded into the seed, so that test tasks are never those of training or validation."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Errors of whoever is tried become figures here, the same for all."""

    family: TaskFamily
    key: Any
    stream: Stream
    units: Units
    best: Float[np.ndarray, "batch time"] | None
    """The oracle's squared errors."""
    oracle: dict[str, Any] | None
    """Its kind and note."""
    start: Float[np.ndarray, " target"]
    """The mean target of the training tasks, which baselines guess at first."""

    @property
    def variance(self) -> float:
        """Of the targets, summed over their numbers."""
        return float(self.stream.targets[self.stream.scored].var(axis=0).sum())

    def start_of(self, streams: int, steps: int) -> "Trial":
        """The same on the first so many steps of the first so many streams."""
        cut = self.stream._replace(tasks=())
        stream = Stream(*(jax.tree.map(lambda v: v[:streams, :steps], part) for part in cut))
        best = None if self.best is None else self.best[:streams, :steps]
        return Trial(self.family, self.key, stream, units_of(stream), best, self.oracle, self.start)

    def about(self) -> dict[str, Any]:
        """What belongs to no learner: regime, sizes, and the oracle's figures if one is known."""
        return {
            "regime": "continuous" if self.family.switches else "reset",
            "tasks": int(self.units.task.max()) + 1,
            "examples": self.family.examples,
            "variance": self.variance,
            "oracle": self.oracle and {**self.figures(self.best), **self.oracle},
        }

    def errors_of(self, baseline: Baseline) -> Float[np.ndarray, "batch time"]:
        """Squared errors of a baseline, which sees inputs on the family's scale."""
        x = np.asarray(self.family.scaling().scale_inputs(self.stream.inputs), dtype=np.float64)
        y = np.asarray(self.stream.targets, dtype=np.float64)
        told = np.asarray(self.stream.revealed)
        return squared(baseline(x, y, told, self.family.delay, self.start), self.stream)

    def figures(self, errors: Any) -> dict[str, Any]:
        """Squared errors [batch, time] in short, with confidence intervals over tasks."""
        curve = self.units.by_example(errors, self.family.examples)
        return {
            "mse": plain(self.units.mean(errors)),
            "after": {
                str(n): plain(self.units.mean(errors, self.units.example >= n)) for n in AFTER
            },
            "by_example": [
                float(f"{error:.6g}") if error is not None and np.isfinite(error) else None
                for error in curve
            ],
            "examples_to_learn": examples_to_learn(curve, self.variance),
        }

    def against_oracle(self, errors: np.ndarray) -> dict[str, Any]:
        """How many times the oracle's error, and how much more a step; None without an oracle."""
        if self.best is None:
            return {"ratio": None, "regret": None}
        return {
            "ratio": plain(self.units.ratio(errors, self.best)),
            "regret": plain(self.units.mean(errors - self.best)),
        }


def try_on(family: TaskFamily, seed: int = 0) -> Trial:
    """Draw the streams of test tasks, and let the family's oracle, if any, predict them."""
    test = family.part("test")
    key = jax.random.fold_in(jax.random.key(seed), TEST)
    oracle = oracle_for(family)

    def judged(key: Any) -> Stream:
        stream = test.judge(key, streams(test))
        # Only oracles read the tasks, and those of a network are larger than its examples.
        return stream if oracle else stream._replace(tasks=())

    stream = drawn(judged, key)
    best = oracle and squared(oracle.predict(stream), stream)
    known = oracle and {"kind": oracle.kind, "note": oracle.note}
    start = _mean_target(family.part("train"), jax.random.fold_in(key, GUESS))
    return Trial(family, key, stream, units_of(stream), best, known, start)


def _mean_target(family: TaskFamily, key: Any) -> np.ndarray:
    """[target] mean over the scored steps of some streams."""
    stream = drawn(lambda key: family.sample(key, GUESS, family.examples), key)
    return np.asarray(stream.targets, dtype=np.float64)[stream.scored].mean(axis=0)


def streams(family: TaskFamily) -> int:
    """How many are judged."""
    if family.switches:
        return SWITCHING
    return max(LEAST, min(STREAMS, EXAMPLES // family.examples))


def drawn(draw: Any, key: Any) -> Stream:
    """What is drawn, compiled, as arrays of NumPy."""
    return Stream(*(jax.tree.map(np.asarray, part) for part in jax.jit(draw)(key)))


def units_of(stream: Stream) -> Units:
    return Units.of(np.asarray(stream.example), np.asarray(stream.scored))


def squared(predictions: np.ndarray, stream: Stream) -> np.ndarray:
    """[batch, time] squared error, summed over the numbers of a target; 0 where none counts."""
    targets = np.where(stream.scored[..., None], stream.targets, predictions)
    return ((np.asarray(predictions, dtype=np.float64) - targets) ** 2).sum(axis=-1)


def plain(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {name: float(f"{value:.6g}") for name, value in asdict(estimate).items()}
