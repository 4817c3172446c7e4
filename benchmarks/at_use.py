"""Time per example at use, of what is derived and of the tools beside it, in one run.

    python -m benchmarks.at_use > benchmarks/at_use.txt

Each predicts and learns every example of the pigs of `dietox` in turn, started anew for each pig:
microseconds of a processor an example, the median of several rounds. `a series at once` is
`learn_many`, which predicts each example before it is learned too. The learner of several filters
is what `derive_related` makes of that table, the LSTM has the sizes of `studies.remifentanil` (its
weights do not change its time). Empirical Bayes with a random walk is the cubic one of
`studies.series`, example by example in NumPy; the forest is River's.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from river.forest import ARFRegressor
from studies.protocol import series
from studies.series.data import PROBLEMS
from studies.series.derived import table_of
from studies.series.mixed import Effects

import fixedweight as fw
from fixedweight.relatives import derive_related

ROUNDS = 5
DRIFT, DEGREE = 0.03, 3


class Model(Protocol):
    def predict_one(self, x: Any) -> Any: ...

    def learn_one(self, x: Any, y: float) -> Any: ...


class Walk:
    """The mixed model with a random walk of its coefficients, an example at a time."""

    def __init__(self, effects: Effects) -> None:
        self.added, self.noise = DRIFT * effects.covariance, effects.noise
        self.mean, self.covariance = effects.mean, effects.covariance

    def features(self, x: Any) -> np.ndarray:
        return np.array([1.0, x[0], x[0] ** 2, x[0] ** 3, x[1], x[2]])

    def predict_one(self, x: Any) -> float:
        return float(self.features(x) @ self.mean)

    def learn_one(self, x: Any, y: float) -> None:
        row = self.features(x)
        spread = self.covariance @ row
        variance = row @ spread + self.noise
        self.mean = self.mean + spread * (y - row @ self.mean) / variance
        self.covariance = self.covariance - np.outer(spread, spread) / variance + self.added


class Forest(ARFRegressor):
    """River's, given its inputs by name."""

    def predict_one(self, x: Any) -> Any:
        return super().predict_one(dict(enumerate(x)))

    def learn_one(self, x: Any, y: float) -> None:
        super().learn_one(dict(enumerate(x)), y)


def one_by_one(model: Any, inputs: Any, targets: Any) -> None:
    for x, y in zip(inputs, targets, strict=True):
        model.predict_one(x)
        model.learn_one(x, y)


def at_once(model: Any, inputs: Any, targets: Any) -> None:
    model.learn_many(inputs, targets)


def microseconds(
    make: Callable[[], Model], run: Callable[..., None], tasks: list[tuple[Any, Any]], rounds: int
) -> float:
    """Of one example, predicted and learned."""
    found = []
    for _ in range(rounds):
        spent = 0.0
        for inputs, targets in tasks:
            model = make()
            began = time.process_time()
            run(model, inputs, targets)
            spent += time.process_time() - began
        found.append(spent / sum(len(targets) for _, targets in tasks) * 1e6)
    return float(np.median(found))


def main() -> None:
    problem = PROBLEMS["dietox"]
    frame = problem.load()
    names = list(problem.inputs)
    tasks = [
        (rows[names].to_numpy().tolist(), rows["target"].tolist())
        for _, rows in series(frame, "task")
    ]
    some = np.unique(frame["task"])[:10]
    held = frame["task"].isin(some)
    table = table_of(problem, frame[~held], frame[held], 0)
    filters = derive_related(table)
    small = fw.Schedule((fw.Stage(12, 8, 1),))
    lstm = fw.derive(table, fw.LSTM1997(blocks=4, hidden=3), schedule=small, seeds=1)
    size = DEGREE + len(names)
    effects = Effects(np.zeros(size), np.eye(size), 0.1)
    heads = filters.network.heads  # type: ignore[attr-defined]
    tools: dict[str, tuple[Callable[[], Model], Callable[..., None], int]] = {}
    for name, learner in ((f"derived, {heads} filters", filters), ("derived, LSTM", lstm)):
        compiled = fw.CompiledEstimator(learner)
        tools[f"{name}, compiled, a series at once"] = compiled.reset, at_once, ROUNDS
        tools[f"{name}, compiled"] = compiled.reset, one_by_one, ROUNDS
        tools[f"{name}, NumPy"] = fw.OnlineEstimator(learner).reset, one_by_one, 1
    tools["EB with random walk, NumPy"] = (lambda: Walk(effects)), one_by_one, ROUNDS
    tools["River's adaptive random forest"] = (lambda: Forest(n_models=10, seed=0)), one_by_one, 1
    took = {name: microseconds(*how[:2], tasks, how[2]) for name, how in tools.items()}
    walk, forest = (took[name] for name in list(took)[-2:])
    print("| at use | microseconds | of EB with random walk | of the forest |")
    print("| --- " * 4 + "|")
    for name, spent in took.items():
        print(f"| {name} | {spent:.3g} | 1 / {walk / spent:.3g} | 1 / {forest / spent:.3g} |")


if __name__ == "__main__":
    main()
