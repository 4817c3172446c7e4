"""Compiled networks learn as the learner they were made of, whatever the rule and the stack."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixedweight.construction import (
    SHARP,
    WIDE,
    Rule,
    SigmoidProduct,
    Stack,
    certificate,
    compile_rule,
    rules,
)
from fixedweight.construction.certificate import predictions
from fixedweight.construction.reference import run
from fixedweight.errors import InputError, NetworkError
from fixedweight.families import Boolean, Quadratic, Semilinear


def decaying(x, y, delta, w, state):
    """A user's own rule, which would forget even before the first example."""
    mean = 0.9 * state["mean"] + 0.1 * np.tanh(delta)
    count = state["count"] + 1.0
    return 0.999 * w + 0.2 * (delta - mean) * x / count**2, {"mean": mean, "count": count}


OWN = Rule("own", decaying, lambda sources: {"mean": np.zeros(1), "count": np.ones(1)})
EVERY = {**{name: make() for name, make in rules.RULES.items()}, "own": OWN}
every_rule = pytest.mark.parametrize("rule", EVERY.values(), ids=EVERY)
STACKS = {
    "boolean": (Stack((2, 3, 1), output="logistic"), Boolean(length=1000)),
    "semilinear": (Stack((2, 1), output="logistic"), Semilinear(length=1000)),
    "quadratic": (Stack((2, 1), features="quadratic"), Quadratic(length=1000)),
}


def by_hand(name, x, y, w, *, rate=0.1):
    """One linear unit with two inputs, learning by the textbook: its predictions, and w after."""
    found = []
    v, p = np.zeros(2), 10.0 * np.eye(2)
    for u, target in zip(x, y[:, 0], strict=True):
        guess = w[0] * u[0] + w[1] * u[1]
        found.append(guess)
        error = target - guess
        if name == "lms":
            w = np.array([w[0] + rate * error * u[0], w[1] + rate * error * u[1]])
        elif name == "momentum":
            v = 0.9 * v + 0.05 * error * u
            w = w + v
        elif name == "normalised_lms":
            w = w + 0.5 * error * u / (0.1 + u[0] ** 2 + u[1] ** 2)
        elif name == "recursive_least_squares":
            p = np.linalg.inv(np.linalg.inv(p) + np.outer(u, u))
            w = w + p @ u * error
        elif name == "hebb":
            w = w + 0.001 * guess * u
        elif name == "oja":
            w = w + 0.01 * (guess * u - guess**2 * w)
    return np.array(found)


@pytest.mark.parametrize("name", [name for name in rules.RULES if name != "backpropagation"])
def test_the_reference_is_the_textbooks(name):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (200, 2)), rng.uniform(-1, 1, (200, 1))
    stack = Stack((2, 1), bias=False)
    w = stack.initial_weights()
    found = run(stack, rules.RULES[name](), w, x, y)
    np.testing.assert_allclose(found[:, 0], by_hand(name, x, y, w[0][0]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hidden", ["tanh", "logistic"])
@pytest.mark.parametrize("output", ["linear", "logistic"])
def test_backpropagation_is_the_gradient(hidden, output, x64):
    stack = Stack((3, 4, 2, 2), hidden, output)
    rng = np.random.default_rng(1)
    weights, x, target = stack.initial_weights(), rng.normal(size=3), rng.uniform(size=2)

    def loss(weights):
        return 0.5 * ((stack.forward(weights, x)[-1] - target) ** 2).sum()

    activity = stack.forward(weights, x)
    deltas = stack.deltas(weights, activity, target, slope=True)
    for layer, w in enumerate(weights):
        for place in np.ndindex(w.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [value.copy() for value in weights]
                moved[layer][place] += step
                ends.append(loss(moved))
            slope = (ends[0] - ends[1]) / 2e-6
            source = stack.sources(activity[layer])[place[1]]
            np.testing.assert_allclose(-deltas[layer][place[0]] * source, slope, atol=1e-9)


@every_rule
@pytest.mark.parametrize("family", STACKS)
def test_stage_3_equals_the_reference_on_the_papers_families(rule, family):
    stack, tasks = STACKS[family]
    stream = tasks.sample(jax.random.key(0), 1, 1000)
    x, y = np.asarray(stream.inputs, np.float64), np.asarray(stream.targets, np.float64)
    assert_equals_the_reference(stack, rule, 3, x, y)


@given(
    rule=st.sampled_from([*EVERY.values()]),
    stage=st.sampled_from([2, 3]),
    hidden=st.lists(st.integers(1, 3), max_size=2),
    ends=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    activation=st.sampled_from(["tanh", "logistic", "linear"]),
    output=st.sampled_from(["linear", "logistic"]),
    bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=12)
def test_stages_equal_the_reference_on_any_stack(
    rule, stage, hidden, ends, activation, output, bias, seed
):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (1, 1000, ends[0]))
    y = rng.uniform(0, 1, (1, 1000, ends[1]))
    stack = Stack((ends[0], *hidden, ends[1]), activation, output, bias)
    assert_equals_the_reference(stack, rule, stage, x, y, seed)


def assert_equals_the_reference(stack, rule, stage, x, y, seed=0):
    weights = stack.initial_weights(seed)
    expected = run(stack, rule, weights, x[0], y[0])
    assert np.abs(expected).max() < 1e3
    network = compile_rule(stack, rule, stage, weights=weights)
    # some rules on some stacks magnify rounding without end: no more than the reference does
    rng = np.random.default_rng(seed)
    nudged = (v[0] * (1.0 + 1e-15 * rng.choice([-1.0, 1.0], v[0].shape)) for v in (x, y))
    rounding = np.abs(run(stack, rule, weights, *nudged) - expected).max(axis=1)
    error = np.abs(predictions(network, x, y)[0] - expected).max(axis=1)
    assert (error < 1e-10 + 10.0 * np.maximum.accumulate(rounding)).all()
    assert error[:100].max() < 1e-10


@pytest.mark.parametrize(("b0", "slope", "widest"), [(WIDE, 2.0, 0.04), (SHARP, 4.0, 0.1)])
@every_rule
def test_the_deviation_of_stage_4_falls_at_the_predicted_slope(b0, slope, widest, rule):
    stack = Stack((2, 2, 1))
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1, 1, (1, 20, 2)), rng.uniform(-1, 1, (1, 20, 1))
    start = stack.initial_weights()
    expected = run(stack, rule, start, x[0], y[0])
    reaches = widest * np.array([1.0, 0.5, 0.25])
    deviations = []
    for reach in reaches:
        sigmoids = SigmoidProduct(float(reach), b0)
        network = compile_rule(stack, rule, 4, product=sigmoids)
        deviations.append(np.abs(predictions(network, x, y)[0] - expected).max())
    assert np.polyfit(np.log(reaches), np.log(deviations), 1)[0] == pytest.approx(slope, abs=0.3)


def test_the_first_step_teaches_nothing():
    stack = Stack((1, 1))
    network = compile_rule(stack, OWN)
    assert network.graph.counts()["delay"] == 3  # x, y and whether there was an example
    assert compile_rule(stack, rules.lms()).graph.counts()["delay"] == 2


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (lambda x, y, delta, w, state: (np.maximum(w, delta), state), "branches"),
        (lambda x, y, delta, w, state: (w + (delta if delta > 0 else 0.0), state), "branches"),
        (lambda x, y, delta, w, state: (w + np.cbrt(delta) * x, state), "cbrt"),
        (lambda x, y, delta, w, state: (w + x**0.5, state), "whole power"),
        (lambda x, y, delta, w, state: (w[:1], state), r"names and shapes.*\(1, 2\).*\(1, 1\)"),
        (lambda x, y, delta, w, state: (w, {"more": w}), "names and shapes.*more"),
        (lambda x, y, delta, w, state: (w + x / (x @ x), state), "finite.*example of zeros"),
    ],
)
def test_refuses_rules_that_cannot_be_compiled(update, message):
    stack = Stack((2, 1), bias=False)
    with pytest.raises(NetworkError, match=message):
        compile_rule(stack, Rule("own", update))


def test_refuses_what_makes_no_sense():
    stack = Stack((2, 1))
    with pytest.raises(NetworkError, match="stage 2, 3 or 4"):
        compile_rule(stack, rules.lms(), 1)
    with pytest.raises(NetworkError, match=r"shapes \[\(1, 3\)\].*got \[\(1, 2\)\]"):
        compile_rule(stack, rules.lms(), weights=[np.zeros((1, 2))])
    with pytest.raises(NetworkError, match="sizes"):
        Stack((2,))
    with pytest.raises(InputError, match="positive, finite rate, got -1"):
        rules.lms(-1.0)
    with pytest.raises(InputError, match="reach above 0"):
        SigmoidProduct(0.0)
    with pytest.raises(InputError, match="diverges without any compiling"):
        certificate(stack, rules.hebb(3.0), tasks=1)
    with pytest.raises(InputError, match="family of 2 inputs"):
        certificate(stack, rules.lms(), family=Boolean(3))


def test_families_give_the_tasks_of_their_key():
    stack, family = STACKS["semilinear"]
    once, again, other = (
        certificate(stack, rules.lms(), family=family, tasks=1, steps=20, neurons=4, seed=seed)
        for seed in (1, 1, 2)
    )
    assert once == again
    assert once != other
