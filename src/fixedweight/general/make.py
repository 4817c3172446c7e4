"""Derive a general-purpose learner into the package.

    python -m fixedweight.general.make tabular-regression
    python -m fixedweight.general.make tabular-classification
"""

import sys
from pathlib import Path
from typing import Any

from fixedweight.families import TaskFamily
from fixedweight.general.tabular import Tabular, TabularLabels
from fixedweight.networks import LeastSquaresMemory, Network
from fixedweight.training import Schedule, Stage, derive

FOLDER = Path(__file__).parents[1] / "learners"
SCHEDULE = Schedule((Stage(64, 64, 1500), Stage(200, 32, 500)), learning_rate=0.05)
LEARNERS: dict[str, tuple[TaskFamily, Network, dict[str, Any]]] = {
    "tabular-regression": (
        Tabular(),
        LeastSquaresMemory(heads=2, features=26, hidden=16),
        {"schedule": SCHEDULE, "seeds": 1},
    ),
    "tabular-classification": (
        TabularLabels(),
        LeastSquaresMemory(heads=2, features=26, hidden=16),
        {"schedule": SCHEDULE, "seeds": 1},
    ),
}
"""Name -> the family, the network, and how it is derived."""


def main(names: list[str]) -> None:
    for name in names or LEARNERS:
        family, network, settings = LEARNERS[name]
        learner = derive(family, network, **settings, on_progress=lambda p: print(p.update, p.updates, int(p.steps_per_second), float(p.best), int(p.seconds_left), flush=True))
        learner.save(FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1:])
