"""How the supervisor differentiates."""

from collections.abc import Callable

from fixedweight.gradients.bptt import bptt
from fixedweight.gradients.gradient import Gradient, squared_error
from fixedweight.gradients.truncated1997 import truncated1997
from fixedweight.gradients.unroll import unroll
from fixedweight.networks import Network

GRADIENTS: dict[str, Callable[[Network], Gradient]] = {
    "bptt": bptt,
    "truncated1997": truncated1997,
}

__all__ = ["GRADIENTS", "Gradient", "bptt", "squared_error", "truncated1997", "unroll"]
