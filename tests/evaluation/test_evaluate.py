"""evaluate(): on learners whose error is known, and on everything it may be asked to judge."""

import importlib
import json
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from fixedweight.evaluation import evaluate, squared_errors
from fixedweight.evaluation.baselines import BASELINES
from fixedweight.families import (
    Boolean,
    Late,
    Missing,
    Noisy,
    Quadratic,
    Simulator,
    Switching,
    read_table,
)
from fixedweight.learner import Learner
from fixedweight.networks import LSTM1997, Network
from fixedweight.training import fit_network

pytestmark = pytest.mark.usefixtures("quick_compile")


@dataclass(frozen=True)
class LastValues(Network):
    """What a learner of Boolean functions should become: a table of the values last told.

    Its prediction is the last target told for the same input, and 1/2 where there is none.
    """

    def init_params(self, rng):
        return {"half": np.array([0.5])}

    def init_state(self, params, batch, xp):
        cells = 2 ** (self.input_size - 1)
        return {name: xp.zeros((*batch, cells)) for name in ("value", "known", "before")}

    def step(self, params, state, inputs, xp):
        x, told = inputs[..., :-1], inputs[..., -1:]
        before = state["before"]  # the cell of the last example; none at first
        value = state["value"] + before * (told - state["value"])
        known = xp.maximum(state["known"], before)
        table = params["half"] + known * (value - params["half"])
        place = (x @ xp.asarray([2.0**i for i in range(x.shape[-1])]))[..., None]
        here = 1.0 * (xp.arange(table.shape[-1]) == place)
        state = {"value": value, "known": known, "before": here}
        return state, (here * table).sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Breaks(Network):
    """Says 0.5 until it has seen so many examples, and infinity after."""

    after: int = 0

    def init_params(self, rng):
        return {"one": np.ones(1)}

    def init_state(self, params, batch, xp):
        return {"steps": xp.zeros((*batch, 1))}

    def step(self, params, state, inputs, xp):
        said = xp.where(state["steps"] < self.after, 0.5, xp.inf)
        return {"steps": state["steps"] + params["one"]}, said


def learner_for(family, network):
    network = fit_network(family, network)
    return Learner(
        network,
        network.init_params(np.random.default_rng(0)),
        family.scaling(),
        delay=family.delay,
        flagged=family.flagged,
    )


def small_lstm(family):
    return learner_for(family, LSTM1997(blocks=1, hidden=1))


@cache
def judged(family, seed):
    """The card of the same small network, once for all tests that look at it."""
    return evaluate(small_lstm(family), family, seed)


def table(missing=False, stretch=1.0, tested=0.0, rows=12):
    """Twelve series of 3 to `rows` rows; the test tasks' targets are higher by `tested`."""
    rng = np.random.default_rng(0)
    tasks = np.repeat(np.arange(12), np.linspace(3, rows, 12).round().astype(int))
    x = rng.normal(size=(len(tasks), 2))
    y = 10.0 + tasks % 5 + x[:, 0] + tested * np.isin(tasks, [3, 7])
    if missing:
        y[rng.uniform(size=len(y)) < 0.3] = np.nan
    frame = pd.DataFrame({"task": tasks, "a": x[:, 0], "b": stretch * x[:, 1], "y": y})
    return frame, read_table(frame, task="task", target="y", validation=[1], test=[3, 7])


# The package hides the module behind the function of the same name.
MODULE = importlib.import_module("fixedweight.evaluation.trial")


@pytest.fixture
def few(monkeypatch):
    """Streams few enough to be quick."""
    monkeypatch.setattr(MODULE, "STREAMS", 20)


def test_the_best_learner_of_boolean_functions_is_at_the_floor(monkeypatch):
    monkeypatch.setattr(MODULE, "STREAMS", 200)
    family = Boolean()
    card = evaluate(learner_for(family, LastValues()), family)
    assert card["regime"] == "reset"
    assert (card["tasks"], card["examples"]) == (200, 256)
    assert card["variance"] == pytest.approx(0.25, abs=0.005)
    floor = pytest.approx(0.25 * 4 / 256, rel=1e-5)  # 0.00391: each of four inputs is new once
    assert card["learner"]["mse"] == {"value": floor, "low": floor, "high": floor}
    assert card["oracle"]["mse"] == card["learner"]["mse"]
    assert card["ratio"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    by_example = np.array(card["learner"]["by_example"])
    assert len(by_example) == 256
    np.testing.assert_allclose(by_example, 0.25 * 0.75 ** np.arange(256), atol=0.03)
    assert by_example[0] == 0.25
    assert by_example.sum() == pytest.approx(1.0, rel=1e-4)
    for n in (10, 30):
        after = card["learner"]["after"][str(n)]
        assert after["value"] == pytest.approx(by_example[n:].mean(), rel=1e-4)
        assert after["low"] <= after["value"] <= after["high"]
    assert 7 <= card["learner"]["examples_to_learn"] <= 12
    assert card["learner"]["examples_to_learn"] == card["oracle"]["examples_to_learn"]
    assert card["long"]["length"] == 2560
    assert card["long"]["first_tenth"]["value"] == floor
    assert card["long"]["rest"]["value"] == 0.0
    assert card["long"]["mse"]["value"] == pytest.approx(0.1 / 256, rel=1e-5)
    # a new input: at first 1/2, then the value of some other one, wrong half of the time
    neighbour = card["baselines"]["nearest neighbour"]
    assert neighbour["mse"]["value"] == pytest.approx((0.25 + 3 * 0.5) / 256, rel=0.15)
    assert card["baselines"]["last target"]["mse"]["value"] > 0.2
    assert card["baselines"]["last target"]["examples_to_learn"] is None


def test_it_pays_for_what_is_left_of_the_last_task_where_tasks_switch():
    hazard = 1 / 32
    family = Switching(Boolean(), hazard=hazard)
    card = evaluate(learner_for(family, LastValues()), family)
    assert card == json.loads(json.dumps(card, allow_nan=False))
    assert card["regime"] == "continuous"
    assert card["examples"] == 32
    assert card["tasks"] == pytest.approx(1600, abs=160)
    # an input not seen in this task has the last one's value, wrong half of the time:
    # 1/2 sum over ages n of hazard (1 - hazard)^n (3/4)^n
    expected = 0.5 * hazard / (1 - 0.75 * (1 - hazard))
    mse = card["learner"]["mse"]
    assert mse["low"] < expected < mse["high"]
    assert card["oracle"]["kind"] == "exact"
    beyond = mse["value"] - card["oracle"]["mse"]["value"]
    assert card["regret"]["value"] == pytest.approx(beyond, rel=1e-4)
    assert 0 < card["regret"]["low"] < card["regret"]["high"] < mse["high"]
    assert 1.05 < card["ratio"]["low"] < card["ratio"]["value"] < card["ratio"]["high"] < 1.6
    np.testing.assert_allclose(
        card["learner"]["by_example"], 0.5 * 0.75 ** np.arange(32), atol=0.06
    )
    assert card["long"]["length"] == 3200
    for part in ("first_tenth", "rest"):
        assert card["long"][part]["value"] == pytest.approx(expected, rel=0.2)


BOOLEAN = Boolean(length=9)


def sines(targets):
    return Simulator(
        draw=lambda key: jax.random.normal(key, (targets,)),
        compute=lambda task, x: task * jnp.sin(2.0 * x[0]),
        targets=targets,
        length=6,
    )


@pytest.mark.parametrize(
    ("family", "regime", "kind", "long"),
    [
        (BOOLEAN, "reset", "exact", 90),
        (Noisy(BOOLEAN, flip=0.1), "reset", "exact", 90),
        (
            Late(Missing(Noisy(Quadratic(length=9, scale="none"), sd=0.1), share=0.4), steps=2),
            "reset",
            "bound from above",
            90,
        ),
        (sines(targets=2), "reset", None, 60),
        (Late(table(missing=True)[1]), "reset", None, None),
    ],
    ids=["boolean", "flipped", "late, missing, noisy", "sines", "late table"],
)
def test_a_card_of_everything(family, regime, kind, long, few):
    card = judged(family, 0)
    assert card == json.loads(json.dumps(card, allow_nan=False))
    assert card["regime"] == regime
    assert card["examples"] == family.examples
    assert card["baselines"].keys() == BASELINES.keys()
    assert (card["oracle"] and card["oracle"]["kind"]) == kind
    assert (card["ratio"] is None) == (card["regret"] is None) == (kind is None)
    assert (card["long"] and card["long"]["length"]) == long
    records = [card["learner"], *card["baselines"].values(), *([card["oracle"]] if kind else [])]
    for record in records:
        assert len(record["by_example"]) == family.examples
        assert 0.0 <= record["mse"]["low"] <= record["mse"]["value"] <= record["mse"]["high"]
    if regime == "reset" and long:
        assert card["tasks"] == 20
    if kind and regime == "reset":
        assert card["ratio"]["value"] > 1.0


def test_a_table_is_judged_on_every_known_target_of_its_test_tasks_and_on_no_other():
    frame, family = table(missing=True)
    learner = small_lstm(family)
    card = evaluate(learner, family)
    assert card["tasks"] == 2
    errors, targets, by_example = [], [], {}
    for task in (3, 7):
        rows = frame[frame["task"] == task]
        x, y = rows[["a", "b"]].to_numpy()[None], rows[["y"]].to_numpy()[None]
        predictions, _ = learner.unroll(x, y)
        for n, (p, target) in enumerate(zip(predictions[0, :, 0], y[0, :, 0], strict=True)):
            if np.isfinite(target):
                errors.append((p - target) ** 2)
                targets.append(target)
                by_example.setdefault(n, []).append(errors[-1])
    assert 0 < len(errors) < len(frame[frame["task"].isin([3, 7])])
    assert card["learner"]["mse"]["value"] == pytest.approx(np.mean(errors), rel=1e-4)
    assert card["variance"] == pytest.approx(np.var(targets), rel=1e-4)
    for n, error in enumerate(card["learner"]["by_example"]):
        expected = pytest.approx(np.mean(by_example[n]), rel=1e-4) if n in by_example else None
        assert error == expected


def test_baselines_do_not_depend_on_the_unit_of_an_input():
    cards = [evaluate(small_lstm(f), f)["baselines"] for _, f in (table(), table(stretch=1e4))]
    for name in BASELINES:
        assert cards[0][name]["mse"] == {
            part: pytest.approx(value, rel=1e-3) for part, value in cards[1][name]["mse"].items()
        }


def test_what_baselines_guess_first_is_from_training_tasks():
    frame, family = table(tested=100.0)
    train = frame[~frame["task"].isin([1, 3, 7])]
    assert train["y"].between(5.0, 20.0).all()
    card = evaluate(small_lstm(family), family)
    for name in BASELINES:
        assert 90.0**2 < card["baselines"][name]["by_example"][0] < 110.0**2


def test_errors_are_summed_over_the_numbers_of_a_target_and_over_nothing_unscored():
    family = sines(targets=2)
    learner = small_lstm(family)
    stream = jax.tree.map(np.asarray, family.sample(jax.random.key(0), 3, 6))
    scored = np.ones((3, 6), dtype=bool)
    scored[0, 2] = False
    targets = np.where(scored[..., None], stream.targets, np.nan)
    errors = squared_errors(learner, family, stream._replace(scored=scored, targets=targets))
    for b in range(3):
        state = learner.initial_state()
        arrived, told = np.zeros(1, np.float32), np.zeros(2, np.float32)
        for t in range(6):
            state, p = learner.step(state, stream.inputs[b, t], learner.supplement(told, arrived))
            expected = ((p - stream.targets[b, t]) ** 2).sum() if scored[b, t] else 0.0
            assert errors[b, t] == pytest.approx(expected, rel=1e-4, abs=1e-6)
            arrived = np.full(1, scored[b, t], np.float32)
            told = stream.targets[b, t]


def test_same_seed_same_card_another_seed_other_tasks(few):
    one, other = judged(BOOLEAN, 0), judged(BOOLEAN, 1)
    assert one == evaluate(small_lstm(BOOLEAN), BOOLEAN, seed=0)
    assert one["learner"]["mse"] != other["learner"]["mse"]
    assert one["oracle"]["mse"] != other["oracle"]["mse"]


def test_an_error_that_does_not_stay_finite_is_none(few):
    card = evaluate(learner_for(BOOLEAN, Breaks(after=9)), BOOLEAN)
    json.dumps(card, allow_nan=False)
    assert card["learner"]["mse"]["value"] == 0.25
    assert card["ratio"]["value"] > 1.0
    assert card["long"]["first_tenth"]["value"] == 0.25
    assert card["long"]["rest"] is None
    card = evaluate(learner_for(BOOLEAN, Breaks(after=4)), BOOLEAN)
    json.dumps(card, allow_nan=False)
    assert card["learner"]["mse"] is card["ratio"] is None
    assert card["learner"]["by_example"] == [0.25] * 4 + [None] * 5
    assert card["learner"]["examples_to_learn"] is None
    assert card["oracle"]["mse"] is not None
