"""Section 3: what the network is told of the past, and in which form it is shown an example.

The paper told it the previous target and could have told it the previous error; it shows data and
target in one vector, where Schmidhuber's account of the same experiments has them in turn.
"""

from collections.abc import Callable
from functools import cache, partial
from statistics import median
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from fixedweight.evaluation import examples_to_learn, squared_errors
from fixedweight.families import Boolean, Stream
from fixedweight.networks import LSTM1997, Alternating, Network, PreviousError
from fixedweight.oracles import oracle_for
from fixedweight.parts.judged import spread
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.training import Schedule, default_schedule

FORMS: dict[str, Callable[[Network], Network]] = {
    "target, one vector": lambda network: network,
    "error, one vector": PreviousError,
    "target, in turn": Alternating,
    "error, in turn": lambda network: PreviousError(Alternating(network)),
}
FAMILY = Boolean()
SEEDS = 4
STREAMS = 1000
TEST = 0x1297


def _cells(quick: bool) -> dict[str, Cell]:
    return {name: partial(_measure, name, quick) for name in FORMS}


def _measure(name: str, quick: bool, work: Work) -> Record:
    schedule, seeds = default_schedule(FAMILY), SEEDS
    if quick:
        schedule, seeds = Schedule(schedule.stages[:1], schedule.learning_rate).scaled(0.5), 2
    network = FORMS[name](LSTM1997())
    learners = work.derive_seeds(FAMILY, network, schedule=schedule, seeds=seeds)
    work.say("judging ...")
    stream, best = _judged(STREAMS // 10 if quick else STREAMS)
    curves = [squared_errors(learner, FAMILY, stream).mean(axis=0) for learner in learners]
    variance = float(stream.targets.var())
    derivation = learners[0].card["derivation"]
    return {
        "family": FAMILY.describe(),
        "network": derivation["network"],
        "weights": derivation["weights"],
        "schedule": schedule.plain(),
        "history": derivation["history"],
        "variance": variance,
        "oracle": _figures(best, variance),
        "networks": [_figures(curve, variance) for curve in curves],
    }


@cache
def _judged(streams: int) -> tuple[Stream, np.ndarray]:
    """Test streams, the same for every form, and the oracle's error on them by example."""
    stream = jax.jit(lambda key: FAMILY.judge(key, streams))(jax.random.key(TEST))
    stream = jax.tree.map(np.asarray, stream)
    oracle = oracle_for(FAMILY)
    assert oracle is not None
    return stream, ((oracle.predict(stream) - stream.targets) ** 2).sum(axis=-1).mean(axis=0)


def _figures(curve: np.ndarray, variance: float) -> dict[str, Any]:
    by_example = [float(f"{error:.6g}") for error in curve]
    return {
        "mse": float(curve.mean()),
        "examples_to_learn": examples_to_learn([*by_example], variance),
        "by_example": by_example,
    }


# Text.

INTRODUCTION = """\
The paper, on the supplementary input: "We could have used the error of the network's output
associated with the previous cycle's input vector. Another possible supplementary input was the
target [...]. We choose the latter approach." It shows both in one vector; Schmidhuber
(Connectionists list, 30 Aug 2001) writes of "data/target/data/target". All four are derived here by
one schedule for the 6 + 6 LSTM of 1997, Boolean functions, state reset with each. In turn, an
example is two steps of the network, one more input says which, and data have to be remembered until
their target comes. Mean squared errors a step of held-out tasks: median over networks, lowest and
highest in brackets. `updates`: until the error on validation tasks is at most twice the oracle's,
looked at every few hundred updates."""


def _text(records: dict[str, Record]) -> str:
    oracle = next(iter(records.values()))["oracle"]
    lines = [
        INTRODUCTION.replace("\n", " "),
        "",
        "| the network is told | weights | mse | / oracle | examples to learn | updates |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, record in records.items():
        errors = [network["mse"] for network in record["networks"]]
        learned = [network["examples_to_learn"] for network in record["networks"]]
        lines.append(
            f"| {name} | {record['weights']} | {spread(errors)} | "
            f"{median(errors) / oracle['mse']:.3f} | {spread(learned)} | "
            f"{spread(_updates(record))} |"
        )
    return "\n".join(
        [*lines, f"| oracle | | {oracle['mse']:.3g} | 1 | {oracle['examples_to_learn']} | |"]
    )


def _updates(record: Record) -> list[int | None]:
    """Of each network, the first update known to have its validation error near the oracle's."""
    most = 2.0 * record["oracle"]["mse"]
    columns = range(len(record["networks"]))
    return [
        next((row[0] for row in record["history"] if (row[2 + i] or np.inf) <= most), None)
        for i in columns
    ]


# Figure.


def _draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(11, 4.2)
    left, right = figure.subplots(1, 2)
    floor = 1e-6
    for i, (name, record) in enumerate(records.items()):
        curves = np.array([network["by_example"] for network in record["networks"]])
        style = {"color": f"C{i}", "ls": "-" if "vector" in name else "--"}
        left.plot(np.maximum(np.median(curves, axis=0), floor)[:32], label=name, **style)
        rows = np.array(record["history"], dtype=float)
        right.plot(rows[:, 0], np.nanmedian(rows[:, 2:], axis=1), marker="o", ms=3, **style)
    oracle = next(iter(records.values()))["oracle"]
    left.plot(np.maximum(oracle["by_example"], floor)[:32], "k:", label="oracle")
    right.axhline(oracle["mse"], color="k", ls=":")
    left.set(
        yscale="log",
        xlabel="examples of the task seen before",
        ylabel="mean squared error",
        title="a new task, weights fixed",
    )
    right.set(
        yscale="log",
        xlabel="updates of the weights",
        ylabel="error on validation tasks",
        title="deriving it, median over networks",
    )
    left.legend(fontsize=8)


PART = Part(
    name="inputs",
    title="Section 3: told the previous target or error, data and target at once or in turn",
    cells=_cells,
    text=_text,
    draw=_draw,
)
