"""Time of one example at use, from Python: the derived learner, and the random walk.

Each is the median of rounds measured in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fixedweight import CompiledEstimator, Learner, OnlineEstimator
from fixedweight.evaluation.rivals.mixed_effects import Effects
from studies.reacher.simulate import EXAMPLES, INPUTS
from studies.series.mixed import walked

ROUNDS, ARMS = 15, 10


def speeds(path: Path) -> dict[str, float]:
    """Microseconds to predict and learn an example, by name.

    Args:
        path: of a learner file.
    """
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(EXAMPLES, len(INPUTS))), rng.normal(size=EXAMPLES)
    rows = [tuple(row) for row in x.tolist()]
    learner = Learner.load(path)
    works: dict[str, Callable[[], object]] = {}
    for name, kind in (("in NumPy", OnlineEstimator), ("compiled", CompiledEstimator)):
        works[f"derived, {name}"] = _streamed(kind(learner), rows, y.tolist())
    for name, width in (("linear", 1 + len(INPUTS)), ("quadratic", 36)):
        effects = Effects(np.zeros(width), np.eye(width), 0.01)
        f = rng.normal(size=(EXAMPLES, width))
        works[f"EB {name}, random walk"] = lambda e=effects, f=f: walked(e, 1e-3, f, y)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.perf_counter()
            for _ in range(ARMS):
                work()
            times[name].append((time.perf_counter() - began) / ARMS / EXAMPLES * 1e6)
    return {name: round(statistics.median(each), 2) for name, each in times.items()}


def _streamed(
    model: OnlineEstimator, rows: list[tuple[float, ...]], targets: list[float]
) -> Callable[[], None]:
    def work() -> None:
        model.reset()
        for x, y in zip(rows, targets, strict=True):
            model.predict_one(x)
            model.learn_one(x, y)

    return work
