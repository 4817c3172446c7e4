"""Full backpropagation through time: the exact gradient over the steps at hand."""

from fixedweight.gradients.gradient import Gradient, through_time
from fixedweight.networks import Network


def bptt(network: Network) -> Gradient:
    return through_time(network, carry=lambda state: state)
