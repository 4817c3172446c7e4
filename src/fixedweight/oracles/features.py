"""The features in which the targets of a family are linear, before its link."""

import numpy as np
from jaxtyping import Float


def affine(x: Float[np.ndarray, "*axes input"]) -> Float[np.ndarray, "*axes feature"]:
    """[x1, ..., xn, 1], the order of a semi-linear task."""
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def monomial_values(
    x: Float[np.ndarray, "*axes input"], subsets: tuple[tuple[int, ...], ...]
) -> Float[np.ndarray, "*axes feature"]:
    """The product of the inputs in each subset: `Quadratic.features` in NumPy, for many x."""
    return np.stack([np.prod(x[..., list(subset)], axis=-1) for subset in subsets], axis=-1)
