"""Quadratic functions, their features, and the exact range over the cube."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Quadratic
from fixedweight.families.quadratic import monomials

pytestmark = pytest.mark.usefixtures("quick_compile")
POINTS = {1: 2001, 2: 201, 3: 41, 4: 15}
"""Points along each side of the grid that the range is compared with."""


def explicit_features(x):
    """Products of two inputs, inputs, 1: [..., n] -> [..., coefficient]."""
    n = x.shape[-1]
    pairs = [x[..., i] * x[..., j] for i in range(n) for j in range(i, n)]
    return np.stack([*pairs, *np.moveaxis(x, -1, 0), np.ones(x.shape[:-1])], axis=-1)


@cache
def grid_features(n):
    side = np.linspace(-1.0, 1.0, POINTS[n])
    return explicit_features(np.stack(np.meshgrid(*[side] * n), axis=-1).reshape(-1, n))


@cache
def grid_of_drawn(n):
    """32 tasks scaled by their own range, and their values on the grid [point, task]."""
    family = Quadratic(n, "task")
    tasks = jax.jit(jax.vmap(family.draw_task))(jax.random.split(jax.random.key(n), 32))
    tasks = np.asarray(tasks, np.float64)
    return tasks, grid_features(n) @ tasks.T


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_features_are_all_products_of_at_most_two_inputs(n):
    x = np.random.default_rng(0).uniform(-1, 1, (50, n))
    features = jax.vmap(Quadratic(n, "none").features)(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(features, explicit_features(x), atol=1e-6)
    assert len(monomials(n)) == (n + 1) * (n + 2) // 2


@cache
def drawn(scale):
    stream = jax.jit(lambda key: Quadratic(2, scale).sample(key, 4000, 16))(jax.random.key(5))
    return tuple(np.asarray(part, np.float64) for part in stream[:3])


@pytest.mark.parametrize("scale", ["task", "global", "none"])
def test_the_target_is_linear_in_the_task(scale):
    w, x, y = drawn(scale)
    np.testing.assert_allclose(y[..., 0], (w * explicit_features(x)).sum(-1), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_each_functions_own_range_goes_to_two_and_eight_tenths(n):
    tasks, values = grid_of_drawn(n)
    # On the grid an extremum is missed by at most half a cell: |dq| <= |H| (cell / 2)^2 / 2.
    quadratic = np.array([len(m) == 2 for m in monomials(n)])
    curvature = 2.0 * np.abs(tasks[:, quadratic]).sum(axis=1)
    missed = curvature * (1.0 / (POINTS[n] - 1)) ** 2 / 2.0
    for end, reached in ((0.2, values.min(axis=0)), (0.8, values.max(axis=0))):
        outside = (end - reached) * (1.0 if end < 0.5 else -1.0)
        assert outside.max() < 1e-5
        assert (outside > -missed - 1e-5).all()


range_of_two = jax.jit(Quadratic()._range)


@pytest.mark.parametrize(
    ("task", "low", "high"),
    [
        # x1 x1, x1 x2, x2 x2, x1, x2, 1
        ((1, 0, 0, 0, 0, 0), 0, 1),
        ((1, -2, 1, 0, 0, 0), 0, 4),  # (x1 - x2)^2: singular, a valley along the diagonal
        ((1, 2, 1, 0, 0, -1), -1, 3),
        ((0, 1, 0, 0, 0, 0), -1, 1),  # a saddle
        ((0, 0, 0, 0.5, -0.25, 1), 0.25, 1.75),  # no curvature at all
        ((-1, 0, -1, 0, 0, 0.5), -1.5, 0.5),
        ((1, 0, 0, 1, 0, 0), -0.25, 2),  # inside: x1 = -1/2
        ((0.1, 0, 0, 1, 0, 0), -0.9, 1.1),  # the stationary point lies outside
    ],
)
def test_the_range_of_special_functions(task, low, high):
    got = range_of_two(jnp.asarray(task, jnp.float32))
    np.testing.assert_allclose(got, (low, high), atol=1e-6)


@pytest.mark.parametrize(
    ("scale", "variance"),
    [("task", 0.024), ("global", 0.00183), ("none", 98 / 135)],
)
def test_the_variance_of_targets(scale, variance):
    """The two readings of the paper's scaling, and 1/3 of E[sum of squared features] as drawn."""
    assert drawn(scale)[2].var() == pytest.approx(variance, rel=0.04)


def test_the_worst_case_goes_to_two_and_eight_tenths_when_all_share_a_scale():
    tasks = drawn("global")[0][:, 0]
    # |q| <= 6 goes to 0.2 and 0.8: y = q / 20 + 1/2, coefficients of q in [-1, 1].
    raw = 20.0 * (tasks - [0, 0, 0, 0, 0, 0.5])
    assert raw.min() == pytest.approx(-1.0, abs=1e-3)
    assert raw.max() == pytest.approx(1.0, abs=1e-3)
    assert raw.var(axis=0) == pytest.approx(np.full(6, 1 / 3), abs=0.03)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"inputs": 0}, "1 to 6 inputs with scale='task', got 0"),
        ({"inputs": 7}, "1 to 6 inputs with scale='task', got 7"),
        ({"inputs": 31, "scale": "none"}, "1 to 30 inputs with scale='none', got 31"),
        ({"length": 1}, "at least 2 examples of a task, got length=1"),
    ],
)
def test_refuses_what_it_cannot_scale(config, message):
    with pytest.raises(FamilyError, match=message):
        Quadratic(**config)


def test_refuses_an_unknown_scale():
    family = object.__new__(Quadratic)  # past the type checks that this suite alone has
    for field, value in {"inputs": 2, "scale": "cube", "length": 60}.items():
        object.__setattr__(family, field, value)
    with pytest.raises(FamilyError, match="scale 'task', 'global' or 'none', got 'cube'"):
        family.__post_init__()
