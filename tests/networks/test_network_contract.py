"""Every network, and one written by a user, keeps to the protocol in one suite."""

import inspect
import json
import textwrap
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.construction import CompiledNetwork
from fixedweight.gradients import unroll
from fixedweight.networks import (
    LSTM,
    NETWORKS,
    Alternating,
    Jordan,
    Network,
    check_network,
    from_config,
    initial_state,
)
from fixedweight.networks import network as network_module


@dataclass(frozen=True)
class MyNetwork(Network):
    hidden: int = 16

    def init_params(self, rng):
        sources = self.input_size + self.hidden
        return {
            "w": rng.normal(0.0, sources**-0.5, (sources, self.hidden)),
            "v": rng.normal(0.0, self.hidden**-0.5, (self.hidden, self.target_size)),
        }

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, self.hidden))}

    def step(self, params, state, inputs, xp):
        sources = xp.concatenate([inputs, state["h"]], axis=-1)
        h = xp.tanh(sources @ params["w"])
        return {"h": h}, self.squash(h @ params["v"], xp)


SIZES = ({}, {"input_size": 5, "target_size": 2, "output": "linear"}, {"input_size": 1})
"""Configurations that every network must take."""
OWN = {
    "LSTM1997": (
        {"blocks": 2, "block_size": 2, "hidden": 0, "input_to_output": False},
        {"blocks": 1, "block_size": 3, "hidden": 2, "second": 4, "target_size": 3},
        {"blocks": 3, "hidden": 1, "second": 2, "gate_sources": False},
        {"gate_sources": False, "input_gate_bias": -1.0, "output_gate_stagger": 0.5},
    ),
    "LeastSquaresMemory": (
        {"heads": 1, "features": 3, "delay": 2, "flagged": True},
        {"heads": 3, "features": 2, "input_size": 6, "target_size": 2, "flagged": True},
    ),
    "KalmanMemory": (
        {"heads": 1, "features": 2, "knots": 3, "delay": 2, "flagged": True},
        {"heads": 2, "features": 1, "input_size": 6, "target_size": 2, "flagged": True},
    ),
    "Hypotheses": (
        {"hypotheses": 5, "heads": 1, "free": 1, "features": 3, "delay": 2, "flagged": True},
        {"hypotheses": 3, "input_size": 6, "target_size": 2, "flagged": True},
    ),
    "SelfReferential": ({"layers": 1, "hidden": 3},),
    "Transformer": (
        {"context": 4, "hidden": 2, "heads": 1, "layers": 1, "delay": 2, "flagged": True},
        {"context": 5, "hidden": 6, "heads": 3, "input_size": 6, "target_size": 2, "flagged": True},
    ),
    "PreviousError": (
        {"network": MyNetwork(hidden=5), "flagged": True, "delay": 2},
        {"network": Jordan(hidden=3), "input_size": 5, "target_size": 2, "delay": 1},
        {"network": Alternating(LSTM(hidden=3)), "input_size": 6, "flagged": True},
    ),
    "Alternating": ({"network": MyNetwork(hidden=5), "flagged": True},),
}
"""Further configurations of single networks."""
CASES = [
    pytest.param(kind(**config), id=f"{kind.__name__}-{i}")
    for kind in (*NETWORKS.values(), MyNetwork)
    for i, config in enumerate((*SIZES, *OWN.get(kind.__name__, ())))
]
every_network = pytest.mark.parametrize("network", CASES)
TIME = 6
ROUNDING = 1e-8
"""In float64: a least-squares memory without noise magnifies it ten-thousandfold."""


def drawn_params(network, seed=1, dtype=np.float64):
    """Parameters far enough from 0 that no activation is linear."""
    params = network.init_params(np.random.default_rng(seed))
    return {name: (5.0 * value).astype(dtype) for name, value in params.items()}


def drawn_inputs(network, *axes, dtype=np.float64):
    return np.random.default_rng(2).normal(size=(*axes, network.input_size)).astype(dtype)


def numpy_run(network, params, inputs):
    """The network over inputs [..., time, input], step by step in NumPy."""
    state = initial_state(network, params, inputs.shape[:-2], np)
    outputs = []
    for t in range(inputs.shape[-2]):
        state, output = network.step(params, state, inputs[..., t, :], np)
        outputs.append(output)
    return state, np.stack(outputs, axis=-2)


def assert_same(one, other, tolerance):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), one, other
    )


def test_the_users_network_is_the_one_in_the_documentation():
    assert textwrap.indent(inspect.getsource(MyNetwork), "    ") in network_module.__doc__


@every_network
def test_numpy_jax_and_scan_agree(network, x64, quick_compile):
    params, inputs = drawn_params(network), drawn_inputs(network, 3, TIME)
    numpy_state, numpy_outputs = numpy_run(network, params, inputs)

    jax_params = {name: jnp.asarray(value) for name, value in params.items()}
    begin = initial_state(network, jax_params, (3,), jnp)
    step = jax.jit(lambda p, s, x: network.step(p, s, x, jnp))
    state, outputs = begin, []
    for t in range(TIME):
        state, output = step(jax_params, state, inputs[:, t])
        outputs.append(output)
    assert_same((state, np.stack(outputs, 1)), (numpy_state, numpy_outputs), ROUNDING)

    scanned = jax.jit(lambda p, s, x: unroll(network, p, s, x))(jax_params, begin, inputs)
    assert_same(scanned, (numpy_state, numpy_outputs), ROUNDING)


@every_network
def test_streams_side_by_side_are_independent(network):
    params, inputs = drawn_params(network), drawn_inputs(network, 2, 3, TIME)
    state, outputs = numpy_run(network, params, inputs)
    assert outputs.shape == (2, 3, TIME, network.target_size)
    for a in range(2):
        row = {name: part[a] for name, part in state.items()}
        assert_same(numpy_run(network, params, inputs[a]), (row, outputs[a]), ROUNDING)
        for b in range(3):
            one = {name: part[a, b] for name, part in state.items()}
            assert_same(numpy_run(network, params, inputs[a, b]), (one, outputs[a, b]), ROUNDING)


@every_network
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_a_step_keeps_names_shapes_and_precision(network, batch):
    params = drawn_params(network, dtype=np.float32)
    state = initial_state(network, params, batch, np)
    new, output = network.step(params, state, drawn_inputs(network, *batch, dtype=np.float32), np)
    assert {k: v.shape for k, v in new.items()} == {k: v.shape for k, v in state.items()}
    assert all(v.shape[:-1] == batch for v in new.values())
    assert output.shape == (*batch, network.target_size)
    assert {v.dtype for v in (*state.values(), *new.values(), output)} == {np.dtype(np.float32)}


@every_network
def test_a_step_changes_nothing_it_was_given(network):
    params, inputs = drawn_params(network), drawn_inputs(network, 2)
    state = initial_state(network, params, (2,), np)
    state = {name: part + 0.3 for name, part in state.items()}
    for array in (*params.values(), *state.values(), inputs):
        array.setflags(write=False)
    new, _ = network.step(params, state, inputs, np)
    assert any(not np.array_equal(new[name], state[name]) for name in state)


@every_network
def test_inputs_of_the_past_matter(network):
    network = replace(network, output="linear")  # logistic units may saturate
    params, inputs = drawn_params(network), drawn_inputs(network, TIME)
    other = inputs.copy()
    other[:-1] += 1.0  # what is told at the very first belongs to no example
    last = numpy_run(network, params, inputs)[1][-1]
    assert np.abs(numpy_run(network, params, other)[1][-1] - last).max() > 1e-9


@every_network
def test_outputs_stay_finite_and_in_range_on_wild_inputs(network):
    params = drawn_params(network, dtype=np.float32)
    inputs = 1e4 * drawn_inputs(network, 2, 50, dtype=np.float32)
    state, outputs = numpy_run(network, params, inputs)
    assert np.isfinite(outputs).all()
    assert all(np.isfinite(part).all() for part in state.values())
    if network.output == "logistic":
        assert outputs.min() >= 0.0
        assert outputs.max() <= 1.0


@pytest.mark.parametrize(
    "network", [case for case in CASES if type(case.values[0]).squash is Network.squash]
)
def test_linear_outputs_are_the_logit_of_logistic_ones(network):
    linear, logistic = (replace(network, output=kind) for kind in ("linear", "logistic"))
    # one step: from the second on some networks see their own outputs
    params, inputs = drawn_params(network), drawn_inputs(network, 2, 1)
    z = numpy_run(linear, params, inputs)[1]
    assert_same(numpy_run(logistic, params, inputs)[1], 1.0 / (1.0 + np.exp(-z)), 1e-12)


@every_network
def test_the_configuration_makes_it_again(network):
    plain = json.loads(json.dumps(network.config()))
    again = from_config(plain, NETWORKS | {k.__name__: k for k in (MyNetwork, CompiledNetwork)})
    assert again == network
    assert hash(again) == hash(network)


@every_network
def test_parameters_depend_on_the_generator_alone(network):
    np.random.seed(1)
    first = network.init_params(np.random.default_rng(7))
    np.random.seed(2)
    second = network.init_params(np.random.default_rng(7))
    other = network.init_params(np.random.default_rng(8))
    assert list(first) == list(second) == list(other)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not any(v.size and np.array_equal(v, other[name]) for name, v in first.items())


@every_network
def test_the_checks_before_training_let_it_pass(network):
    check_network(network)
