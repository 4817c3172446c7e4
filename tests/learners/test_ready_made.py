"""The learners that ship: what they are, and that they learn."""

import numpy as np
import pytest

from fixedweight import Learner, OnlineEstimator, load
from fixedweight.errors import InputError, LearnerFileError
from fixedweight.evaluation import evaluate, trial
from fixedweight.learners import SHIPPED, ready_made
from fixedweight.learners.make import LEARNERS
from fixedweight.training import fit_network


def test_what_ships_is_what_is_made():
    assert ready_made() == sorted(LEARNERS)
    assert sum(file.stat().st_size for file in SHIPPED.iterdir() if file.is_file()) < 400_000


@pytest.mark.parametrize("name", LEARNERS)
def test_it_is_derived_as_it_is_said(name):
    one, learner = LEARNERS[name], load(name)
    assert learner.network == fit_network(one.family, one.network)
    assert learner.card["family"] == one.family.describe()
    assert learner.card["range"] == one.range
    assert not learner.card["derivation"]["stopped_early"]


@pytest.mark.parametrize("name", [name for name in LEARNERS if not name.startswith("tabular")])
def test_it_is_as_good_as_its_card(name, monkeypatch):
    monkeypatch.setattr(trial, "STREAMS", 400)
    learner, family = load(name), LEARNERS[name].family
    said, found = learner.card["evaluation"], evaluate(learner, family, seed=1)
    assert found["ratio"]["value"] == pytest.approx(said["ratio"]["value"], rel=0.05)
    if "coverage" in said:
        assert found["coverage"]["all"]["value"] == pytest.approx(0.9, abs=0.02)
        assert found["alarms"] < 0.03


def test_a_quadratic_is_learned_from_a_few_examples():
    model, rng = OnlineEstimator(load("quadratic-2d")), np.random.default_rng(0)
    for x in rng.uniform(-1.0, 1.0, (30, 2)):
        model.learn_one(x, 0.5 - x[0] + 0.8 * x[0] * x[1] - 0.3 * x[1] ** 2)
    for a, b in rng.uniform(-1.0, 1.0, (20, 2)):
        guess = model.predict_one([a, b])
        assert guess == pytest.approx(0.5 - a + 0.8 * a * b - 0.3 * b**2, abs=0.15)


def test_a_learner_may_be_named_in_each_way(tmp_path):
    learner = load("boolean-2d")
    assert load(learner) is learner
    learner.save(tmp_path / "mine")
    for path in (tmp_path / "mine", str(tmp_path / "mine")):
        assert load(path).digest == learner.digest
    assert isinstance(load("boolean-2d"), Learner)


def test_what_is_no_learner_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"file or one of \['boolean-2d', .*got 'cubic-2d'"):
        load("cubic-2d")
    with pytest.raises(InputError, match="file or its name, got 3"):
        load(3)
    with pytest.raises(LearnerFileError, match="there is none"):
        load(tmp_path / "absent.safetensors")
