"""The truncated gradient against the traces of the 1997 paper, run online and forward in time."""

from dataclasses import dataclass
from functools import cache

import jax
import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.gradients import bptt, truncated1997
from fixedweight.networks import LSTM1997, Network

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, TIME = 3, 8

SIZES = {"input_size": 2, "target_size": 2, "blocks": 2}
NETWORKS = [
    LSTM1997(**SIZES, **config)
    for config in (
        {"hidden": 2},
        {"block_size": 2, "hidden": 1},
        {"block_size": 2, "hidden": 0, "input_to_output": False, "output": "linear"},
        {"hidden": 1, "second": 2, "gate_sources": False},
        {"block_size": 2, "hidden": 2, "second": 3},
    )
]


def label(network):
    return f"{'four' if network.second else 'three'}-layers-size-{network.block_size}"


every_network = pytest.mark.parametrize("network", NETWORKS, ids=label)


def f(x):
    return 1.0 / (1.0 + np.exp(-x))


def slope(y):
    """f'(x) where f(x) = y."""
    return y * (1.0 - y)


def traced_gradient(network, params, inputs, targets, weights):
    """Hochreiter and Schmidhuber (1997), appendix A.1, for one stream: no unrolling, no tape.

    One trace ds/dw for each weight to a cell or to an input gate, carried forward; everything else
    is the error of the same step. The last row of each gradient is the bias, a source that is 1.
    """
    blocks, size, hidden = network.blocks, network.block_size, network.hidden
    cells = blocks * size
    block_of = np.arange(cells) // size
    first, second, output = (
        np.vstack([params[f"w_{layer}"], params[f"b_{layer}"]]) if f"w_{layer}" in params else None
        for layer in ("first", "second", "output")
    )
    gradient = {"first": np.zeros_like(first), "output": np.zeros_like(output)}
    if network.second:
        gradient["second"] = np.zeros_like(second)
    s, y_c = np.zeros(cells), np.zeros(cells)
    y_in, y_out, y_hidden = np.zeros(blocks), np.zeros(blocks), np.zeros(hidden)
    y_second = np.zeros(network.second)
    trace_c = np.zeros((len(first), cells))
    trace_in = np.zeros((len(first), cells))
    for x, d, weight in zip(inputs, targets, weights, strict=True):
        gates = [y_in, y_out] if network.gate_sources else []
        source = np.concatenate([x, y_c, *gates, y_hidden, [1.0]])
        net = source @ first
        f_c = f(net[:cells])
        y_in, y_out = f(net[cells : cells + blocks]), f(net[cells + blocks : cells + 2 * blocks])
        y_hidden = f(net[cells + 2 * blocks :])
        g, g_slope = 4.0 * f_c - 2.0, 4.0 * slope(f_c)
        s = s + y_in[block_of] * g
        h, h_slope = 2.0 * f(s) - 1.0, 2.0 * slope(f(s))
        y_c = y_out[block_of] * h
        for c in range(cells):
            b = block_of[c]
            trace_c[:, c] += y_in[b] * g_slope[c] * source
            trace_in[:, c] += g[c] * slope(y_in[b]) * source

        gates = [y_in, y_out] if network.gate_sources else []
        if network.second:
            below = np.concatenate([y_c, y_hidden, *gates, y_second, [1.0]])
            y_second = f(below @ second)
            last = np.concatenate([y_second, [1.0]])
        else:
            last = np.concatenate([y_c, y_hidden, *([x] if network.input_to_output else []), [1.0]])
        y = last @ output
        if network.output == "logistic":
            y = f(y)
        delta = 2.0 * weight * (y - d) * (slope(y) if network.output == "logistic" else 1.0)
        gradient["output"] += np.outer(last, delta)
        error = output @ delta
        e_in, e_out = np.zeros(blocks), np.zeros(blocks)
        if network.second:
            delta = error[: network.second] * slope(y_second)
            gradient["second"] += np.outer(below, delta)
            error = second @ delta
            if network.gate_sources:
                at = cells + hidden
                e_in, e_out = error[at : at + blocks], error[at + blocks : at + 2 * blocks]
        e_c, e_hidden = error[:cells], error[cells : cells + hidden]

        for c in range(cells):
            b = block_of[c]
            e_s = e_c[c] * y_out[b] * h_slope[c]
            gradient["first"][:, c] += e_s * trace_c[:, c]
            gradient["first"][:, cells + b] += e_s * trace_in[:, c]
            out = slope(y_out[b]) * e_c[c] * h[c]
            gradient["first"][:, cells + blocks + b] += out * source
        for b in range(blocks):
            gradient["first"][:, cells + b] += e_in[b] * slope(y_in[b]) * source
            gradient["first"][:, cells + blocks + b] += e_out[b] * slope(y_out[b]) * source
        for unit in range(hidden):
            at = cells + 2 * blocks + unit
            gradient["first"][:, at] += e_hidden[unit] * slope(y_hidden[unit]) * source
    rows = {f"w_{layer}": values[:-1] for layer, values in gradient.items()}
    return rows | {f"b_{layer}": values[-1] for layer, values in gradient.items()}


@cache
def compiled(gradient, network):
    return jax.jit(gradient(network))


def problem(network):
    rng = np.random.default_rng(5)
    params = {name: 10.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(BATCH, TIME, network.input_size))
    targets = rng.uniform(size=(BATCH, TIME, network.target_size))
    weights = rng.choice([0.0, 1.0], size=(BATCH, TIME), p=[0.2, 0.8])
    return params, network.init_state(params, (BATCH,), np), inputs, targets, weights


@every_network
def test_equals_the_traces(network, x64):
    params, state, inputs, targets, weights = problem(network)
    _, gradient = compiled(truncated1997, network)(params, state, inputs, targets, weights)
    streams = [
        traced_gradient(network, params, inputs[i], targets[i], weights[i]) for i in range(BATCH)
    ]
    assert set(gradient) == set(params) == set(streams[0])
    for name in params:
        expected = sum(stream[name] for stream in streams) / weights.sum()
        largest = np.abs(expected).max()
        assert largest > 1e-5, name
        np.testing.assert_allclose(
            gradient[name], expected, rtol=1e-10, atol=1e-10 * largest, err_msg=name
        )


@pytest.mark.parametrize("network", [NETWORKS[0], NETWORKS[4]], ids=label)
def test_is_not_the_full_gradient(network, x64):
    given = problem(network)
    _, cut = compiled(truncated1997, network)(*given)
    _, full = compiled(bptt, network)(*given)
    difference = np.linalg.norm(cut["w_first"] - full["w_first"])
    assert difference > 0.01 * np.linalg.norm(full["w_first"])
    # The output units come last: no error of theirs goes through time.
    np.testing.assert_allclose(cut["w_output"], full["w_output"], rtol=1e-10, atol=1e-14)


@dataclass(frozen=True)
class Leaky(Network):
    """One leaky trace of the inputs; a subclass says whether it is memory."""

    def init_params(self, rng):
        return {"w": rng.normal(size=(self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"trace": xp.zeros((*batch, self.target_size))}

    def step(self, params, state, inputs, xp):
        trace = 0.9 * state["trace"] + inputs @ params["w"]
        return {"trace": trace}, self.squash(trace, xp)


class Remembering(Leaky):
    memory = frozenset({"trace"})


def test_is_the_full_gradient_where_all_state_is_memory(x64):
    network = Remembering(input_size=2, target_size=1)
    given = problem(network)
    _, cut = compiled(truncated1997, network)(*given)
    _, full = compiled(bptt, network)(*given)
    np.testing.assert_allclose(cut["w"], full["w"], rtol=1e-12)
    # The path in time that is kept matters here: one step alone has another gradient.
    params, _, inputs, targets, weights = given
    trace, last = np.zeros((BATCH, 1)), 0.0
    for t in range(TIME):
        trace = 0.9 * trace + inputs[:, t] @ params["w"]
        delta = 2.0 * weights[:, t, None] * (f(trace) - targets[:, t]) * slope(f(trace))
        last = last + inputs[:, t].T @ delta
    assert np.abs(last / weights.sum() - full["w"]).max() > 1e-3


def test_refuses_a_network_without_memory():
    with pytest.raises(NetworkError, match=r"names its memory.*Leaky with none.*'bptt'"):
        truncated1997(Leaky())
