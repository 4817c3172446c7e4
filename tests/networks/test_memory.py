"""Networks with a linear memory: each rule against its equations, number by number."""

import logging
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.gradients import bptt
from fixedweight.networks import (
    DeltaMemory,
    GatedDeltaMemory,
    LeastSquaresMemory,
    Memory,
    initial_state,
)
from fixedweight.networks.memory import LEAK, NEAR, SOFT, TINY

TIME = 12
KINDS = [DeltaMemory, GatedDeltaMemory, LeastSquaresMemory]
CASES = [
    pytest.param(kind(**sizes), id=f"{kind.__name__}-{i}")
    for kind in KINDS
    for i, sizes in enumerate(
        [
            {"heads": 2, "features": 3, "hidden": 4, "control": 2},
            {"heads": 1, "features": 2, "input_size": 5, "target_size": 2, "output": "linear"},
            {"heads": 2, "features": 2, "input_size": 4, "delay": 2, "flagged": True},
        ]
    )
]


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def naive(network, p, inputs):
    """One stream with a list of matrices, one for each head, and the past kept whole."""
    n, t, size = network.example_size, network.target_size, network.features
    heads = range(network.heads)

    def affine(x, name):
        return x @ p[f"w_{name}"] + p[f"b_{name}"]

    def key_of(x):
        basis = np.concatenate([x, np.tanh(affine(x, "hidden"))])
        key = affine(basis, "key") * affine(basis, "key_gate")
        return basis, [key[h * size : (h + 1) * size] for h in heads]

    def doubt(keys):
        if not isinstance(network, LeastSquaresMemory):
            return []
        return [SOFT * np.log(TINY + k @ P @ k) for k, P in zip(keys, covariances, strict=True)]

    matrices = [np.zeros((t, size)) for _ in heads]
    covariances = [np.eye(size) for _ in heads]
    control = np.zeros(network.control)
    past = [(np.zeros(n), [np.zeros(size) for _ in heads])] * (network.delay + 1)
    for row in inputs:
        x, y = row[:n], row[n : n + t]
        x_told, keys = past[-1 - network.delay]
        if not network.flagged or row[-1] == 1.0:
            told = y
            if network.output == "logistic":
                near = np.clip(y, NEAR, 1 - NEAR)
                told = np.concatenate([y, np.log(near / (1 - near)) / 2])
            values = affine(told, "value").reshape(network.heads, t)
            errors = [v - M @ k for v, M, k in zip(values, matrices, keys, strict=True)]
            surprise = [SOFT * np.log(TINY + e @ e) for e in errors]
            signs = np.concatenate([told, x_told, surprise, doubt(keys), control])
            gates = affine(signs, "gates").reshape(network.gates, network.heads)
            net = affine(signs, "control")
            keep = logistic(net[: network.control])
            control = keep * control + (1 - keep) * np.tanh(net[network.control :])
            for h, k in enumerate(keys):
                if isinstance(network, LeastSquaresMemory):
                    a = (1 - LEAK) * logistic(gates[0, h])
                    noise = LEAK + np.log(1 + np.exp(gates[1, h]))
                    P = a * covariances[h] + (1 - a) * np.eye(size)
                    M = a * matrices[h]
                    # the posterior in its other form: precisions add
                    after = np.linalg.inv(np.linalg.inv(P) + np.outer(k, k) / noise)
                    matrices[h] = M + np.outer(values[h] - M @ k, after @ k / noise)
                    covariances[h] = after
                else:
                    forget = isinstance(network, GatedDeltaMemory)
                    M = matrices[h] * (logistic(gates[1, h]) if forget else 1.0)
                    rate = logistic(gates[0, h]) / (TINY + k @ k)
                    matrices[h] = M + rate * np.outer(values[h] - M @ k, k)
        basis, keys = key_of(x)
        past.append((x, keys))
        recall = np.concatenate([M @ k for M, k in zip(matrices, keys, strict=True)])
        seen = np.concatenate([recall, doubt(keys), control, basis])
        out = recall @ p["w_recall"] + affine(np.tanh(affine(seen, "seen")), "output")
        yield (np.clip(out, 0, 1) if network.output == "logistic" else out), matrices


def drawn(network, seed=3):
    rng = np.random.default_rng(seed)
    params = {name: 2.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(TIME, network.input_size))
    n, t = network.example_size, network.target_size
    if network.output == "logistic":
        inputs[:, n : n + t] = rng.uniform(size=(TIME, t))
    if network.flagged:
        inputs[:, -1] = rng.integers(0, 2, TIME)
    return params, inputs


@pytest.mark.parametrize("network", CASES)
def test_against_the_equations(network):
    params, inputs = drawn(network)
    state = initial_state(network, params, (), np)
    for x, (expected, matrices) in zip(inputs, naive(network, params, inputs), strict=True):
        state, found = network.step(params, state, x, np)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
        kept = state["matrix"].reshape(np.shape(matrices))
        np.testing.assert_allclose(kept, matrices, rtol=1e-7, atol=1e-9)
    assert np.abs(state["matrix"]).max() > 0.1


def test_least_squares_that_forgets_nothing_is_ridge_regression():
    """With a = 1 (but for the leak) and a constant noise, M is the ridge solution on all pairs."""
    network = LeastSquaresMemory(heads=1, features=3, output="linear", control=1)
    params, inputs = drawn(network)
    params["w_gates"][:] = 0.0
    params["b_gates"][:] = [40.0, -1.0]
    noise = LEAK + np.log1p(np.exp(-1.0))
    state = initial_state(network, params, (), np)
    keys, values = [], []
    for t, x in enumerate(inputs):
        if t:
            keys.append(state["keys"])
            values.append(x[-1:] @ params["w_value"] + params["b_value"])
        state, _ = network.step(params, state, x, np)
    K, v = np.array(keys), np.array(values)
    ridge = np.linalg.solve(K.T @ K + noise * np.eye(3), K.T @ v)[:, 0]
    np.testing.assert_allclose(state["matrix"], ridge, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_compiled_and_the_gradient_is_that_of_float64(
    kind, caplog, monkeypatch, quick_compile, x64
):
    network = kind(heads=2, features=2, hidden=3, control=2)
    params, inputs = drawn(network)
    inputs = np.stack([inputs, inputs[::-1]])
    state = initial_state(network, params, (2,), np)
    targets, weights = np.full((2, TIME, 1), 0.3), np.ones((2, TIME))

    def gradient(dtype, kernels):
        monkeypatch.setenv("FIXEDWEIGHT_KERNELS", kernels)
        given = jax.tree.map(
            lambda v: jnp.asarray(v, dtype), (params, state, inputs, targets, weights)
        )
        found = jax.jit(bptt(network))(*given)[1]
        assert {v.dtype for v in found.values()} == {np.dtype(dtype)}
        return np.concatenate([np.ravel(found[name]) for name in params]).astype(float)

    with caplog.at_level(logging.WARNING, logger="fixedweight"):
        compiled = gradient("float32", "1")
    assert not caplog.records
    # rounding is magnified where noise is small against the keys, and by log e^2 near e = 0
    exact = gradient("float64", "0")
    assert np.linalg.norm(compiled - exact) < 0.01 * np.linalg.norm(exact)


def test_a_rule_of_ones_own_is_a_subclass():
    class Hebb(Memory):
        gates, bias = 1, (0.0,)

        def rule_state(self, params, batch, xp):
            return {}

        def doubt(self, state, key, xp):
            return key[..., 0, :0]

        def rule(self, state, matrix, key, value, gates, xp):
            matrix = matrix + value[..., None] * key[..., None, :]
            return {"matrix": xp.reshape(matrix, state["matrix"].shape)}

    network = Hebb(output="linear")
    params, inputs = drawn(network)
    state = initial_state(network, params, (), np)
    for x in inputs[:2]:
        before = state
        state, _ = network.step(params, state, x, np)
    value = inputs[1, -1:] @ params["w_value"] + params["b_value"]
    expected = np.outer(value, before["keys"].reshape(2, -1)[0])[0]
    np.testing.assert_allclose(state["matrix"].reshape(2, -1)[0], expected)


@pytest.mark.parametrize("sizes", [{"heads": 0}, {"features": 0}, {"delay": -1}])
def test_what_cannot_be_is_refused(sizes):
    with pytest.raises(NetworkError, match=r"sizes of at least 1|no negative delay"):
        LeastSquaresMemory(**sizes)


def test_too_few_inputs_for_what_is_told_are_refused():
    with pytest.raises(NetworkError, match="hold the target told"):
        replace(DeltaMemory(), input_size=1, target_size=2)
