"""The part on evolution, with tiny sizes: what is counted, kept and shown."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from fixedweight.evolution import DELTA_RULE
from fixedweight.parts import Work
from fixedweight.reproduce import PARTS
from fixedweight.reproduce.evolution import PART, measured
from fixedweight.reproduce.evolution.measured import METHODS
from fixedweight.reproduce.evolution.shown import kind

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    for name, value in {"BUDGET": 30 * 6_000, "JUDGED": 40, "UNSEEN": 7}.items():
        monkeypatch.setattr(measured, name, value)
    return Work(lambda text: None, tmp_path / "checkpoint")


def test_it_is_one_of_the_parts():
    assert PARTS["evolution"] is PART


def test_evaluations_are_counted_by_streams_and_cost():
    """A generation: 64 members on 16 streams. An update: 64 streams, each also gone back over."""
    spent = [1_000, 1_024, 5_000, 100_000]
    assert METHODS["Sep-CMA-ES"].looks(spent) == [0, 1, 4, 97]
    assert METHODS["SOAP"].looks(spent) == [5, 5, 26, 520]
    assert METHODS["Sep-CMA-ES"].evaluations == 64 * 16
    assert METHODS["SOAP"].evaluations == 64


def test_every_method_gets_the_same_number_of_tries():
    assert len({len(method.steps) for method in METHODS.values()}) == 1


def test_the_cells_measure_and_are_shown(tiny):
    cells = PART.cells(True)
    assert list(cells) == [
        "rules/1", "rules/20", "boolean/LSTM 6+6/SOAP", "boolean/LSTM 6+6/Sep-CMA-ES",
    ]  # fmt: skip
    chosen = ("rules/1", "boolean/LSTM 6+6/SOAP", "boolean/LSTM 6+6/Sep-CMA-ES")
    records = {name: cells[name](tiny) for name in chosen}
    evolution = records["boolean/LSTM 6+6/Sep-CMA-ES"]
    descent = records["boolean/LSTM 6+6/SOAP"]
    for record, cost in ((descent, 3), (evolution, 1)):
        assert len(record["errors"]) == len(record["forward"]) == 12
        assert record["forward"] == [cost * n for n in record["evaluations"]]
        assert 5_000 < record["forward"][-1] <= 6_000
        assert np.shape(record["errors"]) == (12, 2)
        assert record["step"] in [one["step"] for one in record["tries"]]
        assert 0.02 < record["floor"] < 0.08
    assert evolution["errors"][0] == descent["errors"][0]  # no step taken, the same weights
    text = PART.text(records)
    assert "| boolean | LSTM 6+6 | 688 | Sep-CMA-ES |" in text
    assert "| 1 | " in text
    figure = Figure()
    PART.draw(records, figure)
    assert len(figure.axes) == 4


def test_nothing_measured_yet_is_drawn():
    PART.draw({}, Figure())
    assert PART.text({}) == ""


def test_the_delta_rule_is_told_from_others():
    assert kind(list(DELTA_RULE)) == "delta rule"
    assert kind([-0.5, *[0.0] * 7, 2.0, -2.0, 0.0]) == "delta rule"
    assert kind([1.0, *[0.0] * 7, 4.0, -4.0, 0.0]) == "another"
    assert kind([1.0, *[0.0] * 7, -4.0, 4.0, 2.0]) == "a variation of it"
    assert kind([1.0, *[0.0] * 7, -4.0, 2.0, 0.0]) == "a variation of it"
    assert kind([1.0, 0.0, 2.0, *[0.0] * 5, -4.0, 2.0, 0.0]) == "another"
