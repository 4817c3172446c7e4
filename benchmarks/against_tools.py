"""Time to predict and learn an example under drift, beside River's tools, in one run.

    python -m benchmarks.against_tools > benchmarks/against_tools.txt

River's STAGGER with a change every 50 examples, each example predicted before it is learned:
microseconds an example, the least of three passes over 1000, and how many times as long as the
compiled learner. The learners are as they are before training, which changes no time.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from studies.drift.derived import BANK, begun
from studies.drift.family import concepts
from studies.drift.rivals import RIVALS
from studies.drift.streams import CONDITIONS

from fixedweight import CompiledEstimator, Learner, OnlineEstimator
from fixedweight.networks import Hypotheses, LeastSquaresMemory
from fixedweight.training import fit_network

PASSES, EXAMPLES = 3, 1000


def memory() -> Learner:
    """What is the default where tasks do not come back, with random weights."""
    family = concepts()
    network = fit_network(family, LeastSquaresMemory(heads=2, features=24))
    return Learner(
        network=network,
        params=network.init_params(np.random.default_rng(0)),
        scaling=family.scaling(),
        input_names=family.input_names,
        target_names=family.target_names,
    )


def seconds(make: Callable[[], Any], rows: list[Any], labels: list[int]) -> float:
    """The least of a few passes, in seconds an example."""
    best = np.inf
    for _ in range(PASSES):
        model = make()
        began = time.perf_counter()
        for x, y in zip(rows, labels, strict=True):
            model.predict_one(x)
            model.learn_one(x, y)
        best = min(best, time.perf_counter() - began)
    return best / len(labels)


def main() -> None:
    streams = CONDITIONS["stagger-50"].streams(1)
    learners = {
        f"hypotheses, {BANK.hypotheses}": begun(concepts(), BANK),
        "hypotheses, 64": begun(concepts(), Hypotheses(hypotheses=64)),
        "least-squares memory": memory(),
    }
    names = next(iter(learners.values())).input_names
    rows = [dict(zip(names, row, strict=True)) for row in streams.inputs[0, :EXAMPLES].tolist()]
    labels = streams.targets[0, :EXAMPLES].astype(int).tolist()
    makers: dict[str, Callable[[], Any]] = {}
    for name, learner in learners.items():
        makers[f"{name}, compiled"] = partial(CompiledEstimator, learner)
        makers[f"{name}, NumPy"] = partial(OnlineEstimator, learner)
    makers |= {f"River: {name}": list(made.values())[-1] for name, made in RIVALS.items()}
    took = {name: seconds(make, rows, labels) for name, make in makers.items()}
    first = next(iter(took.values()))
    print("| | microseconds an example | times the first |\n| --- | --- | --- |")
    for name, each in took.items():
        print(f"| {name} | {1e6 * each:.1f} | {each / first:.2f} |")


if __name__ == "__main__":
    main()
