"""The Transformer, an example at a time, against attention over the whole past written out."""

import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.networks import Transformer, initial_state

TIME = 11


def naive(network, p, inputs):
    """One stream: the past kept whole and cut to the last `context` examples when it is read."""
    n, d = network.example_size, network.hidden // network.heads

    def affine(x, name):
        return x @ p[f"w_{name}"] + p[f"b_{name}"]

    def normal(x, gain):
        return gain * x / np.sqrt(np.mean(x**2) + 1e-6)

    past = [np.zeros(n)] * (network.delay + 1)
    keys, values = ([[] for _ in range(network.layers)] for _ in range(2))
    for row in inputs:
        token = np.concatenate([past[-1 - network.delay], row])
        past.append(row[:n])
        h = affine(token, "token")
        for i in range(network.layers):
            q, k, v = affine(normal(h, p[f"g_attend{i}"]), f"attend{i}").reshape(3, -1)
            keys[i].append(k)
            values[i].append(v)
            read = np.zeros(network.hidden)
            for a in range(network.heads):
                own = slice(a * d, (a + 1) * d)
                weights = []
                for age, old in enumerate(keys[i][: -network.context - 1 : -1]):
                    sizes = [np.sqrt(z[own] @ z[own] + 1e-6) for z in (q, old)]
                    cosine = q[own] @ old[own] / np.prod(sizes)
                    weights.append(np.exp(p[f"sharp{i}"][a] * cosine - p[f"ageing{i}"][a] * age))
                for age, weight in enumerate(weights):
                    read[own] += weight / sum(weights) * values[i][-1 - age][own]
            h = h + affine(read, f"attended{i}")
            thought = affine(normal(h, p[f"g_think{i}"]), f"think{i}")
            h = h + affine(np.maximum(thought, 0.0), f"thought{i}")
        y = affine(normal(h, p["g_output"]), "output")
        yield 1.0 / (1.0 + np.exp(-y)) if network.output == "logistic" else y


SMALL = {"hidden": 4, "heads": 2, "layers": 2}


@pytest.mark.parametrize(
    "network",
    [
        Transformer(**SMALL, context=TIME),
        Transformer(**SMALL, context=4),
        Transformer(**SMALL, context=1, input_size=5, target_size=2, output="linear"),
        Transformer(hidden=6, heads=1, layers=3, context=5, input_size=4, delay=2, flagged=True),
    ],
    ids=["all of it", "a window", "one example", "late and flagged"],
)
def test_against_attention_over_the_past(network):
    rng = np.random.default_rng(3)
    params = {name: 2.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(TIME, network.input_size))
    state = initial_state(network, params, (), np)
    for x, expected in zip(inputs, naive(network, params, inputs), strict=True):
        state, found = network.step(params, state, x, np)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_what_is_older_than_the_context_is_forgotten():
    network = Transformer(hidden=4, heads=2, layers=1, context=3)
    rng = np.random.default_rng(0)
    params, inputs = network.init_params(rng), rng.normal(size=(2, 8, 3))
    inputs[1, 4:] = inputs[0, 4:]
    state = initial_state(network, params, (2,), np)
    apart = []
    for t in range(8):
        state, found = network.step(params, state, inputs[:, t], np)
        apart.append(abs(found[0] - found[1]).item())
    # a token holds the inputs of the example before, too
    assert apart[6] > 0.0
    assert apart[7] == 0.0


@pytest.mark.parametrize("sizes", [{"context": 0}, {"layers": 0}, {"hidden": 6, "heads": 4}])
def test_what_cannot_be_is_refused(sizes):
    with pytest.raises(NetworkError, match="multiple of the heads"):
        Transformer(**sizes)
