"""How the supervisor differentiates the error of a stream with respect to the weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fixedweight import kernels
from fixedweight.gradients.unroll import Carry, scan
from fixedweight.networks import Network, Params, State

Window = Callable[..., tuple[tuple[Array, Any], Params]]
"""(params, carried, inputs, targets, weights) -> ((loss, carried after), gradient by parameter).

`weights` [batch, time] says how much each step counts; the loss is the weighted mean of the
network's errors: squared ones, summed over the numbers of a target, if it has no others.
"""


OneExample = Callable[[Params, Any, Any], tuple[Any, tuple[Array, Params]]]
"""(params, carried, (inputs, target, weight)) -> (carried after, (weighted error, its
gradient by parameter)): one example of one stream, without a batch axis."""


def state_alone(params: Params, state: State) -> State:
    return state


@dataclass(frozen=True)
class Gradient:
    """An algorithm that differentiates along streams, window by window.

    Called as a function it goes through one window from a state of the network.
    """

    window: Window
    begin: Callable[[Params, State], Any] = state_alone
    """(params, state) -> what is carried from window to window: the network's state alone where the
    gradient ends with the window, else also what the weights have done to that state."""
    one_example: OneExample | None = None
    """The gradient example by example, where it goes forward in time; `window` is this, summed."""

    def __call__(
        self, params: Params, state: State, inputs: Any, targets: Any, weights: Any
    ) -> tuple[tuple[Array, Any], Params]:
        return self.window(params, self.begin(params, state), inputs, targets, weights)


def squared_error(
    predictions: Float[Array, "batch time target"],
    targets: Float[Array, "batch time target"],
    weights: Float[Array, "batch time"],
) -> Float[Array, ""]:
    """Weighted mean over streams and steps of |prediction - target|^2; 0 where nothing counts."""
    return weighted_mean(jnp.sum((predictions - targets) ** 2, axis=-1), weights)


def weighted_mean(
    errors: Float[Array, "batch time"], weights: Float[Array, "batch time"]
) -> Float[Array, ""]:
    """Over streams and steps; 0 where nothing counts."""
    return jnp.sum(weights * errors) / jnp.maximum(jnp.sum(weights), 1.0)


def through_time(network: Network, carry: Carry) -> Gradient:
    """Automatic differentiation along the stream, cut in time where `carry` cuts: in a fused
    kernel where there is one for the network, else by XLA through its own loop."""

    def step(params: Params, state: State, example: tuple[Any, Any]) -> tuple[State, Array]:
        x, target = example
        state, prediction = network.step(params, carry(state), x, jnp)
        return state, network.error(state, prediction, target, jnp)

    def scanned(params: Params, state: State, examples: Any, weights: Any) -> tuple[Array, State]:
        state, errors = scan(step, params, state, examples)
        return jnp.sum(weights * errors), state

    def gradient(
        params: Params, state: State, inputs: Any, targets: Any, weights: Any
    ) -> tuple[tuple[Array, State], Params]:
        share = weights / jnp.maximum(jnp.sum(weights), 1.0)
        arguments = (params, state, (inputs, targets), share)
        return kernels.error_and_gradient(step, *arguments) or jax.value_and_grad(
            scanned, has_aux=True
        )(*arguments)

    return Gradient(gradient)
