"""Arms to test on, within the box that learners are derived on and outside of it, as frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from studies.reacher.simulate import EXAMPLES, HIGH, INPUTS, LOW, NOISE, run, seen

WIDER = 2.0
"""Outside, a parameter is at most so many times the highest of the box, or as far below it."""
SETS, ARMS = 5, 60
#: First and last example, counted from 1, of each column of the tables.
SPANS = {
    "1": (1, 1),
    "2-5": (2, 5),
    "6-10": (6, 10),
    "11-20": (11, 20),
    "21-40": (21, 40),
    "6-20": (6, 20),
}
MOMENTS = ("angle_0", "angle_1", "velocity_0", "velocity_1", "torque_0", "torque_1")
COLUMNS = ("payload", "damping", "gear")


def inside(rng: np.random.Generator) -> np.ndarray:
    """Payload, damping and gear from the box."""
    return rng.uniform(LOW, HIGH)


def outside(rng: np.random.Generator) -> np.ndarray:
    """The same from a wider box, evenly in logarithms, at least one of them beyond the box."""
    while True:
        arm = np.exp(rng.uniform(np.log(LOW / WIDER), np.log(HIGH * WIDER)))
        if ((arm < LOW) | (arm > HIGH)).any():
            return arm


PLACES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "inside": inside,
    "outside": outside,
}


def arms(place: str) -> pd.DataFrame:
    """A row an example: `set`, `task`, `order`, the arm, the moment, `INPUTS`, `change` as it is
    and `target` as it is measured."""
    parts = []
    for number in range(SETS):
        rng = np.random.default_rng([2026, list(PLACES).index(place), number])
        for arm in range(ARMS):
            parameters = PLACES[place](rng)
            moments, changes = run(parameters, rng)
            part = pd.DataFrame(dict(zip(MOMENTS, moments.T, strict=True)))
            part = part.assign(**dict(zip(INPUTS, seen(moments).T, strict=True)))
            part = part.assign(**dict(zip(COLUMNS, parameters, strict=True)))
            part.insert(0, "set", number)
            part.insert(1, "task", f"{number}/{arm:02d}")
            part.insert(2, "order", np.arange(1, EXAMPLES + 1))
            part["change"] = changes
            part["target"] = changes + NOISE * rng.normal(size=EXAMPLES)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def framed(inputs: np.ndarray, targets: np.ndarray) -> pd.DataFrame:
    """Simulated tasks, inputs [task, time, input] and targets [task, time], as such a frame."""
    count, time = targets.shape
    frame = pd.DataFrame(inputs.reshape(count * time, -1), columns=list(INPUTS))
    task = np.repeat([f"t{i:04d}" for i in range(count)], time)
    frame.insert(0, "task", task)
    frame.insert(1, "group", task)
    frame.insert(2, "order", np.tile(np.arange(1, time + 1), count))
    frame["target"] = targets.ravel()
    return frame
