"""xLSTM's two memories against the paper's equations without any stabiliser, number by number."""

import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.networks import MLSTM, SLSTM, initial_state

TIME = 9


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def affine(x, p, name):
    return x @ p[f"w_{name}"] + p[f"b_{name}"]


def scalar_memory(network, p, inputs):
    n = network.hidden
    c, norm, h = np.zeros(n), np.zeros(n), np.zeros(n)
    for x in inputs:
        net = affine(np.concatenate([x, h]), p, "gates")
        i, f, o = np.exp(net[:n]), logistic(net[n : 2 * n]), logistic(net[2 * n : 3 * n])
        c, norm = f * c + i * np.tanh(net[3 * n :]), f * norm + i
        h = o * c / norm
        yield logistic(affine(h, p, "output"))


def matrix_memory(network, p, inputs):
    d, heads = network.features, network.heads
    e = np.zeros(network.hidden)
    C, norm = np.zeros((heads, d, d)), np.zeros((heads, d))
    for x in inputs:
        window = np.concatenate([e, e := np.tanh(affine(x, p, "encode"))])
        q, k, v, o = affine(window, p, "parts").reshape(4, heads, d)
        gates = affine(window, p, "gates")
        h = []
        for a in range(heads):
            i, f = np.exp(gates[a]), logistic(gates[heads + a])
            C[a] = f * C[a] + i * np.outer(v[a], k[a]) / d**0.5
            norm[a] = f * norm[a] + i * k[a] / d**0.5
            h.append(logistic(o[a]) * (C[a] @ q[a]) / max(abs(norm[a] @ q[a]), 1.0))
        read = np.tanh(affine(np.concatenate([*h, e]), p, "read"))
        yield logistic(affine(read, p, "output"))


@pytest.mark.parametrize(
    ("network", "naive"),
    [
        (SLSTM(hidden=4), scalar_memory),
        (MLSTM(hidden=3, features=2), matrix_memory),
        (MLSTM(hidden=4, heads=2, features=3, input_size=2), matrix_memory),
    ],
    ids=["scalar", "matrix", "heads"],
)
def test_against_the_equations(network, naive):
    rng = np.random.default_rng(3)
    params = {name: 3.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(TIME, network.input_size))
    state = initial_state(network, params, (), np)
    for x, expected in zip(inputs, naive(network, params, inputs), strict=True):
        state, found = network.step(params, state, x, np)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_gates_of_any_size_overflow_nowhere():
    network = SLSTM(hidden=3)
    rng = np.random.default_rng(0)
    params = {k: v.astype(np.float32) for k, v in network.init_params(rng).items()}
    params["b_gates"][:3] = [1e4, -1e4, 0.0]
    state = initial_state(network, params, (), np)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for x in rng.normal(size=(20, 3)).astype(np.float32):
            state, output = network.step(params, state, x, np)
    assert np.isfinite(output).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(NetworkError, match="at least one head"):
        MLSTM(heads=0)
