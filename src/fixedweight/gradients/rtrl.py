"""Real-time recurrent learning: the exact gradient, carried forward (Williams and Zipser 1989).

The influence of every weight on every number of the state is carried: for n units n^3 numbers and
n^4 operations a step. Nothing is truncated: over a window that begins a stream it is the gradient
of full backpropagation, over later ones that of the whole stream so far.
"""

import jax.numpy as jnp
from jaxtyping import Array

from fixedweight.gradients.forward import Slopes, forward_in_time, sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.networks import Network


def rtrl(network: Network) -> Gradient:
    n = sizes(network).state

    def advance(slopes: Slopes, influence: Array) -> tuple[Array, Array]:
        by_parameter, by_state = slopes.of_units(jnp.eye(n, dtype=influence.dtype))
        return (
            by_state @ influence + by_parameter,
            slopes.by_parameter + slopes.by_state @ influence,
        )

    return forward_in_time(network, lambda state: state, n, advance)
