"""Every part of the paper has cells, and shows what is stored in the repository."""

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fixedweight.parts import load, shown
from fixedweight.reproduce import PARTS


@pytest.fixture(scope="session")
def stored():
    return Path(__file__).parents[2] / "docs" / "paper"


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_every_part_has_cells_and_shows_what_is_stored(part, stored):
    """The results in the repository are those of the parts' present cells."""
    names = list(part.cells(False))
    assert names
    assert part.cells(True)
    records = load(part, stored, False)
    assert set(records) <= set(names)
    if records:
        text = shown(part, stored, False)
        assert text + "\n" == (stored / f"{part.name}.md").read_text()
        part.draw(records, Figure())
        first = dict([next(iter(records.items()))])
        part.draw(first, Figure())
        assert part.text(first)
        json.dumps(records, allow_nan=False)
