"""A genetic algorithm over bit strings, as in the studies of the time: one compiled loop.

The libraries for evolution under JAX search real vectors, and those for bit strings run one member
at a time in Python; what is needed is these few lines.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from fixedweight.errors import InputError


class Evolved(NamedTuple):
    """What a run came to."""

    best: Bool[Array, " bit"]
    """The fittest member of the last generation."""
    fitness: Float[Array, " generation"]
    """The fittest member's, by generation."""


def evolve_bits(
    key: PRNGKeyArray,
    fitness: Callable[[PRNGKeyArray, Bool[Array, "member bit"]], Float[Array, " member"]],
    bits: int,
    *,
    population: int = 40,
    generations: int = 1000,
    crossover: float = 0.8,
    mutation: float = 0.01,
) -> Evolved:
    """Search the bit string of highest fitness.

    Each generation keeps its fittest member as it is and fills the rest with children: parents are
    drawn in proportion to their fitness (roulette wheel), a pair is crossed between two points with
    probability `crossover`, and each bit flips with probability `mutation`. Can be compiled and
    mapped over keys.

    Args:
        fitness: (key, population) -> a number of at least 0 a member. The key is the generation's:
            whatever is random in it is the same for all members.

    Raises:
        InputError: no bits, fewer than two members, no generation, or no probability.
    """
    if bits < 1 or population < 2 or generations < 1:
        raise InputError(
            "Expected at least 1 bit, 2 members and 1 generation, got "
            f"bits={bits}, population={population}, generations={generations}."
        )
    if not (0 <= crossover <= 1 and 0 <= mutation <= 1):
        raise InputError(
            f"Expected probabilities from 0 to 1, got crossover={crossover}, mutation={mutation}."
        )
    begin, run = jax.random.split(key)

    def generation(members: Array, g: Array) -> tuple[Array, tuple[Array, Array]]:
        judge, breed = jax.random.split(jax.random.fold_in(run, g))
        scores = fitness(judge, members)
        best = members[jnp.argmax(scores)]
        children = _children(breed, members, scores, crossover, mutation)
        return children.at[0].set(best), (best, jnp.max(scores))

    members = jax.random.bernoulli(begin, 0.5, (population, bits))
    _, (best, scores) = jax.lax.scan(generation, members, jnp.arange(generations))
    return Evolved(best[-1], scores)


def _children(
    key: PRNGKeyArray, members: Array, scores: Array, crossover: float, mutation: float
) -> Array:
    """A generation of children, one a pair of parents."""
    count, bits = members.shape
    choose, cut, cross, flip = jax.random.split(key, 4)
    parents = jax.random.categorical(choose, jnp.log(scores), shape=(2, count))
    ends = jnp.sort(jax.random.randint(cut, (count, 2), 0, bits + 1), axis=1)
    place = jnp.arange(bits)
    inside = (ends[:, :1] <= place) & (place < ends[:, 1:])
    inside &= jax.random.bernoulli(cross, crossover, (count, 1))
    children = jnp.where(inside, members[parents[1]], members[parents[0]])
    return children ^ jax.random.bernoulli(flip, mutation, members.shape)
