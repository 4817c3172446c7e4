"""Every network on every family, each derived as a user would by default, and judged.

A cell is `derive_seeds(family, network, seeds=SEEDS)` with the usual schedule; what came out is
held against the family's oracle on the same test tasks.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

from fixedweight.estimators import OnlineEstimator
from fixedweight.evaluation import evaluate_all
from fixedweight.families import TaskFamily
from fixedweight.leaderboard.families import FAMILIES, VERSION
from fixedweight.leaderboard.judged import shortened
from fixedweight.leaderboard.rivals import measure_rival, rivals_of
from fixedweight.leaderboard.shown import draw, text
from fixedweight.learner import Learner
from fixedweight.networks import (
    GRU,
    LSTM,
    LSTM1997,
    MLSTM,
    SLSTM,
    DeltaMemory,
    GatedDeltaMemory,
    LeastSquaresMemory,
    Network,
    Transformer,
    initial_state,
)
from fixedweight.parts import Cell, Part, Record, Work
from fixedweight.report.summary import conditions
from fixedweight.training import default_network, default_schedule

SEEDS = 5
CONTEXT = 100
"""Examples that the Transformer sees at the most, the whole of most tasks."""
TIMED = 300
"""Examples over which the time of one is measured."""


def _memory(kind: type[LeastSquaresMemory | DeltaMemory]) -> Callable[[TaskFamily], Network]:
    """As large for a family as the default network."""

    def of(family: TaskFamily) -> Network:
        usual = default_network(family)
        assert isinstance(usual, LeastSquaresMemory)
        return kind(heads=usual.heads, features=usual.features)

    return of


NETWORKS: dict[str, Callable[[TaskFamily], Network]] = {
    "LeastSquaresMemory": _memory(LeastSquaresMemory),
    "GatedDeltaMemory": _memory(GatedDeltaMemory),
    "DeltaMemory": _memory(DeltaMemory),
    "Transformer": lambda family: Transformer(context=min(family.examples, CONTEXT)),
    "LSTM1997": lambda family: LSTM1997(),
    "LSTM": lambda family: LSTM(),
    "GRU": lambda family: GRU(),
    "SLSTM": lambda family: SLSTM(),
    "MLSTM": lambda family: MLSTM(),
}
"""Name -> the network for a family."""


def measure(family: TaskFamily, network: Network, seeds: int, effort: float, work: Work) -> Record:
    """Derive several networks side by side, judge each on the same test tasks."""
    learners = work.derive_seeds(
        family, network, schedule=default_schedule(family, network), seeds=seeds, effort=effort
    )
    work.say("judging ...")
    records = evaluate_all(learners, family)
    first, run = records[0], learners[0].card["derivation"]
    return {
        "version": VERSION,
        "regime": first["regime"],
        "variance": first["variance"],
        "oracle": first["oracle"] and shortened(first["oracle"], first["variance"]),
        "baselines": {
            name: figures["mse"]["value"] for name, figures in first["baselines"].items()
        },
        "network": run["network"],
        "weights": run["weights"],
        "state": state_numbers(learners[0]),
        "derive_seconds": run["seconds"],
        "microseconds": microseconds(learners[0], family),
        "asked": seeds,
        "seeds": [
            {
                "validation": learner.card["derivation"]["validation_error"],
                **shortened(record["learner"], first["variance"]),
                "ratio": record["ratio"],
                "long": record["long"],
            }
            for learner, record in zip(learners, records, strict=True)
        ],
    }


def state_numbers(learner: Learner) -> int:
    """Numbers kept for each stream."""
    state = initial_state(learner.network, learner.params, (), np)
    return sum(part.size for part in state.values())


def microseconds(learner: Learner, family: TaskFamily) -> float:
    """Median time of one prediction and one target told, by the estimator in NumPy."""
    estimator = OnlineEstimator(learner)
    x, y = np.full(family.input_size, 0.5), np.full(family.target_size, 0.5)
    told = y if family.target_size > 1 else float(y[0])
    taken = []
    for _ in range(TIMED):
        begin = time.perf_counter()
        estimator.predict_one(x)
        estimator.learn_one(x, told)
        taken.append(time.perf_counter() - begin)
    return round(1e6 * median(taken), 1)


def cells(family: str, quick: bool) -> dict[str, Cell]:
    of, (seeds, effort) = FAMILIES[family], (1, 0.05) if quick else (SEEDS, 1.0)
    networks = {
        name: partial(measure, of, make(of), seeds, effort) for name, make in NETWORKS.items()
    }
    return networks | {name: partial(measure_rival, of, name) for name in rivals_of(of)}


def part(family: str) -> Part:
    """The part of one family: `fixedweight leaderboard FAMILY`."""
    return Part(
        name=family,
        title=f"{family}: {describe(FAMILIES[family])}",
        cells=partial(cells, family),
        text=text,
        draw=draw,
        command="fixedweight leaderboard",
    )


def describe(family: TaskFamily) -> str:
    return ", ".join(conditions(family.describe()))
