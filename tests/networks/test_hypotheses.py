"""A filter over learned hypotheses: against a plain loop, and against the exact Bayes filter."""

import numpy as np
import pytest

from fixedweight.families import Boolean, Noisy, Switching, network_inputs
from fixedweight.networks import Hypotheses, initial_state
from fixedweight.networks.hypotheses import FLOOR, LEAK, LEAST_FLIP, MIDDLE, UNSURE
from fixedweight.oracles import oracle_for
from fixedweight.training.begin import first_params


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def run(network, params, inputs):
    state, found = initial_state(network, params, (), np), []
    for row in inputs:
        state, output = network.step(params, state, row, np)
        found.append(output)
    return np.array(found)


def by_hand(network, params, inputs):
    """The same with plain loops, for one target that comes in time."""
    p, logistic = params, network.output == "logistic"
    n, heads, fixed, features = (
        network.example_size,
        network.heads,
        network.hypotheses,
        network.features,
    )
    middle = 0.5 if logistic else 0.0
    prior = np.exp(p["prior"]) / np.exp(p["prior"]).sum()
    at = {name: p[name] + begin for name, begin in MIDDLE.items()}
    flip = LEAST_FLIP + (0.5 - LEAST_FLIP) * sigmoid(at["noise"])
    sd2 = FLOOR + np.exp(at["noise"])
    weight = [prior.copy() for _ in range(heads)]
    past, evidence = np.zeros((heads, len(prior))), np.zeros(heads)
    mean = np.zeros((network.free, features))
    covariance = [np.eye(features) for _ in range(network.free)]

    def freely(k):
        spread = np.array([k @ P @ k for P in covariance])
        if not logistic:
            return mean @ k, spread
        return np.clip(0.5 + mean @ k / np.sqrt(1.0 + spread), UNSURE, 1.0 - UNSURE), spread

    before, outputs = None, []
    for row in inputs:
        x, y = row[:n], row[n]
        if before is not None:
            k, known = before
            free, spread = freely(k)
            foreseen = np.concatenate([known, free])
            doubt = np.concatenate([np.zeros(fixed), spread])
            share = np.exp(evidence + p["weight"])
            share, own = share / share.sum(), np.zeros(network.free)
            for j in range(heads):
                if logistic:
                    right = foreseen if y == 1.0 else 1.0 - foreseen
                    log = np.log((1.0 - flip[j]) * right + flip[j] * (1.0 - right))
                else:
                    v = sd2[j] + doubt
                    log = -0.5 * ((y - foreseen) ** 2 / v + np.log(v))
                joint = weight[j] * np.exp(log - log.max())
                likelier = np.log(joint.sum()) + log.max()
                evidence[j] = sigmoid(at["fade"][j]) * evidence[j] + likelier
                w = joint / joint.sum()
                own += share[j] * w[fixed:]
                past[j] = sigmoid(at["kept"][j]) * past[j] + w
                fresh = np.exp(at["fresh"][j])
                mixed = (past[j] + fresh * prior) / (past[j].sum() + fresh)
                h = sigmoid(at["hazard"][j])
                weight[j] = (1.0 - h) * w + h * mixed
            noise = FLOOR + np.log1p(np.exp(at["free_noise"][0]))
            for i in range(network.free):
                keep = 1.0 - own[i] * (LEAK + sigmoid(at["forget"][0]))
                P = keep * covariance[i] + (1.0 - keep) * np.eye(features)
                m = keep * mean[i]
                # an example of weight `own` is one with as much more noise
                gain = P @ k / (k @ P @ k + noise / own[i])
                mean[i] = m + gain * (y - middle - m @ k)
                covariance[i] = P - np.outer(gain, P @ k)
        z = np.concatenate([x, np.tanh(x @ p["w_hidden"] + p["b_hidden"])])
        known = z @ p["w_hypothesis"] + p["b_hypothesis"]
        if logistic:
            known = sigmoid(known)
        k = np.tanh(x @ p["w_key"] + p["b_key"]) * np.tanh(x @ p["w_key_gate"] + p["b_key_gate"])
        before = k, known
        share = np.exp(evidence + p["weight"])
        share, output = share / share.sum(), 0.0
        for j in range(heads):
            found = weight[j] @ np.concatenate([known, freely(k)[0]])
            if logistic:
                found = (1.0 - flip[j]) * found + flip[j] * (1.0 - found)
            output += share[j] * found
        outputs.append([output])
    return np.array(outputs)


@pytest.mark.parametrize("output", ["logistic", "linear"])
def test_a_plain_loop_says_the_same(output):
    network = Hypotheses(hypotheses=7, free=2, heads=3, hidden=4, features=3, output=output)
    rng = np.random.default_rng(0)
    params = {k: 2.0 * v for k, v in network.init_params(rng).items()}
    inputs = rng.normal(size=(30, 3))
    inputs[:, 2] = rng.random(30) < 0.5
    found = run(network, params, inputs)
    np.testing.assert_allclose(found, by_hand(network, params, inputs), rtol=1e-10, atol=1e-10)


def test_with_every_map_and_nothing_remembered_it_is_the_exact_filter():
    family = Noisy(Switching(Boolean(), hazard=0.02), flip=0.05)
    network = Hypotheses(hypotheses=16, heads=1, free=1)
    params = first_params(network, Boolean(), np.random.default_rng(0))
    params["w_hypothesis"], params["b_hypothesis"] = (
        20.0 * params["w_hypothesis"],
        20.0 * params["b_hypothesis"],
    )
    params["prior"] = np.append(np.zeros(16), -30.0)  # none but the sixteen
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
    network = Hypotheses(hypotheses=16, heads=1, free=1)
    params = first_params(network, Boolean(), np.random.default_rng(0))
    params["fresh"] = np.array([-2.0])
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(400, 2)).astype(float)
    turn = np.arange(400) // 50 % 2  # conjunction, then exclusive or, and again
    y = np.where(turn == 0, x[:, 0] * x[:, 1], np.abs(x[:, 0] - x[:, 1]))
    told = np.concatenate([[0.0], y[:-1]])
    found = run(network, params, np.concatenate([x, told[:, None]], axis=1))[:, 0]
    missed = np.abs(found - y).reshape(8, 50).sum(axis=1)
    assert missed[2:].mean() < 0.8 * missed[:2].mean()


def test_a_task_that_nobody_knew_is_learned_and_kept():
    """Labels that no fixed hypothesis foresees, and others that one does, in turn."""
    network = Hypotheses(hypotheses=16, heads=1, free=2, features=8)
    params = first_params(network, Boolean(), np.random.default_rng(0))
    exclusive = [0.0, 1.0, 1.0, 0.0]
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    hidden = np.tanh(rows @ params["w_hidden"] + params["b_hidden"])
    known = np.concatenate([rows, hidden], axis=1) @ params["w_hypothesis"]
    known = (known + params["b_hypothesis"] > 0).T
    params["w_hypothesis"][:, (known == exclusive).all(axis=1)] = 0.0
    params["b_hypothesis"][(known == exclusive).all(axis=1)] = -5.0  # always 0 instead
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(600, 2)).astype(float)
    turn = np.arange(600) // 50 % 2
    y = np.where(turn == 0, x[:, 0] * x[:, 1], np.abs(x[:, 0] - x[:, 1]))
    told = np.concatenate([[0.0], y[:-1]])
    found = run(network, params, np.concatenate([x, told[:, None]], axis=1))[:, 0]
    wrong = ((found > 0.5) != (y > 0.5)).reshape(12, 50)
    assert wrong[1].sum() > 5  # not known at first
    assert wrong[7::2, 10:].mean() < 0.05
    assert wrong[7::2].sum(axis=1).mean() < wrong[1].sum()
