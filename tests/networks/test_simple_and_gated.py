"""Elman, Jordan, fully recurrent, LSTM and GRU against their equations, unit by unit."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.networks import GRU, LSTM, Elman, FullyRecurrent, Jordan, initial_state

TIME = 7


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


def layer(params, name, sources):
    """The net input of each unit of a layer."""
    w, b = params[f"w_{name}"], params[f"b_{name}"]
    return [
        float(b[j]) + sum(float(w[i, j]) * source for i, source in enumerate(sources))
        for j in range(len(b))
    ]


def outputs_of(network, params, hidden):
    squash = logistic if network.output == "logistic" else float
    return [squash(net) for net in layer(params, "output", hidden)]


def activation(network):
    return math.tanh if network.activation == "tanh" else logistic


def elman(network, params, inputs):
    h = [0.0] * network.hidden
    for x in inputs:
        h = [activation(network)(net) for net in layer(params, "hidden", x + h)]
        yield outputs_of(network, params, h)


def jordan(network, params, inputs):
    s = [0.0] * network.target_size
    for x in inputs:
        h = [activation(network)(net) for net in layer(params, "hidden", x + s)]
        y = outputs_of(network, params, h)
        s = [network.decay * a + b for a, b in zip(s, y, strict=True)]
        yield y


def fully_recurrent(network, params, inputs):
    n = network.target_size
    units = [0.0] * (n + network.hidden)
    squash = logistic if network.output == "logistic" else float
    for x in inputs:
        nets = layer(params, "units", x + units)
        units = [squash(v) for v in nets[:n]] + [activation(network)(v) for v in nets[n:]]
        yield units[:n]


def lstm(network, params, inputs):
    n = network.hidden
    c, h = [0.0] * n, [0.0] * n
    for x in inputs:
        nets = layer(params, "gates", x + h)
        for j in range(n):
            i, f, o = (logistic(nets[k * n + j]) for k in range(3))
            c[j] = f * c[j] + i * math.tanh(nets[3 * n + j])
            h[j] = o * math.tanh(c[j])
        yield outputs_of(network, params, h)


def gru(network, params, inputs):
    n = network.hidden
    h = [0.0] * n
    for x in inputs:
        gates = [logistic(v) for v in layer(params, "gates", x + h)]
        driven, recurrent = layer(params, "inputs", x), layer(params, "recurrent", h)
        z = [math.tanh(driven[j] + gates[j] * recurrent[j]) for j in range(n)]
        h = [gates[n + j] * h[j] + (1.0 - gates[n + j]) * z[j] for j in range(n)]
        yield outputs_of(network, params, h)


CASES = [
    (Elman(hidden=4), elman),
    (Elman(hidden=3, activation="logistic", target_size=2, output="linear"), elman),
    (Jordan(hidden=5), jordan),
    (Jordan(hidden=4, decay=0.0, activation="logistic", target_size=3), jordan),
    (FullyRecurrent(hidden=4), fully_recurrent),
    (FullyRecurrent(hidden=2, target_size=2, output="linear"), fully_recurrent),
    (LSTM(hidden=3), lstm),
    (LSTM(hidden=2, input_size=1, target_size=2, output="linear"), lstm),
    (GRU(hidden=4), gru),
    (GRU(hidden=1, input_size=2, output="linear"), gru),
]


@pytest.mark.parametrize(("network", "naive"), CASES)
def test_against_the_equations(network, naive):
    rng = np.random.default_rng(3)
    params = {name: 2.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(TIME, network.input_size))
    state, found = initial_state(network, params, (), np), []
    for x in inputs:
        state, y = network.step(params, state, x, np)
        found.append(y)
    np.testing.assert_allclose(found, list(naive(network, params, inputs.tolist())), rtol=1e-12)


def test_forget_gates_begin_open():
    params = LSTM(hidden=50).init_params(np.random.default_rng(0))
    means = params["b_gates"].reshape(4, 50).mean(axis=1)
    assert means[1] > 0.9
    assert np.abs(np.delete(means, 1)).max() < 0.1


@dataclass(frozen=True)
class Mine(Elman):
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Elman(hidden=0), "at least one hidden unit"),
        (lambda: GRU(hidden=0), "at least one hidden unit"),
        (lambda: Mine(activation="relu"), "'tanh' or 'logistic', got 'relu'"),
        (lambda: Jordan(decay=1.0), "decay from 0 to below 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()
