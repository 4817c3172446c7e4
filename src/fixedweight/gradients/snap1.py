"""SnAp-1: the influence of a weight on the units it acts on within one step, and no others.

Menick, Elsen, Evci, Osindero, Simonyan and Graves (2020), arXiv:2006.07232, with n = 1: of J(t) =
F_s J(t-1) + F_p only the entries are kept that F_p can make other than zero. A weight acts on few
units, so that J shrinks from n P numbers to about P. Where each unit's state feeds none but itself
nothing is lost, and the gradient is that of `rtrl`.
"""

import numpy as np

from fixedweight.gradients.forward import sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.gradients.sparse import sparse
from fixedweight.networks import Network


def snap1(network: Network) -> Gradient:
    return sparse(network, lambda state: state, np.arange(sizes(network).state), exact=False)
