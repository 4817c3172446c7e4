"""Derive the ready-made learners into the package, all or some; minutes on two cores.

python -m fixedweight.learners.make
python -m fixedweight.learners.make quadratic-2d tabular-regression
python -m fixedweight.learners.make --show       the table of their cards
"""

import sys
from dataclasses import dataclass, field, replace
from typing import Any

from fixedweight.evaluation import evaluate
from fixedweight.families import (
    Boolean,
    Linear,
    Noisy,
    Quadratic,
    Semilinear,
    Sinusoid,
    Switching,
    TaskFamily,
)
from fixedweight.learner import Learner
from fixedweight.learners import SHIPPED, load
from fixedweight.learners.tabular import Tabular, TabularLabels
from fixedweight.networks import LSTM1997, Gaussian, LeastSquaresMemory, Network
from fixedweight.training import Progress, Schedule, Stage, default_network, derive


@dataclass(frozen=True)
class Ready:
    """How a learner that ships is derived, and for what."""

    range: str
    """Where it may be used."""
    family: TaskFamily
    network: Network
    settings: dict[str, Any] = field(default_factory=dict)


def sure(range: str, family: TaskFamily) -> Ready:
    """The usual network, which says how sure it is, derived as usual."""
    return Ready(range, family, Gaussian(default_network(family)))


TABULAR = {
    "schedule": Schedule((Stage(64, 64, 3000), Stage(400, 16, 600)), learning_rate=0.05),
    "seeds": 1,
}
LEARNERS = {
    "boolean-2d": Ready(
        "inputs and targets 0 or 1, one function a stream", Boolean(length=64), LSTM1997()
    ),
    "boolean-2d-switching": Ready(
        "inputs and targets 0 or 1; the function changes unmarked, once in 50 examples",
        Switching(Boolean(length=64), hazard=1 / 50),
        default_network(Switching(Boolean(length=64), hazard=1 / 50)),
    ),
    "semilinear-2d": sure(
        "inputs in [-1, 1], targets in [0, 1] with noise of 0.03",
        Noisy(Semilinear(length=64), sd=0.03),
    ),
    "quadratic-2d": sure(
        "inputs in [-1, 1], coefficients in [-1, 1], noise of 0.085",
        Noisy(Quadratic(scale="none", length=60), sd=0.085),
    ),
    "quadratic-5d": sure(
        "inputs in [-1, 1], coefficients in [-1, 1], noise of 0.13",
        Noisy(Quadratic(inputs=5, scale="none", length=100), sd=0.126),
    ),
    "linear-20d": sure(
        "inputs and weights standard normal, noise of 0.5", Noisy(Linear(length=60), sd=0.5)
    ),
    "linear-5d-switching": sure(
        "inputs and weights standard normal, noise of 0.3; the weights change unmarked, once in 50",
        Switching(Noisy(Linear(inputs=5), sd=0.3), hazard=1 / 50),
    ),
    "sinusoid-1d": sure(
        "inputs in [-5, 5], amplitudes from 0.1 to 5, phases from 0 to pi, noise of 0.1",
        Noisy(Sinusoid(), sd=0.1),
    ),
    "tabular-regression": Ready(
        "any table of up to 20 columns, standardised on the way",
        Tabular(),
        LeastSquaresMemory(heads=2, features=32, hidden=24),
        TABULAR,
    ),
    "tabular-classification": Ready(
        "any table of up to 20 columns, standardised on the way; targets 0 or 1",
        TabularLabels(),
        LeastSquaresMemory(heads=2, features=32, hidden=24),
        TABULAR,
    ),
}
"""Name -> how it is derived."""


def made(name: str) -> Learner:
    one = LEARNERS[name]
    learner = derive(one.family, one.network, **one.settings, on_progress=shown)
    derivation = learner.card["derivation"]
    card = {
        "family": learner.card["family"],
        "derivation": {**derivation, "history": derivation["history"][-1:]},
        "evaluation": evaluate(learner, one.family),
        "range": one.range,
    }
    return replace(learner, card=card)


def shown(progress: Progress) -> None:
    print(f"{progress.update} / {progress.updates}, error {progress.best:.4f}", flush=True)


def table() -> str:
    """The cards of what ships, in short."""
    heads = ["name", "for", "error / oracle", "within 90 %", "weights", "bytes", "derived in"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for name in LEARNERS:
        card = load(name).card
        run, judged = card["derivation"], card["evaluation"]
        ratio = f"{judged['ratio']['value']:.2f}" if judged["ratio"] else "no oracle"
        within = judged.get("coverage", {}).get("all")
        lines.append(
            f"| `{name}` | {card['range']} | {ratio} | "
            f"{'%.1f %%' % (100 * within['value']) if within else ''} | {run['weights']} | "
            f"{(SHIPPED / f'{name}.safetensors').stat().st_size} | {run['seconds']:.0f} s |"
        )
    return "\n".join(lines)


def main(names: list[str]) -> None:
    if names == ["--show"]:
        print(table())
        return
    for name in names or LEARNERS:
        print(name, flush=True)
        made(name).save(SHIPPED / f"{name}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1:])
