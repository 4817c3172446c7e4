"""fixedweight derive: three tiny derivations end to end, and what is refused before any work."""

import importlib
import os

import jax
import numpy as np
import pandas as pd
import pytest

from fixedweight.cli.choose import PLAIN, network, presented, simulator, under_conditions
from fixedweight.estimators import OnlineEstimator
from fixedweight.families import (
    Boolean,
    Late,
    Missing,
    Noisy,
    Quadratic,
    Recurring,
    Switching,
    TaskFamily,
)
from fixedweight.learner import Learner
from fixedweight.networks import (
    GRU,
    LSTM1997,
    Alternating,
    Gaussian,
    Hypotheses,
    Jordan,
    KalmanMemory,
    LeastSquaresMemory,
    PreviousError,
    Quantiles,
)
from fixedweight.training import default_network

TINY = ("--effort", "0.01", "--seeds", "2", "--cells", "2", "--hidden", "1")
FAMILIES = """
from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from fixedweight import Family, Simulator


def draw(key):
    return jax.random.normal(key, (2,))


waves = Simulator(draw, lambda task, x: task[0] * jnp.sin(3 * x[0] + task[1]), length=16)
doses = Simulator(
    draw,
    lambda task, x: task[0] * x[0] + 3.0,
    inputs=lambda key, task, length: 5.0 + 2.0 * jax.random.normal(key, (length, 1)),
    length=12,
)
pairs = Simulator(draw, lambda task, x: task * x, length=16)
broken = Simulator(draw, lambda task, x: task[0] * nothing, length=16)
number = 3


def make():
    return waves


def picky(length):
    return waves


def crowded(one, other):
    return waves


def drawn(rng):
    x = rng.uniform(-1.0, 1.0, (16, 2))
    return x, x @ rng.normal(size=2)


@dataclass(frozen=True)
class Lines(Family):
    slope: float = 1.0

    @property
    def name(self) -> str:
        return "lines"

    @property
    def input_size(self) -> int:
        return 1

    @property
    def examples(self) -> int:
        return 16

    def draw_task(self, key):
        return self.slope * jax.random.normal(key)

    def target(self, task, x):
        return task * x[0]
"""


def drawn_table():
    """Eight series y = a x + noise, one slope a each, with a gap."""
    rng = np.random.default_rng(0)
    who, day = np.repeat(np.arange(8), 12), np.tile(np.arange(12), 8)
    x = rng.normal(5.0, 2.0, len(who))
    y = rng.normal(size=8)[who] * x + 0.1 * rng.normal(size=len(who)) + 3.0
    table = pd.DataFrame({"who": who, "day": day, "dose [mg]": x, "effect": y})
    table.loc[17, "effect"] = np.nan
    return table


@pytest.fixture
def small(monkeypatch):
    """Judge on few streams: what is tested here is the way through, not the figures.

    Compiling takes most of the time: as many streams everywhere make fewer shapes of it.
    """
    evaluation = importlib.import_module("fixedweight.evaluation.trial")
    for name in ("STREAMS", "GUESS"):
        monkeypatch.setattr(evaluation, name, 64)
    run = importlib.import_module("fixedweight.training.run")
    monkeypatch.setattr(run, "VALIDATION_STREAMS", 64)
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture
def unchecked(monkeypatch):
    """Trust the family: one derivation with the checks, which draw a lot, is enough."""
    training = importlib.import_module("fixedweight.training.derive")
    monkeypatch.setattr(training, "check_family", lambda family: None)


@pytest.fixture
def untrained(monkeypatch):
    """Training must not begin."""

    def begin(*arguments, **settings):
        pytest.fail("training began")

    monkeypatch.setattr(importlib.import_module("fixedweight.training.derive"), "Run", begin)


def assert_png(path):
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_family_by_its_name(tmp_path, command, small):
    code, out, err = command("derive", "boolean", *TINY, "--examples", "16")
    assert (code, err) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["boolean.png", "boolean.safetensors"]
    assert_png(tmp_path / "boolean.png")
    assert "learner: boolean.safetensors   figure: boolean.png" in out
    learner = Learner.load("boolean.safetensors")
    assert learner.card["family"] == {"family": "boolean", "inputs": 2, "length": 16}
    run = learner.card["derivation"]
    assert (run["seeds"], run["network"]["blocks"], run["network"]["hidden"]) == (2, 2, 1)
    assert len(run["validation_by_seed"]) == 2
    assert run["validation_error"] == pytest.approx(min(run["validation_by_seed"]), rel=1e-5)
    assert 0 < run["updates"] < 100
    assert 0.0 < OnlineEstimator(learner).predict_one([0, 1]) < 1.0

    shown = command("show", "boolean.safetensors")[1]
    assert "boolean (reset), LSTM of 1997 with 2 cells + 1 standard units, " in shown
    mse = learner.card["evaluation"]["learner"]["mse"]
    assert f"this learner {mse['value']:.3g} ±" in " ".join(shown.split())
    assert "oracle" in shown
    assert "inputs x1, x2; target y; " in shown
    for line in shown.split("\n"):
        if line.strip() and "bytes of memory" not in line:
            assert line in out


def test_another_network(tmp_path, command, small, unchecked):
    options = ("--network", "Jordan", "--hidden", 5, "--gradient", "one_step", *TINY[:4])
    options += ("--supplement", "error", "--late", 1)
    assert command("derive", "boolean", *options, "--examples", "8")[0] == 0
    learned = Learner.load("boolean.safetensors").network
    assert learned == PreviousError(Jordan(hidden=5), input_size=4, delay=1, flagged=True)
    shown = " ".join(command("show", "boolean.safetensors")[1].split())
    assert "Jordan (hidden=5, activation=tanh, decay=0.5), told its previous error" in shown


def test_a_spread(tmp_path, command, small, unchecked):
    options = ("--network", "GRU", "--hidden", 4, "--spread", "gaussian", *TINY[:4])
    code, out, err = command("derive", "boolean", *options, "--examples", "8")
    assert (code, err) == (0, "")
    learner = Learner.load("boolean.safetensors")
    assert learner.network == Gaussian(GRU(hidden=4))
    within = learner.card["evaluation"]["coverage"]["all"]["value"]
    assert f"targets within 90 % intervals: all {100 * within:.1f} %" in " ".join(out.split())
    alarms = 100 * learner.card["evaluation"]["alarms"]
    assert f"false alarms: {alarms:.1f} % of streams" in " ".join(out.split())


def test_each_topology_is_the_one_asked_for():
    usual = {**dict.fromkeys(["cells", "block_size", "hidden", "second"]), "gate_sources": True}

    def asked(name="LSTM1997", family=Boolean(), **given):  # noqa: B008
        return network(family, name, **{**usual, **given})

    assert asked() == LSTM1997()
    assert asked(family=Quadratic()) == LSTM1997(blocks=12, second=40)
    assert asked(family=Quadratic(), second=0) == LSTM1997(blocks=12)
    assert asked(block_size=2) == LSTM1997(blocks=3, block_size=2)
    assert asked(cells=8, block_size=2, hidden=0, second=9, gate_sources=False) == LSTM1997(
        blocks=4, block_size=2, hidden=0, second=9, gate_sources=False
    )
    for name, kind in PLAIN.items():
        assert asked(name) == kind()
        if name != "KalmanMemory":
            assert asked(name, hidden=4) == kind(hidden=4)
    lines = Quadratic(scale="none")
    assert asked("LeastSquaresMemory", family=lines) == LeastSquaresMemory(heads=1)
    assert asked(None) == default_network(Boolean())
    assert asked(None, family=Recurring(Boolean())) == Hypotheses()
    assert asked(None, cells=6) == LSTM1997()  # by its own options
    assert asked(None, family=Switching(Boolean(), every=50), hidden=3).heads == 2


def test_each_form_is_the_one_asked_for():
    def form(supplement, presentation):
        return presented(GRU(), supplement=supplement, presentation=presentation)

    assert form("target", "vector") == GRU()
    assert form("error", "vector") == PreviousError(GRU())
    assert form("target", "alternating") == Alternating(GRU())
    assert form("error", "alternating") == PreviousError(Alternating(GRU()))
    sure = presented(GRU(), supplement="error", presentation="vector", spread="quantiles")
    assert sure == Quantiles(PreviousError(GRU()))


def test_a_table(tmp_path, command, small, unchecked):
    drawn_table().to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = command(
        *("derive", "--table", "rows.csv", "--task", "who", "--target", "effect"),
        *("--columns", "dose [mg]", "--order", "day", "--out", "effect.safetensors", *TINY),
    )
    assert (code, err) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["effect.png", "effect.safetensors", "rows.csv"]
    learner = Learner.load("effect.safetensors")
    assert learner.input_names == ("dose [mg]",)
    assert learner.target_names == ("effect",)
    assert learner.flagged
    parts = learner.card["family"]["tasks"]
    assert sorted(name for part in parts.values() for name in part) == list("01234567")
    train = drawn_table().query(f"who in {[int(name) for name in parts['train']]}")
    assert learner.scaling.input_offset == pytest.approx((train["dose [mg]"].mean(),))
    assert "not estimated, the series end" in out
    assert "inputs dose [mg]; target effect" in command("show", "effect.safetensors")[1]
    code, out, err = command(
        "run", "effect.safetensors", "rows.csv", "--task", "who", "--order", "day"
    )
    assert (code, err) == (0, "")
    assert "96 rows, 8 tasks" in out


def test_a_table_alone_is_fitted_by_filters_and_says_what_was_chosen(tmp_path, command, small):
    drawn_table().to_csv(tmp_path / "rows.csv", index=False)
    table = ("--table", "rows.csv", "--task", "who", "--target", "effect", "--order", "day")
    code, out, err = command("derive", *table, "--columns", "dose [mg]")
    assert (code, err) == (0, "")
    learner = Learner.load("rows.safetensors")
    assert isinstance(learner.network, KalmanMemory)
    shares = [one["share"] for one in learner.card["derivation"]["structures"]]
    assert sum(shares) == pytest.approx(1.0, abs=0.01)
    assert learner.network.heads == sum(share > 0 for share in shares)
    for share in filter(None, shares):
        assert f"share {share:.2f}" in out
    assert_png(tmp_path / "rows.png")


@pytest.mark.parametrize("option", [("--spread", "quantiles"), ("--seeds", 2), ("--hidden", 3)])
def test_a_table_with_an_option_of_training_is_not(
    tmp_path, command, unchecked, monkeypatch, option
):
    def stop(family, network, *rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("fixedweight.training.derive"), "Run", stop)
    drawn_table().to_csv(tmp_path / "rows.csv", index=False)
    table = ("--table", "rows.csv", "--task", "who", "--target", "effect", "--order", "day")
    code, out, _ = command("derive", *table, "--columns", "dose [mg]", *option)
    assert code == 130
    assert "fitting filters" not in out


def test_with_little_time_there_are_fewer_updates_and_it_says_so(tmp_path, command, small):
    code, out, err = command("derive", "boolean", "--minutes", 1e-6, *TINY, "--examples", "16")
    assert (code, err) == (0, "")
    run = Learner.load("boolean.safetensors").card["derivation"]
    assert f"{run['updates']} updates of " in out
    assert run["minutes"] == 1e-6
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_simulator(tmp_path, command, small, unchecked):
    (tmp_path / "mine.py").write_text(FAMILIES)
    code, out, err = command(
        *("derive", "--simulator", "mine.py:waves", "--late", "1"),
        *("--learning-rate", "0.01", "--out", "waves.safetensors", *TINY),
    )
    assert (code, err) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["mine.py", "waves.png", "waves.safetensors"]
    learner = Learner.load("waves.safetensors")
    assert (learner.flagged, learner.delay) == (True, 1)
    assert learner.card["family"]["under"] == [{"condition": "late", "steps": 1}]
    assert learner.card["derivation"]["schedule"]["learning_rate"] == 0.01
    assert "no oracle is known" in out
    assert "targets 1 steps late" in command("show", "waves.safetensors")[1]


def test_a_simulator_in_numpy(tmp_path, command, small, unchecked):
    (tmp_path / "mine.py").write_text(FAMILIES)
    code, out, err = command("derive", "--simulator", "mine.py:drawn", "--tasks", 40, *TINY)
    assert (code, err) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["drawn.png", "drawn.safetensors", "mine.py"]
    assert "40 tasks simulated in 0 s" in out
    assert "fitting filters" not in out
    learner = Learner.load("drawn.safetensors")
    assert learner.card["family"] == {"family": "drawn", "tasks": 40, "seed": 0}


def test_a_simulator_and_a_table(tmp_path, command, small, unchecked):
    (tmp_path / "mine.py").write_text(FAMILIES)
    drawn_table().to_csv(tmp_path / "rows.csv", index=False)
    table = ("--table", "rows.csv", "--task", "who", "--target", "effect", "--order", "day")
    both = (*table, "--columns", "dose [mg]", "--simulator", "mine.py:doses", *TINY)
    code, _, err = command("derive", *both, "--noise", "0.1")
    assert code == 1
    assert "put them on the simulator" in err
    code, out, err = command("derive", *both)
    assert (code, err) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["mine.py", "rows.csv", "rows.png", "rows.safetensors"]
    learner = Learner.load("rows.safetensors")
    assert learner.input_names == ("dose [mg]",)
    run = learner.card["derivation"]
    first = run["on_simulator"]["validation_error"]
    assert run["validation_error"] <= first
    assert f"{first:.3g} after the simulator" in out
    assert "dose [mg]" in command("show", "rows.safetensors")[1]


@pytest.mark.parametrize("name", ["waves", "make", "Lines"])
def test_a_simulator_may_be_a_family_or_make_one(tmp_path, name):
    (tmp_path / "mine.py").write_text(FAMILIES)
    family = simulator(f"{tmp_path / 'mine.py'}:{name}")
    assert isinstance(family, TaskFamily)
    assert family.examples == 16


def test_each_condition_is_the_one_asked_for():
    nothing = dict.fromkeys(["switch_every", "hazard", "noise", "flip", "missing", "late"])
    base = Boolean(length=20)

    def under(regime="reset", **asked):
        return under_conditions(base, regime=regime, **{**nothing, **asked})

    assert under() == base
    assert under("continuous") == Switching(base, every=20)
    assert under("continuous", hazard=0.1) == Switching(base, hazard=0.1)
    assert under("recurring") == Recurring(base)
    assert under(switch_every=7) == Switching(base, every=7)
    assert under(noise=0.1) == Noisy(base, sd=0.1)
    assert under(flip=0.1) == Noisy(base, flip=0.1)
    assert under(missing=0.2) == Missing(base, share=0.2)
    assert under(late=3) == Late(base, steps=3)
    every = under(switch_every=7, noise=0.1, flip=0.2, missing=0.3, late=2)
    assert every == Late(
        Missing(Noisy(Switching(base, every=7), sd=0.1, flip=0.2), share=0.3), steps=2
    )


TABLE = ("--table", "rows.csv", "--task", "who", "--target", "effect")
BAD = {
    "no source": ((), "one source of tasks"),
    "two sources": (("boolean", "--simulator", "mine.py:waves"), "one source of tasks"),
    "a table beside a name": (("boolean", "--table", "rows.csv"), "one source of tasks"),
    "no such family": (("cubic",), "among boolean, semilinear, quadratic"),
    "inputs": (("boolean", "--inputs", 11), "between 1 and 10 Boolean inputs, got 11"),
    "no inputs": (("semilinear", "--inputs", 0), "at least 1 input, got 0"),
    "examples": (("boolean", "--examples", 1), "at least 2 examples"),
    "regime": (
        ("boolean", "--regime", "always"),
        "a regime among reset, continuous, rec",
    ),
    "switch": (("boolean", "--switch-every", 1), "at least 2 examples between switches"),
    "hazard": (("boolean", "--hazard", 1.5), "hazard between 0 and 1, got 1.5"),
    "both": (("boolean", "--hazard", 0.1, "--switch-every", 9), "either every="),
    "noise": (("boolean", "--noise", -1), "sd=-1.0"),
    "no noise": (("boolean", "--noise", 0), "noise with sd above 0"),
    "flip": (("boolean", "--flip", 0.7), "flip=0.7"),
    "flip of numbers": (("quadratic", "--scale", "none", "--flip", 0.1), "in [0, 1] to flip"),
    "missing": (("boolean", "--missing", 1), "share of missing targets between 0 and 1"),
    "late": (("boolean", "--late", 0), "at least 1 step late"),
    "out suffix": (("boolean", "--out", "learner.bin"), "--out to name a .safetensors file"),
    "out folder": (("boolean", "--out", "no/x.safetensors"), "--out to name a .safetensors file"),
    "out a folder": (("boolean", "--out", "dir.safetensors"), "--out to name a .safetensors file"),
    "cells": (("boolean", "--cells", 0), "at least one block"),
    "hidden": (("boolean", "--hidden", -1), "sizes of at least 1"),
    "network": (("boolean", "--network", "Hopfield"), "a network among LSTM1997, Elman, Jordan"),
    "cells of a GRU": (("boolean", "--network", "GRU", "--cells", 4), "with LSTM1997 alone, not"),
    "gates of Elman's": (("boolean", "--network", "Elman", "--no-gate-sources"), "LSTM1997 alone"),
    "half a block": (("boolean", "--block-size", 4), "--cells that fill blocks of 4, got 6"),
    "no block": (("boolean", "--block-size", 0), "block_size=0"),
    "a wrapper": (("boolean", "--network", "Alternating"), "a network among LSTM1997, Elman"),
    "supplement": (("boolean", "--supplement", "x"), "supplement 'target' or 'error', got 'x'"),
    "presentation": (("boolean", "--presentation", "x"), "presentation 'vector' or 'alternating'"),
    "spread": (("boolean", "--spread", "wide"), "--spread gaussian or quantiles, got 'wide'"),
    "hidden of filters": (
        ("boolean", "--network", "KalmanMemory", "--hidden", 4),
        "no --hidden with KalmanMemory",
    ),
    "no units": (("boolean", "--network", "GRU", "--hidden", 0), "at least one hidden unit"),
    "gradient": ((*TABLE, "--gradient", "rtrx"), "a gradient among"),
    "effort": (("boolean", "--effort", 0), "an effort above 0"),
    "effort that is none": (("boolean", "--effort", "nan"), "an effort above 0"),
    "endless effort": (("boolean", "--effort", "inf"), "an effort above 0"),
    "no time": (("boolean", "--minutes", 0), "more than 0 minutes, got 0"),
    "no time for a table": ((*TABLE, "--minutes", -1), "more than 0 minutes, got -1"),
    "a pace of recurring tasks": (
        ("boolean", "--regime", "recurring", "--hazard", 0.1),
        "no --switch-every or --hazard with --regime recurring",
    ),
    "a spread of hypotheses": (
        ("boolean", "--regime", "recurring", "--spread", "gaussian"),
        "no Hypotheses in Gaussian",
    ),
    "learning rate": (("boolean", "--learning-rate", -1), "a learning rate between 0 and 10"),
    "seeds": ((*TABLE, "--seeds", 0), "1 to 1024 seeds, got 0"),
    "no colon": (("--simulator", "mine.py"), "MODULE:NAME or FILE.py:NAME, got 'mine.py'"),
    "no file": (("--simulator", "absent.py:waves"), "a Python file at 'absent.py'"),
    "no module": (("--simulator", "absent_module:waves"), "import 'absent_module'"),
    "a file that fails": (("--simulator", "bad.py:waves"), "it raised ZeroDivisionError"),
    "no such name": (("--simulator", "mine.py:tides"), "named 'tides' in mine.py"),
    "no family": (("--simulator", "mine.py:number"), "a Simulator, say) as 'mine.py:number', got"),
    "a function with arguments": (("--simulator", "mine.py:crowded"), "it raised TypeError"),
    "no simulator": (("--simulator", "mine.py:picky"), "two arrays of numbers, from 'picky', got"),
    "tasks of a family": (("--simulator", "mine.py:waves", "--tasks", 20), "no --tasks with"),
    "tasks without": (("boolean", "--tasks", 20), "--tasks with --simulator alone"),
    "few tasks": (("--simulator", "mine.py:drawn", "--tasks", 2), "at least 10 simulated tasks"),
    "wrong shape": (("--simulator", "mine.py:pairs"), "a scalar or shape (1,) from the simulator"),
    "no table": (("--table", "no.csv", "--task", "who", "--target", "effect"), "no such file"),
    "table of what": (("--table", "rows.csv"), "--task COLUMN and --target COLUMN"),
    "task column": (
        ("--table", "rows.csv", "--task", "name", "--target", "effect"),
        "a column 'name', got the columns ['who', 'day', 'dose [mg]', 'effect']",
    ),
    "target column": (("--table", "rows.csv", "--task", "who", "--target", "y"), "a column 'y'"),
    "input column": (
        (*TABLE, "--columns", "day, age"),
        "a column 'age'",
    ),
    "order column": (
        (*TABLE, "--order", "time"),
        "a column 'time'",
    ),
    "target as input": (
        (*TABLE, "--columns", "effect"),
        "inputs other than the task and the target",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused_before_training(
    tmp_path, refused, untrained, options, message
):
    (tmp_path / "mine.py").write_text(FAMILIES)
    (tmp_path / "bad.py").write_text("waves = 1 / 0\n")
    (tmp_path / "dir.safetensors").mkdir()
    drawn_table().to_csv(tmp_path / "rows.csv", index=False)
    before = sorted(os.listdir(tmp_path))
    assert message in refused("derive", *options)
    after = sorted(name for name in os.listdir(tmp_path) if name != "__pycache__")
    assert after == before


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(command, untrained, seed):
    code, _, err = command("derive", "boolean", "--seed", seed)
    assert code  # 1 or 2, as the release of Typer has it
    assert "--seed" in err


def test_a_leaderboard_of_what_is_not_there_is_refused(refused):
    assert "Expected families among boolean-2" in refused("leaderboard", "cubic")
    assert "Expected networks among" in refused("leaderboard", "--network", "Hopfield")
