"""How long work takes on this machine, and how much of it fits a time."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from fixedweight.errors import InputError

SOME = 0.3
"""Seconds of updates by which a pace is told."""
ROOM = 0.9
"""Of the time left, the share that is planned with: a machine is not always as fast."""
LEAST = 1e-6


class Pace(NamedTuple):
    """Of one stage, in seconds."""

    once: float
    """To compile it."""
    whole: float
    """All its updates, and looks at the validation error."""


def seconds(work: Callable[..., Any], *given: Any) -> float:
    """That a call takes, results and all."""
    began = time.monotonic()
    jax.block_until_ready(work(*given))
    return time.monotonic() - began


def measured(
    advance: Callable[[int], Any], look: Callable[[], Any], draws: int, looks: int
) -> Pace:
    """The pace of a stage, told by some of its draws, which are thrown away.

    Args:
        advance: so many draws.
        look: at the validation error.
        draws, looks: that the whole stage takes.
    """
    first = seconds(advance, 1) + seconds(look)
    some, took = 1, seconds(advance, 1)
    while took < SOME and some < draws:
        some = min(draws, 4 * some)
        took = seconds(advance, some)
    return Pace(first, draws * took / some + looks * seconds(look))


def share(paces: Sequence[Pace], left: float) -> float:
    """The share of all updates that fits into `left` seconds; above 0, and 1 at most."""
    once, whole = (sum(values) for values in zip(*paces, strict=True))
    return min(1.0, max(LEAST, ROOM * (left - once) / whole))


class Clock:
    """Does one piece of work after the other while another is likely to end within the time."""

    def __init__(self, minutes: float | None) -> None:
        self.began, self.most = time.monotonic(), 60.0 * minutes if minutes else float("inf")
        self.longest, self.left_out = 0.0, 0

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def within(self, works: Sequence[Callable[[], Any]]) -> list[Any]:
        """What as many of them gave as there was time for, in order."""
        found = []
        for work in works:
            before = self.elapsed()
            if self.longest and before + self.longest > self.most:
                self.left_out += len(works) - len(found)
                break
            found.append(work())
            self.longest = max(self.longest, self.elapsed() - before)
        return found


def check_minutes(minutes: float | None) -> None:
    """Whether they are a bound at all, or none."""
    if minutes is not None and not 0 < minutes < float("inf"):
        raise InputError(f"Expected more than 0 minutes, got {minutes}.")
