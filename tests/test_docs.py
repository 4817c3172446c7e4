"""Every Python block of README and docs runs, in order, page by page, with little training."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import fixedweight

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("derive", "derive_matched"):
        little = partial(getattr(fixedweight, name), effort=0.01, seeds=2)
        monkeypatch.setattr(fixedweight, name, little, raising=False)
    scope = {}
    exec("import jax, jax.numpy as jnp", scope)
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        exec(compile(block, page.name, "exec"), scope)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def block(page: str, name: str) -> str:
    """What stands in a page between the marks of that name."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", page, flags=re.DOTALL)
    assert found, name
    return found[1].strip().removeprefix("```text").removesuffix("```").strip()


def test_the_table_of_the_study_is_that_of_its_stored_results():
    shown = subprocess.run(
        [sys.executable, "-m", "studies.remifentanil.show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    page = (ROOT / "docs" / "real-problems.md").read_text()
    assert block(page, "studies.remifentanil") == shown.strip()


def test_the_tables_of_the_series_are_those_of_their_stored_results():
    shown = subprocess.run(
        [sys.executable, "-m", "studies.series.show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    page = (ROOT / "docs" / "real-problems.md").read_text()
    assert block(page, "studies.series") == shown.strip()


def test_the_page_of_all_problems_is_that_of_the_stored_results():
    from studies.page import page, rows, summary

    assert block((ROOT / "docs" / "real-problems.md").read_text(), "studies.page") == page()
    assert block((ROOT / "README.md").read_text(), "studies.summary") == summary(list(rows()))


def test_the_tables_of_the_reacher_are_those_of_their_stored_results():
    from studies.reacher.show import RESULTS, page

    stored = json.loads(RESULTS.read_text())
    assert block((ROOT / "docs" / "reacher.md").read_text(), "studies.reacher") == page(stored)


def test_the_tables_of_drift_are_those_of_their_stored_results():
    from studies.drift.show import RESULTS, page

    stored = json.loads(RESULTS.read_text())
    assert block((ROOT / "docs" / "drift.md").read_text(), "studies.drift") == page(stored)


def test_what_descent_adds_is_that_of_the_stored_results():
    from studies.series.beyond import RESULTS, page

    written = (ROOT / "docs" / "real-problems.md").read_text()
    assert block(written, "studies.series.beyond") == page(json.loads(RESULTS.read_text()))


def test_what_a_race_would_gain_is_that_of_the_stored_results():
    from studies.choice.__main__ import RESULTS, page

    written = (ROOT / "docs" / "own-problems.md").read_text()
    assert block(written, "studies.choice") == page(json.loads(RESULTS.read_text()))


def test_the_shifts_are_those_of_the_stored_results():
    from studies.series.shift import RESULTS, page

    written = (ROOT / "docs" / "real-problems.md").read_text()
    assert block(written, "studies.series.shift") == page(json.loads(RESULTS.read_text()))


def test_the_times_at_use_are_those_stored():
    stored = (ROOT / "benchmarks" / "at_use.txt").read_text()
    page = (ROOT / "docs" / "real-problems.md").read_text()
    assert block(page, "benchmarks.at_use") == stored.strip()


def test_the_tables_of_the_virtual_patients_are_those_of_their_stored_results():
    from studies.glucose.show import RESULTS, page

    written = (ROOT / "docs" / "glucose.md").read_text()
    assert block(written, "studies.glucose") == page(json.loads(RESULTS.read_text())).strip()


def test_table_1_is_that_of_the_stored_results():
    table = (ROOT / "docs" / "paper" / "table1.md").read_text()
    assert block((ROOT / "README.md").read_text(), "fixedweight reproduce table1") == table.strip()


@pytest.mark.parametrize(
    ("page", "name", "stored"),
    [
        ("speed", "benchmarks", "fused"),
        ("speed", "benchmarks.avx2", "avx2"),
        ("speed", "benchmarks.sixteen", "sixteen"),
        ("speed", "benchmarks.end_to_end", "end_to_end"),
        ("speed", "benchmarks.gpu", "gpu"),
        ("gradients", "benchmarks.gradients", "gradients"),
        ("online", "benchmarks.online_step", "online_step"),
        ("online", "benchmarks.estimators", "estimators"),
        ("exports", "benchmarks.exported", "exported"),
        ("exports", "benchmarks.fixed", "fixed"),
    ],
)
def test_the_speeds_are_those_of_the_stored_benchmark(page, name, stored):
    shown = block((ROOT / "docs" / f"{page}.md").read_text(), name)
    assert shown == (ROOT / "benchmarks" / f"{stored}.txt").read_text().strip()


def test_the_cards_of_what_ships_are_those_of_the_files():
    from fixedweight.learners.make import table

    assert block((ROOT / "docs" / "ready-made.md").read_text(), "fixedweight.learners.make") == (
        table()
    )


def test_the_study_of_spreads_is_that_of_its_stored_results():
    from studies.spread.__main__ import RESULTS, table

    page = (ROOT / "docs" / "uncertainty.md").read_text()
    assert block(page, "studies.spread") == table(json.loads(RESULTS.read_text()))


def test_the_leaderboard_is_that_of_the_stored_results():
    from fixedweight.leaderboard import FAMILIES, board, part
    from fixedweight.parts import load

    folder = ROOT / "docs" / "leaderboard"
    found = {name: load(part(name), folder, False) for name in FAMILIES}
    found = {name: records for name, records in found.items() if records}
    page = (ROOT / "docs" / "leaderboard.md").read_text()
    assert block(page, "fixedweight leaderboard") == board(found)
