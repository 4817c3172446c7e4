"""A compiled network is a network like any other: the contract, gradients, files, estimators."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight import Learner, NetworkError, OnlineEstimator, derive
from fixedweight.construction import (
    CompiledNetwork,
    Graph,
    Rule,
    SigmoidProduct,
    Stack,
    compile_rule,
    rules,
)
from fixedweight.construction.certificate import predictions
from fixedweight.construction.reference import run
from fixedweight.families import Boolean, Semilinear
from fixedweight.gradients import bptt, squared_error, unroll
from fixedweight.networks import initial_state
from fixedweight.scaling import identity_scaling
from fixedweight.training import Schedule, Stage, fit_network
from networks import test_network_contract as contract

LINEAR = Stack((2, 1))
WIDER = SigmoidProduct(0.3)
"""Divides by little, so that rounding stays small."""
NETWORKS = {
    "lms": compile_rule(LINEAR, rules.lms()),
    "stage 2": compile_rule(Stack((2, 2, 1), output="logistic"), rules.backpropagation(), 2),
    "stage 3": compile_rule(Stack((2, 2, 2)), rules.momentum()),
    "stage 4": compile_rule(Stack((1, 1), output="logistic"), rules.oja(), 4, product=WIDER),
    "reciprocal": compile_rule(LINEAR, rules.normalised_lms()),
    "gated": compile_rule(
        LINEAR, Rule("own", lambda x, y, d, w, s: (0.9 * w + np.sin(d) * x**3, s))
    ),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)

CONTRACT = [
    contract.test_numpy_jax_and_scan_agree,
    contract.test_streams_side_by_side_are_independent,
    contract.test_a_step_changes_nothing_it_was_given,
    contract.test_inputs_of_the_past_matter,
    contract.test_linear_outputs_are_the_logit_of_logistic_ones,
    contract.test_the_configuration_makes_it_again,
    contract.test_parameters_depend_on_the_generator_alone,
    contract.test_the_checks_before_training_let_it_pass,
]
"""Of the contract all but one, for a reason: learning rules are not bounded on inputs of any size
(LMS itself diverges where rate |x|^2 > 2), so a compiled one is not either."""


@pytest.fixture(autouse=True)
def near_the_rule(monkeypatch):
    """The contract's parameters are five times the initial ones; a rule with loops of self-weight 5
    explodes, so here they are those of `init_params`, scattered."""
    monkeypatch.setattr(
        contract,
        "drawn_params",
        lambda network, seed=1, dtype=np.float64: {
            name: value.astype(dtype)
            for name, value in network.init_params(np.random.default_rng(seed)).items()
        },
    )


@every_network
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__.removeprefix("test_"))
def test_contract(check, network, request):
    needs = check.__code__.co_varnames[: check.__code__.co_argcount]
    for fixture in set(needs) - {"network"}:
        request.getfixturevalue(fixture)
    check(replace(network, spread=0.01), **{name: None for name in needs if name != "network"})


@every_network
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_a_step_keeps_names_shapes_and_precision(network, batch):
    contract.test_a_step_keeps_names_shapes_and_precision(replace(network, spread=0.01), batch)


@every_network
def test_gradients_equal_finite_differences(network, x64, quick_compile):
    rng = np.random.default_rng(0)
    params = network.init_params(rng)
    state = initial_state(network, params, (2,), np)
    inputs = jnp.asarray(rng.uniform(-1, 1, (2, 5, network.input_size)))
    targets = jnp.asarray(rng.uniform(0, 1, (2, 5, network.target_size)))
    weights = jnp.ones((2, 5))

    @jax.jit
    def loss(params):
        begin = initial_state(network, params, (2,), jnp)
        return squared_error(unroll(network, params, begin, inputs)[1], targets, weights)

    as_jax = {name: jnp.asarray(value) for name, value in params.items()}
    gradient = jax.jit(jax.grad(loss))(as_jax)
    for name in params:
        assert np.abs(gradient[name]).max() > 1e-4
        for place in range(0, params[name].size, 1 + params[name].size // 12):
            step = 1e-5 * max(1.0, abs(params[name][place]))
            ends = [
                loss({**as_jax, name: as_jax[name].at[place].add(sign * step)})
                for sign in (1.0, -1.0)
            ]
            slope = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(gradient[name][place], slope, rtol=1e-5, atol=1e-7)
    (same, _), flowing = jax.jit(bptt(network))(as_jax, state, inputs, targets, weights)
    np.testing.assert_allclose(same, loss(as_jax), rtol=1e-12)
    np.testing.assert_allclose(flowing["weights"], gradient["weights"], rtol=1e-9, atol=1e-12)


def learner_of(network):
    return Learner(
        network=network,
        params=network.init_params(np.random.default_rng(0)),
        scaling=identity_scaling(2, 1),
        input_names=("x1", "x2"),
        target_names=("y",),
    )


def test_it_is_saved_loaded_and_learns_in_an_estimator(tmp_path):
    stack, rule = Stack((2, 3, 1), output="logistic"), rules.backpropagation(0.5)
    learner = learner_of(compile_rule(stack, rule))
    learner.save(tmp_path / "rule.safetensors")
    again = Learner.load(tmp_path / "rule.safetensors")
    assert again.network == learner.network
    estimator = OnlineEstimator(again)
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (30, 2)).astype(np.float32)
    y = 0.5 + 0.5 * np.tanh(x[:, :1])
    expected = run(stack, rule, stack.initial_weights(), x, y)
    found = []
    for row, target in zip(x, y, strict=True):
        found.append(estimator.predict_one(row))
        estimator.learn_one(row, target)
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-5)


def test_a_network_needs_a_whole_graph():
    learner = learner_of(NETWORKS["lms"])
    plain = learner.network.config()
    plain.pop("class")
    for change in (
        {"units": [["pi", [[0, 1.0]]]]},
        {"units": [["relu", [[0, 1.0]]]]},
        {"units": [["linear", [[99, 1.0]]]]},
        {"outputs": [99]},
        {"loops": [[0, 0.0, "w"]]},
        {"loops": []},
        {"units": 3},
    ):
        with pytest.raises(NetworkError, match="Expected"):
            CompiledNetwork(**{**plain, "graph": {**plain["graph"], **change}})
    with pytest.raises(NetworkError, match="graph as plain values"):
        Graph.of({})


def test_it_is_trained_further_from_the_rule(monkeypatch, quick_compile):
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    network = compile_rule(
        Stack((2, 1), output="logistic"), rules.backpropagation(2.0), weights=[np.zeros((1, 3))]
    )
    schedule = Schedule((Stage(20, 32, 30),), learning_rate=0.003, optimizer="adam", warmup=1)
    family = Semilinear(length=20)
    learner = derive(family, network, schedule=schedule, seeds=1)
    stream = family.sample(jax.random.key(5), 200, 20)
    x, y = np.asarray(stream.inputs, np.float64), np.asarray(stream.targets, np.float64)
    errors = [
        ((predictions(network, x, y, params) - y) ** 2).mean() for params in (None, learner.params)
    ]
    assert errors[1] < 0.9 * errors[0]
    for name, value in network.init_params(np.random.default_rng(0)).items():
        np.testing.assert_allclose(learner.params[name], value, atol=0.1)
    assert type(learner.network) is CompiledNetwork


def test_it_keeps_its_output_units_and_refuses_other_sizes():
    network = NETWORKS["lms"]
    assert fit_network(Boolean(), network) == network
    with pytest.raises(NetworkError, match=r"input_size=3.*got 4"):
        fit_network(Boolean(3), network)
    with pytest.raises(NetworkError, match="Compile stage 3"):
        fit_network(Boolean(), NETWORKS["stage 2"])
    with pytest.raises(NetworkError, match="spread"):
        replace(network, spread=-1.0)


def test_random_weights_have_the_same_graph():
    network = replace(NETWORKS["stage 3"], compiled=False)
    one, other = (network.init_params(np.random.default_rng(seed)) for seed in (0, 1))
    rule = NETWORKS["stage 3"].init_params(np.random.default_rng(0))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in rule.items()}
    assert all(np.abs(value).max() <= 1.0 for value in one.values())
    assert not any(np.array_equal(one[name], other[name]) for name in one)
