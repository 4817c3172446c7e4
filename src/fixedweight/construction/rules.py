"""Learning rules: what becomes of one unit's weights after one example.

A rule is one function in NumPy arithmetic. A rule of your own is written the same way:

    def update(x, y, delta, w, state):
        return w + 0.1 * delta * x - 0.001 * w, state

    decaying = Rule("decaying", update)

The built-in rules are functions of their rates that return such a `Rule`. There is nothing else to
a rule: the reference learner runs the function, the compiler traces it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import InputError

Update = Callable[[Any, Any, Any, Any, dict[str, Any]], tuple[Any, dict[str, Any]]]
"""(x [source], y, delta, w [source], state) -> (new w, new state), for one unit and one example.

x: what the unit received; y: its activity; delta: its error. Sums, differences, products,
quotients, whole powers, `@`, `np.outer`, tanh and the functions of `graph.FUNCTIONS`; no branches.
"""


def no_state(sources: int) -> dict[str, np.ndarray]:
    return {}


@dataclass(frozen=True)
class Rule:
    """newW = f(x, y, delta, oldW), with what else the rule remembers from example to example."""

    name: str
    update: Update
    state: Callable[[int], dict[str, np.ndarray]] = no_state
    """Sources of a unit -> what the rule remembers for it before the first example."""
    slope: bool = True
    """Whether the error of an output unit is multiplied by its slope; without, it is target - y."""


def lms(rate: float = 0.1) -> Rule:
    """Widrow and Hoff's delta rule: w <- w + rate (target - y) x."""
    _check(rate=rate)
    return Rule("lms", lambda x, y, delta, w, state: (w + rate * delta * x, state), slope=False)


def backpropagation(rate: float = 0.1) -> Rule:
    """Stochastic gradient descent on half the squared error: w <- w + rate delta x."""
    _check(rate=rate)
    return Rule("backpropagation", lambda x, y, delta, w, state: (w + rate * delta * x, state))


def momentum(rate: float = 0.05, keep: float = 0.9) -> Rule:
    """Backpropagation with momentum: v <- keep v + rate delta x, w <- w + v."""
    _check(rate=rate, keep=keep)

    def update(x: Any, y: Any, delta: Any, w: Any, state: dict[str, Any]) -> Any:
        v = keep * state["v"] + rate * delta * x
        return w + v, {"v": v}

    return Rule("momentum", update, lambda sources: {"v": np.zeros(sources)})


def normalised_lms(rate: float = 0.5, floor: float = 0.1) -> Rule:
    """w <- w + rate (target - y) x / (floor + |x|^2). The quotient needs a reciprocal unit."""
    _check(rate=rate, floor=floor)

    def update(x: Any, y: Any, delta: Any, w: Any, state: dict[str, Any]) -> Any:
        return w + rate * delta * x / (floor + x @ x), state

    return Rule("normalised_lms", update, slope=False)


def recursive_least_squares(prior: float = 10.0, noise: float = 1.0, keep: float = 1.0) -> Rule:
    """Recursive least squares with forgetting factor `keep`; needs a reciprocal unit.

        k = P x / (keep noise + x^T P x),  w <- w + k (target - y),  P <- (P - k x^T P) / keep

    P = prior * identity before the first example: the variance of a weight beside that of the
    targets' noise. Every unit keeps a P of its own.
    """
    _check(prior=prior, noise=noise, keep=keep)

    def update(x: Any, y: Any, delta: Any, w: Any, state: dict[str, Any]) -> Any:
        p = state["P"]
        px = p @ x
        gain = px / (keep * noise + x @ px)
        return w + gain * delta, {"P": (p - np.outer(gain, px)) / keep}

    return Rule(
        "recursive_least_squares",
        update,
        lambda sources: {"P": prior * np.eye(sources)},
        slope=False,
    )


def hebb(rate: float = 0.001) -> Rule:
    """Hebb's rule: w <- w + rate y x. Nothing bounds w: keep rate times examples small."""
    _check(rate=rate)
    return Rule("hebb", lambda x, y, delta, w, state: (w + rate * y * x, state))


def oja(rate: float = 0.01) -> Rule:
    """Oja's rule: w <- w + rate y (x - y w), towards the first principal component of x."""
    _check(rate=rate)
    return Rule("oja", lambda x, y, delta, w, state: (w + rate * y * (x - y * w), state))


RULES: dict[str, Callable[..., Rule]] = {
    rule.__name__: rule
    for rule in (lms, backpropagation, momentum, normalised_lms, recursive_least_squares, hebb, oja)
}


def _check(**rates: float) -> None:
    for name, value in rates.items():
        if not 0 < value < float("inf"):
            raise InputError(f"Expected a positive, finite {name}, got {value}.")
