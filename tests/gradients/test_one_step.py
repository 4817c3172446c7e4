"""Elman's one-step gradient against a sum of gradients of single steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.gradients import bptt, one_step
from fixedweight.networks import LSTM1997, Elman, FullyRecurrent, initial_state


def problem(network, time, dtype=jnp.float64):
    rng = np.random.default_rng(0)
    params = {k: jnp.asarray(v, dtype) for k, v in network.init_params(rng).items()}
    state = {name: part + 0.1 for name, part in initial_state(network, params, (3,), jnp).items()}
    inputs, targets = rng.normal(size=(3, time, 3)), rng.uniform(size=(3, time, 1))
    weights = rng.uniform(0.5, 1.5, size=(3, time))
    return params, state, *(jnp.asarray(v, dtype) for v in (inputs, targets, weights))


@pytest.mark.parametrize("network", [Elman(hidden=4), FullyRecurrent(hidden=3), LSTM1997(blocks=2)])
def test_each_step_alone(network, x64):
    params, state, inputs, targets, weights = problem(network, 5)
    (loss, end), found = one_step(network)(params, state, inputs, targets, weights)
    total, errors = jax.tree.map(jnp.zeros_like, params), 0.0
    for t in range(5):

        def step(params, state=state, t=t):
            after, y = network.step(params, state, inputs[:, t], jnp)
            return jnp.sum(weights[:, t, None] * (y - targets[:, t]) ** 2), after

        (error, state), gradient = jax.value_and_grad(step, has_aux=True)(params)
        errors += error
        total = jax.tree.map(jnp.add, total, gradient)
    share = jnp.sum(weights)
    assert float(loss) == pytest.approx(float(errors / share), rel=1e-12)
    for name in params:
        np.testing.assert_allclose(found[name], total[name] / share, rtol=1e-10, atol=1e-15)
    for name, part in end.items():
        np.testing.assert_allclose(part, state[name], rtol=1e-12)


def test_over_one_step_it_is_bptt_and_over_more_it_is_not(x64):
    network = Elman(hidden=4)
    for time, same in ((1, True), (4, False)):
        arguments = problem(network, time)
        one, whole = one_step(network)(*arguments)[1], bptt(network)(*arguments)[1]
        assert np.allclose(one["w_hidden"], whole["w_hidden"], rtol=1e-9, atol=0) == same


def test_in_a_kernel(monkeypatch):
    network = Elman(hidden=5)
    arguments = problem(network, 6, jnp.float32)
    monkeypatch.delenv("FIXEDWEIGHT_KERNELS", raising=False)
    kernel = one_step(network)(*arguments)[1]
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    scanned = one_step(network)(*arguments)[1]
    for name in kernel:
        np.testing.assert_allclose(kernel[name], scanned[name], rtol=1e-4, atol=1e-7)
