"""From the linear part of a family to its target: invertible and odd about 0, but for a constant.

Beside its value a link knows its mean over an interval, in which a segment of parameters is
averaged exactly.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


class Link(ABC):
    """y = g(z), strictly increasing, with g(z) - g(0) odd."""

    @abstractmethod
    def value(self, z: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
        """g(z)."""

    @abstractmethod
    def mean(
        self, a: Float[np.ndarray, "*axes"], b: Float[np.ndarray, "*axes"]
    ) -> Float[np.ndarray, "*axes"]:
        """The mean of g over the interval between a and b: int_a^b g(z) dz / (b - a)."""


@dataclass(frozen=True)
class Linear(Link):
    """g(z) = gain z + offset, with a positive gain."""

    gain: float = 1.0
    offset: float = 0.0

    def value(self, z: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
        return self.gain * z + self.offset

    def mean(
        self, a: Float[np.ndarray, "*axes"], b: Float[np.ndarray, "*axes"]
    ) -> Float[np.ndarray, "*axes"]:
        return self.value(0.5 * (a + b))


NARROW = 1e-4
"""Below this width the mean over an interval is the value at its middle, but for width^2 / 24."""


@dataclass(frozen=True)
class HalfTanh(Link):
    """g(z) = (1 + tanh z) / 2, whose mean is 1/2 + (log cosh b - log cosh a) / (2 (b - a))."""

    def value(self, z: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
        return 0.5 + 0.5 * np.tanh(z)

    def mean(
        self, a: Float[np.ndarray, "*axes"], b: Float[np.ndarray, "*axes"]
    ) -> Float[np.ndarray, "*axes"]:
        width = b - a
        narrow = np.abs(width) < NARROW
        wide = 0.5 + 0.5 * (_log_cosh(b) - _log_cosh(a)) / np.where(narrow, 1.0, width)
        return np.where(narrow, self.value(0.5 * (a + b)), wide) if narrow.any() else wide


def _log_cosh(z: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """log cosh z + log 2, written so that no z overflows."""
    size = np.abs(z)
    return size + np.log1p(np.exp(-2.0 * size))
