"""Truncated backpropagation through time: the gradient flows back within pieces of k steps.

BPTT(k; k) of Williams and Peng, Neural Computation 2, 1990: a window is cut into pieces of k steps
(the last may be shorter); the state is carried from piece to piece, the gradient is not. With k at
least the window's length this is full backpropagation.
"""

from typing import Any

import jax
import jax.numpy as jnp

from fixedweight.errors import InputError
from fixedweight.gradients.bptt import bptt
from fixedweight.gradients.gradient import Gradient
from fixedweight.networks import Network, Params, State


def tbptt(network: Network, steps: int = 16) -> Gradient:
    """Backpropagation within pieces of `steps` steps.

    Raises:
        InputError: fewer than one step.
    """
    if steps < 1:
        raise InputError(f"Expected at least one step to go back, got {steps}.")
    whole = bptt(network)

    def window(
        params: Params, state: State, inputs: Any, targets: Any, weights: Any
    ) -> tuple[tuple[Any, State], Params]:
        total = jnp.maximum(jnp.sum(weights), 1.0)

        def piece(carry: Any, data: Any) -> Any:
            state, loss, gradient = carry
            (mean, state), by_parameter = whole(params, state, *data)
            share = jnp.maximum(jnp.sum(data[2]), 1.0) / total
            gradient = jax.tree.map(lambda so_far, g: so_far + share * g, gradient, by_parameter)
            return (state, loss + share * mean, gradient), None

        data = (inputs, targets, weights)
        pieces, rest = divmod(weights.shape[1], steps)
        zero = jnp.zeros((), weights.dtype)
        carry = (state, zero, jax.tree.map(jnp.zeros_like, params))
        if pieces:
            carry, _ = jax.lax.scan(
                piece, carry, jax.tree.map(lambda values: _cut(values, pieces, steps), data)
            )
        if rest:
            carry, _ = piece(carry, jax.tree.map(lambda values: values[:, -rest:], data))
        state, loss, gradient = carry
        return (loss, state), gradient

    return Gradient(window)


def _cut(values: jax.Array, pieces: int, steps: int) -> jax.Array:
    """[batch, time, ...] -> [piece, batch, steps, ...], what is left over dropped."""
    whole = values[:, : pieces * steps]
    return jnp.moveaxis(whole.reshape(len(values), pieces, steps, *values.shape[2:]), 1, 0)
