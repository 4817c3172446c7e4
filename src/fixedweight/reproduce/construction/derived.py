"""From hand-written to derived: a compiled rule's weights as the beginning of meta-training."""

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from fixedweight.construction import Rule, Stack, compile_rule, rules
from fixedweight.construction.reference import run
from fixedweight.evaluation.evaluate import squared_errors
from fixedweight.families import Boolean, Family, Quadratic, Semilinear, Stream
from fixedweight.networks import LSTM1997, Network
from fixedweight.oracles import oracle_for
from fixedweight.parts.part import Record, Work
from fixedweight.training import Schedule, Stage

SEEDS = 3
STREAMS = 1000
"""Test tasks."""
BATCH = 256
LOOKS = (10, 10, 20, 40)
"""Updates between the first looks at the validation error; later ones are some 80 apart."""


class Case(NamedTuple):
    """A family and the rule that is compiled for it."""

    family: Family
    stack: Stack
    rule: Rule
    weights: list[np.ndarray]
    rate: float
    """Of Adam, on the compiled weights."""


def _mean_target(stack: Stack) -> list[np.ndarray]:
    """No weights but the bias of the output: what is known before any example."""
    weights = stack.zero_weights()
    weights[0][0, -1] = 0.5
    return weights


HIDDEN = Stack((2, 4, 1), output="logistic")
SMALLER = Stack((2, 3, 1), output="logistic")
SQUARES = Stack((2, 1), features="quadratic")
CASES = {
    "boolean": Case(Boolean(length=64), HIDDEN, rules.lms(1.0), HIDDEN.initial_weights(), 0.003),
    "semilinear": Case(
        Semilinear(), SMALLER, rules.backpropagation(4.0), SMALLER.initial_weights(), 0.003
    ),
    "quadratic": Case(
        Quadratic(),
        SQUARES,
        rules.recursive_least_squares(prior=1.0, noise=0.1),
        _mean_target(SQUARES),
        0.0001,
    ),
}
BEGUN = ("compiled", "random", "lstm")
"""What training begins from: the compiled rule, the same graph with random weights, or the LSTM of
1997 with random weights."""


def derived(name: str, begun: str, quick: bool, work: Work) -> Record:
    """Errors by example after meta-training, and the validation error on the way.

    The compiled rule's record also holds the errors of the rule itself and of the oracle.
    """
    case = CASES[name]
    family = case.family
    network, schedule = _network(case, begun), _schedule(case, begun, quick)
    learners = work.derive_seeds(family, network, schedule=schedule, seeds=SEEDS)
    stream = _test(family, 50 if quick else STREAMS)
    curves = [squared_errors(learner, family, stream).mean(axis=0) for learner in learners]
    record: Record = {
        "by_example": [_plain(curve) for curve in curves],
        "mse": [float(curve.mean()) for curve in curves],
        "history": learners[0].card["derivation"]["history"],
        "weights": learners[0].card["derivation"]["weights"],
    }
    if begun == "compiled":
        record["rule"] = _plain(_rule_errors(case, stream))
        best = oracle_for(family)
        assert best is not None  # each of the paper's families has one
        record["oracle"] = _plain(((best.predict(stream) - stream.targets) ** 2).mean(axis=(0, 2)))
    return record


def _network(case: Case, begun: str) -> Network:
    if begun == "lstm":
        return LSTM1997()
    network = compile_rule(case.stack, case.rule, weights=case.weights)
    return replace(network, compiled=begun == "compiled")


def _schedule(case: Case, begun: str, quick: bool) -> Schedule:
    """Adam at the case's rate for the compiled rule. Random weights take SOAP, which is far faster
    there; the LSTM at the rate that `derive` uses."""
    length = case.family.examples
    updates = LOOKS[:1] if quick else (*LOOKS, 920)
    stages = tuple(Stage(length, BATCH, n) for n in updates)
    if begun == "compiled":
        return Schedule(stages, learning_rate=case.rate, optimizer="adam", warmup=10)
    return Schedule(stages, learning_rate=0.1 if begun == "lstm" else 0.03)


def _test(family: Family, streams: int) -> Stream:
    stream = family.sample(jax.random.key(7), streams, family.examples)
    return Stream(*(jax.tree.map(np.asarray, part) for part in stream))


def _rule_errors(case: Case, stream: Stream) -> np.ndarray:
    """[time] mean squared error of the reference learner."""
    x, y = np.asarray(stream.inputs, np.float64), np.asarray(stream.targets, np.float64)
    runs = [run(case.stack, case.rule, case.weights, *task) for task in zip(x, y, strict=True)]
    return ((np.stack(runs) - y) ** 2).mean(axis=(0, 2))


def _plain(curve: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in curve]
