"""An influence of which only some entries are kept: traces, a few for each weight.

A weight acts on few numbers of the state within one step: the pattern of F_p. Kept are the entries
of J in that pattern, as [rows, P]: row by row another number of the state that each weight reaches.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Int

from fixedweight.gradients.forward import Slopes, forward_in_time, sizes
from fixedweight.gradients.gradient import Gradient
from fixedweight.gradients.unroll import Carry
from fixedweight.networks import Network

POINTS = 64
"""Random points at which a pattern is looked at; an entry that is zero at all of them is taken to
be zero everywhere."""


class Patterns(NamedTuple):
    """Where the derivatives of the new state are not zero."""

    by_parameter: Bool[np.ndarray, "n parameters"]
    by_state: Bool[np.ndarray, "n n"]


def sparse(network: Network, carry: Carry, kept: Int[np.ndarray, " k"], exact: bool) -> Gradient:
    """Carry the influence on the numbers `kept` of the state, in the pattern of F_p.

    Args:
        network: any.
        carry: where a state's gradient is cut before it enters the next step.
        kept: places in the state laid out as a row.
        exact: keep also what F_s makes of these entries, so that nothing among `kept` is lost.
    """
    found = patterns(network, carry)
    within, feeds = found.by_parameter[kept], found.by_state[np.ix_(kept, kept)]
    reach = within
    while exact and (wider := reach | (feeds.astype(int) @ reach > 0)).sum() > reach.sum():
        reach = wider
    rows = max(1, int(reach.sum(axis=0).max()))
    # For each parameter the kept numbers it reaches, in order; spare rows point to the first.
    order = np.argsort(~reach, axis=0, kind="stable")[:rows]
    real = np.take_along_axis(reach, order, axis=0)
    unit = np.where(real, order, 0)
    parameters = np.arange(reach.shape[1])
    own = np.where(real, within[unit, parameters], False)
    passes = [np.where(real, feeds[unit, unit[row]], False) for row in range(rows)]
    color = _colors(np.concatenate([feeds, within], axis=1))
    combined = np.zeros((color.max() + 1, len(found.by_state)), np.float32)
    combined[color, kept] = 1.0

    def advance(slopes: Slopes, influence: Array) -> tuple[Array, Array]:
        by_parameter, by_state = slopes.of_units(jnp.asarray(combined, influence.dtype))
        new = jnp.where(own, by_parameter[color[unit], parameters], 0.0)
        for row in range(rows):
            passed = by_state[color[unit], kept[unit[row]]] * influence[row]
            new = new + jnp.where(passes[row], passed, 0.0)
        back = (slopes.by_state[kept[unit]] * influence).sum(axis=0)
        return new, slopes.by_parameter + back

    return forward_in_time(network, carry, rows, advance)


def patterns(network: Network, carry: Carry) -> Patterns:
    """Which parameters, and which numbers of the old state, act on which of the new."""
    rng, size = np.random.default_rng(0), sizes(network)

    def drawn(part: dict[str, Any]) -> dict[str, Any]:
        return {k: np.asarray(v + rng.normal(size=np.shape(v)), "f4") for k, v in part.items()}

    params = network.init_params(rng)
    state = network.init_state(params, (), np)
    whole, as_state = ravel_pytree(drawn(params))[1], ravel_pytree(drawn(state))[1]

    @jax.jit
    @partial(jax.jacrev, argnums=(0, 1))
    def slopes(p: Array, s: Array, x: Array) -> Array:
        return ravel_pytree(network.step(whole(p), carry(as_state(s)), x, jnp)[0])[0]

    by_parameter = np.zeros((size.state, size.parameters), dtype=bool)
    by_state = np.zeros((size.state, size.state), dtype=bool)
    for _ in range(POINTS):
        x = rng.normal(size=network.input_size).astype(np.float32)
        at = (ravel_pytree(drawn(part))[0] for part in (params, state))
        of_parameter, of_state = slopes(*at, x)
        by_parameter |= np.asarray(of_parameter) != 0.0
        by_state |= np.asarray(of_state) != 0.0
    return Patterns(by_parameter, by_state)


def _colors(pattern: Bool[np.ndarray, "k columns"]) -> Int[np.ndarray, " k"]:
    """A color for each row, so that no column is true in two rows of one color: the slopes of all
    rows of a color come from one pullback (Curtis, Powell and Reid 1974)."""
    color = np.zeros(len(pattern), dtype=int)
    taken: list[np.ndarray] = []
    for i, row in enumerate(pattern):
        fits = (k for k, others in enumerate(taken) if not (others & row).any())
        color[i] = k = next(fits, len(taken))
        if k == len(taken):
            taken.append(np.zeros_like(row))
        taken[k] = taken[k] | row
    return color
