"""SnAp-1: the influence of a weight on the units it acts on within one step, and no others.

Menick, Elsen, Evci, Osindero, Simonyan and Graves (2020), arXiv:2006.07232, with n = 1: of J(t) =
F_s J(t-1) + F_p only the entries are kept that F_p can make other than zero. A weight acts on few
units, so that J shrinks from n P numbers to about P. Where each unit's state feeds none but itself
nothing is lost, and the gradient is that of `rtrl`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool

from fixedweight.gradients.forward import Slopes, forward_in_time, sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.networks import Network

POINTS = 4
"""Random points at which F_p is looked at; an entry that is zero at all of them is taken to be zero
everywhere."""


def snap1(network: Network) -> Gradient:
    reach = reached(network)
    rows = max(1, int(reach.sum(axis=0).max()))
    # For each parameter the units it reaches, in order; places without one point to unit 0.
    order = np.argsort(~reach, axis=0, kind="stable")[:rows]
    real = np.take_along_axis(reach, order, axis=0)
    unit = np.where(real, order, 0)
    color = _colors(reach)
    of_color = (np.arange(color.max() + 1)[:, None] == color).astype(np.float32)
    parameters = np.arange(reach.shape[1])

    def advance(slopes: Slopes, influence: Array) -> tuple[Array, Array]:
        dtype = influence.dtype
        by_color, _ = slopes.of_units(jnp.asarray(of_color, dtype))
        _, by_state = slopes.of_units(jnp.eye(len(reach), dtype=dtype))
        own = by_color[color[unit], parameters]
        passed = sum(by_state[unit, unit[row]] * influence[row] for row in range(rows))
        gradient = slopes.by_parameter + (slopes.by_state[unit] * influence).sum(axis=0)
        return jnp.where(real, passed + own, 0.0), gradient

    return forward_in_time(network, lambda state: state, rows, advance)


def reached(network: Network) -> Bool[np.ndarray, "n parameters"]:
    """Which parameters act on which numbers of the state within one step: where F_p is not zero."""
    rng = np.random.default_rng(0)
    found = np.zeros((sizes(network).state, sizes(network).parameters), dtype=bool)
    for _ in range(POINTS):
        params = network.init_params(rng)
        state = network.init_state(params, (), np)
        params = {k: np.asarray(v + rng.normal(size=np.shape(v)), "f4") for k, v in params.items()}
        state = {k: np.asarray(v + rng.normal(size=np.shape(v)), "f4") for k, v in state.items()}
        x = rng.normal(size=network.input_size).astype(np.float32)
        flat, whole = ravel_pytree(params)

        def new(p, state=state, x=x, whole=whole):
            return ravel_pytree(network.step(whole(p), state, x, jnp)[0])[0]

        found |= np.asarray(jax.jacrev(new)(flat)) != 0.0
    return found


def _colors(reach: np.ndarray) -> np.ndarray:
    """[n] a color for each number of the state, so that no parameter reaches two of one color: the
    slopes of all of a color come from one pullback (Curtis, Powell and Reid 1974)."""
    color = np.zeros(len(reach), dtype=int)
    taken: list[np.ndarray] = []
    for i, row in enumerate(reach):
        fits = (k for k, others in enumerate(taken) if not (others & row).any())
        color[i] = k = next(fits, len(taken))
        if k == len(taken):
            taken.append(np.zeros_like(row))
        taken[k] = taken[k] | row
    return color
