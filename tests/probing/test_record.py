"""Recordings of real networks, and the probes on what a short training leaves in one."""

import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

from fixedweight import Boolean, Late, Learner, Missing, Schedule, Semilinear, Stage, Switching
from fixedweight.errors import InputError, MissingExtraError
from fixedweight.networks import LSTM1997, NETWORKS, Hypotheses, Transformer
from fixedweight.probing import countdown, decode, record, regress, shuffled, untrained
from fixedweight.probing.record import PROBE
from fixedweight.scaling import identity_scaling
from fixedweight.training import derive, fit_network


def learner_of(network, family):
    network = fit_network(family, network)
    params = {k: 3.0 * v for k, v in network.init_params(np.random.default_rng(0)).items()}
    return Learner(
        network=network,
        params=params,
        scaling=identity_scaling(family.input_size, family.target_size),
        delay=family.delay,
        flagged=family.flagged,
        input_names=family.input_names,
        target_names=family.target_names,
    )


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "family", [Boolean(length=12), Missing(Late(Semilinear(length=12), steps=2), share=0.3)],
    ids=["boolean", "late-and-missing"],
)  # fmt: skip
def test_the_last_state_is_that_of_the_learners_own_unroll(kind, family):
    learner = learner_of(kind(), family)
    found = record(learner, family, streams=6, seed=3)
    key = jax.random.fold_in(jax.random.key(3), PROBE)
    stream = jax.tree.map(np.asarray, family.sample(key, 6, 12))
    _, state = learner.unroll(stream.inputs, stream.targets, stream.revealed)
    assert found.signals.keys() == state.keys()
    for name, part in state.items():
        np.testing.assert_allclose(found.signals[name][:, -1], part, rtol=1e-5, atol=1e-5)
        assert found.signals[name].shape == (6, 12, part.shape[-1])
    np.testing.assert_array_equal(found.tasks, stream.tasks)
    assert set(found.memory) == set(learner.network.memory or state)


def test_every_network_is_probed_whole():
    family = Boolean(inputs=1, length=10)
    for network in (kind() for kind in NETWORKS.values()):
        # of those whose state is long the regressions take minutes
        if isinstance(network, Transformer):
            network = replace(network, context=4)
        if isinstance(network, Hypotheses):
            network = replace(network, hypotheses=16, free=1, features=4)
        found = record(learner_of(network, family), family, streams=120)
        assert len(decode(found).tasks) == 4
        assert regress(found).r2.shape == (6, 2)
        assert countdown(found)


def test_switching_tasks_are_numbered_within_the_stream():
    family = Switching(Boolean(length=8), every=8)
    found = record(learner_of(LSTM1997(), family), family, streams=10)
    assert found.example.shape == (10, 32)
    assert found.examples == 8
    rows = found.after(7)
    assert len(rows.values) == 40
    assert rows.held_out.sum() == 20
    np.testing.assert_array_equal(rows.tasks, found.tasks[found.example == 7])


def test_controls_change_one_thing():
    family = Boolean(length=8)
    learner = learner_of(LSTM1997(), family)
    found, other = record(learner, family, streams=8), record(untrained(learner), family, streams=8)
    np.testing.assert_array_equal(found.tasks, other.tasks)
    assert not np.allclose(found.signals["cells"], other.signals["cells"])
    mixed = shuffled(found)
    assert mixed.signals is found.signals
    assert sorted(map(tuple, mixed.tasks[:, 0])) == sorted(map(tuple, found.tasks[:, 0]))
    assert not np.array_equal(mixed.tasks, found.tasks)


def test_refuses_what_cannot_be_recorded():
    learner = learner_of(LSTM1997(), Boolean())
    with pytest.raises(InputError, match=r"at least 4 streams.*got 3"):
        record(learner, Boolean(), streams=3)
    with pytest.raises(InputError, match=r"learner of 3 inputs and 1 targets.*got 2 and 1"):
        record(learner, Boolean(inputs=3))


def test_says_which_extra_brings_what_is_missing(monkeypatch):
    family = Boolean(inputs=1, length=8)
    found = record(learner_of(LSTM1997(), family), family, streams=80)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    for probe in (decode, regress):
        with pytest.raises(MissingExtraError, match=r"'sklearn'.*fixedweight\[reproduce\]"):
            probe(found)


def test_the_task_is_in_a_derived_learner_and_not_in_its_controls(quick_compile):
    family = Boolean(inputs=1, length=12)
    schedule = Schedule((Stage(12, 64, 300),), learning_rate=0.1)
    learner = derive(family, LSTM1997(blocks=3, hidden=2), schedule=schedule, seeds=1)
    found = record(learner, family, streams=400)
    read = decode(found)
    assert read.linear > 0.95
    assert read.distinct in (3, 4)
    assert (read.needed is None) == (read.distinct < 4)  # a code in bits, or a richer one
    control = regress(record(untrained(learner), family, streams=400)).r2[-1].min()
    assert regress(found).r2[-1].min() > control + 0.2
    assert decode(shuffled(found)).linear < 0.5
