"""The part on supplementary input and presentation, on measurements of a second."""

import importlib

import pytest
from matplotlib.figure import Figure

from fixedweight.families import Boolean
from fixedweight.networks import LSTM1997, Alternating, PreviousError
from fixedweight.parts import Work
from fixedweight.reproduce import inputs
from fixedweight.reproduce.inputs import FORMS, PART
from fixedweight.training import Schedule, Stage


def record(mse, history, learned=9):
    figures = {"mse": mse, "examples_to_learn": learned, "by_example": [0.25, mse, mse / 2]}
    oracle = {"mse": 0.1, "examples_to_learn": 8, "by_example": [0.25, 0.1, 0.05]}
    return {"weights": 7, "history": history, "networks": [figures, figures], "oracle": oracle}


def test_the_forms_are_the_four():
    made = [form(LSTM1997()) for form in FORMS.values()]
    within = LSTM1997()
    assert made == [
        within, PreviousError(within), Alternating(within), PreviousError(Alternating(within))
    ]  # fmt: skip


def test_a_cell_measures_what_it_names(monkeypatch, tmp_path, quick_compile):
    monkeypatch.setattr(inputs, "FAMILY", Boolean(inputs=1, length=6))
    monkeypatch.setattr(inputs, "LSTM1997", lambda: LSTM1997(blocks=1, hidden=1))
    schedule = Schedule((Stage(6, 4, 4),))
    monkeypatch.setattr(inputs, "default_schedule", lambda family: schedule)
    training = importlib.import_module("fixedweight.training.derive")
    monkeypatch.setattr(training, "check_family", lambda family: None)  # takes seconds
    inputs._judged.cache_clear()
    lines = []
    found = PART.cells(True)["error, in turn"](Work(lines.append, tmp_path / "checkpoint"))
    inputs._judged.cache_clear()
    assert found["network"]["class"] == "PreviousError"
    assert found["network"]["network"]["class"] == "Alternating"
    assert len(found["networks"]) == 2
    for figures in (*found["networks"], found["oracle"]):
        assert len(figures["by_example"]) == 6
        assert figures["mse"] == pytest.approx(sum(figures["by_example"]) / 6, rel=1e-4)
        assert figures["mse"] >= found["oracle"]["mse"]
    assert found["oracle"]["by_example"][0] == pytest.approx(0.25)
    assert lines[-1] == "judging ..."


def test_the_table_says_median_range_and_when_it_was_learned():
    history = [[10, 0.5, 0.9, 0.3], [20, 0.4, 0.2, None], [30, 0.3, 0.1, 0.5]]
    records = {
        "target, one vector": record(0.2, history),
        "target, in turn": record(0.3, history[:1], learned=None),
    }
    text = PART.text(records)
    assert "| target, one vector | 7 | 0.2 [0.2, 0.2] | 2.000 | 9 [9, 9] |" in text
    assert "9 [9, 9] | never [20, never] |" in text
    assert "| 3.000 | never [never, never] | never [never, never] |" in text
    assert "| oracle | | 0.1 | 1 | 8 | |" in text
    figure = Figure()
    PART.draw(records, figure)
    assert len(figure.axes) == 2
    assert [line.get_label() for line in figure.axes[0].lines] == [*records, "oracle"]
