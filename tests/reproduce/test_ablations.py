"""The changed memory loops against plain loops in float64, and the part on small measurements."""

import math

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from fixedweight.families import Boolean, Missing
from fixedweight.gradients import truncated1997
from fixedweight.networks import LSTM1997, initial_state, parameter_count
from fixedweight.reproduce import ablations
from fixedweight.reproduce.ablations import PART, VARIANTS, Ablated, Problem
from fixedweight.training import Schedule, Stage

every_variant = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
SIZES = {"input_size": 2, "blocks": 2, "hidden": 1}


def f(x):
    return 1.0 / (1.0 + math.exp(-x))


def naive_run(network, params, inputs):
    """Two blocks of one cell and one standard unit, written out: [time, input] -> cells, outputs.

    Columns of the first layer: cells 0 1, input gates 2 3, output gates 4 5, standard unit 6."""
    w, b = params["w_first"], params["b_first"]
    a, gated, squashed = network.self_weight, network.gated, network.squashed
    s, y_c, gates, y_h = [0.0, 0.0], [0.0, 0.0], [0.0] * 4, 0.0
    cells, outputs = [], []
    for x in inputs.tolist():
        sources = [*x, *y_c, *gates, y_h]
        net = [b[u] + sum(w[k, u] * sources[k] for k in range(len(sources))) for u in range(7)]
        gates, y_h = [f(net[u]) for u in (2, 3, 4, 5)], f(net[6])
        for c in (0, 1):
            new = 4.0 * f(net[c]) - 2.0
            s[c] = a * s[c] + (gates[c] * new if gated else new)
            if squashed:
                s[c] = math.tanh(s[c])
            y_c[c] = gates[2 + c] * (2.0 * f(s[c]) - 1.0)
        last = [*y_c, y_h, *x]
        y = params["b_output"][0] + sum(params["w_output"][k, 0] * last[k] for k in range(5))
        cells.append(list(s))
        outputs.append([f(y)])
    return np.array(cells), np.array(outputs)


def problem(network, time=12):
    rng = np.random.default_rng(4)
    params = {name: 10.0 * value for name, value in network.init_params(rng).items()}
    return params, rng.normal(size=(time, 2))


@every_variant
def test_equals_the_equations(changes):
    network = Ablated(**SIZES, **changes)
    params, inputs = problem(network)
    cells, expected = naive_run(network, params, inputs)
    state = initial_state(network, params, (), np)
    for t in range(len(inputs)):
        state, outputs = network.step(params, state, inputs[t], np)
        np.testing.assert_allclose(state["cells"], cells[t], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(outputs, expected[t], rtol=1e-12, atol=1e-12)


def test_each_change_changes_the_cells_and_no_weight():
    ends = set()
    for changes in VARIANTS.values():
        network = Ablated(**SIZES, **changes)
        params, inputs = problem(network)
        ends.add(naive_run(network, params, inputs)[0][-1, 0])
        default = LSTM1997().init_params(np.random.default_rng(0))
        assert parameter_count(Ablated(**changes).init_params(np.random.default_rng(0))) == (
            parameter_count(default)
        )
    assert len(ends) == len(VARIANTS)


def test_untouched_is_the_lstm_of_1997_to_the_last_bit():
    params, inputs = problem(LSTM1997(**SIZES))
    one, other = (initial_state(net(**SIZES), params, (), np) for net in (LSTM1997, Ablated))
    for x in inputs:
        one, _ = LSTM1997(**SIZES).step(params, one, x, np)
        other, _ = Ablated(**SIZES).step(params, other, x, np)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("name", ["self-weight 0.9", "input gates open", "squashed cell"])
def test_the_truncated_gradient_is_a_trace_that_fades_with_the_loop(name, x64, quick_compile):
    """dL/dw of a cell's and an input gate's weights, by traces carried forward."""
    network = Ablated(**SIZES, **VARIANTS[name])
    params, inputs = problem(network, time=7)
    targets = np.random.default_rng(5).uniform(size=(7, 1))
    state = initial_state(network, params, (), np)
    trace = np.zeros((9, 4))  # sources x (cells 0 1, input gates of 0 1)
    expected = np.zeros((9, 4))
    for x, d in zip(inputs, targets, strict=True):
        sources = np.concatenate([x, state["cell_outputs"], state["gates"], state["hidden"]])
        net = sources @ params["w_first"] + params["b_first"]
        y = 1.0 / (1.0 + np.exp(-net))
        state, output = network.step(params, state, x, np)
        s = state["cells"]
        kept = 1.0 - s**2 if network.squashed else np.ones(2)
        opened = y[2:4] if network.gated else np.ones(2)
        new, slope = 4 * y[:2] - 2, y * (1 - y)
        loop = network.self_weight * kept
        trace[:, :2] = loop * trace[:, :2] + np.outer(sources, kept * opened * 4 * slope[:2])
        gate = kept * new * slope[2:4] * network.gated
        trace[:, 2:] = loop * trace[:, 2:] + np.outer(sources, gate)
        delta = 2.0 / 7 * (output - d) * output * (1 - output)
        h = np.tanh(s / 2)
        error = delta * params["w_output"][:2, 0] * y[4:6] * (1 - h**2) / 2
        expected += trace * np.tile(error, 2)
    zero = initial_state(network, params, (1,), np)
    arguments = (params, zero, inputs[None], targets[None], np.ones((1, 7)))
    found = jax.jit(truncated1997(network))(*arguments)[1]["w_first"][:, :4]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.fixture
def tiny(monkeypatch):
    schedule = Schedule((Stage(6, 4, 4),))
    problems = {
        "plain": Problem("plain", Boolean(inputs=1, length=8), schedule),
        "rare": Problem("rare", Missing(Boolean(inputs=1, length=8), 0.5), schedule, silent=True),
    }
    monkeypatch.setattr(ablations, "PROBLEMS", problems)
    monkeypatch.setattr(ablations, "STREAMS", 20)
    monkeypatch.setattr(ablations, "SEEDS", 2)
    ablations._judged.cache_clear()
    yield problems
    ablations._judged.cache_clear()


def test_a_cell_measures_within_and_beyond_the_trained_length(tiny, drawn_work):
    cells = PART.cells(False)
    assert set(cells) == {f"{p}/{v}" for p in tiny for v in VARIANTS}
    found = cells["rare/squashed cell"](drawn_work)
    assert len(found["networks"]) == 2
    assert len(found["oracle"]["bands"]) == 6
    for network in found["networks"]:
        within = np.average(network["bands"][:3], weights=[1, 1, 2])
        assert network["mse"] == pytest.approx(within, rel=1e-6)
    assert "| squashed cell |" in PART.text({"rare/squashed cell": found})
    PART.draw({"rare/squashed cell": found}, Figure())


def test_targets_end_where_the_silence_begins(tiny):
    stream, best = ablations._judged("rare", 20)
    assert stream.revealed[:, :8].any()
    assert not stream.revealed[:, 8:].any()
    assert best.shape == (20, 32)
    stream, best = ablations._judged("plain", 20)
    assert stream.revealed.all()
    assert best.shape == (20, 8)


def test_a_quick_run_is_a_small_one():
    assert len(PART.cells(True)) == 2 < len(PART.cells(False))


def test_the_tables_say_medians_and_ratios():
    def record(errors):
        networks = [{"mse": e, "bands": [e] * 6} for e in errors]
        oracle = {"mse": 0.1, "bands": [0.1] * 3}
        return {"networks": networks, "oracle": oracle, "length": 256, "variance": 0.25}

    text = PART.text(
        {"boolean/untouched": record([0.1, 0.2, 0.9]), "boolean/squashed cell": record([0.4] * 3)}
    )
    assert "| untouched | 0.2 [0.1, 0.9] | 2.00 | 1.00 | 0.2 [0.1, 0.9] | 0.2 [0.1, 0.9] |" in text
    assert "| squashed cell | 0.4 [0.4, 0.4] | 4.00 | 2.00 |" in text
    assert "within the trained length: squashed cell; beyond it: squashed cell." in text
