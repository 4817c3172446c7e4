"""Every Python block of README and docs runs, in order, page by page, with little training."""

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
    monkeypatch.setattr(
        fixedweight, "derive", partial(fixedweight.derive, effort=0.01, seeds=2), raising=False
    )
    scope = {}
    exec("import jax, jax.numpy as jnp", scope)
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        exec(compile(block, page.name, "exec"), scope)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("study", ["studies.paper", "studies.remifentanil"])
def test_tables_are_those_of_the_stored_results(study):
    shown = subprocess.run(
        [sys.executable, "-m", f"{study}.show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    readme = (ROOT / "README.md").read_text()
    block = re.search(rf"<!-- {study} -->\n(.*?)<!-- end -->", readme, flags=re.DOTALL)
    assert block
    assert block[1].strip() == shown.strip()


def test_the_speeds_are_those_of_the_stored_benchmark():
    page = (ROOT / "docs" / "speed.md").read_text()
    block = re.search(r"```text\n(.*?)```", page, flags=re.DOTALL)
    assert block
    assert block[1].strip() == (ROOT / "benchmarks" / "fused.txt").read_text().strip()
