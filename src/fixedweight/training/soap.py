"""Adam in the eigenbasis of the gradients' second moments (SOAP).

Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam" (arXiv:2409.11321), algorithm 3.
Each array keeps, for each of its axes, the running second moment of its gradient along that axis;
Adam runs on gradients rotated into the eigenvectors of these. The loss of a recurrent network over
long streams is far better conditioned there.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

MOST = 1024
"""Axes longer than this are left as they are."""


class Leaf(NamedTuple):
    """The state of one array; `moments` and `bases` are [n, n] by axis, 1 x 1 where left alone."""

    mean: Array
    variance: Array
    """Of the rotated gradient."""
    moments: tuple[Array, ...]
    bases: tuple[Array, ...]


class SoapState(NamedTuple):
    done: Array
    """Updates so far."""
    leaves: dict[str, Leaf]


def scale_by_soap(b1: float, b2: float, eps: float = 1e-8) -> optax.GradientTransformation:
    """Adam's update in the bases of the state; `refresh` brings the bases up to date."""

    def init(params: Any) -> SoapState:
        def leaf(p: Array) -> Leaf:
            sizes = [n if 1 < n <= MOST else 1 for n in p.shape]
            zeros = tuple(jnp.zeros((n, n), p.dtype) for n in sizes)
            return Leaf(
                jnp.zeros_like(p), jnp.zeros_like(p), zeros,
                tuple(jnp.eye(n, dtype=p.dtype) for n in sizes),
            )  # fmt: skip

        return SoapState(jnp.zeros((), jnp.int32), {k: leaf(p) for k, p in params.items()})

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, SoapState]:
        del params
        done = state.done + 1
        found, leaves = {}, {}
        for name, gradient in updates.items():
            mean, variance, moments, bases = state.leaves[name]
            mean = b1 * mean + (1 - b1) * gradient
            moments = tuple(
                b2 * moment + (1 - b2) * _moment(gradient, axis) if len(moment) > 1 else moment
                for axis, moment in enumerate(moments)
            )
            variance = b2 * variance + (1 - b2) * _rotate(gradient, bases) ** 2
            direction = _rotate(mean, bases) / (1 - b1**done)
            direction = direction / (jnp.sqrt(variance / (1 - b2**done)) + eps)
            found[name] = _rotate(direction, [basis.T for basis in bases])
            leaves[name] = Leaf(mean, variance, moments, bases)
        return found, SoapState(done, leaves)

    return optax.GradientTransformation(init, update)


def refresh(state: Any) -> Any:
    """An optimiser's state with the bases of every `SoapState` in it brought up to date."""

    def is_soap(part: Any) -> bool:
        return isinstance(part, SoapState)

    return jax.tree.map(
        lambda part: _refresh(part) if is_soap(part) else part, state, is_leaf=is_soap
    )


def _refresh(state: SoapState) -> SoapState:
    """The bases moved towards the eigenvectors of the moments, by one orthogonal iteration."""

    def leaf(old: Leaf) -> Leaf:
        bases = tuple(
            orthonormal(moment @ basis) if len(moment) > 1 else basis
            for moment, basis in zip(old.moments, old.bases, strict=True)
        )
        turns = [(a.T @ b) ** 2 for a, b in zip(old.bases, bases, strict=True)]
        return old._replace(bases=bases, variance=_rotate(old.variance, turns))

    return SoapState(state.done, {name: leaf(old) for name, old in state.leaves.items()})


def orthonormal(matrix: Array) -> Array:
    """The orthogonal factor of a square matrix's QR decomposition, by Householder's reflections;
    orthogonal whatever the rank.

    Not `jnp.linalg.qr`: that of a batch waits for threads of XLA's own pool from within it, and two
    of them at once can wait for ever (jaxlib 0.10).
    """
    n = len(matrix)
    rows = jnp.arange(n)

    def reflect(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, q = carry
        x = jnp.where(rows >= k, rest[:, k], 0.0)
        x = x / jnp.maximum(jnp.max(jnp.abs(x)), jnp.finfo(x.dtype).tiny)
        v = x + jnp.where(rows == k, jnp.where(x[k] < 0, -1.0, 1.0) * jnp.sqrt(jnp.sum(x**2)), 0.0)
        v = v / jnp.sqrt(jnp.maximum(jnp.sum(v**2), jnp.finfo(x.dtype).tiny))
        return rest - 2.0 * jnp.outer(v, v @ rest), q - 2.0 * jnp.outer(q @ v, v)

    eye = jnp.eye(n, dtype=matrix.dtype)
    return jax.lax.fori_loop(0, n, reflect, (matrix, eye))[1]


def _moment(gradient: Array, axis: int) -> Array:
    flat = jnp.moveaxis(gradient, axis, 0).reshape(gradient.shape[axis], -1)
    return flat @ flat.T


def _rotate(values: Array, bases: Any) -> Array:
    """Contract each axis with the first axis of its basis."""
    for axis, basis in enumerate(bases):
        if len(basis) > 1:
            values = jnp.moveaxis(jnp.tensordot(values, basis, (axis, 0)), -1, axis)
    return values
