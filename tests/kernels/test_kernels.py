"""Kernels against XLA's own loop over the same step, forward and backward."""

import logging
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cells import CELLS, drawn

from fixedweight import kernels
from fixedweight.gradients.unroll import scan
from fixedweight.kernels import build, call
from fixedweight.kernels.generate import Leaves, generate
from fixedweight.kernels.sums import Vectors

every_cell = pytest.mark.parametrize("name", CELLS)


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    monkeypatch.delenv("FIXEDWEIGHT_KERNELS", raising=False)
    call._say.cache_clear()


def loss(run, cotangents, params, state, inputs):
    """A number that every output and every part of the last state has a share in."""
    results = run(params, state, inputs)
    assert results is not None
    shares = jax.tree.map(lambda r, c: jnp.sum(r * c), tuple(results), cotangents)
    return sum(jax.tree.leaves(shares)), results


def compared(step, params, state, inputs, seed=1):
    """(results, gradients) by kernel and by scan."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(partial(scan, step), params, state, inputs)
    cotangents = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), shapes)
    found = []
    for run in (partial(kernels.unroll, step), partial(scan, step)):
        value = jax.value_and_grad(partial(loss, run, cotangents), argnums=(0, 1, 2), has_aux=True)
        (_, results), gradients = jax.jit(value)(params, state, inputs)
        found.append((tuple(results), gradients))
    return found


def assert_close(one, other, tolerance):
    leaves = zip(jax.tree.leaves_with_path(one), jax.tree.leaves(other), strict=True)
    for (path, a), b in leaves:
        scale = np.max(np.abs(b), initial=1e-3)
        np.testing.assert_allclose(a / scale, b / scale, atol=tolerance, err_msg=str(path))


@every_cell
@pytest.mark.parametrize("registers", [16, 32])
def test_forward_and_gradient_equal_the_scan(name, registers, monkeypatch):
    monkeypatch.setattr(call, "registers", lambda: registers)
    kernel, scanned = compared(*drawn(name, batch=19, length=9))
    assert_close(kernel, scanned, 5e-5)


@settings(max_examples=12)
@given(
    name=st.sampled_from(sorted(CELLS)),
    batch=st.integers(1, 40),
    length=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_any_batch_and_length(name, batch, length, seed):
    if name == "least_squares":  # both round in float32, and over 40 steps it makes much of it
        length = min(length, 9)
    kernel, scanned = compared(*drawn(name, batch, length, seed), seed=seed)
    assert_close(kernel, scanned, 1e-2 if name == "least_squares" else 1e-3)


@pytest.mark.parametrize("length", [4100, 9001])
def test_long_streams_go_in_segments(length, monkeypatch):
    """With little room for the tape the pullback goes by segments of about the square root."""
    monkeypatch.setattr(build, "TAPE_BYTES", 1 << 14)
    monkeypatch.setattr(call, "_LOADED", {})
    kernel, scanned = compared(*drawn("gru", 3, length))
    assert_close(kernel, scanned, 1e-4)


def test_gradient_against_float64(x64):
    step, params, state, inputs = drawn("lstm1997_second", batch=20, length=60)
    double = jax.tree.map(lambda v: jnp.asarray(v, jnp.float64), (params, state, inputs))

    def total(params, state, inputs):
        return jnp.mean(scan(step, params, state, inputs)[1] ** 2)

    exact = jax.grad(total)(*double)

    def errors(params, state, x):
        state, y = step(params, state, x)
        return state, jnp.mean(y**2, axis=-1)

    weights = jnp.full((20, 60), 1 / 1200, jnp.float32)
    (value, _), gradient = kernels.error_and_gradient(errors, params, state, inputs, weights)
    assert float(value) == pytest.approx(float(total(*double)), rel=1e-6)
    assert_close(gradient, exact, 1e-5)


def test_float64_is_left_to_the_scan(x64):
    step, *arguments = drawn("elman", 2, 3)
    double = jax.tree.map(lambda v: jnp.asarray(v, jnp.float64), arguments)
    assert kernels.unroll(step, *double) is None


def test_many_seeds_at_once_equal_one_by_one():
    step, params, state, inputs = drawn("lstm1997", batch=20, length=30)
    population = jax.tree.map(lambda v: jnp.stack([v, 0.5 * v, -v]), params)
    run = jax.jit(partial(kernels.unroll, step))
    together = jax.vmap(run, in_axes=(0, None, None))(population, state, inputs)
    for i in range(3):
        alone = run(jax.tree.map(lambda v, i=i: v[i], population), state, inputs)
        assert_close(jax.tree.map(lambda v, i=i: v[i], together), alone, 1e-6)


def test_gradients_of_many_seeds_are_the_same_each_time():
    step, params, state, inputs = drawn("lstm1997", batch=70, length=40)
    population = jax.tree.map(lambda v: jnp.stack([v, 0.5 * v, -v]), params)

    def total(params):
        return jnp.sum(kernels.unroll(step, params, state, inputs)[1])

    gradient = jax.jit(jax.vmap(jax.grad(total)))
    first = gradient(population)
    for _ in range(5):
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(gradient(population)), strict=True):
            np.testing.assert_array_equal(a, b)
    alone = jax.grad(total)(params)
    assert_close(jax.tree.map(lambda v: v[0], first), alone, 1e-5)


@settings(max_examples=20)
@given(st.sampled_from(["tanh", "exp", "log", "logistic", "sqrt", "rsqrt", "exp2"]), st.data())
def test_functions_to_the_last_digits(name, data):
    """Each vector function is within a few units in the last place, special values included."""
    function = {"logistic": jax.nn.sigmoid, "rsqrt": jax.lax.rsqrt}.get(name) or getattr(jnp, name)
    # XLA and the kernels both flush what is below the normal range to 0
    numbers = st.floats(-80, 80, width=32, allow_subnormal=False) | st.sampled_from(
        [np.inf, -np.inf, np.nan, 0.0, 200.0, -200.0]
    )
    x = np.array(data.draw(st.lists(numbers, min_size=1, max_size=20)), np.float32)
    _, found = kernels.unroll(lambda p, s, x: (s, function(x)), {}, {}, x[:, None, None])
    with np.errstate(all="ignore"):
        exact = np.asarray(function(x), np.float64)
    np.testing.assert_allclose(found[:, 0, 0], exact, rtol=2e-6, atol=1e-37)


def test_what_cannot_be_compiled_is_named_and_scanned(caplog):
    def sorting(params, state, x):
        return state, jnp.sort(x, axis=-1) * params

    x = jnp.ones((2, 3, 4))
    with caplog.at_level(logging.WARNING, logger="fixedweight"):
        assert kernels.unroll(sorting, jnp.float32(2.0), {}, x) is None
        assert kernels.unroll(sorting, jnp.float32(2.0), {}, x) is None
    assert [r.message for r in caplog.records] == [
        "Running without a compiled kernel, several times slower: the operation 'sort'."
    ]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda p, s, x: (s, jax.lax.fori_loop(0, 3, lambda i, v: v * p, x)), "'scan'|'while'"),
        (lambda p, s, x: (s, x[..., jnp.argmax(x[0])]), "'argmax'"),
        (lambda p, s, x: (s, jnp.float32(jnp.int32(x))), "int32"),
        (lambda p, s, x: (jnp.concatenate([s, s], -1), x), "changes its shape"),
        (lambda p, s, x: (s, x > p), "float32"),
    ],
)
def test_reasons(step, reason):
    x = jnp.ones((2, 3, 4))
    with pytest.raises(kernels.NotCompiled, match=reason):
        call.Kernel(step, jnp.float32(2.0), x[:, 0], x, "inputs")


def learning(params, state, x):
    """Streams that each have weights of their own and change them as they go."""
    del params
    weights, multiple = state
    error = x[..., -1] - jnp.sum(weights[..., jnp.array([2, 0])] * x[..., :2], axis=-1)
    return (weights + multiple * error[..., None] * x, multiple), error


def test_without_parameters_streams_of_all_calls_go_side_by_side():
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 4, 60, 3))
    weights, x = jnp.asarray(weights, jnp.float32), jnp.asarray(x, jnp.float32)
    state = weights, jnp.full((5, 4, 1), 0.1, jnp.float32)
    one_axis = jax.tree.map(lambda leaf: leaf[0], (state, x))
    found = kernels.run(learning, *one_axis)
    assert_close(found, scan(learning, (), *one_axis), 1e-5)
    expected = jax.vmap(partial(scan, learning, ()))(state, x)
    assert_close(jax.jit(jax.vmap(partial(kernels.run, learning)))(state, x), expected, 1e-5)
    same = jax.vmap(partial(kernels.run, learning), in_axes=((0, None), None))
    told = jax.vmap(partial(scan, learning, ()), in_axes=((0, None), None))
    assert_close(same((weights, state[1][0]), x[0]), told((weights, state[1][0]), x[0]), 1e-5)
    assert np.abs(expected[0][0] - weights).min() > 1e-3


def test_a_large_state_is_left_to_the_scan(caplog):
    large = jnp.zeros((2, call.MOST_STATE + 1))
    with caplog.at_level(logging.WARNING, logger="fixedweight"):
        assert kernels.run(lambda p, s, x: (s, x), large, jnp.ones((2, 3, 4))) is None
    assert "a state of more than 16384 numbers" in caplog.text


def test_turned_off(monkeypatch):
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    step, *arguments = drawn("elman", 2, 3)
    assert kernels.unroll(step, *arguments) is None


def test_a_matrix_stays_one_array_where_its_diagonal_is_changed():
    """What is added to a diagonal takes its place: as many lines for a large matrix as for a small
    one, forward and backward."""

    def lines(size: int) -> int:
        def step(params, state, inputs):
            matrix = params[0] * state[0] + (1.0 - params[0]) * jnp.eye(size)
            seen = (matrix @ inputs[0][:, None])[:, 0]
            gain = seen / (1.0 + jnp.sum(inputs[0] * seen))
            return [matrix - gain[:, None] * seen], [jnp.sum(seen, keepdims=True)]

        leaves = Leaves(((1,),), ((size, size),), ((size,),), ((1,),))
        return generate(step, leaves, Vectors(8, 16), "params").text.count("\n")

    assert lines(20) < lines(10) + 120  # the sums of an unrolled row, not rows times columns


def test_a_bias_is_summed_with_its_matrix_where_a_tile_has_room():
    """7 rows of a matrix fill whole tiles of 2 with one more, which is the bias; 8 do by
    themselves, and the bias is summed step by step. The gradient is the scan's both ways."""

    def step(params, state, x):
        matrix, bias = params
        new = jnp.tanh(jnp.concatenate([x, state], axis=-1) @ matrix + bias)
        return new, new

    rng = np.random.default_rng(0)
    for inputs, alone in ((3, 0), (4, 4)):

        def flat(params, state, x):
            new, output = step(params, state[0][None], x[0][None])
            return [new[0]], [output[0]]

        leaves = Leaves(((inputs + 4, 4), (4,)), ((4,),), ((inputs,),), ((4,),))
        source = generate(flat, leaves, Vectors(8, 16), "params").text
        assert f"#define NA {alone}\n" in source
        params = [rng.normal(0, 0.3, shape).astype(np.float32) for shape in leaves.params]
        state = rng.normal(size=(9, 4)).astype(np.float32)
        x = rng.normal(size=(9, 50, inputs)).astype(np.float32)
        kernel, expected = compared(step, params, state, x)
        assert_close(kernel, expected, 1e-5)


@pytest.mark.parametrize("features", [1, 3, 10])
def test_streams_go_to_lanes_and_back(features):
    """Whatever the numbers of streams, examples and features are multiples of or not."""

    def step(params, state, x):
        new = state + params * x
        return new, new

    rng = np.random.default_rng(0)
    for batch in (1, 7, 17):
        for length in (1, 8, 33):
            x = jnp.asarray(rng.normal(size=(batch, length, features)), jnp.float32)
            state = jnp.asarray(rng.normal(size=(batch, features)), jnp.float32)
            kernel, expected = compared(step, jnp.float32(0.5), state, x)
            assert_close(kernel, expected, 1e-5)
