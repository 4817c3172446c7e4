"""The classes of functions from the literature: what each task is, and its prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import (
    DecisionTree,
    GaussianProcess,
    Linear,
    LinearDynamics,
    LinearFamily,
    Quadratic,
    Sinusoid,
    SparseLinear,
    TwoLayer,
)

LINEAR = [
    Linear(3),
    SparseLinear(5, nonzero=2),
    Sinusoid(),
    GaussianProcess(lengthscale=0.8),
    LinearDynamics(3, noise=0.5),
    Quadratic(2, "none"),
    Quadratic(2, "global"),
    Quadratic(2, "task"),
]


def tasks_of(family, count=20_000, seed=0):
    return jax.jit(jax.vmap(family.draw_task))(jax.random.split(jax.random.key(seed), count))


@pytest.mark.parametrize("family", LINEAR, ids=repr)
def test_the_prior_is_that_of_the_tasks(family):
    drawn = np.asarray(tasks_of(family), dtype=float)
    rows = drawn.reshape(len(drawn), -1, drawn.shape[-1])[:, 0]  # of each number of a target alike
    mean, covariance, gaussian, _ = family.prior()
    error = rows.std(axis=0) / len(rows) ** 0.5
    if getattr(family, "scale", None) == "task":  # symmetric by the mirror images
        error = error + 2e-3
    np.testing.assert_array_less(np.abs(rows.mean(axis=0) - mean), 5 * error + 1e-9)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_array_less(np.abs(np.cov(rows.T) - covariance), 0.06 * scale + 1e-9)
    kurtosis = ((rows - mean) ** 4).mean(axis=0) / ((rows - mean) ** 2).mean(axis=0) ** 2
    assert gaussian == bool(np.all(np.abs(kurtosis - 3.0) < 0.3))


@pytest.mark.parametrize("family", LINEAR, ids=repr)
def test_the_target_is_linear_in_the_task(family):
    assert isinstance(family, LinearFamily)
    one, other = tasks_of(family, 2)
    x = jnp.full(family.input_size, 0.4)
    together = family.target(2.0 * one - 3.0 * other, x)
    apart = 2.0 * family.target(one, x) - 3.0 * family.target(other, x)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)


def test_a_sparse_task_uses_a_few_inputs():
    tasks = np.asarray(tasks_of(SparseLinear(20), 500))
    assert set((tasks != 0).sum(axis=1)) == {3}
    assert (tasks != 0).mean(axis=0) == pytest.approx(0.15, abs=0.08)


def test_a_random_network_varies_as_much_as_there_are_inputs():
    targets = jax.jit(lambda key: TwoLayer(20).sample(key, 4000, 4).targets)(jax.random.key(0))
    assert float(targets.var()) == pytest.approx(20.0, rel=0.1)


def test_a_random_network_is_the_one_of_the_formula():
    family = TwoLayer(3, hidden=4)
    task = family.draw_task(jax.random.key(0))
    x = np.array([0.3, -1.0, 2.0])
    first, second = (np.asarray(task[name], dtype=float) for name in ("first", "second"))
    expected = sum(v * max(0.0, w @ x) for w, v in zip(first, second, strict=True))
    assert float(family.target(task, jnp.asarray(x))) == pytest.approx(expected, rel=1e-5)


def test_a_tree_is_walked_by_the_signs_of_its_nodes_inputs():
    family = DecisionTree(inputs=6, depth=3)
    for seed in range(5):
        task = family.draw_task(jax.random.key(seed))
        values, nodes = np.asarray(task["value"]), np.asarray(task["input"])
        for x in np.random.default_rng(seed).normal(size=(10, 6)):
            low, high, node = 0, 8, 0
            while high - low > 1:  # halve the leaves
                right = x[nodes[node]] > 0
                low, high = ((low + high) // 2, high) if right else (low, (low + high) // 2)
                node = 2 * node + (2 if right else 1)
            assert float(family.target(task, jnp.asarray(x))) == values[low]


def test_a_sine_wave_has_the_amplitude_and_phase_of_the_family():
    tasks = np.asarray(tasks_of(Sinusoid(), 5000), dtype=float)
    amplitude, phase = np.hypot(*tasks.T), np.arctan2(-tasks[:, 1], tasks[:, 0])
    assert 0.1 <= amplitude.min() < 0.2
    assert 4.9 < amplitude.max() <= 5.0
    assert -1e-6 <= phase.min() < 0.1
    assert 3.0 < phase.max() <= np.pi + 1e-6
    x = jnp.array([1.3])
    expected = amplitude[0] * np.sin(1.3 - phase[0])
    assert float(Sinusoid().target(jnp.asarray(tasks[0]), x)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("lengthscale", [0.1, 0.3, 2.0])
def test_a_gaussian_process_has_its_kernel(lengthscale):
    family = GaussianProcess(lengthscale=lengthscale)
    x = jnp.linspace(-1, 1, 21)[:, None]
    f = np.asarray(jax.vmap(family.features)(x), dtype=float)
    apart = np.asarray(x - x.T, dtype=float)
    kernel = np.exp(-0.5 * (apart / lengthscale) ** 2)
    np.testing.assert_allclose(f @ f.T, kernel, atol=2e-5)


def test_a_gaussian_process_has_its_kernel_to_double_precision(x64):
    family, x = GaussianProcess(), jnp.linspace(-1, 1, 21)[:, None]
    assert x.dtype == jnp.float64
    f = np.asarray(jax.vmap(family.features)(x))
    kernel = np.exp(-0.5 * ((x - x.T) / family.lengthscale) ** 2)
    np.testing.assert_allclose(f @ f.T, kernel, atol=1e-7)


def test_a_dynamical_system_follows_its_matrix_and_keeps_its_variance():
    family = LinearDynamics(4, noise=0.5)
    stream = jax.jit(lambda key: family.sample(key, 500, 30))(jax.random.key(0))
    x, y, A = (np.asarray(v, dtype=float) for v in (stream.inputs, stream.targets, stream.tasks))
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    rest = y - np.einsum("btij,btj->bti", A, x)
    assert rest.std() == pytest.approx(0.5, rel=0.02)
    assert x[:, 0].std() == pytest.approx(1.0, rel=0.05)
    assert y[:, -1].std() == pytest.approx(1.0, rel=0.05)
    np.testing.assert_allclose(A[0, 0] @ A[0, 0].T, 0.75 * np.eye(4), atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(0),
        lambda: SparseLinear(4, nonzero=5),
        lambda: TwoLayer(hidden=0),
        lambda: DecisionTree(depth=11),
        lambda: GaussianProcess(lengthscale=0.0),
        lambda: LinearDynamics(noise=1.0),
        lambda: Sinusoid(length=1),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(FamilyError, match="Expected"):
        make()
