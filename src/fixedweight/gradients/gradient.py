"""How the supervisor differentiates the error of a stream with respect to the weights."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fixedweight.gradients.unroll import Carry, unroll
from fixedweight.networks import Network, Params, State

Gradient = Callable[..., tuple[tuple[Array, State], Params]]
"""(params, state, inputs, targets, weights) -> ((loss, state after), gradient by parameter).

`weights` [batch, time] says how much each step counts; the loss is the weighted mean of the squared
errors, summed over the numbers of a target.
"""


def squared_error(
    predictions: Float[Array, "batch time target"],
    targets: Float[Array, "batch time target"],
    weights: Float[Array, "batch time"],
) -> Float[Array, ""]:
    """Weighted mean over streams and steps of |prediction - target|^2; 0 where nothing counts."""
    errors = jnp.sum((predictions - targets) ** 2, axis=-1)
    return jnp.sum(weights * errors) / jnp.maximum(jnp.sum(weights), 1.0)


def through_time(network: Network, carry: Carry) -> Gradient:
    """Automatic differentiation through the unrolled network, cut in time where `carry` cuts."""

    def loss(
        params: Params, state: State, inputs: Any, targets: Any, weights: Any
    ) -> tuple[Array, State]:
        state, predictions = unroll(network, params, state, inputs, carry)
        return squared_error(predictions, targets, weights), state

    return jax.value_and_grad(loss, has_aux=True)
