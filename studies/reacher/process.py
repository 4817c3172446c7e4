"""A Gaussian process an arm, its kernel fitted to training arms.

The kernel is that of a linear function whose coefficients change smoothly with the inputs,

    k(x, x') = a^2 + sum_i b_i^2 x_i x_i' + (c^2 + sum_i d_i^2 x_i x_i') exp(-sum_i (x_i - x_i')^2
    / 2 l_i^2),

with noise s^2, by the likelihood of training arms (Rasmussen and Williams, 2006, section 5.4.1).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.linalg import cholesky, solve_triangular

STEPS, RATE = 200, 0.05
JITTER = 1e-6


def kernel(theta: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Covariance [example, example] of true values at inputs [example, input]."""
    size = {name: jnp.exp(value) for name, value in theta.items()}
    line = (size["b"] * x) @ (size["b"] * x).T
    local = size["c"] ** 2 + (size["d"] * x) @ (size["d"] * x).T
    near = x / size["l"]
    distance = jnp.sum((near[:, None] - near[None]) ** 2, axis=-1)
    return size["a"] ** 2 + line + local * jnp.exp(-0.5 * distance)


def fitted(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Logarithms of the kernel's parameters and of the noise "s", by gradient descent.

    Args:
        x: inputs [arm, time, input], scaled.
        y: what is to be explained [arm, time].
    """
    n = x.shape[-1]
    start = {"a": 0.1, "b": 0.3 * np.ones(n), "c": 0.1, "d": 0.1 * np.ones(n), "s": 0.05}
    theta = {name: jnp.log(jnp.asarray(value)) for name, value in start.items()}
    theta["l"] = jnp.log(3.0) * jnp.ones(n)

    def cost(theta: dict[str, jax.Array]) -> jax.Array:
        noise = jnp.exp(2.0 * theta["s"]) + JITTER

        def one(x: jax.Array, y: jax.Array) -> jax.Array:
            factor = jnp.linalg.cholesky(kernel(theta, x) + noise * jnp.eye(len(y)))
            scaled = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
            return 0.5 * jnp.sum(scaled**2) + jnp.sum(jnp.log(jnp.diag(factor)))

        return jnp.mean(jax.vmap(one)(x, y))

    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    @jax.jit
    def descend(theta, state):
        change, state = optimizer.update(jax.grad(cost)(theta), state)
        return optax.apply_updates(theta, change), state

    state = optimizer.init(theta)
    for _ in range(STEPS):
        theta, state = descend(theta, state)
    return {name: np.asarray(value) for name, value in theta.items()}


def foreseen(covariance: np.ndarray, noise: float, y: np.ndarray) -> np.ndarray:
    """The prediction of each value from those before it: with K = L L' and z = L^-1 y, the i-th is
    sum_{j<i} L_ij z_j."""
    factor = cholesky(covariance + noise * np.eye(len(y)), lower=True)
    return np.tril(factor, -1) @ solve_triangular(factor, y, lower=True)


def foreseen_each(theta: dict[str, np.ndarray], x: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """`foreseen` of each arm: inputs [arm, time, input], values [arm, time]."""
    noise = float(np.exp(2.0 * theta["s"]) + JITTER)
    covariance = np.asarray(jax.jit(jax.vmap(kernel, (None, 0)))(theta, jnp.asarray(x)))
    each = zip(covariance.astype(float), rest, strict=True)
    return np.stack([foreseen(k, noise, y) for k, y in each])
