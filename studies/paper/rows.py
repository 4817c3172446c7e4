"""The rows of Table 1, in the regimes whose best possible error is known, and what is asked."""

from dataclasses import dataclass

from fixedweight import (
    LSTM1997,
    Boolean,
    Network,
    Quadratic,
    Schedule,
    Semilinear,
    Stage,
    Switching,
)
from fixedweight.families import TaskFamily


@dataclass(frozen=True)
class Row:
    family: TaskFamily
    network: Network
    schedule: Schedule
    goal: dict[str, float]
    """Figure -> the most it may be."""
    seed: int = 0


ROWS = {
    "boolean": Row(
        family=Boolean(),
        network=LSTM1997(),
        schedule=Schedule(
            (Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), learning_rate=0.1
        ),
        goal={"mse": 0.0043, "examples_to_learn": 10},
    ),
    "boolean-continuous": Row(
        family=Switching(Boolean(), every=256),
        network=LSTM1997(),
        schedule=Schedule(
            (
                Stage(20, 128, 600, hazard=0.0),
                Stage(64, 64, 3000, hazard=1 / 32),
                Stage(256, 64, 8000, hazard=1 / 128),
                Stage(1024, 64, 4000),
            ),
            learning_rate=0.05,
        ),
        goal={"mse": 0.0066},
    ),
    "semilinear": Row(
        family=Semilinear(),
        network=LSTM1997(),
        schedule=Schedule((Stage(20, 128, 1500), Stage(64, 256, 30000)), learning_rate=0.1),
        goal={"mse": 1.5 * 0.00215},
    ),
    "quadratic": Row(
        family=Quadratic(scale="task"),
        network=LSTM1997(blocks=12, second=40),
        schedule=Schedule((Stage(20, 128, 1000), Stage(60, 128, 8000))),
        goal={"after 30": 0.00068},
    ),
}
