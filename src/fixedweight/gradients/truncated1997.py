"""The truncated gradient of the 1997 LSTM (Hochreiter and Schmidhuber 1997, appendix A.1).

The derivative of every net input at t+1 with respect to any unit's output at t is set to 0; the
one path in time that is kept is ds(t+1)/ds(t) = 1 inside the memory cells. By hand that needs one
trace a weight,

    ds/dw_c  += y_in g'(net_c) y_source        ds/dw_in += g(net_c) f'(net_in) y_source

and nothing else in time. Here the same numbers come from cutting each part of the state but the
memory before it enters the next step.
"""

import jax

from fixedweight.errors import NetworkError
from fixedweight.gradients.gradient import Gradient, through_time
from fixedweight.gradients.unroll import Carry
from fixedweight.networks import Network, State


def truncated1997(network: Network) -> Gradient:
    """The gradient that flows in time through `network.memory` alone.

    Raises:
        NetworkError: the network names no part of its state as memory.
    """
    return through_time(network, through_memory(network))


def through_memory(network: Network) -> Carry:
    """Cuts every part of the state but the memory.

    Raises:
        NetworkError: the network names no part of its state as memory.
    """
    if not network.memory:
        raise NetworkError(
            "Expected a network that names its memory for the truncated gradient, got "
            f"{type(network).__name__} with none. Set the class attribute `memory` to the parts of "
            "the state that keep their gradient, or use the gradient 'bptt'."
        )

    def carry(state: State) -> State:
        return {
            name: part if name in network.memory else jax.lax.stop_gradient(part)
            for name, part in state.items()
        }

    return carry
