"""Whether a step may write its new state over the old one."""

from collections.abc import Iterator

from fixedweight.kernels.emit import Function
from fixedweight.kernels.places import offset_of, space_of
from fixedweight.kernels.program import Map

Moment = tuple[int, int, int]
"""A loop, a turn of it, a statement in it."""


def in_place(function: Function) -> bool:
    """Whether no number of the state before is read after its place in the state after is stored.

    In one loop that is known of one turn only, in which statements follow each other.
    """
    stored = _stored(function)
    for moment, number in _reads(function):
        if number in stored:
            then = stored[number]
            loop = function.groups[then[0]] if then[0] < len(function.groups) else []
            same_turn = moment[:2] == then[:2] and bool(loop) and isinstance(loop[0], Map)
            if moment[0] > then[0] or (moment[0] == then[0] and not same_turn):
                return False
            if same_turn and moment[2] > then[2]:
                return False
    return True


def _stored(function: Function) -> dict[int, Moment]:
    """When each number of the state after is stored."""
    stored: dict[int, Moment] = {}
    for i, places in function.stores.places.items():
        for place in places:
            if space_of(place) == "N" and place != function.where[i]:
                stored[offset_of(place)] = (len(function.groups), 0, 0)  # by copies, at the end
    for loop, group in enumerate(function.groups):
        for at, statement in enumerate(group):
            for turn, place in enumerate(function.where[statement.out].tolist()):
                if space_of(place) == "N":
                    stored[offset_of(place)] = (loop, turn, at)
    return stored


def _reads(function: Function) -> Iterator[tuple[Moment, int]]:
    """When which number of the state before is read."""
    for loop, group in enumerate(function.groups):
        for at, statement in enumerate(group):
            for arg in statement.args:
                for turn, places in enumerate(function.where[arg].reshape(len(arg), -1).tolist()):
                    for place in places:
                        if space_of(place) == "S":
                            yield (loop, turn, at), offset_of(place)
    for i, places in function.stores.places.items():
        place = int(function.where[i])
        if space_of(place) == "S":
            for other in places:
                if offset_of(other) != offset_of(place) or space_of(other) != "N":
                    yield (len(function.groups), 0, 1), offset_of(place)
