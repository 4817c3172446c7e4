"""What a compiled network is said and drawn to be: counts, diagram, picture, certificate, fits."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from fixedweight.construction import (
    Fitter,
    SigmoidProduct,
    Stack,
    certificate,
    compile_rule,
    diagram,
    rules,
)
from fixedweight.construction.certificate import predictions
from fixedweight.construction.drawing import draw_construction
from fixedweight.construction.reference import run
from fixedweight.errors import InputError

SYNAPSE = Stack((1, 1), bias=False)


def test_one_synapse_is_the_papers_figure():
    assert diagram(compile_rule(SYNAPSE, rules.lms(0.1), weights=[np.array([[0.5]])])) == (
        "7 units, 11 weights, 1 stored signals; inputs x1, y* (the target of the step before)\n"
        "x1'         delay     x1\n"
        "y'          delay     y\n"
        "linear1     neuron    0.1 y* + -0.1 y'\n"
        "pi1         pi        x1' x linear1\n"
        "w1[0,0]     loop      w1[0,0]' + pi1, starts at 0.5\n"
        "pi2         pi        x1 x w1[0,0]\n"
        "y           neuron    linear(pi2)"
    )


@pytest.mark.parametrize("inputs", [1, 3, 7])
def test_the_delta_rule_takes_the_units_it_must(inputs):
    counts = [
        compile_rule(Stack((inputs, 1), bias=False), rules.lms(), stage).graph.counts()
        for stage in (2, 3, 4)
    ]
    for found in counts:
        assert found["loop"] == found["signals"] == inputs
    assert counts[0]["synapse"] == counts[0]["pi"] == inputs
    assert counts[1]["pi"] == 2 * inputs
    assert counts[1]["delay"] == inputs + 1
    # a synapse: a loop, 2 products, a delay; and beside them the error, the output, its delay
    assert counts[1]["units"] == 4 * inputs + 3
    assert counts[2]["logistic"] == 8 * inputs
    assert "pi" not in counts[2]


def test_a_square_takes_two_neurons_and_a_product_four():
    stack = Stack((2, 1), features="quadratic", bias=False)
    hebb = compile_rule(stack, rules.hebb(), 4).graph.counts()
    # x1 x1 and x2 x2: two each; x1 x2: four; then five products with weights, five in the rule
    assert hebb["logistic"] == 2 + 2 + 4 + 4 * 5 + 4 * 5


def test_what_is_computed_twice_is_one_unit():
    counts = compile_rule(Stack((1, 1), bias=False), rules.oja()).graph.counts()
    # w x; y x; y w; y (y w)
    assert counts["pi"] <= 4


@pytest.mark.parametrize(
    ("stack", "rule"),
    [
        (SYNAPSE, rules.lms()),
        (Stack((2, 3, 1)), rules.momentum()),
        (Stack((2, 1)), rules.normalised_lms()),
    ],
)
def test_every_unit_of_every_stage_is_drawn(stack, rule):
    figure = Figure()
    draw_construction(stack, rule, figure, SigmoidProduct(0.1))
    corners = {1: figure.axes[0], 2: figure.axes[1], 4: figure.axes[2], 3: figure.axes[3]}
    for stage, axis in corners.items():
        assert axis.get_title().startswith(str(stage))
        if stage > 1:
            graph = compile_rule(stack, rule, stage, product=SigmoidProduct(0.1)).graph
            circles = [p for p in axis.patches if type(p).__name__ == "Circle"]
            assert len(circles) == len(graph.units) + len(graph.delays)


def test_the_certificate_says_what_it_found():
    found = certificate(SYNAPSE, rules.lms(), tasks=2, steps=30, neurons=16)
    lines = str(found).splitlines()
    assert lines[0] == "lms on a 1-1 stack: 2 random tasks, 30 steps each"
    assert [line[0] for line in lines[2:]] == ["1", "2", "2", "3", "4"]
    deviations = [row.deviation for row in found.rows]
    assert deviations[0] == 0.0
    assert max(deviations[1], deviations[3]) < 1e-14
    assert 1e-14 < deviations[4] < 1e-7
    with pytest.raises(InputError, match="at least one task"):
        certificate(SYNAPSE, rules.lms(), tasks=0)


def test_a_fitted_rule_nears_the_rule_with_more_neurons():
    stack = Stack((2, 2, 1))
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (1, 50, 2)), rng.uniform(-1, 1, (1, 50, 1))
    expected = run(stack, rules.lms(), stack.initial_weights(), x[0], y[0])
    errors, deviations = [], []
    for neurons in (8, 32, 96):
        fitter = Fitter(neurons)
        network = compile_rule(stack, rules.lms(), fitter=fitter)
        assert len(fitter.fits) == 1  # every synapse shares one function, rate delta x
        assert network.graph.counts()["tanh"] == 2 + neurons * 6
        errors.append(next(iter(fitter.fits.values())).error)
        deviations.append(np.abs(predictions(network, x, y)[0] - expected).max())
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert deviations[0] > 10 * deviations[1] > 100 * deviations[2]
    with pytest.raises(InputError, match="at least one neuron"):
        Fitter(0)


def test_a_linear_rule_needs_no_fit():
    fitter = Fitter(8)
    stack = Stack((1, 1), bias=True)
    network = compile_rule(stack, rules.lms(), fitter=fitter)
    assert (
        network.graph.counts()["tanh"] == 8
    )  # for the input's weight; the bias's change is linear


def test_compiled_networks_need_numpy_alone():
    script = """
    import sys
    for name in ("jax", "jaxtyping", "matplotlib", "optax"): sys.modules[name] = None
    from fixedweight.construction import Stack, certificate, rules
    print(certificate(Stack((1, 1)), rules.lms(), tasks=1, steps=3, neurons=2))
    """.replace("\n    ", "\n")
    command = [sys.executable, "-W", "error", "-c", script]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
