"""Stage 1: the conventional network and its learning rule, as they are taught."""

from typing import Any, NamedTuple

import numpy as np

from fixedweight.construction.rules import Rule
from fixedweight.construction.stack import Stack
from fixedweight.errors import NetworkError


class Memory(NamedTuple):
    """All that changes as a conventional learner learns."""

    weights: list[Any]
    """[unit, source] by layer."""
    states: list[list[dict[str, Any]]]
    """What the rule remembers, by layer and unit."""


def begin(stack: Stack, rule: Rule, weights: list[np.ndarray]) -> Memory:
    """Before the first example.

    Raises:
        NetworkError: weights of other shapes than the stack's, or not finite.
    """
    got = [np.shape(w) for w in weights]
    if got != list(stack.shapes) or not all(np.isfinite(w).all() for w in weights):
        raise NetworkError(
            f"Expected finite weights of shapes {list(stack.shapes)} (units, sources) by layer, "
            f"got {got}."
        )
    states = [[rule.state(sources) for _ in range(units)] for units, sources in stack.shapes]
    return Memory([np.array(w, dtype=np.float64) for w in weights], states)


def learn(stack: Stack, rule: Rule, memory: Memory, activity: list[Any], target: Any) -> Memory:
    """The memory after one example: the rule, once for every unit.

    Args:
        activity: of every layer, from `stack.forward` with this memory's weights.
        target: [target].
    """
    deltas = stack.deltas(memory.weights, activity, target, rule.slope)
    weights, states = [], []
    layers = zip(activity, activity[1:], deltas, memory.weights, memory.states, strict=False)
    for below, a, delta, w, state in layers:
        x = stack.sources(below)
        new = [rule.update(x, a[j], delta[j], w[j], state[j]) for j in range(len(a))]
        weights.append(np.array([pair[0] for pair in new]))
        states.append([pair[1] for pair in new])
    return Memory(weights, states)


def run(
    stack: Stack,
    rule: Rule,
    weights: list[np.ndarray],
    inputs: np.ndarray,
    targets: np.ndarray,
) -> np.ndarray:
    """Predict, then learn, example by example; each prediction comes before its target.

    Args:
        weights: before the first example, [unit, source] by layer.
        inputs: [time, input]; targets: [time, target].

    Returns:
        The predictions [time, target].

    Raises:
        NetworkError: weights that do not fit the stack.
    """
    memory = begin(stack, rule, weights)
    predictions = np.empty(targets.shape)
    for t in range(len(inputs)):
        activity = stack.forward(memory.weights, inputs[t])
        predictions[t] = activity[-1]
        memory = learn(stack, rule, memory, activity, targets[t])
    return predictions
