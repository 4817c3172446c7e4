"""Gradients that go forward in time, with the stream: what the weights have done to the state so
far is carried along, and nothing of the past is kept.

With state s (n numbers), parameters p (P of them), s(t) = F(p, s(t-1), x(t)) and the error E(t) of
the step, the influence J(t) = ds(t)/dp obeys

    J(t) = F_s J(t-1) + F_p            dE(t)/dp = E_p + E_s J(t-1)        J(0) = 0

Since J is carried from window to window, a gradient reaches back past its window to the beginning
of the stream, and weights may be changed after every example. (After a change J is that of a path
of weights, no longer that of the present ones, as Williams and Zipser say.)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fixedweight.gradients.gradient import Gradient
from fixedweight.gradients.unroll import Carry
from fixedweight.networks import Network, Params, State, parameter_count


class Carried(NamedTuple):
    """What goes from window to window."""

    state: State
    influence: Float[Array, "batch rows parameters"]


class Slopes(NamedTuple):
    """The derivatives of one step of one stream, as functions that work them out when asked."""

    of_units: Callable[[Array], tuple[Array, Array]]
    """[k, n] combinations of the new state -> their slopes by parameter [k, P] and by the old
    state [k, n]."""
    by_parameter: Float[Array, " parameters"]
    """E_p"""
    by_state: Float[Array, " n"]
    """E_s"""


Advance = Callable[[Slopes, Array], tuple[Array, Array]]
"""(slopes of the step, influence [rows, P]) -> (new influence, dE/dp [P])."""


def forward_in_time(network: Network, carry: Carry, rows: int, advance: Advance) -> Gradient:
    """A gradient that carries an influence [rows, P] for each stream.

    Args:
        network: any.
        carry: where a state's gradient is cut before it enters the next step.
        rows: of the influence.
        advance: one step of it.
    """

    def one_example(params: Params, carried: Carried, example: Any) -> Any:
        flat, whole = ravel_pytree(params)
        s, as_state = ravel_pytree(carried.state)
        x, target, weight = example

        def step(p: Array, s: Array) -> tuple[Array, Array]:
            state, prediction = network.step(whole(p), carry(as_state(s)), x, jnp)
            error = network.error(state, prediction, target, jnp)
            return ravel_pytree(state)[0], weight * error

        (new, error), pull = jax.vjp(step, flat, s)
        none, one = jnp.zeros_like(new), jnp.ones_like(error)
        slopes = Slopes(jax.vmap(lambda units: pull((units, 0.0 * one))), *pull((none, one)))
        influence, gradient = advance(slopes, carried.influence)
        return Carried(as_state(new), influence), (error, whole(gradient))

    def window(
        params: Params, carried: Carried, inputs: Any, targets: Any, weights: Any
    ) -> tuple[tuple[Array, Carried], Params]:
        share = weights / jnp.maximum(jnp.sum(weights), 1.0)
        zero = jnp.zeros((), share.dtype), jax.tree.map(jnp.zeros_like, params)

        def at(so_far: Any, example: Any) -> tuple[Any, None]:
            carried, sums = so_far
            carried, found = jax.vmap(one_example, (None, 0, 0))(params, carried, example)
            sums = jax.tree.map(lambda total, new: total + new.sum(axis=0), sums, found)
            return (carried, sums), None

        along = jax.tree.map(lambda v: jnp.swapaxes(v, 0, 1), (inputs, targets, share))
        (carried, (loss, gradient)), _ = jax.lax.scan(at, (carried, zero), along)
        return (loss, carried), gradient

    def begin(params: Params, state: State) -> Carried:
        flat, _ = ravel_pytree(params)
        batch = len(jax.tree.leaves(state)[0])
        return Carried(state, jnp.zeros((batch, rows, flat.size), flat.dtype))

    return Gradient(window, begin, one_example)


class Sizes(NamedTuple):
    """Of a network's state, laid out as one row of numbers, and of its parameters."""

    state: int
    parameters: int
    places: dict[str, np.ndarray]
    """Part of the state -> where its numbers stand in the row."""


def sizes(network: Network) -> Sizes:
    params = network.init_params(np.random.default_rng(0))
    state = network.init_state(params, (), np)
    ends = np.cumsum([np.size(state[name]) for name in sorted(state)])  # as JAX flattens a dict
    places = {
        name: np.arange(end - np.size(state[name]), end)
        for name, end in zip(sorted(state), ends, strict=True)
    }
    return Sizes(int(ends[-1]), parameter_count(params), places)
