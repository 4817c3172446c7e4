"""The self-referential weight matrix against its equations, number by number."""

import logging
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.gradients import bptt
from fixedweight.networks import SelfReferential, initial_state, parameter_count

TIME = 9


def softmax(x):
    powers = [math.exp(value) for value in x]
    return [value / sum(powers) for value in powers]


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


def times(row, matrix):
    """[rows] by [rows][columns]."""
    return [sum(a * line[j] for a, line in zip(row, matrix, strict=True)) for j in
            range(len(matrix[0]))]  # fmt: skip


def plus(one, other):
    return [a + b for a, b in zip(one, other, strict=True)]


def own_matrices(params):
    return np.concatenate([params["w_self"], params["w_rates"]], axis=-1)


def naive(network, params, inputs):
    """Irie et al. (2022), section 3: the matrices themselves are rewritten."""
    p = {name: value.tolist() for name, value in params.items()}
    n = network.hidden
    matrices = own_matrices(params).tolist()
    for x in inputs:
        h = plus(times(x, p["w_input"]), p["b_input"])
        for layer, w in enumerate(matrices):
            answer = times(softmax(h), w)
            y, k, q, b = answer[:n], answer[n : 2 * n], answer[2 * n : 3 * n], answer[3 * n :]
            key, query = softmax(k), softmax(q)
            stored, wanted = times(key, w), times(query, w)
            new = [list(line) for line in w]
            for i in range(n):
                for j in range(3 * n + 4):
                    rate = logistic(b[j // n] if j < 3 * n else b[3])
                    new[i][j] += key[i] * rate * (wanted[j] - stored[j])
            matrices[layer] = new
            h = plus(h, y)
        out = plus(times(h, p["w_output"]), p["b_output"])
        yield [logistic(v) if network.output == "logistic" else v for v in out], matrices


@pytest.mark.parametrize(
    "network",
    [
        SelfReferential(hidden=3),
        SelfReferential(hidden=4, layers=1, input_size=2, target_size=2, output="linear"),
        SelfReferential(hidden=1, layers=3),
    ],
)
def test_against_the_equations(network):
    rng = np.random.default_rng(3)
    params = network.init_params(rng)
    inputs = rng.normal(size=(TIME, network.input_size))
    state = initial_state(network, params, (), np)
    own = own_matrices(params)
    for x, (expected, matrices) in zip(inputs, naive(network, params, inputs), strict=True):
        state, found = network.step(params, state, x, np)
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        shift = state["shift"].reshape(own.shape)
        np.testing.assert_allclose(own + shift, matrices, rtol=1e-10, atol=1e-12)
    assert network.hidden == 1 or np.abs(state["shift"]).max() > 0.1


def test_the_usual_size_is_that_of_the_papers_network():
    params = SelfReferential().init_params(np.random.default_rng(0))
    assert parameter_count(params) == 489


def test_it_is_compiled_and_the_gradient_is_the_scans(caplog, monkeypatch, quick_compile):
    network = SelfReferential(hidden=3)
    rng = np.random.default_rng(0)
    params = {k: jnp.asarray(v, jnp.float32) for k, v in network.init_params(rng).items()}
    state = initial_state(network, params, (3,), jnp)
    inputs, targets = rng.normal(size=(3, TIME, 3)), rng.uniform(size=(3, TIME, 1))
    arguments = (params, state, *(jnp.asarray(v, jnp.float32) for v in (inputs, targets)))
    found = []
    with caplog.at_level(logging.WARNING, logger="fixedweight"):
        for kernels in ("1", "0"):
            monkeypatch.setenv("FIXEDWEIGHT_KERNELS", kernels)
            found.append(jax.jit(bptt(network))(*arguments, jnp.ones((3, TIME)))[1])
    assert not caplog.records
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("sizes", [{"hidden": 0}, {"layers": 0}])
def test_what_cannot_be_is_refused(sizes):
    with pytest.raises(NetworkError, match="at least one layer of at least one hidden unit"):
        SelfReferential(**sizes)
