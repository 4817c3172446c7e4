"""The families that learners are derived on, wider than what they are tested on.

    fixedweight derive --simulator studies/drift/family.py:concepts

An example has three attributes of three values each, as indicators, nine numbers. A concept is a
conjunction or a disjunction of tests of one to three attributes, each whether the attribute is
among one or two of its values: 666 different ones. Those of STAGGER (Schlimmer and Granger 1986)
are three of them, of prior chances 1/648, 1/648 and 1/54.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from fixedweight.families import Boolean, Family, Recurring, Switching, TaskFamily

ATTRIBUTES, VALUES = 3, 3
CELLS = np.array(list(product(range(VALUES), repeat=ATTRIBUTES)))
"""[cell, attribute]: every example there can be."""
ONE_HOT = np.eye(VALUES)[CELLS].reshape(len(CELLS), ATTRIBUTES * VALUES)
"""[cell, indicator]"""
SUBSETS = [s for size in (1, 2) for s in combinations(range(VALUES), size)]
STAGGER = np.stack(
    [
        (CELLS[:, 0] == 0) & (CELLS[:, 1] == 0),  # small and red
        (CELLS[:, 1] == 2) | (CELLS[:, 2] == 0),  # green or a circle
        CELLS[:, 0] != 0,  # medium or large
    ]
).astype(np.float64)
"""[concept, cell], size, colour and shape numbered as River does."""


@cache
def all_concepts() -> tuple[np.ndarray, np.ndarray]:
    """Every concept's targets [concept, cell] and its chance [concept]: one, two or three tests are
    as likely, then the attributes, their subsets, and whether all tests must hold or any."""
    chance: dict[tuple[float, ...], float] = {}
    for count in range(1, ATTRIBUTES + 1):
        chosen = list(combinations(range(ATTRIBUTES), count))
        ways = ATTRIBUTES * len(chosen) * len(SUBSETS) ** count * 2
        for attributes, subsets in product(chosen, product(SUBSETS, repeat=count)):
            tests = [np.isin(CELLS[:, a], s) for a, s in zip(attributes, subsets, strict=True)]
            for concept in (np.all(tests, axis=0), np.any(tests, axis=0)):
                row = tuple(concept.astype(float))
                chance[row] = chance.get(row, 0.0) + 1 / ways
    return np.array(list(chance)), np.array(list(chance.values()))


@dataclass(frozen=True)
class Concepts(Family):
    """One concept a stream, examples any of the 27 as likely; targets are 0 or 1."""

    without_stagger: bool = False
    """Whether STAGGER's three are left out."""
    length: int = 100

    @property
    def name(self) -> str:
        return "concepts"

    @property
    def input_size(self) -> int:
        return ATTRIBUTES * VALUES

    @property
    def input_names(self) -> tuple[str, ...]:
        names = ("size", "color", "shape")
        return tuple(f"{name}={value}" for name in names for value in range(VALUES))

    @property
    def examples(self) -> int:
        return self.length

    @property
    def unit_targets(self) -> bool:
        return True

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """The targets [concept, cell] of the concepts that are drawn, and their chances."""
        tables, chance = all_concepts()
        if self.without_stagger:
            kept = ~(tables[:, None] == STAGGER).all(axis=-1).any(axis=-1)
            tables, chance = tables[kept], chance[kept]
        return tables, chance / chance.sum()

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " cell"]:
        tables, chance = self.known()
        number = jax.random.choice(key, len(tables), p=jnp.asarray(chance))
        return jnp.asarray(tables, dtype=jnp.float32)[number]

    def draw_inputs(
        self, key: PRNGKeyArray, task: Float[Array, " cell"], length: int
    ) -> Float[Array, "time input"]:
        cell = jax.random.randint(key, (length,), 0, len(CELLS))
        return jnp.asarray(ONE_HOT, dtype=jnp.float32)[cell]

    def target(self, task: Float[Array, " cell"], x: Float[Array, " input"]) -> Float[Array, ""]:
        return task[cell_of(x, jnp)]


def cell_of(x, xp=np) -> Int[Array, "..."]:
    """The number of an example's cell, from its indicators [..., indicator]."""
    values = x.reshape((*x.shape[:-1], ATTRIBUTES, VALUES)).argmax(axis=-1)
    return (values * xp.asarray([9, 3, 1])).sum(axis=-1)


def concepts() -> TaskFamily:
    """Two to six concepts a stream, which come back, at a pace of its own."""
    return Recurring(Concepts())


def without_stagger() -> TaskFamily:
    """The same without STAGGER's three."""
    return Recurring(Concepts(without_stagger=True))


def fresh_concepts() -> TaskFamily:
    """Every change brings another concept."""
    return Switching(Concepts(), hazard=1 / 50)


def boolean_maps() -> TaskFamily:
    """Any of the 16 maps of two inputs, changed by chance every 50 examples."""
    return Switching(Boolean(), hazard=1 / 50)
