"""fixedweight run: what it prints and writes is what the estimator predicts."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load
from typer.testing import CliRunner

from fixedweight.cli import app
from fixedweight.estimators import OnlineEstimator
from fixedweight.learner import Learner
from fixedweight.networks import Gaussian
from test_learner import LEARNERS, drawn_learner, drawn_stream

NAMED = {"input_names": ("dose [mg]", "age"), "target_names": ("effect",)}
LEARNER = replace(drawn_learner(), **NAMED)
LATE = replace(LEARNERS["late"], **NAMED)
SERIES = {"ann": 40, "bob": 3, "eve": 25}


def drawn_table(learner=LEARNER, missing=0.2):
    """Series of three tasks, their rows mixed; `day` orders the rows of each."""
    parts = []
    for i, (name, rows) in enumerate(SERIES.items()):
        x, y = drawn_stream(learner, rows, missing=missing, seed=i)
        part = pd.DataFrame(x, columns=learner.input_names)
        parts.append(part.assign(effect=y[:, 0], who=name, day=np.arange(rows)))
    return pd.concat(parts).sample(frac=1.0, random_state=0).reset_index(drop=True)


@pytest.fixture
def folder(tmp_path):
    LEARNER.save(tmp_path / "learner.safetensors")
    return tmp_path


def write(table, path):
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
    return path


def one_by_one(learner, table, target="effect"):
    """The predictions of an estimator over one task, example by example."""
    estimator, predictions = OnlineEstimator(learner), []
    known = table[target].tolist()
    arriving = [None] * learner.delay + known
    for x, y in zip(table[list(learner.input_names)].to_numpy(), arriving, strict=False):
        predictions.append(estimator.predict_one(x))
        estimator.learn_one(x, y)
    return np.array(predictions)


def expected_table(errors, example):
    """The error-by-example table, from its definition."""
    rows = []
    for name, first, last in (
        ("1", 1, 1),
        ("2-5", 2, 5),
        ("6-10", 6, 10),
        ("11-20", 11, 20),
        ("21-30", 21, 30),
        ("31 on", 31, 10**9),
        ("all", 1, 10**9),
    ):
        group = errors[(example >= first) & (example <= last) & ~np.isnan(errors)]
        if len(group):
            mean, rms = np.mean(np.abs(group)), np.sqrt(np.mean(np.square(group)))
            rows.append([name, str(len(group)), f"{mean:.4g}", f"{rms:.4g}"])
    return rows


def printed_table(text):
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.split("\n")]
    assert lines[0] == ["example", "rows", "mean |error|", "rms error"]
    return [line for line in lines[1:] if len(line) == 4]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_errors_and_predictions_of_one_task(folder, command, suffix):
    table = drawn_table().query("who == 'ann'").sort_values("day").reset_index(drop=True)
    write(table, folder / f"rows{suffix.lower()}")
    code, out, err = command(
        "run", "learner.safetensors", f"rows{suffix.lower()}", "--out", f"out{suffix}"
    )
    assert (code, err) == (0, "")
    predictions = one_by_one(LEARNER, table)
    errors = predictions - table["effect"].to_numpy()
    assert np.isnan(errors).any()
    assert printed_table(out) == expected_table(errors, np.arange(1, 41))
    assert "40 rows, 1 task\n" in out
    assert f"predictions: out{suffix}" in out
    read = pd.read_csv if suffix.lower() == ".csv" else pd.read_parquet
    written = read(folder / f"out{suffix}")
    np.testing.assert_allclose(written["prediction"], predictions, rtol=1e-6)
    pd.testing.assert_frame_equal(written.drop(columns="prediction"), table)


@pytest.mark.parametrize("learner", [LEARNER, LATE], ids=["at once", "late"])
def test_each_task_starts_afresh_in_its_order(folder, command, learner):
    learner.save(folder / "learner.safetensors")
    table = drawn_table()
    write(table, folder / "rows.csv")
    code, out, err = command(
        *("run", "learner.safetensors", "rows.csv", "--out", "out.parquet"),
        *("--task", "who", "--order", "day"),
    )
    assert (code, err) == (0, "")
    assert "68 rows, 3 tasks\n" in out
    written = pd.read_parquet(folder / "out.parquet")
    assert isinstance(written.index, pd.RangeIndex)
    assert written["day"].is_monotonic_increasing
    errors, example = [], []
    for name, rows in SERIES.items():
        part = table[table["who"] == name].sort_values("day")
        predictions = one_by_one(learner, part)
        got = written.loc[written["who"] == name, "prediction"]
        np.testing.assert_allclose(got, predictions, rtol=1e-6)
        errors.append(predictions - part["effect"].to_numpy())
        example.append(np.arange(1, rows + 1))
    assert printed_table(out) == expected_table(np.concatenate(errors), np.concatenate(example))


def test_a_learner_that_knows_how_sure_it_is_says_so(folder, command):
    learner = replace(drawn_learner(kind=Gaussian), **NAMED)
    learner.save(folder / "learner.safetensors")
    table = drawn_table(learner)
    write(table, folder / "rows.csv")
    code, out, err = command(
        *("run", "learner.safetensors", "rows.csv", "--out", "out.parquet"),
        *("--task", "who", "--order", "day"),
    )
    assert (code, err) == (0, "")
    written = pd.read_parquet(folder / "out.parquet")
    inside, raised = [], 0
    for name in SERIES:
        part, estimator = written[written["who"] == name], OnlineEstimator(learner)
        alarm = False
        for row in part.to_dict("records"):
            x = [row[column] for column in learner.input_names]
            assert row["prediction"] == pytest.approx(estimator.predict_one(x), rel=1e-6)
            ends = estimator.predict_interval_one(x)
            assert [row["low"], row["high"]] == pytest.approx(ends, rel=1e-6)
            assert row["strange"] == pytest.approx(estimator.strange, abs=1e-6)
            alarm |= estimator.strange > 1.0
            estimator.learn_one(x, row["effect"])
            if not np.isnan(row["effect"]):
                inside.append(ends[0] <= row["effect"] <= ends[1])
        raised += alarm
    assert f"targets within 90 % intervals: {100 * np.mean(inside):.1f} %" in out
    assert f"unlike anything it was derived for: {raised} of 3 tasks" in out


def test_without_an_order_rows_are_taken_as_they_come(folder, command):
    table = drawn_table().query("who == 'eve'")
    write(table, folder / "rows.csv")
    command("run", "learner.safetensors", "rows.csv", "--out", "out.csv")
    written = pd.read_csv(folder / "out.csv")
    np.testing.assert_allclose(written["prediction"], one_by_one(LEARNER, table), rtol=1e-6)
    assert written["day"].tolist() == table["day"].tolist()


def test_a_missing_target_is_predicted_and_neither_learned_nor_counted(folder, command):
    table = drawn_table(missing=0.0).query("who == 'bob'").sort_values("day")
    table.loc[table["day"] == 0, "effect"] = np.nan
    write(table, folder / "rows.csv")
    code, out, _ = command("run", "learner.safetensors", "rows.csv", "--out", "out.csv")
    assert code == 0
    predictions = one_by_one(LEARNER, table)
    errors = predictions - table["effect"].to_numpy()
    assert printed_table(out) == expected_table(errors, np.arange(1, 4))
    assert [row[0] for row in printed_table(out)] == ["2-5", "all"]
    np.testing.assert_allclose(pd.read_csv("out.csv")["prediction"], predictions, rtol=1e-6)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_with_no_target_known_it_only_predicts(folder, command, form):
    table = drawn_table().assign(effect=np.nan)
    write(table, folder / f"rows.{form}")
    code, out, _ = command("run", "learner.safetensors", f"rows.{form}", "--out", "out.csv")
    assert code == 0
    assert printed_table(out) == []
    assert pd.read_csv("out.csv")["prediction"].notna().all()


def test_a_target_under_another_name(folder, command):
    table = drawn_table().query("who == 'eve'").rename(columns={"effect": "response"})
    write(table, folder / "rows.csv")
    code, out, _ = command("run", "learner.safetensors", "rows.csv", "--target", "response")
    assert code == 0
    errors = one_by_one(LEARNER, table, "response") - table["response"].to_numpy()
    assert printed_table(out) == expected_table(errors, np.arange(1, 26))


def test_going_on_from_a_saved_state_equals_one_run(folder, command):
    table = drawn_table().query("who == 'ann'").sort_values("day")
    write(table, folder / "all.csv")
    write(table[:13], folder / "first.csv")
    write(table[13:], folder / "second.csv")
    run = ("run", "learner.safetensors")
    assert command(*run, "all.csv", "--out", "whole.parquet", "--save-state", "end")[0] == 0
    code, out, _ = command(*run, "first.csv", "--out", "a.parquet", "--save-state", "state")
    assert (code, "state: state\n" in out) == (0, True)
    code, out, _ = command(
        *(*run, "second.csv", "--out", "b.parquet", "--state", "state", "--save-state", "state")
    )
    assert code == 0
    whole, a, b = (pd.read_parquet(f"{name}.parquet")["prediction"] for name in ("whole", "a", "b"))
    assert np.array_equal(np.concatenate([a, b]), whole)
    end, state = (load(Path(name).read_bytes()) for name in ("end", "state"))
    assert {k: v.tobytes() for k, v in end.items()} == {k: v.tobytes() for k, v in state.items()}
    errors = (whole - table["effect"].to_numpy()).to_numpy()[13:]
    assert printed_table(out) == expected_table(errors, np.arange(14, 41))
    fresh = command(*run, "second.csv", "--out", "c.parquet")
    assert fresh[0] == 0
    assert not np.array_equal(pd.read_parquet("c.parquet")["prediction"], b)


def test_what_cannot_be_run_is_refused(folder, refused):
    table = drawn_table()
    write(table, folder / "rows.csv")
    run = ("run", "learner.safetensors")
    assert "'nobody', got the columns" in refused(*run, "rows.csv", "--task", "nobody")
    assert "'never'" in refused(*run, "rows.csv", "--order", "never")
    assert "'result'" in refused(*run, "rows.csv", "--target", "result")
    write(table.drop(columns="age"), folder / "narrow.csv")
    assert "column 'age', got the columns ['dose [mg]'," in refused(*run, "narrow.csv")
    write(table.assign(age=table["age"].mask(table.index == 7)), folder / "gap.csv")
    assert "column 'age', got nan in row 7 (1 such" in refused(*run, "gap.csv")
    write(table.assign(age=np.inf), folder / "infinite.csv")
    assert "column 'age', got inf in row 0 (68 such" in refused(*run, "infinite.csv")
    write(table.assign(age=1e300), folder / "large.csv")
    assert "finite inputs" in refused(*run, "large.csv")
    write(table.assign(effect=-np.inf), folder / "target.csv")
    assert "'effect', got -inf" in refused(*run, "target.csv")
    write(table.assign(age="old"), folder / "text.csv")
    assert "numbers in column 'age', got 'old'" in refused(*run, "text.csv")
    write(table.assign(who=table["who"].mask(table.index == 3)), folder / "who.csv")
    assert "a task in every row" in refused(*run, "who.csv", "--task", "who")
    write(table[:0], folder / "empty.csv")
    assert "rows in empty.csv, got none" in refused(*run, "empty.csv")
    (folder / "nothing.csv").touch()
    assert "readable table at 'nothing.csv'" in refused(*run, "nothing.csv")
    (folder / "broken.parquet").write_bytes(b"PAR1 no table PAR1")
    assert "readable table at 'broken.parquet'" in refused(*run, "broken.parquet")
    assert "no such file" in refused(*run, "absent.csv")
    assert "a .csv or .parquet file, got 'rows.xlsx'" in refused(*run, "rows.xlsx")
    assert ".csv or .parquet, got out.txt" in refused(*run, "rows.csv", "--out", "out.txt")
    assert "existing folder" in refused(*run, "rows.csv", "--out", "no/out.csv")
    assert "existing folder" in refused(*run, "rows.csv", "--save-state", "no/state")
    assert "existing folder" in refused(*run, "rows.csv", "--save-state", folder)
    for option in ("--state", "--save-state"):
        assert "one task" in refused(*run, "rows.csv", "--task", "who", option, "state")
    assert not (folder / "state").exists()


def test_files_that_are_no_learner_or_state_are_refused(folder, refused):
    write(drawn_table(), folder / "rows.csv")
    assert "learner file at 'rows.csv'" in refused("run", "rows.csv", "rows.csv")
    assert "there is none" in refused("run", "absent.safetensors", "rows.csv")
    assert "learner file at 'rows.csv'" in refused("show", "rows.csv")
    run = ("run", "learner.safetensors", "rows.csv")
    assert "state file at 'rows.csv'" in refused(*run, "--state", "rows.csv")
    assert "kind 'fixedweight learner'" in refused(*run, "--state", "learner.safetensors")
    OnlineEstimator(replace(drawn_learner(seed=2), **NAMED)).save_state(folder / "state")
    assert "one of another learner" in refused(*run, "--state", "state")
    LEARNERS["two targets"].save(folder / "two.safetensors")
    assert "one target, got ['y1', 'y2']" in refused("run", "two.safetensors", "rows.csv")


def test_through_typers_own_runner(folder):
    """As a script in a pipe would see it: plain text, 80 columns."""
    table = drawn_table().query("who == 'eve'")
    rows = write(table, folder / "rows.csv")
    result = CliRunner().invoke(app, ["run", str(folder / "learner.safetensors"), str(rows)])
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    errors = one_by_one(LEARNER, table) - table["effect"].to_numpy()
    assert printed_table(result.output) == expected_table(errors, np.arange(1, 26))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "learner.safetensors", "absent.csv"], 1, "error: Expected a table at 'absent"),
        (["run", "learner.safetensors"], 2, "Missing argument"),
    ],
)
def test_the_module_exits_with_a_code_and_a_message(folder, arguments, code, message):
    result = subprocess.run(
        [sys.executable, "-m", "fixedweight", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TERM": "dumb"},
    )
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_show_says_what_a_learner_is(folder, command):
    code, out, err = command("show", "learner.safetensors")
    assert (code, err) == (0, "")
    assert "says nothing of how it was derived" in out
    assert "inputs dose [mg], age; target effect; " in out
    state = sum(part.nbytes for part in LEARNER.initial_state().values())
    assert f"{state} bytes of memory a stream" in out
    LATE.save(folder / "late.safetensors")
    assert "target effect, targets 3 steps late;" in command("show", "late.safetensors")[1]


def test_show_refuses_a_card_it_cannot_read(folder, refused):
    """The file is sound, only what it says of itself is not."""
    for card in ({"derivation": {}}, {"derivation": [], "family": 3}, {"derivation": None}):
        replace(LEARNER, card=card).save(folder / "odd.safetensors")
        assert "a card as `fixedweight derive` writes it" in refused("show", "odd.safetensors")
        assert Learner.load(folder / "odd.safetensors").digest == LEARNER.digest


def test_export_writes_a_learner_in_another_language(folder, command, refused):
    learner = folder / "learner.safetensors"
    code, out, _ = command("export", learner, "--folder", folder / "c")
    assert code == 0
    assert out.split() == [str(folder / "c" / name) for name in ("learner.h", "learner.c")]
    assert "dose [mg], age" in (folder / "c" / "learner.h").read_text()
    code, out, _ = command("export", learner, "--to", "javascript", "--name", "dose")
    assert code == 0
    assert "export default class" in (folder / "dose.mjs").read_text()
    code, out, _ = command("export", learner, "--to", "onnx")
    assert code == 0
    assert out.split() == ["learner.onnx", "learner_streams.onnx"]
    assert (folder / "learner.onnx").stat().st_size > 1000
    (folder / "2nd one.safetensors").write_bytes(learner.read_bytes())
    assert command("export", folder / "2nd one.safetensors", "--no-libm")[0] == 0
    assert "math.h" not in (folder / "learner_2nd_one.c").read_text()
    assert "--to c, javascript or onnx" in refused("export", learner, "--to", "fortran")
    assert "C alone" in refused("export", learner, "--to", "javascript", "--no-libm")
    assert "C alone" in refused("export", learner, "--to", "onnx", "--fixed", "16")
    assert "8 or 16 bits, got 12" in refused("export", learner, "--fixed", "12")
    assert command("export", learner, "--fixed", "8", "--name", "whole")[0] == 0
    assert "int8_t P[" in (folder / "whole.c").read_text()
    assert "a C identifier" in refused("export", learner, "--name", "a b")
    assert "a folder for the files" in refused("export", learner, "--folder", learner)
