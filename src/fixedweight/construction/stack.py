"""The conventional network: a feed-forward stack of units, in plain NumPy arithmetic.

Every function here takes arrays of numbers, or object arrays of `symbols.Form`: what the reference
learner runs is what the compiler traces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import logistic

SLOPES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda a: np.ones(len(a)),
    "tanh": lambda a: 1.0 - a * a,
    "logistic": lambda a: a * (1.0 - a),
}
"""Activation -> its slope, from the activity a = f(net)."""


@dataclass(frozen=True)
class Stack:
    """Layers of units, each joined to all of the layer below and, with `bias`, to a constant 1.

        a_0 = features(x),   a_l = f_l(W_l [a_{l-1}, 1]),   prediction = a_L

    Args:
        sizes: inputs, hidden layers from below, outputs; (1, 1) is a single synapse.
        activation: f of the hidden units.
        output: f of the output units.
        bias: whether each unit also has a weight from a constant 1.
        features: what the first layer sees: the inputs, or these and all their products by two.

    Raises:
        NetworkError: fewer than two sizes, a size below 1, or an unknown activation.
    """

    sizes: tuple[int, ...]
    activation: Literal["tanh", "logistic", "linear"] = "tanh"
    output: Literal["linear", "logistic"] = "linear"
    bias: bool = True
    features: Literal["inputs", "quadratic"] = "inputs"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise NetworkError(
                "Expected the sizes of at least inputs and outputs, each 1 or more, got "
                f"{self.sizes}."
            )
        if self.activation not in SLOPES:
            raise NetworkError(
                f"Expected an activation among {sorted(SLOPES)}, got {self.activation!r}."
            )
        if self.output not in ("linear", "logistic"):
            raise NetworkError(f"Expected output 'linear' or 'logistic', got {self.output!r}.")
        if self.features not in ("inputs", "quadratic"):
            raise NetworkError(f"Expected features 'inputs' or 'quadratic', got {self.features!r}.")

    @property
    def activations(self) -> tuple[str, ...]:
        """Of each layer of units."""
        return (*[self.activation] * (len(self.sizes) - 2), self.output)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(units, sources) of each layer; the last source is the constant 1, if any."""
        n = self.sizes[0]
        first = n + n * (n + 1) // 2 if self.features == "quadratic" else n
        below = (first, *self.sizes[1:-1])
        return tuple((m, n + self.bias) for n, m in zip(below, self.sizes[1:], strict=True))

    @property
    def synapses(self) -> int:
        return sum(units * sources for units, sources in self.shapes)

    def initial_weights(self, seed: int = 0) -> list[np.ndarray]:
        """Uniform in [-1, 1] / sqrt(sources), one array [unit, source] a layer."""
        rng = np.random.default_rng(seed)
        return [rng.uniform(-1.0, 1.0, shape) / shape[1] ** 0.5 for shape in self.shapes]

    def zero_weights(self) -> list[np.ndarray]:
        return [np.zeros(shape) for shape in self.shapes]

    def sources(self, below: Any) -> Any:
        """What the units of a layer receive from the one below: [source]."""
        return np.concatenate([below, np.ones(1)]) if self.bias else below

    def forward(self, weights: list[Any], x: Any) -> list[Any]:
        """The activity of every layer, features first, prediction last: arrays [unit]."""
        first = x
        if self.features == "quadratic":
            pairs = combinations_with_replacement(range(len(x)), 2)
            first = np.concatenate([x, np.array([x[i] * x[j] for i, j in pairs])])
        activity = [first]
        for i, (w, kind) in enumerate(zip(weights, self.activations, strict=True)):
            net = w @ self.sources(activity[-1])
            activity.append(activate(net, kind, last=i == len(weights) - 1))
        return activity

    def deltas(
        self, weights: list[Any], activity: list[Any], target: Any, slope: bool
    ) -> list[Any]:
        """The error of every unit, layer by layer: backpropagation.

            delta_L = (target - a_L) [f_L'],   delta_l = f_l' * (W_{l+1}^T delta_{l+1})

        Args:
            weights, activity: as the prediction was made.
            target: [target].
            slope: whether f_L' counts; without it, delta_L is the plain error.
        """
        delta = target - activity[-1]
        if slope:
            delta = delta * SLOPES[self.output](activity[-1])
        found = [delta]
        for above, a in zip(reversed(weights[1:]), reversed(activity[1:-1]), strict=True):
            back = above[:, : len(a)].T @ found[0]
            found.insert(0, back * SLOPES[self.activation](a))
        return found


def activate(net: Any, kind: str, last: bool) -> Any:
    """f(net), by name; forms become units of the graph, the last layer's its output units."""
    if net.dtype == object:
        return np.array([form.through("output" if last else kind) for form in net], dtype=object)
    if kind == "tanh":
        return np.tanh(net)
    return logistic(net, np) if kind == "logistic" else net
