"""The truncated gradient of the 1997 LSTM as it was used: traces, carried with the stream.

The same truncation as in `truncated1997`, but what is carried are the traces ds/dw of the memory
cells alone, so that the gradient reaches back to the beginning of the stream and the weights can be
changed after every example, as the paper's supervisor did.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fixedweight.gradients.forward import Slopes, forward_in_time, sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.gradients.truncated1997 import through_memory
from fixedweight.networks import Network


def traces1997(network: Network) -> Gradient:
    """Traces of every weight on the network's memory.

    Raises:
        NetworkError: the network names no part of its state as memory.
    """
    carry = through_memory(network)
    size = sizes(network)
    memory = np.concatenate([size.places[name] for name in sorted(network.memory)])

    def advance(slopes: Slopes, traces: Array) -> tuple[Array, Array]:
        cells = jnp.eye(size.state, dtype=traces.dtype)[memory]
        by_parameter, by_state = slopes.of_units(cells)
        return (
            by_state[:, memory] @ traces + by_parameter,
            slopes.by_parameter + slopes.by_state[memory] @ traces,
        )

    return forward_in_time(network, carry, len(memory), advance)
