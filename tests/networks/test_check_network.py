"""A network that does not keep to the protocol is refused, and the refusal says how."""

from dataclasses import dataclass

import numpy as np
import pytest

from fixedweight.errors import FixedWeightError, NetworkError
from fixedweight.networks import LSTM1997, Network, check_network, parameter_count


@dataclass(frozen=True)
class Leaky(Network):
    """A network that keeps to the protocol; each test breaks one thing in it."""

    def init_params(self, rng):
        return {"w": rng.normal(size=(self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"trace": xp.zeros((*batch, self.target_size))}

    def step(self, params, state, inputs, xp):
        trace = 0.5 * state["trace"] + inputs @ params["w"]
        return {"trace": trace}, self.squash(trace, xp)


def broken(**methods):
    return type("Broken", (Leaky,), methods)()


def test_the_unbroken_network_passes():
    check_network(Leaky(input_size=4, target_size=2))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            broken(init_params=lambda self, rng: {}),
            "Broken.init_params to return a dict of arrays with at least one, got dict",
        ),
        (
            broken(init_params=lambda self, rng: [rng.normal(size=3)]),
            "init_params to return a dict of arrays with at least one, got list",
        ),
        (
            broken(init_params=lambda self, rng: {"layer": {"w": rng.normal(size=3)}}),
            "init_params to return a flat dict of arrays of numbers, got dict as 'layer'",
        ),
        (
            broken(init_state=lambda self, params, batch, xp: (xp.zeros(batch),)),
            "init_state to return a dict of arrays, got tuple",
        ),
        (
            broken(
                step=lambda self, params, state, inputs, xp: (
                    {"trace": state["trace"][..., :0]},
                    inputs @ params["w"],
                )
            ),
            r"keep the names and shapes of the state, got \{'trace': \(2, 1\)\} before "
            r"and \{'trace': \(2, 0\)\} after",
        ),
        (
            broken(
                step=lambda self, params, state, inputs, xp: (
                    {"other": state["trace"]},
                    inputs @ params["w"],
                )
            ),
            "keep the names and shapes of the state.*'other'",
        ),
        (
            broken(
                step=lambda self, params, state, inputs, xp: (
                    tuple(state.values()),
                    inputs @ params["w"],
                )
            ),
            "Broken.step to return a dict of arrays as the new state, got tuple",
        ),
        (
            broken(step=lambda self, params, state, inputs, xp: (state, inputs)),
            r"outputs of shape \(2, 1\) \(streams, targets\), got \(2, 3\)",
        ),
        (
            broken(
                step=lambda self, params, state, inputs, xp: (
                    state,
                    xp.nan * (inputs @ params["w"]),
                )
            ),
            "Expected finite outputs from Broken.step",
        ),
        (
            broken(
                step=lambda self, params, state, inputs, xp: (state, xp.inf + inputs @ params["w"])
            ),
            "Expected finite outputs from Broken.step",
        ),
        (
            broken(memory=frozenset({"trace", "cells"})),
            r"Broken.memory to name parts of the state \['trace'\], got \['cells'\]",
        ),
    ],
)
def test_refuses_what_breaks_the_protocol(network, message):
    with pytest.raises(NetworkError, match=message):
        check_network(network)


@pytest.mark.parametrize("network", [Leaky, LSTM1997])
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"input_size": 0}, "at least one input.*input_size=0"),
        ({"target_size": -1}, "at least one input.*target_size=-1"),
    ],
)
def test_refuses_impossible_sizes(network, config, message):
    with pytest.raises(NetworkError, match=message):
        network(**config)


def test_refuses_unknown_output_units():
    with pytest.raises(NetworkError, match="output 'logistic' or 'linear', got 'softmax'"):
        Leaky(output="softmax")


def test_errors_are_value_errors_too():
    assert issubclass(NetworkError, ValueError)
    assert issubclass(NetworkError, FixedWeightError)


def test_parameters_are_counted_over_all_arrays():
    assert parameter_count({"a": np.zeros((2, 3)), "b": np.zeros(4), "c": np.float64(1.0)}) == 11
