"""Where the numbers of a step are: arrays by name, and places in them."""

from dataclasses import dataclass, field

import numpy as np

SPACES = ("P", "U", "K", "X", "S", "N", "T", "M", "DN", "DY", "DS", "DX", "R", "A")
"""Arrays of a step by name: parameters, uniforms, constants; inputs, state before and after, tape,
scratch; cotangents of the state after, the outputs, the state before and the inputs; records for
the matrix products of the parameters' gradient, and gradients summed directly."""

SCALAR = {"P", "U", "K"}
SHIFT = 40
OFFSET = (1 << SHIFT) - 1


def space_of(place: int) -> str:
    """The array of a place."""
    return SPACES[int(place) >> SHIFT] if place >= 0 else ""


def offset_of(place: int) -> int:
    """Where in its array a place is."""
    return int(place) & OFFSET


def location(space: str, offset: int | np.ndarray) -> np.ndarray:
    """A place in an array as one number, so that runs of places are arithmetic progressions."""
    return np.asarray((SPACES.index(space) << SHIFT) + np.asarray(offset, dtype=np.int64))


@dataclass
class Stores:
    """Where results must go: id -> places. Ids of lanes may be read back from all but A."""

    places: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, *groups: tuple[np.ndarray, str]) -> "Stores":
        stores = cls()
        for ids, space in groups:
            stores.add(ids, space)
        return stores

    def add(self, ids: np.ndarray, space: str, first: int = 0) -> None:
        flat = ids.reshape(-1)
        for i, place in zip(flat, location(space, first + np.arange(flat.size)), strict=True):
            self.places.setdefault(int(i), []).append(int(place))


@dataclass
class Constants:
    """A table of constants that loops step through, K by name."""

    space: str = "K"
    values: list[float] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)

    def place(self, values: np.ndarray) -> np.ndarray:
        key = values.tobytes()
        if key not in self.known:
            self.known[key] = len(self.values)
            self.values.extend(values.tolist())
        return location(self.space, self.known[key] + np.arange(values.size))
