"""Evolution strategies on the weights of a recurrent network, in place of its gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import InputError, require
from fixedweight.families import TaskFamily
from fixedweight.gradients import squared_error, unroll
from fixedweight.networks import Network, Params, check_network, initial_state
from fixedweight.training import fit_network
from fixedweight.training.loop import init_seeds, seen


def _open_es(population: int, weights: Params, step: float) -> tuple[Any, Any]:
    """Salimans et al. 2017 (arXiv:1703.03864): mirrored noise, ranks for errors, and Adam, at a
    tenth of the noise's standard deviation a generation."""
    strategy = require("evosax.algorithms", "reproduce").Open_ES(
        population, weights, optimizer=optax.adam(0.1 * step),
        std_schedule=optax.constant_schedule(step),
    )  # fmt: skip
    return strategy, strategy.default_params


def _sep_cma_es(population: int, weights: Params, step: float) -> tuple[Any, Any]:
    """Ros and Hansen, PPSN 2008: covariance matrix adaptation, of the diagonal alone, so that its
    time is linear in the number of weights n, and its rates of learning (n + 2) / 3 times those of
    the full matrix. evosax leaves them at those of the full matrix, too slow to adapt at all."""
    strategy = require("evosax.algorithms", "reproduce").Sep_CMA_ES(population, weights)
    settings, faster = strategy.default_params, (strategy.num_dims + 2) / 3
    c_1 = jnp.minimum(1.0, faster * settings.c_1)
    c_mu = jnp.minimum(1.0 - c_1, faster * settings.c_mu)
    return strategy, settings.replace(std_init=jnp.float32(step), c_1=c_1, c_mu=c_mu)


STRATEGIES: dict[str, Callable[[int, Params, float], tuple[Any, Any]]] = {
    "open_es": _open_es,
    "sep_cma_es": _sep_cma_es,
}
"""(population, weights to shape it by, step) -> (evosax's strategy, its parameters)."""


def population_errors(
    network: Network,
    population: Params,
    inputs: Float[Array, "batch time input"],
    targets: Float[Array, "batch time target"],
    weights: Float[Array, "batch time"],
) -> Float[Array, " member"]:
    """The mean squared error of each member on the same streams; leaves [member, ...]."""

    def one(params: Params) -> Array:
        begin = initial_state(network, params, (inputs.shape[0],), jnp)
        _, predictions = unroll(network, params, begin, inputs)
        return squared_error(predictions, targets, weights)

    return jax.vmap(one)(population)


def evolve(
    family: TaskFamily,
    network: Network,
    strategy: str,
    *,
    step: float,
    looks: Sequence[int],
    population: int = 64,
    batch: int = 64,
    seeds: int = 3,
    seed: int = 0,
) -> Params:
    """Evolve the network's weights, several runs side by side, and show the mean at each look.

    Each generation draws `batch` streams of the family's usual length, the same for all members,
    so that a generation is `population` x `batch` evaluations of the network. A run begins at the
    random weights from which `derive_seeds` begins.

    Args:
        strategy: a name in `STRATEGIES`.
        step: the standard deviation of the noise on the weights, at the beginning if it adapts.
        looks: after how many generations to look, in ascending order.

    Returns:
        The mean of the population, leaves [look, seed, ...].

    Raises:
        InputError: an unknown strategy or numbers that make no sense.
        NetworkError: the network does not keep to the protocol.
        MissingExtraError: evosax is not installed.
    """
    _check(strategy, step, looks, population, batch, seeds)
    network = fit_network(family, network)
    check_network(network)
    means = init_seeds(network, optax.identity(), seed, seeds).params
    one = jax.tree.map(lambda leaf: leaf[0], means)
    search, settings = STRATEGIES[strategy](population, one, step)
    part, scaling = family.part("train"), family.scaling()

    def generation(key: PRNGKeyArray, g: Array, state: Any) -> Any:
        ask, draw, tell = jax.random.split(jax.random.fold_in(key, g), 3)
        members, state = search.ask(ask, state, settings)
        stream = seen(part.sample(draw, batch, family.examples), family, scaling)
        errors = population_errors(network, members, *stream)
        errors = jnp.where(jnp.isfinite(errors), errors, jnp.finfo(errors.dtype).max)
        return search.tell(tell, members, errors, state, settings)[0]

    def run(state: Any, key: PRNGKeyArray, first: Array, last: Array) -> Any:
        return jax.lax.fori_loop(first, last, lambda g, state: generation(key, g, state), state)

    advance = jax.jit(jax.vmap(run, in_axes=(0, 0, None, None)))
    keys = jax.random.split(jax.random.key(seed), seeds)
    state = jax.vmap(lambda key, mean: search.init(key, mean, settings))(keys, means)
    found, done = [], 0
    for look in looks:
        state, done = advance(state, keys, done, look), look
        found.append(jax.vmap(search.get_mean)(state))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


def _check(
    strategy: str, step: float, looks: Sequence[int], population: int, batch: int, seeds: int
) -> None:
    if strategy not in STRATEGIES:
        raise InputError(f"Expected a strategy among {sorted(STRATEGIES)}, got {strategy!r}.")
    if not 0 < step < float("inf"):
        raise InputError(f"Expected a step above 0, got {step}.")
    if not looks or min(looks) < 0 or list(looks) != sorted(looks):
        raise InputError(f"Expected generations to look at, in ascending order, got {looks}.")
    if population < 4 or population % 2 or batch < 1 or seeds < 1:
        raise InputError(
            "Expected an even population of at least 4, and at least one stream and seed, got "
            f"population={population}, batch={batch}, seeds={seeds}."
        )
