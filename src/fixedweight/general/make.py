"""Derive the general-purpose learners into the package, all or one; minutes on two cores.

python -m fixedweight.general.make
python -m fixedweight.general.make tabular-regression
"""

import sys
from pathlib import Path
from typing import Any

from fixedweight.families import TaskFamily
from fixedweight.general.tabular import Tabular, TabularLabels
from fixedweight.networks import LeastSquaresMemory, Network
from fixedweight.training import Schedule, Stage, derive
from fixedweight.training.derive import Progress

FOLDER = Path(__file__).parents[1] / "learners"
SCHEDULE = Schedule((Stage(64, 64, 3000), Stage(400, 16, 600)), learning_rate=0.05)
LEARNERS: dict[str, tuple[TaskFamily, Network, dict[str, Any]]] = {
    "tabular-regression": (
        Tabular(),
        LeastSquaresMemory(heads=2, features=32, hidden=24),
        {"schedule": SCHEDULE, "seeds": 1},
    ),
    "tabular-classification": (
        TabularLabels(),
        LeastSquaresMemory(heads=2, features=32, hidden=24),
        {"schedule": SCHEDULE, "seeds": 1},
    ),
}
"""Name -> the family, the network, and how it is derived."""


def shown(progress: Progress) -> None:
    print(f"{progress.update} / {progress.updates}, error {progress.best:.4f}", flush=True)


def main(names: list[str]) -> None:
    for name in names or LEARNERS:
        family, network, settings = LEARNERS[name]
        learner = derive(family, network, **settings, on_progress=shown)
        learner.save(FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1:])
