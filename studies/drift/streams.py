"""The streams of the test: River's STAGGER and the paper's Boolean maps, changed without a mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from studies.drift.family import CELLS, ONE_HOT, STAGGER, cell_of

BOOLEAN_INPUTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
"""[cell, input], the first input lowest, as in `fixedweight.families.Boolean`."""
BOOLEAN = (np.arange(16)[:, None] >> np.arange(4)) & 1
"""[map, cell]"""
OUTSIDE = np.stack(
    [
        (CELLS[:, 0] == 0) != (CELLS[:, 1] == 0),  # either small or red
        ((CELLS == 0) * 1).sum(axis=1) >= 2,  # at least two of small, red and a circle
        (CELLS[:, 0] == CELLS[:, 1]),  # size and colour of the same number
    ]
).astype(np.float64)
"""[concept, cell]: no conjunction or disjunction of tests of single attributes."""


class Streams(NamedTuple):
    """Several streams of one condition, all of one length."""

    inputs: np.ndarray
    """[stream, time, input]"""
    targets: np.ndarray
    """[stream, time], what is told and judged"""
    order: np.ndarray
    """[stream, time], how many examples since the last change, from 1"""


@dataclass(frozen=True)
class Condition:
    """How streams are made.

    Args:
        label: what it is called.
        draw: (changes, examples from one to the next, generator) -> concept numbers in turn.
        every: examples from one change to the next.
        changes: concepts in turn in one stream.
        flip: chance that a label is told, and judged, the other way round.
        concepts: targets [concept, cell].
    """

    label: str
    every: int
    changes: int
    concepts: np.ndarray
    flip: float = 0.0
    river: bool = False
    """Whether River draws the examples: its STAGGER, chained."""

    @property
    def boolean(self) -> bool:
        return self.concepts.shape[1] == 4

    def streams(self, count: int, seed: int = 0) -> Streams:
        """`count` streams, each of a seed of its own."""
        each = [self._one(np.random.default_rng((seed, i))) for i in range(count)]
        inputs, targets = (np.stack(parts) for parts in zip(*each, strict=True))
        order = np.tile(np.arange(self.every) + 1, (count, self.changes))
        return Streams(inputs, targets, order)

    def _one(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        turns = in_turn(len(self.concepts), self.changes, rng)
        if self.river:
            inputs, targets = _river(turns, self.every, int(rng.integers(2**31)))
        else:
            cell = rng.integers(self.concepts.shape[1], size=(self.changes, self.every))
            inputs = (BOOLEAN_INPUTS if self.boolean else ONE_HOT)[cell.ravel()]
            targets = self.concepts[turns[:, None], cell].ravel().astype(np.float64)
        flipped = rng.random(len(targets)) < self.flip
        return inputs, np.where(flipped, 1.0 - targets, targets)


def in_turn(concepts: int, changes: int, rng: np.random.Generator) -> np.ndarray:
    """Concept numbers, each another than the one before, any other as likely."""
    steps = rng.integers(1, concepts, size=changes)
    steps[0] = rng.integers(concepts)
    return np.cumsum(steps) % concepts


def _river(turns: np.ndarray, every: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from river.datasets import synth

    rows = [
        (x["size"], x["color"], x["shape"], y)
        for i, concept in enumerate(turns)
        for x, y in synth.STAGGER(int(concept), seed=seed + i).take(every)
    ]
    values = np.array(rows)
    inputs = np.eye(3)[values[:, :3]].reshape(len(values), -1)
    return inputs, values[:, 3].astype(np.float64)


CONDITIONS = {
    "stagger-50": Condition("STAGGER, every 50", 50, 40, STAGGER, river=True),
    "stagger-200": Condition("STAGGER, every 200", 200, 12, STAGGER, river=True),
    "stagger-20": Condition("STAGGER, every 20", 20, 100, STAGGER, river=True),
    "flipped-5": Condition("STAGGER, every 50, 5 % flipped", 50, 40, STAGGER, 0.05, river=True),
    "flipped-10": Condition("STAGGER, every 50, 10 % flipped", 50, 40, STAGGER, 0.1, river=True),
    "outside": Condition("concepts outside the family, every 50", 50, 40, OUTSIDE),
    "boolean-50": Condition("16 Boolean maps, every 50", 50, 40, BOOLEAN),
}
Predict = Callable[[Streams], np.ndarray]
"""From streams to the chance of 1 [stream, time], each before its target is told."""


def cells(streams: Streams) -> np.ndarray:
    """[stream, time]"""
    if streams.inputs.shape[-1] == 2:
        return (streams.inputs @ [1, 2]).astype(int)
    return np.asarray(cell_of(streams.inputs))
