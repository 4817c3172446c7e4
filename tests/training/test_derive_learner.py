"""derive(): what it returns, what it keeps and what it refuses."""

import json
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from fixedweight.errors import FamilyError, InputError, NetworkError
from fixedweight.families import (
    Boolean,
    Family,
    Late,
    Missing,
    Noisy,
    Quadratic,
    Simulator,
    Switching,
    read_table,
)
from fixedweight.networks import LSTM1997, Network
from fixedweight.training import Schedule, Stage, derive, fit_network
from fixedweight.training.run import validation_stream

SHORT = Schedule((Stage(3, 4, 3),), learning_rate=0.1)


def sines(targets=1):
    return Simulator(
        draw=lambda key: jax.random.normal(key, (targets,)),
        compute=lambda task, x: task * jnp.sin(2.0 * x[0]),
        targets=targets,
        length=6,
    )


def doses(missing=False):
    """Ten series of 4 to 9 rows, targets around 500."""
    rng = np.random.default_rng(2)
    rows = [
        (f"p{task}", place, 40.0 + rng.normal(), 500.0 + 20.0 * task + 5.0 * rng.normal())
        for task in range(10)
        for place in range(4 + task % 6)
    ]
    frame = pd.DataFrame(rows, columns=["patient", "hour", "weight", "level"])
    if missing:
        frame.loc[frame.index % 4 == 1, "level"] = np.nan
    return frame, read_table(frame, task="patient", target="level", order="hour")


# What is returned


def test_same_seed_same_learners_another_seed_others(tiny, assert_same_run):
    one, same, other = tiny.derive(), tiny.derive(), tiny.derive(seed=6)
    assert_same_run(same, one)
    assert {learner.digest for learner in one}.isdisjoint(learner.digest for learner in other)
    assert one[0].digest != one[1].digest


def test_derive_is_the_best_of_its_seeds(tiny):
    learners = tiny.derive()
    best = derive(tiny.family, tiny.elman(), schedule=tiny.schedule, seeds=2, seed=5)
    errors = [learner.card["derivation"]["validation_error"] for learner in learners]
    assert errors[1] < errors[0]  # or this would pass for the first
    assert best.digest == learners[1].digest
    assert best.card["derivation"]["kept_seed"] == 1


def test_the_weights_kept_are_those_of_the_lowest_validation_error(tiny, small_chunks):
    """At a rate so high that training gets worse: then they are not the last ones."""
    schedule = Schedule((Stage(3, 4, 12),), learning_rate=3.0, final=1.0, warmup=4)
    learners = tiny.derive(schedule=schedule, seeds=4)
    stream = validation_stream(tiny.family, jax.random.split(jax.random.key(5))[1])
    earlier = 0
    for i, learner in enumerate(learners):
        run = learner.card["derivation"]
        history = np.array([row[2 + i] for row in run["history"]])
        assert len(history) == 6
        earlier += int(history.argmin() < 5 and history[-1] > 1.05 * history.min())
        predictions, _ = learner.unroll(stream.inputs, stream.targets)
        error = np.mean((predictions - np.asarray(stream.targets)) ** 2)
        assert run["validation_error"] == pytest.approx(history.min(), rel=1e-5)
        assert error == pytest.approx(history.min(), rel=1e-4)
        assert run["validation_by_seed"][i] == pytest.approx(history.min(), rel=1e-5)
    assert earlier >= 2


def test_a_run_says_how_far_it_is(tiny, small_chunks):
    told = []
    learner, _ = tiny.derive(on_progress=told.append)
    assert [p.update for p in told] == list(tiny.chunk_ends)
    assert {p.updates for p in told} == {9}
    history = learner.card["derivation"]["history"]
    for p, row in zip(told, history, strict=True):
        assert p.loss.shape == p.error.shape == (2,)
        assert row[1:] == pytest.approx([p.loss.mean(), *p.error], rel=1e-5)
        assert p.steps_per_second > 0
    assert [p.best for p in told] == pytest.approx(
        np.minimum.accumulate([p.error.min() for p in told])
    )
    # what is left, in example-steps of both seeds: 2 updates of 3 x 4 and 5 of 4 x 4, and so on
    left = [p.seconds_left * p.steps_per_second for p in told]
    assert left == pytest.approx([2 * n for n in (2 * 12 + 5 * 16, 5 * 16, 16, 0)])


def test_the_card_says_how_it_was_derived(tiny):
    third = Schedule((Stage(3, 4, 1),), learning_rate=SHORT.learning_rate)
    learner = tiny.derive(schedule=third, effort=3.0)[1]
    card = json.loads(json.dumps(learner.card, allow_nan=False))
    assert card["family"] == {"family": "boolean", "inputs": 1, "length": 6}
    run = card["derivation"]
    assert run["family"] == card["family"]
    assert run["network"]["class"] == "MyNetwork"
    assert (run["gradient"], run["seeds"], run["seed"], run["kept_seed"]) == ("bptt", 2, 5, 1)
    assert run["schedule"] == json.loads(json.dumps(SHORT.plain()))
    assert run["updates"] == 3
    assert run["stopped_early"] is False
    assert run["weights"] == 3 * 5 + 3
    assert run["history"][-1][0] == 3


@dataclass(frozen=True)
class Sometimes(Network):
    """Weights so large, by chance of the seed or always, that no error is finite."""

    always: bool = False

    def init_params(self, rng):
        wild = self.always or rng.uniform() < 0.5
        return {"w": (1e30 if wild else 1.0) * np.ones((self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"none": xp.zeros((*batch, 1))}

    def step(self, params, state, inputs, xp):
        return state, inputs @ params["w"]


def test_seeds_that_diverge_are_dropped(tiny):
    wild = [np.random.default_rng((5, i)).uniform() < 0.5 for i in range(6)]
    assert set(wild) == {False, True}
    learners = tiny.derive(network=Sometimes(), schedule=SHORT, seeds=6)
    kept = [learner.card["derivation"]["kept_seed"] for learner in learners]
    assert kept == [i for i in range(6) if not wild[i]]
    run = learners[0].card["derivation"]
    assert [error is None for error in run["validation_by_seed"]] == wild
    assert [error is None for error in run["history"][0][2:]] == wild
    json.dumps(learners[0].card, allow_nan=False)
    assert all(np.isfinite(learner.params["w"]).all() for learner in learners)


def test_all_seeds_diverged_is_an_error(tiny):
    with pytest.raises(NetworkError, match=r"none did\. Use a lower learning rate"):
        tiny.derive(network=Sometimes(always=True), schedule=SHORT, seeds=6)


# What it is derived for


@pytest.mark.parametrize(
    ("family", "inputs", "targets", "output"),
    [
        (Boolean(inputs=3), 4, 1, "logistic"),
        (Late(Boolean(), steps=2), 4, 1, "logistic"),
        (Missing(Switching(Boolean(inputs=1), every=4), share=0.5), 3, 1, "logistic"),
        (Quadratic(), 3, 1, "logistic"),
        (Quadratic(inputs=3, scale="none"), 4, 1, "linear"),
        (sines(targets=2), 3, 2, "linear"),
        (doses()[1], 3, 1, "linear"),
        (doses(missing=True)[1], 4, 1, "linear"),
    ],
)
def test_the_network_is_fitted_to_the_family(family, inputs, targets, output):
    given = LSTM1997(input_size=9, target_size=7, blocks=4, hidden=2, gate_sources=False)
    fitted = fit_network(family, given)
    assert (fitted.input_size, fitted.target_size, fitted.output) == (inputs, targets, output)
    assert (fitted.blocks, fitted.hidden, fitted.gate_sources) == (4, 2, False)


@pytest.mark.parametrize(
    ("family", "delay", "flagged", "schedule"),
    [
        (Late(Noisy(Boolean(1, 6), flip=0.2), steps=2), 2, True, SHORT),
        (
            Switching(Missing(Boolean(1, 6), share=0.4), hazard=0.2),
            0,
            True,
            Schedule((Stage(3, 4, 2, windows=2),)),
        ),
    ],
    ids=["late and noisy", "switching and missing"],
)
@pytest.mark.usefixtures("unchecked")
def test_families_under_conditions(family, delay, flagged, schedule, tiny):
    (learner,) = tiny.derive(family=family, schedule=schedule, seeds=1)
    assert (learner.delay, learner.flagged) == (delay, flagged)
    assert learner.network.input_size == 2 + flagged
    assert learner.card["family"]["under"] == family.describe()["under"]
    assert np.isfinite(learner.card["derivation"]["validation_error"])
    # the kept error is one of judging the learner as this family says
    stream = validation_stream(family, jax.random.split(jax.random.key(5))[1])
    predictions, _ = learner.unroll(stream.inputs, stream.targets, stream.revealed)
    error = np.mean((predictions - np.asarray(stream.targets)) ** 2)
    assert error == pytest.approx(learner.card["derivation"]["validation_error"], rel=1e-4)


@pytest.mark.usefixtures("unchecked")
def test_a_table_is_learned_in_the_scale_of_its_training_tasks(tiny):
    frame, family = doses(missing=True)
    (learner,) = tiny.derive(family=family, schedule=SHORT, seeds=1)
    trained = learner.card["family"]["tasks"]["train"]
    rows = frame[frame["patient"].isin(trained)]
    assert 0 < len(rows) < len(frame)
    scaling = learner.scaling
    assert scaling.target_offset == pytest.approx([rows["level"].mean()])
    assert scaling.target_scale == pytest.approx([rows["level"].std(ddof=0)])
    assert scaling.input_offset == pytest.approx(rows[["hour", "weight"]].mean().tolist())
    assert scaling.input_scale == pytest.approx(rows[["hour", "weight"]].std(ddof=0).tolist())
    assert (learner.input_names, learner.target_names) == (("hour", "weight"), ("level",))
    assert learner.flagged
    stream = validation_stream(family, jax.random.key(0))
    predictions, _ = learner.unroll(stream.inputs, stream.targets, stream.revealed)
    assert np.abs(predictions - 590.0).max() < 500.0
    scored = np.asarray(stream.scored)
    error = (predictions - np.asarray(stream.targets))[scored] / scaling.target_scale
    assert np.mean(error**2) == pytest.approx(
        learner.card["derivation"]["validation_error"], rel=1e-4
    )
    json.dumps(learner.card, allow_nan=False)


def test_the_gradient_of_1997_trains_too(tiny):
    network = LSTM1997(blocks=1, hidden=1)
    (truncated,) = tiny.derive(network=network, gradient="truncated1997", schedule=SHORT, seeds=1)
    start = np.random.default_rng((5, 0))
    first = fit_network(tiny.family, network).init_params(start)["w_first"]
    assert np.abs(truncated.params["w_first"] - first).max() > 1e-2
    assert truncated.card["derivation"]["gradient"] == "truncated1997"


# What is refused


@dataclass(frozen=True)
class Forgetful(Network):
    """No memory for the truncated gradient, and a step that drops its state if told so."""

    drops: bool = False

    def init_params(self, rng):
        return {"w": np.zeros((self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, 1))}

    def step(self, params, state, inputs, xp):
        return {} if self.drops else state, inputs @ params["w"]


@dataclass(frozen=True)
class Constant(Family):
    """Nothing to learn."""

    name = "constant"
    input_size = 1
    examples = 5

    def draw_task(self, key):
        return jnp.float32(3.0)

    def target(self, task, x):
        return task


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"gradient": "rtrx"}, InputError, "gradient among bptt, .*, got 'rtrx'"),
        ({"seeds": 0}, InputError, "1 to 1024 seeds, got 0"),
        ({"seeds": 1025}, InputError, "1 to 1024 seeds, got 1025"),
        ({"seed": -1}, InputError, "seed from 0 to .*, got -1"),
        ({"seed": 2**32}, InputError, "seed from 0 to .*, got 4294967296"),
        ({"effort": 0.0}, InputError, "effort above 0"),
        ({"network": Forgetful(drops=True)}, NetworkError, "keep the names and shapes"),
        (
            {"network": Forgetful(), "gradient": "truncated1997"},
            NetworkError,
            "names its memory",
        ),
        ({"family": Constant()}, FamilyError, "nothing to learn"),
        ({"checkpoint": "/no/such/folder/x"}, InputError, "folder for the checkpoint"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_before_training(
    changes, error, said, tiny, run_module, monkeypatch
):
    def train(*given):
        raise AssertionError("training began")

    monkeypatch.setattr(run_module, "make_advance", train)
    monkeypatch.setattr(run_module, "make_validate", train)
    with pytest.raises(error, match=said):
        tiny.derive(**changes)
