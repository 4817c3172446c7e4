"""A family from a simulator in plain NumPy, or in anything else that Python can call.

What JAX cannot compile is simulated beforehand: a number of tasks, of which some are held out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import FamilyError
from fixedweight.families.table import Table, filled, hold_out

SECONDS = 60.0
"""Simulation may take so long where nobody says how many tasks to draw."""
FEWEST, MOST = 64, 8192
"""Tasks that are drawn then, at least and at most."""
HELD_OUT = 0.1
"""Shares of tasks to choose by and to judge on."""

Simulate = Callable[[np.random.Generator], Any]
"""From a random generator to the inputs [time, input] and targets [time] (or [time, target]) of one
task. A target that is NaN is one that nobody tells."""


@dataclass(frozen=True, eq=False)
class Simulated(Table):
    """Series that a simulator has drawn; made by `simulated`."""

    label: str = "simulated"
    seed: int = 0
    seconds: float = 0.0
    """How long it took."""

    @property
    def name(self) -> str:
        return self.label

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"x{i + 1}" for i in range(self.input_size))

    @property
    def target_names(self) -> tuple[str, ...]:
        return ("y",) if self.target_size == 1 else super(Table, self).target_names

    def describe(self) -> dict[str, Any]:
        return {"family": self.name, "tasks": len(self.tasks), "seed": self.seed}


def simulated(
    simulate: Simulate, tasks: int | None = None, *, seed: int = 0, label: str | None = None
) -> Simulated:
    """Draw tasks from `simulate(rng) -> (inputs, targets)`, and hold a fifth of them out.

        def simulate(rng):
            x = rng.uniform(-1.0, 1.0, (30, 1))
            slope = rng.normal()
            return x, slope * x[:, 0] + 0.1 * rng.normal(size=30)

        learner = fw.derive(fw.simulated(simulate))

    Args:
        tasks: how many; as many as a minute allows by default, a power of two from 64 to 8192.
        seed: of the simulation, task by task: more tasks begin with the same ones.
        label: what the family is called; the function's name by default.

    Raises:
        FamilyError: fewer than 10 tasks are asked for, or `simulate` fails, or what it returns is
            not finite or of another shape.
    """
    if tasks is not None and tasks < 10:
        raise FamilyError(f"Expected at least 10 simulated tasks, got {tasks}.")
    name = label or getattr(simulate, "__name__", "simulated")
    began = warm = time.monotonic()
    drawn = []
    while tasks is None or len(drawn) < tasks:
        drawn.append(_one(simulate, name, seed, len(drawn)))
        if len(drawn) == 1:
            warm = time.monotonic()  # the first call may have loaded and compiled
        if tasks is None and len(drawn) == FEWEST // 4:
            room = SECONDS * (len(drawn) - 1) / max(time.monotonic() - warm, 1e-9)
            tasks = 2 ** int(np.log2(np.clip(room, FEWEST, MOST)))
    sizes = {(x.shape[1], y.shape[1]) for x, y in drawn}
    if len(sizes) > 1:
        raise FamilyError(
            f"Expected examples of one size from {name!r}, got {sorted(sizes)} numbers in an input "
            "and a target."
        )
    labels = tuple(map(str, range(len(drawn))))
    family = Simulated(
        **filled(drawn),
        tasks=labels,
        parts=hold_out(labels, HELD_OUT, HELD_OUT, seed),
        columns={},
        described=(),
        label=name,
        seed=seed,
        seconds=time.monotonic() - began,
    )
    family.scaling()
    return family


def _one(simulate: Simulate, name: str, seed: int, task: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [time, input] and targets [time, target] of a task."""
    try:
        found = simulate(np.random.default_rng([seed, task]))
    except Exception as error:
        raise FamilyError(
            f"Expected {name!r} to simulate a task from a numpy.random.Generator, but it raised "
            f"{type(error).__name__}: {error}"
        ) from error
    try:
        inputs, targets = found
        x, y = np.asarray(inputs, dtype=float), np.asarray(targets, dtype=float)
    except (TypeError, ValueError) as error:
        raise FamilyError(
            f"Expected inputs and targets, two arrays of numbers, from {name!r}, got "
            f"{type(found).__name__}."
        ) from error
    y = y[:, None] if y.ndim == 1 else y
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or 0 in (x.size, y.size):
        raise FamilyError(
            f"Expected inputs [time, input] and targets [time] or [time, target] from {name!r}, "
            f"got shapes {np.shape(inputs)} and {np.shape(targets)}."
        )
    if not np.isfinite(x).all() or np.isinf(y).any():
        raise FamilyError(
            f"Expected finite numbers from {name!r}, got others in task {task} of seed {seed}."
        )
    return x, y
