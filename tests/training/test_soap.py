"""SOAP against Adam, against plain NumPy, and on what it is for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fixedweight.training import soap
from fixedweight.training.soap import SoapState, orthonormal, refresh, scale_by_soap

SHAPES = {"w": (4, 3), "b": (5,), "s": (), "cube": (2, 3, 4)}


def gradients(seed, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return {
        name: jnp.asarray(rng.normal(size=shape), jnp.float32) for name, shape in shapes.items()
    }


def run(optimizer, params, steps, between=lambda state: state):
    state = optimizer.init(params)
    updates = []
    for i in range(steps):
        state = between(state)
        update, state = optimizer.update(gradients(i), state, params)
        updates.append(update)
    return updates, state


def test_without_rotation_it_is_adam():
    zeros = {name: jnp.zeros(shape) for name, shape in SHAPES.items()}
    mine, _ = run(scale_by_soap(0.9, 0.99), zeros, 8)
    adam, _ = run(optax.scale_by_adam(0.9, 0.99), zeros, 8)
    for a, b in zip(mine, adam, strict=True):
        for name in SHAPES:
            np.testing.assert_allclose(a[name], b[name], rtol=2e-5)


def test_first_moments_against_numpy():
    zeros = {name: jnp.zeros(shape) for name, shape in SHAPES.items()}
    _, state = run(scale_by_soap(0.9, 0.5), zeros, 2)
    first, second = (np.asarray(gradients(i)["cube"], np.float64) for i in range(2))
    for axis, moment in enumerate(state.leaves["cube"].moments):
        naive = np.zeros(moment.shape)
        for weight, g in ((0.25, first), (0.5, second)):
            for a in range(g.shape[axis]):
                for b in range(g.shape[axis]):
                    naive[a, b] += weight * np.sum(np.take(g, a, axis) * np.take(g, b, axis))
        np.testing.assert_allclose(moment, naive, rtol=1e-5)


def test_bases_are_orthonormal_and_become_eigenvectors():
    zeros = {"w": jnp.zeros((6, 4))}
    optimizer = scale_by_soap(0.9, 0.9)
    state = optimizer.init(zeros)
    scales = jnp.asarray(2.0 ** np.arange(6)[:, None], jnp.float32)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    for i in range(60):
        g = jnp.asarray(turn, jnp.float32) @ (scales * gradients(i, {"w": (6, 4)})["w"])
        _, state = optimizer.update({"w": g}, state)
        state = refresh(state)
    leaf = state.leaves["w"]
    for basis in leaf.bases:
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-5)
    inside = np.abs(np.asarray(leaf.bases[0]).T @ turn)
    assert (inside.max(axis=0) > 0.9).all()
    diagonal = leaf.bases[0].T @ leaf.moments[0] @ leaf.bases[0]
    off = diagonal - np.diag(np.diag(diagonal))
    assert np.abs(off).max() < 0.05 * np.abs(diagonal).max()
    assert (leaf.variance >= 0).all()


@pytest.mark.parametrize("rank", [0, 1, 3, 7])
def test_orthogonal_factor(rank):
    rng = np.random.default_rng(rank)
    matrix = rng.normal(size=(7, rank)) @ rng.normal(size=(rank, 7)) * 1e-12
    q = np.asarray(orthonormal(jnp.asarray(matrix, jnp.float32)), np.float64)
    np.testing.assert_allclose(q.T @ q, np.eye(7), atol=1e-6)
    expected = np.linalg.qr(matrix)[0][:, :rank]
    np.testing.assert_allclose(np.abs(np.sum(q[:, :rank] * expected, axis=0)), 1.0, atol=1e-4)


def test_refresh_before_any_gradient_and_within_a_chain():
    params = {"w": jnp.ones((3, 2))}
    chain = optax.chain(optax.clip_by_global_norm(1.0), scale_by_soap(0.9, 0.99))
    state = refresh(chain.init(params))
    (inner,) = [part for part in state if isinstance(part, SoapState)]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(inner))
    update, _ = chain.update({"w": jnp.ones((3, 2))}, state, params)
    assert np.isfinite(update["w"]).all()


def test_other_optimizers_have_nothing_to_refresh():
    state = optax.adam(0.1).init({"w": jnp.ones(3)})
    for a, b in zip(jax.tree.leaves(refresh(state)), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_long_axes_are_left_alone(monkeypatch):
    monkeypatch.setattr(soap, "MOST", 3)
    state = scale_by_soap(0.9, 0.99).init({"w": jnp.ones((4, 3))})
    assert [basis.shape for basis in state.leaves["w"].bases] == [(1, 1), (3, 3)]


@pytest.mark.parametrize("seed", range(3))
def test_badly_conditioned_inputs_off_the_axes(seed):
    """Online regression whose inputs vary along some directions a hundred times more than others:
    Adam's coordinates mix them, SOAP's do not."""
    rng = np.random.default_rng(seed)
    turn = jnp.asarray(np.linalg.qr(rng.normal(size=(8, 8)))[0], jnp.float32)
    spread = jnp.asarray(10.0 ** np.linspace(-2, 0, 8), jnp.float32)
    goal = turn @ jnp.asarray(rng.normal(size=(8, 2)) / spread[:, None], jnp.float32)

    def excess(direction):
        optimizer = optax.chain(direction, optax.scale_by_learning_rate(1.0))
        params = {"w": jnp.zeros((8, 2))}

        def step(carry, key):
            params, state = carry
            x = (jax.random.normal(key, (32, 8)) * spread) @ turn.T
            gradient = x.T @ (x @ (params["w"] - goal)) / 32
            updates, state = optimizer.update({"w": gradient}, refresh(state), params)
            return (optax.apply_updates(params, updates), state), None

        start = (params, optimizer.init(params))
        keys = jax.random.split(jax.random.key(seed), 300)
        (params, _), _ = jax.jit(lambda s: jax.lax.scan(step, s, keys))(start)
        return float(jnp.sum((spread[:, None] * (turn.T @ (params["w"] - goal))) ** 2))

    assert excess(scale_by_soap(0.9, 0.99)) < 0.3 * excess(optax.scale_by_adam(0.9, 0.99))
