"""How the supervisor differentiates."""

from collections.abc import Callable

from fixedweight.gradients.bptt import bptt
from fixedweight.gradients.gradient import Gradient, squared_error
from fixedweight.gradients.one_step import one_step
from fixedweight.gradients.truncated1997 import truncated1997
from fixedweight.gradients.unroll import unroll
from fixedweight.networks import Network

GRADIENTS: dict[str, Callable[[Network], Gradient]] = {
    "bptt": bptt,
    "one_step": one_step,
    "truncated1997": truncated1997,
}

__all__ = ["GRADIENTS", "Gradient", "bptt", "one_step", "squared_error", "truncated1997", "unroll"]
