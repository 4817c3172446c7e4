"""Derive the learners of the paper's three sets, and probe their states."""

from dataclasses import replace
from typing import Any

import numpy as np

from fixedweight.families import Boolean, Quadratic, Semilinear
from fixedweight.networks import LSTM1997
from fixedweight.parts.part import Record, Work
from fixedweight.probing import (
    Recording,
    countdown,
    decode,
    record,
    regress,
    shuffled,
    untrained,
)
from fixedweight.training import Schedule, Stage

SMALLEST = 0.1
"""A signal that falls by less, of a gate's range of 1, is not counted as one that falls as 1/n."""
SEEDS = 3

LEARNERS: dict[str, tuple[Boolean | Semilinear | Quadratic, LSTM1997, Schedule]] = {
    "boolean": (
        Boolean(),
        LSTM1997(),
        Schedule((Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), 0.1),
    ),
    "semilinear": (
        Semilinear(),
        LSTM1997(),
        Schedule((Stage(20, 128, 600), Stage(64, 128, 6000)), 0.1),
    ),
    "quadratic": (
        Quadratic(),
        LSTM1997(blocks=12, second=40),
        Schedule((Stage(20, 128, 1000), Stage(60, 128, 4000))),
    ),
}


def measure(name: str, quick: bool, work: Work) -> Record:
    family, network, schedule = LEARNERS[name]
    seeds, streams = SEEDS, 1500
    if quick:
        seeds, streams = 2, 300
        family = replace(family, length=20)
        network = replace(network, second=min(network.second, 6))
        schedule = Schedule(schedule.stages[:1], schedule.learning_rate).scaled(0.3)
    learners = work.derive_seeds(family, network, schedule=schedule, seeds=seeds)
    probe = _decoded if name == "boolean" else _regressed
    records = []
    for i, learner in enumerate(learners):
        work.say(f"probing learner {i + 1} of {len(learners)}")
        seen = record(learner, family, streams=streams)
        control = record(untrained(learner, seed=i), family, streams=streams)
        states = {"trained": seen, "untrained": control, "shuffled": shuffled(seen)}
        records.append(
            {"validation": learner.card["derivation"]["validation_error"]}
            | {kind: probe(one) for kind, one in states.items()}
            | {
                f"falling {kind}": _fallen(one, network, gates)
                for kind, one, gates in (
                    ("trained", seen, False),
                    ("untrained", control, False),
                    ("trained, input gates", seen, True),
                )
            }
        )
    return {"family": family.describe(), "schedule": schedule.plain(),
            "learners": records}  # fmt: skip


def _decoded(seen: Recording) -> Record:
    found, rows = decode(seen), seen.after(None)
    same = (rows.tasks[:, None] == found.tasks).all(axis=-1)
    return {
        "accuracy": _plain(found.accuracy),
        "needed": found.needed,
        "units": found.units[found.best - 1],
        "distinct": found.distinct,
        "linear": found.linear,
        "codes": found.codes.tolist(),
        "tasks": found.tasks.astype(int).tolist(),
        "cells": _plain([rows.values[mask].mean(axis=0) for mask in same.T]),
    }


def _regressed(seen: Recording) -> Record:
    found = regress(seen)
    return {
        "examples": found.examples,
        "r2": _plain(found.r2),
        "explained": found.explained,
        **found.dimension._asdict(),
    }


def _fallen(seen: Recording, network: LSTM1997, input_gates: bool) -> Record | None:
    """The best fit of level + height / n among the signals that fall by enough to matter."""
    for one in countdown(seen):
        name = _named(one.signal, network)
        if abs(one.height) >= SMALLEST and (name.startswith("input gate") or not input_gates):
            return {**vars(one), "signal": name, "mean": _plain(one.mean)}
    return None


def _named(signal: str, network: LSTM1997) -> str:
    name, unit = signal[:-1].split("[")
    if name == "gates":
        number = int(unit)
        side = "input" if number < network.blocks else "output"
        return f"{side} gate {number % network.blocks}"
    kind = {"cells": "cell", "cell_outputs": "output of cell", "hidden": "standard unit",
            "second": "second-layer unit"}[name]  # fmt: skip
    return f"{kind} {unit}"


def _plain(values: Any) -> Any:
    return np.asarray(values, dtype=float).round(5).tolist()
