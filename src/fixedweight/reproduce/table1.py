"""Table 1: the learning networks that LSTM's meta-training derives, row by row.

The paper leaves open whether the state is kept from one mapping to the next, which of its two
networks learned the semi-linear sets, and what its mean squared errors are taken over; where
readings differ in their figures, each is a cell. Its supervisor was plain gradient descent, an
update after each example (`2001`); ours (`ours`) is in `fixedweight.training`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from fixedweight.families import Boolean, Quadratic, Semilinear, Switching, TaskFamily
from fixedweight.networks import LSTM1997, Network
from fixedweight.parts.judged import derive_and_judge, kept, markdown, spread
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.training import Schedule, Stage, online_descent

THREE_LAYERS = LSTM1997()
FOUR_LAYERS = LSTM1997(blocks=12, second=40)


@dataclass(frozen=True)
class Row:
    """A row of Table 1 under one reading, and how it is derived here."""

    family: TaskFamily
    network: Network
    schedule: Schedule
    epochs: int
    """The paper's figures, from here on: training epochs,"""
    mse: float
    learned: int | None
    """cycles to learn; None where the scan shows none,"""
    goal: dict[str, float]
    """and what is asked of each run: figure -> the most it may be."""
    runs: int = 5
    together: int = 4
    gradient: str = "bptt"


ROWS: dict[str, Row] = {
    "boolean 256, reset": Row(
        Boolean(),
        THREE_LAYERS,
        Schedule(
            (Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), learning_rate=0.1
        ),
        epochs=800,
        mse=0.0058,
        learned=10,
        goal={"mse": 0.0043, "examples to learn": 10},
    ),
    "boolean 256, continuous": Row(
        Switching(Boolean(), every=256),
        THREE_LAYERS,
        Schedule(
            (
                Stage(20, 128, 600, hazard=0.0, rivals=8),
                Stage(64, 64, 3000, hazard=1 / 32, rivals=8),
                Stage(256, 64, 8000, hazard=1 / 128, rivals=2),
                Stage(1024, 64, 3000),
            ),
            learning_rate=0.05,
        ),
        epochs=800,
        mse=0.0058,
        learned=10,
        goal={"mse": 0.0066, "examples to learn": 10},
        together=1,
    ),
    "semi-linear 64, 6 + 6": Row(
        Semilinear(),
        THREE_LAYERS,
        Schedule((Stage(20, 128, 1500), Stage(64, 256, 30000)), learning_rate=0.1),
        epochs=10000,
        mse=0.0008,
        learned=None,
        goal={"mse": 1.5 * 0.00215},
    ),
    "semi-linear 64, 12 + 6, 40": Row(
        Semilinear(),
        FOUR_LAYERS,
        Schedule((Stage(20, 128, 1500), Stage(64, 128, 12000)), learning_rate=0.1),
        epochs=10000,
        mse=0.0008,
        learned=None,
        goal={"ratio": 1.3},
        runs=3,
    ),
    "quadratic 60": Row(
        Quadratic(scale="task"),
        FOUR_LAYERS,
        Schedule((Stage(20, 128, 1000), Stage(60, 128, 8000))),
        epochs=25000,
        mse=0.00068,
        learned=30,
        goal={"after 30": 0.00068, "examples to learn": 20},
        together=2,
    ),
    "semi-linear 1000, 6 + 6": Row(
        Semilinear(length=1000),
        THREE_LAYERS,
        Schedule(
            (Stage(20, 128, 1500), Stage(64, 128, 6000), Stage(1000, 32, 2500)), learning_rate=0.1
        ),
        epochs=5000,
        mse=0.0025,
        learned=None,
        goal={"mse": 0.0008},
        runs=3,
    ),
    "quadratic 1000": Row(
        Quadratic(length=1000, scale="task"),
        FOUR_LAYERS,
        Schedule((Stage(20, 128, 1000), Stage(60, 128, 6000), Stage(1000, 16, 500))),
        epochs=25000,
        mse=0.00068,
        learned=30,
        goal={"mse": 0.00068, "examples to learn": 20},
        runs=3,
        together=2,
    ),
}


def as_in_2001(name: str, examples: int, learned_in: int) -> Row:
    """A row with the paper's own supervisor: one stream, an update after each example, the
    truncated gradient as traces, plain descent. It names no learning rate: each run tries three.

    Args:
        name: of the row in `ROWS`.
        examples: of a stream: a mapping, or an epoch of mappings that follow each other.
        learned_in: examples in all; the paper's epochs where they fit into some minutes.
    """
    return replace(
        ROWS[name],
        schedule=online_descent(examples, learned_in, RATES),
        runs=3,
        together=len(RATES),
        gradient="traces1997",
    )


RATES = (0.03, 0.1, 0.3)
ROWS |= {
    "boolean 256, continuous, as in 2001": as_in_2001(
        "boolean 256, continuous", 25_600, 20_480_000
    ),
    "semi-linear 64, 6 + 6, as in 2001": as_in_2001("semi-linear 64, 6 + 6", 64, 64_000_000),
    "semi-linear 1000, 6 + 6, as in 2001": as_in_2001("semi-linear 1000, 6 + 6", 1000, 100_000_000),
    "quadratic 1000, as in 2001": as_in_2001("quadratic 1000", 1000, 10_000_000),
}

QUICK = (
    "boolean 256, reset",
    "boolean 256, continuous",
    "semi-linear 64, 6 + 6",
    "semi-linear 1000, 6 + 6",
    "quadratic 60",
    "semi-linear 64, 6 + 6, as in 2001",
)


def measure(row: Row, work: Work, effort: float = 1.0, runs: int | None = None) -> Record:
    """Derive and judge a row; the row's own figures are kept beside what came out."""
    record = derive_and_judge(
        work,
        row.family,
        row.network,
        schedule=row.schedule.scaled(effort),
        runs=runs or row.runs,
        together=row.together,
        gradient=row.gradient,
    )
    paper = {"epochs": row.epochs, "mse": row.mse, "cycles to learn": row.learned}
    return {**record, "paper": paper, "goal": row.goal}


def cells(quick: bool) -> dict[str, Cell]:
    if quick:  # the table's four rows, and one with the supervisor of 2001; one network each
        return {
            name: partial(measure, replace(ROWS[name], together=1), effort=0.02, runs=1)
            for name in QUICK
        }
    return {name: partial(measure, row) for name, row in ROWS.items()}


FIGURES: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "mse": lambda network: network["mse"]["value"],
    "after 30": lambda network: network["after"]["30"]["value"],
    "examples to learn": lambda network: network["examples_to_learn"],
    "ratio": lambda network: network["ratio"]["value"],
}
"""What a row can ask for, read from a judged network."""


def reached(network: dict[str, Any], goal: dict[str, float]) -> bool:
    """Whether a network reaches every figure that is asked for."""
    found = {name: FIGURES[name](network) for name in goal}
    return all(value is not None and value <= goal[name] for name, value in found.items())


def text(records: dict[str, Record]) -> str:
    rows = [
        [
            "row",
            "regime",
            "epochs, paper",
            "epochs, ours",
            "mse, paper",
            "mse, ours",
            "after 30",
            "oracle",
            "/ oracle",
            "to learn, paper",
            "to learn, ours",
            "asked",
            "reach it",
            "seconds",
        ]
    ]
    for name, record in records.items():
        runs, paper, goal = kept(record), record["paper"], record["goal"]
        ratios = [run["ratio"]["value"] for run in runs if run["ratio"]]
        alone = sum(reached(network, goal) for network in record["networks"])
        rows.append(
            [
                name,
                record["regime"],
                f"{paper['epochs']}",
                f"{record['epochs']:.0f}",
                f"{paper['mse']:g}",
                spread([run["mse"]["value"] for run in runs]),
                spread([run["after"]["30"]["value"] for run in runs]),
                f"{record['oracle']['mse']['value']:.3g}",
                spread(ratios) if ratios else "",
                f"{paper['cycles to learn'] or ''}",
                spread([run["examples_to_learn"] for run in runs]),
                ", ".join(f"{key} <= {most:.3g}" for key, most in goal.items()),
                f"{sum(reached(run, goal) for run in runs)} of {len(runs)} runs, "
                f"{alone} of {record['asked']} networks",
                f"{record['seconds']:.0f}",
            ]
        )
    return markdown(rows)


def draw(records: dict[str, Record], figure: Figure) -> None:
    """Each row's networks, the oracle and the paper's figure, on one logarithmic axis."""
    figure.set_size_inches(9, 1.2 + 0.5 * len(records))
    axes = figure.subplots()
    for place, record in enumerate(records.values()):
        networks = [network["mse"]["value"] for network in record["networks"]]
        runs = [run["mse"]["value"] for run in kept(record)]
        label = place == 0
        axes.scatter(
            networks, [place] * len(networks), s=14, color="0.7", label="a network" * label
        )
        axes.scatter(runs, [place] * len(runs), s=22, color="C3", label="kept of a run" * label)
        axes.scatter(
            record["oracle"]["mse"]["value"],
            place,
            marker="|",
            s=300,
            color="k",
            label="oracle" * label,
        )
        axes.scatter(
            record["paper"]["mse"], place, marker="x", color="C0", label="the paper" * label
        )
    axes.set(xscale="log", xlabel="mean squared error a step, whole streams")
    axes.set_yticks(range(len(records)), list(records))
    axes.invert_yaxis()
    axes.legend(fontsize=8)


PART = Part(
    name="table1",
    title="Table 1: performances of automatically derived LSTM-based learning networks",
    cells=cells,
    text=text,
    draw=draw,
)
