"""Cells of a part: what is measured, kept and shown."""

import pytest

from fixedweight.errors import LearnerFileError
from fixedweight.parts import Part, load, measure, shown


def make_part(cells):
    def draw(records, figure):
        figure.subplots().plot([record["value"] for record in records.values()])

    def text(records):
        return " ".join(f"{name}={record['value']}" for name, record in records.items())

    return Part("numbers", "Numbers", lambda quick: cells, text, draw)


def value(number):
    return lambda work: {"value": number}


def test_cells_are_stored_and_not_measured_again(tmp_path):
    asked, told = [], []

    def cell(work):
        asked.append(work.checkpoint)
        work.say("half")
        return {"value": 2}

    part = make_part({"b": value(1), "a/c d": cell})
    for _ in range(2):
        measure(part, tmp_path, False, told.append, told.append)
    assert len(asked) == 1
    assert "numbers 2/2 a/c d: half" in told
    assert shown(part, tmp_path, False) == "b=1 a/c d=2"
    assert (tmp_path / "numbers.md").read_text() == "b=1 a/c d=2\n"
    assert (tmp_path / "numbers.png").read_bytes().startswith(b"\x89PNG")
    made = load(part, tmp_path, False)["b"]["made_by"]
    assert made["command"] == "fixedweight reproduce numbers"
    assert {"fixedweight", "jax", "numpy"} <= set(made["versions"])


def test_a_stopped_run_goes_on_with_the_first_cell_that_is_missing(tmp_path):
    def stopped(work):
        work.checkpoint.write_text("half way")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(make_part({"a": value(1), "b": stopped}), tmp_path, False, print, print)
    assert list(load(make_part({}), tmp_path, False)) == ["a"]

    def resumed(work):
        assert work.checkpoint.read_text() == "half way"
        return {"value": 2}

    part = make_part({"a": stopped, "b": resumed})
    measure(part, tmp_path, False, print, print)
    assert shown(part, tmp_path, False) == "a=1 b=2"
    assert not list(tmp_path.glob("*.checkpoint"))
    assert not list(tmp_path.glob(".*.checkpoint"))


def test_a_quick_run_is_kept_apart_and_says_so(tmp_path):
    part = make_part({"a": value(1)})
    measure(part, tmp_path, True, print, print)
    assert "quick run" in shown(part, tmp_path, True)
    assert "Nothing measured yet" in shown(part, tmp_path, False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', '{"cells": {"a": {}}}'])
def test_damaged_results_are_refused(content, tmp_path):
    (tmp_path / "numbers.json").write_text(content)
    with pytest.raises(LearnerFileError, match="Delete the file to measure"):
        shown(make_part({"a": value(1)}), tmp_path, False)


def test_only_the_cells_asked_for_are_measured(tmp_path):
    part = make_part({"a": value(1), "b": value(2)})
    measure(part, tmp_path, False, print, print, only={"b"})
    assert shown(part, tmp_path, False) == "b=2"
