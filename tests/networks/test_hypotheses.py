"""A filter over learned hypotheses: against a plain loop, and against the exact Bayes filter."""

import numpy as np
import pytest

from fixedweight.families import Boolean, Noisy, Switching, network_inputs
from fixedweight.networks import Hypotheses, initial_state
from fixedweight.networks.hypotheses import FLOOR, LEAST_FLIP, MIDDLE
from fixedweight.oracles import oracle_for
from fixedweight.training.begin import hypotheses_from


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def run(network, params, inputs):
    state, found = initial_state(network, params, (), np), []
    for row in inputs:
        state, output = network.step(params, state, row, np)
        found.append(output)
    return np.array(found)


def by_hand(network, params, inputs):
    """The same with nothing but loops over heads and hypotheses, for one target in time."""
    p = params
    n, heads, count = network.example_size, network.heads, network.hypotheses
    prior = np.exp(p["prior"]) / np.exp(p["prior"]).sum()
    at = {name: p[name] + middle for name, middle in MIDDLE.items()}
    weight = [prior.copy() for _ in range(heads)]
    past, evidence = np.zeros((heads, count)), np.zeros(heads)
    before, outputs = None, []
    for row in inputs:
        x, y = row[:n], row[n]
        if before is not None:
            for j in range(heads):
                if network.output == "logistic":
                    flip = LEAST_FLIP + (0.5 - LEAST_FLIP) * sigmoid(at["noise"][j])
                    right = before if y == 1.0 else 1.0 - before
                    log = np.log((1.0 - flip) * right + flip * (1.0 - right))
                else:
                    v = FLOOR + np.exp(at["noise"][j])
                    log = -0.5 * ((y - before) ** 2 / v + np.log(v))
                joint = weight[j] * np.exp(log - log.max())
                likelier = np.log(joint.sum()) + log.max()
                evidence[j] = sigmoid(at["fade"][j]) * evidence[j] + likelier
                w = joint / joint.sum()
                past[j] = sigmoid(at["kept"][j]) * past[j] + w
                fresh = np.exp(at["fresh"][j])
                mixed = (past[j] + fresh * prior) / (past[j].sum() + fresh)
                h = sigmoid(at["hazard"][j])
                weight[j] = (1.0 - h) * w + h * mixed
        z = np.concatenate([x, np.tanh(x @ p["w_hidden"] + p["b_hidden"])])
        before = z @ p["w_hypothesis"] + p["b_hypothesis"]
        if network.output == "logistic":
            before = sigmoid(before)
        score = evidence + p["weight"]
        share = np.exp(score - score.max()) / np.exp(score - score.max()).sum()
        output = 0.0
        for j in range(heads):
            mean = weight[j] @ before
            if network.output == "logistic":
                flip = LEAST_FLIP + (0.5 - LEAST_FLIP) * sigmoid(at["noise"][j])
                mean = (1.0 - flip) * mean + flip * (1.0 - mean)
            output += share[j] * mean
        outputs.append([output])
    return np.array(outputs)


@pytest.mark.parametrize("output", ["logistic", "linear"])
def test_a_plain_loop_says_the_same(output):
    network = Hypotheses(hypotheses=7, heads=3, hidden=4, output=output)
    rng = np.random.default_rng(0)
    params = {k: 2.0 * v for k, v in network.init_params(rng).items()}
    inputs = rng.normal(size=(30, 3))
    inputs[:, 2] = rng.random(30) < 0.5
    found = run(network, params, inputs)
    np.testing.assert_allclose(found, by_hand(network, params, inputs), rtol=1e-10, atol=1e-10)


def test_with_every_map_and_nothing_remembered_it_is_the_exact_filter():
    family = Noisy(Switching(Boolean(), hazard=0.02), flip=0.05)
    network = Hypotheses(hypotheses=16, heads=1)
    params = hypotheses_from(network, Boolean(), np.random.default_rng(0))
    params["w_hypothesis"], params["b_hypothesis"] = (
        20.0 * params["w_hypothesis"],
        20.0 * params["b_hypothesis"],
    )
    params["prior"] = np.zeros(16)
    params["fresh"] = np.array([30.0])
    noise = (0.05 - LEAST_FLIP) / (0.5 - LEAST_FLIP)
    params["noise"] = np.array([np.log(noise / (1.0 - noise))]) - MIDDLE["noise"]
    params["hazard"] = np.array([np.log(0.02 / 0.98)]) - MIDDLE["hazard"]
    import jax

    stream = family.sample(jax.random.key(0), 4, 200)
    inputs = np.asarray(network_inputs(stream, 0, False), dtype=np.float64)
    found = np.stack([run(network, params, one) for one in inputs])
    oracle = oracle_for(family)
    assert oracle is not None
    np.testing.assert_allclose(found, oracle.predict(stream), atol=1e-3)


def test_a_task_that_was_there_before_is_found_again_sooner():
    network = Hypotheses(hypotheses=16, heads=1)
    params = hypotheses_from(network, Boolean(), np.random.default_rng(0))
    params["fresh"] = np.array([-2.0])
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(400, 2)).astype(float)
    turn = np.arange(400) // 50 % 2  # conjunction, then exclusive or, and again
    y = np.where(turn == 0, x[:, 0] * x[:, 1], np.abs(x[:, 0] - x[:, 1]))
    told = np.concatenate([[0.0], y[:-1]])
    found = run(network, params, np.concatenate([x, told[:, None]], axis=1))[:, 0]
    missed = np.abs(found - y).reshape(8, 50).sum(axis=1)
    assert missed[2:].mean() < 0.8 * missed[:2].mean()
