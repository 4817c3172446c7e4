"""How the supervisor differentiates."""

from collections.abc import Callable

from fixedweight.errors import InputError
from fixedweight.gradients.bptt import bptt
from fixedweight.gradients.gradient import Gradient, OneExample, squared_error, weighted_mean
from fixedweight.gradients.one_step import one_step
from fixedweight.gradients.rtrl import rtrl
from fixedweight.gradients.snap1 import snap1
from fixedweight.gradients.tbptt import tbptt
from fixedweight.gradients.traces1997 import traces1997
from fixedweight.gradients.truncated1997 import truncated1997
from fixedweight.gradients.unroll import errors, unroll
from fixedweight.networks import Network

GRADIENTS: dict[str, Callable[[Network], Gradient]] = {
    "bptt": bptt,
    "tbptt": tbptt,
    "rtrl": rtrl,
    "snap1": snap1,
    "truncated1997": truncated1997,
    "traces1997": traces1997,
    "one_step": one_step,
}


def gradient_for(network: Network, name: str) -> Gradient:
    """The algorithm of that name, for a network; "tbptt:32" goes back 32 steps.

    Raises:
        InputError: no such name.
        NetworkError: it is not defined for the network.
    """
    kind, _, steps = name.partition(":")
    if kind == "tbptt" and steps.isdecimal():
        return tbptt(network, int(steps))
    if name not in GRADIENTS:
        raise InputError(
            f"Expected a gradient among {', '.join(GRADIENTS)} or tbptt:STEPS, got {name!r}."
        )
    return GRADIENTS[name](network)


__all__ = [
    "GRADIENTS",
    "Gradient",
    "OneExample",
    "bptt",
    "errors",
    "gradient_for",
    "one_step",
    "rtrl",
    "snap1",
    "squared_error",
    "tbptt",
    "traces1997",
    "truncated1997",
    "unroll",
    "weighted_mean",
]
