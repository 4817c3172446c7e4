"""Elman's own procedure: the state that a step begins from is taken as given.

Backpropagation through the present step alone (Elman, Cognitive Science 14, 1990): what earlier
steps left in the state is used but not differentiated, so no gradient flows in time.
"""

import jax

from fixedweight.gradients.gradient import Gradient, through_time
from fixedweight.networks import Network


def one_step(network: Network) -> Gradient:
    return through_time(network, carry=lambda state: jax.tree.map(jax.lax.stop_gradient, state))
