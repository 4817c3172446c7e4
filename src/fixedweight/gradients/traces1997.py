"""The truncated gradient of the 1997 LSTM as it was used: traces, carried with the stream.

The same truncation as in `truncated1997`, but what is carried are the traces ds/dw, for each weight
those of the memory cells that it acts on, so that the gradient reaches back to the beginning of the
stream and the weights can be changed after every example, as the paper's supervisor did.
"""

import numpy as np

from fixedweight.gradients.forward import sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.gradients.sparse import sparse
from fixedweight.gradients.truncated1997 import through_memory
from fixedweight.networks import Network


def traces1997(network: Network) -> Gradient:
    """Traces of every weight on the network's memory.

    Raises:
        NetworkError: the network names no part of its state as memory.
    """
    carry, places = through_memory(network), sizes(network).places
    memory = np.concatenate([places[name] for name in sorted(network.memory)])
    return sparse(network, carry, memory, exact=True)
