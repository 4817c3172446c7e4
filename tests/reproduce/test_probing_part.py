"""The part on learners' states: measured small, shown and drawn, whole or with cells missing."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from fixedweight.reproduce.probing import PART, measured, shown


@pytest.fixture(scope="module")
def records(drawn_work):
    with pytest.MonkeyPatch.context() as patch:
        for name, (family, network, schedule) in list(measured.LEARNERS.items()):
            small = replace(network, blocks=2, hidden=1, second=min(network.second, 2))
            patch.setitem(measured.LEARNERS, name, (family, small, schedule))
        return {name: cell(drawn_work) for name, cell in PART.cells(True).items()}


def test_every_learner_is_probed_beside_its_controls(records):
    assert set(records) == {"boolean", "semilinear", "quadratic"}
    for name, record in records.items():
        assert len(record["learners"]) == 2
        for one in record["learners"]:
            probed = one["shuffled"]
            chance = probed["linear"] if name == "boolean" else probed["r2"][-1][0]
            assert chance < 0.3
            assert one.keys() >= {"trained", "untrained", "falling trained", "falling untrained"}


def test_text_and_figure_take_what_there_is(records):
    for some in (records, {"semilinear": records["semilinear"]}):
        text = PART.text(some)
        assert ("Boolean" in text) == ("boolean" in some)
        assert "| semilinear | 1 | untrained |" in text
        figure = Figure()
        PART.draw(some, figure)
        assert len(figure.axes) == 4


def test_a_code_is_read_as_entries_of_the_truth_table():
    tasks = [[a, b, c, d] for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1)]
    codes = [[d, 1 - b, a ^ c] for a, b, c, d in tasks]
    said = shown.meanings(
        {"tasks": tasks, "codes": codes, "units": ["cells[4]", "cells[0]", "cells[2]"]}
    )
    assert said == [
        "cells[4] is f(1,1)", "cells[0] is not f(1,0)", "cells[2] is no single entry",
    ]  # fmt: skip
