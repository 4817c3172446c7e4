"""The LSTM of 1997 against its equations, written out unit by unit and source by source."""

import math
from itertools import product

import numpy as np
import pytest

from fixedweight.errors import NetworkError
from fixedweight.networks import LSTM1997, initial_state, parameter_count


def f(x):
    return 1.0 / (1.0 + math.exp(-x))


def g(x):
    return 4.0 / (1.0 + math.exp(-x)) - 2.0


def h(x):
    return 2.0 / (1.0 + math.exp(-x)) - 1.0


def net(unit, weights, biases, sources):
    total = float(biases[unit])
    for source, value in enumerate(sources):
        total += float(weights[source, unit]) * value
    return total


def naive_run(network, params, inputs):
    """Hochreiter and Schmidhuber (1997) in plain Python, float64: [time, input] -> outputs.

    Columns of the first layer: cells by block, input gates, output gates, standard units. Its rows:
    inputs, cells' outputs, gates, standard units.
    """
    blocks, size = network.blocks, network.block_size
    w, b = params["w_first"], params["b_first"]
    s = [0.0] * (blocks * size)
    y_c = [0.0] * (blocks * size)
    y_in, y_out = [0.0] * blocks, [0.0] * blocks
    y_hidden = [0.0] * network.hidden
    y_second = [0.0] * network.second
    history = []
    for x in inputs.tolist():
        sources = x + y_c + (y_in + y_out if network.gate_sources else []) + y_hidden
        new_y_c, new_y_in, new_y_out, new_hidden = [], [], [], []
        for block in range(blocks):
            new_y_in.append(f(net(blocks * size + block, w, b, sources)))
            new_y_out.append(f(net(blocks * size + blocks + block, w, b, sources)))
            for cell in range(block * size, (block + 1) * size):
                s[cell] = s[cell] + new_y_in[block] * g(net(cell, w, b, sources))
                new_y_c.append(new_y_out[block] * h(s[cell]))
        for unit in range(network.hidden):
            new_hidden.append(f(net(blocks * size + 2 * blocks + unit, w, b, sources)))
        y_c, y_in, y_out, y_hidden = new_y_c, new_y_in, new_y_out, new_hidden
        below = y_c + y_hidden
        if network.second:
            below = below + (y_in + y_out if network.gate_sources else []) + y_second
            y_second = [
                f(net(unit, params["w_second"], params["b_second"], below))
                for unit in range(network.second)
            ]
            below = y_second
        elif network.input_to_output:
            below = below + x
        squash = f if network.output == "logistic" else lambda value: value
        outputs = [
            squash(net(unit, params["w_output"], params["b_output"], below))
            for unit in range(network.target_size)
        ]
        history.append((list(s), outputs))
    cells, outputs = zip(*history, strict=True)
    return np.array(cells), np.array(outputs)


NETS = [
    LSTM1997(
        input_size=2,
        target_size=2,
        blocks=blocks,
        block_size=size,
        hidden=hidden,
        second=second,
        gate_sources=gates,
        input_to_output=through,
        output=output,
    )
    for (blocks, size, hidden), (second, through), gates, output in product(
        ((1, 1, 2), (2, 1, 0), (2, 2, 1), (3, 2, 2)),
        ((0, True), (0, False), (3, True)),
        (True, False),
        ("logistic", "linear"),
    )
]


@pytest.mark.parametrize("network", NETS, ids=lambda n: "-".join(map(str, n.config().values())))
def test_equals_the_equations(network):
    rng = np.random.default_rng(3)
    params = {name: 8.0 * value for name, value in network.init_params(rng).items()}
    inputs = rng.normal(size=(9, 2))
    cells, expected = naive_run(network, params, inputs)
    state = initial_state(network, params, (), np)
    for t in range(len(inputs)):
        state, outputs = network.step(params, state, inputs[t], np)
        np.testing.assert_allclose(outputs, expected[t], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(state["cells"], cells[t], rtol=1e-12, atol=1e-12)
    assert np.ptp(expected, axis=0).min() > 1e-3


def count(**config):
    return parameter_count(LSTM1997(**config).init_params(np.random.default_rng(0)))


def test_the_adding_problems_network_has_93_weights():
    net = {"blocks": 2, "block_size": 2, "hidden": 0, "input_to_output": False}
    assert count(input_size=2, **net) == 93


def test_twelve_cells_six_units_and_a_second_layer_of_40_have_5293_weights():
    assert count(input_size=3, blocks=12, second=40) == 5293


def test_initial_weights_fill_the_interval_of_a_tenth():
    params = LSTM1997(blocks=12, second=40).init_params(np.random.default_rng(0))
    for name, values in params.items():
        assert np.abs(values).max() <= 0.1, name
    every = np.concatenate([values.ravel() for values in params.values()])
    assert every.min() < -0.099
    assert every.max() > 0.099
    assert abs(every.std() - 0.1 / 3**0.5) < 0.002


def test_gate_biases_move_the_gates_biases_alone():
    config = {"blocks": 3, "block_size": 2, "hidden": 1, "second": 2}
    plain = LSTM1997(**config).init_params(np.random.default_rng(0))
    moved = LSTM1997(**config, input_gate_bias=-1.5, output_gate_stagger=0.5).init_params(
        np.random.default_rng(0)
    )
    shift = {name: moved[name] - plain[name] for name in plain}
    # 6 cells, 3 input gates, 3 output gates, 1 standard unit
    expected = [0.0] * 6 + [-1.5] * 3 + [-0.5, -1.0, -1.5] + [0.0]
    np.testing.assert_allclose(shift.pop("b_first"), expected, atol=1e-15)
    assert not any(values.any() for values in shift.values())


def test_closed_input_gates_keep_the_memory_and_closed_output_gates_hide_it():
    inputs = np.random.default_rng(1).normal(size=(2,))

    def after_one_step(**biases):
        network = LSTM1997(input_size=2, blocks=2, hidden=1, **biases)
        params = network.init_params(np.random.default_rng(0))
        state = initial_state(network, params, (), np) | {"cells": np.array([0.7, -0.4])}
        return network.step(params, state, inputs, np)[0]

    kept = after_one_step(input_gate_bias=-60.0)
    np.testing.assert_allclose(kept["cells"], [0.7, -0.4], atol=1e-15)
    hidden = after_one_step(output_gate_stagger=60.0)
    np.testing.assert_allclose(hidden["cell_outputs"], 0.0, atol=1e-15)
    assert np.abs(after_one_step()["cell_outputs"]).min() > 1e-3


@pytest.mark.parametrize(
    "config",
    [{"blocks": 0}, {"block_size": 0}, {"hidden": -1}, {"second": -1}],
    ids=lambda config: next(iter(config)),
)
def test_refuses_sizes_that_make_no_network(config):
    name, value = next(iter(config.items()))
    with pytest.raises(NetworkError, match=f"at least one block.*{name}={value}"):
        LSTM1997(**config)
