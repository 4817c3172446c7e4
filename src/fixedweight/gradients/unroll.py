"""A network through time under JAX: its one step in a fused kernel, or in a `lax.scan`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fixedweight import kernels
from fixedweight.networks import Network, Params, State

Carry = Callable[[State], State]
"""What is done to a state before it is handed to the next step: where a gradient is cut."""


def unroll(
    network: Network, params: Params, state: State, inputs: Float[Array, "batch time input"]
) -> tuple[State, Float[Array, "batch time target"]]:
    """Run over whole streams: (state before, inputs) -> (state after, predictions)."""

    def step(params: Params, state: State, x: Array) -> tuple[State, Array]:
        return network.step(params, state, x, jnp)

    return kernels.unroll(step, params, state, inputs) or scan(step, params, state, inputs)


def errors(
    network: Network,
    params: Params,
    state: State,
    inputs: Float[Array, "batch time input"],
    targets: Float[Array, "batch time target"],
) -> Float[Array, "batch time"]:
    """The network's error at each step of whole streams."""

    def step(params: Params, state: State, example: tuple[Array, Array]) -> tuple[State, Array]:
        x, target = example
        state, output = network.step(params, state, x, jnp)
        return state, network.error(state, output, target, jnp)

    arguments = (params, state, (inputs, targets))
    return (kernels.unroll(step, *arguments) or scan(step, *arguments))[1]


def scan(step: kernels.Step, params: Any, state: Any, inputs: Any) -> tuple[Any, Any]:
    """A step along streams in XLA's own loop: what is run where there is no kernel.

    Inputs are a pytree of arrays [batch, time, ...], as are the outputs.
    """
    swapped = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), inputs)
    state, outputs = jax.lax.scan(lambda state, x: step(params, state, x), state, swapped)
    return state, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), outputs)
