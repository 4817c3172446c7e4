"""The features in which the targets of a family are linear, before its link."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fixedweight.families import LinearFamily


def affine(x: Float[np.ndarray, "*axes input"]) -> Float[np.ndarray, "*axes feature"]:
    """[x1, ..., xn, 1], the order of a semi-linear task."""
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def monomial_values(
    x: Float[np.ndarray, "*axes input"], subsets: tuple[tuple[int, ...], ...]
) -> Float[np.ndarray, "*axes feature"]:
    """The product of the inputs in each subset: `Quadratic.features` in NumPy, for many x."""
    return np.stack([np.prod(x[..., list(subset)], axis=-1) for subset in subsets], axis=-1)


def values_of(
    family: LinearFamily,
) -> Callable[[Float[np.ndarray, "*axes input"]], Float[np.ndarray, "*axes feature"]]:
    """The family's own features in NumPy, for many x."""
    features = jax.jit(jax.vmap(family.features))

    def of(x: Float[np.ndarray, "*axes input"]) -> Float[np.ndarray, "*axes feature"]:
        flat = features(jnp.reshape(jnp.asarray(x, jnp.float32), (-1, x.shape[-1])))
        return np.asarray(flat, dtype=np.float64).reshape(*x.shape[:-1], -1)

    return of
