"""A network through time under JAX: one `lax.scan` of its one step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fixedweight.networks import Network, Params, State

Carry = Callable[[State], State]
"""What is done to a state before it is handed to the next step: where a gradient is cut."""


def unroll(
    network: Network,
    params: Params,
    state: State,
    inputs: Float[Array, "batch time input"],
    carry: Carry = lambda state: state,
) -> tuple[State, Float[Array, "batch time target"]]:
    """Run over whole streams: (state before, inputs) -> (state after, predictions)."""

    def step(state: State, x: Array) -> tuple[State, Array]:
        return network.step(params, carry(state), x, jnp)

    state, outputs = jax.lax.scan(step, state, jnp.swapaxes(inputs, 0, 1))
    return state, jnp.swapaxes(outputs, 0, 1)
