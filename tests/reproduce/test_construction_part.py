"""`fixedweight reproduce construction`, on tiny sizes: its records, text and figure."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from fixedweight.construction import Stack, rules
from fixedweight.families import Semilinear
from fixedweight.parts import Work
from fixedweight.reproduce import PARTS
from fixedweight.reproduce.construction import derived, measured
from fixedweight.reproduce.construction.show import draw, text
from fixedweight.training import Schedule, Stage

WORK = Work(say=lambda line: None, checkpoint=None)


@pytest.fixture(scope="module")
def records():
    found = {"certificate lms": measured.certified("lms", True, WORK)}
    for name in ("product", "fit", "noise", "growth"):
        found[name] = getattr(measured, name)(True, WORK)
    found["derived semilinear compiled"] = {
        "by_example": [[0.02, 0.01], [0.03, 0.01], [0.03, 0.02]],
        "mse": [0.015, 0.02, 0.025],
        "history": [[10, 0.1, 0.03, 0.02, None], [20, 0.1, 0.012, 0.012, 0.02]],
        "weights": 113,
        "rule": [0.06, 0.04],
        "oracle": [0.01, 0.006],
    }
    kept = {name: {**record, "seconds": 1.0, "made_by": {}} for name, record in found.items()}
    return json.loads(json.dumps(kept))


def test_the_cells_are_those_of_the_part():
    part = PARTS["construction"]
    assert [*part.cells(True)] == [
        "certificate lms",
        "product",
        "fit",
        "noise",
        "growth",
        "derived boolean compiled",
    ]
    assert {"certificate oja", "derived quadratic lstm"} < set(part.cells(False))


def test_the_records_hold_what_they_say(records):
    assert records["certificate lms"]["rows"][3]["deviation"] < 1e-12
    assert records["fit"]["error"][1] < records["fit"]["error"][0]
    assert records["noise"]["stages"]["3"]["loops"][-1] > records["noise"]["stages"]["3"]["clean"]
    assert records["growth"]["cases"]["lms, n-1"]["3"]["units exponent"] == pytest.approx(
        1.0, abs=0.05
    )


def test_the_text_says_it(records):
    shown = text(records)
    assert "| lms | 3  synapses are Pi units |" in shown
    assert "| sharp | 4 |" in shown
    assert "| compiled rule, trained | 113 | 0.02000 (0.01500 to 0.02500) | 2.50 |" in shown
    # marks of 6, 4, 3, 2 and 1.5 times the oracle's 0.008; the rule itself is at 0.05
    assert "| compiled rule, trained | 10 | 10 | 20 | 20 | 20 |" in shown
    assert text({"fit": records["fit"]}).startswith("Stage 2 with the rule fitted")


def test_the_figure_takes_any_cells(records):
    for some in (records, {"fit": records["fit"]}, {"noise": records["noise"]}):
        draw(some, Figure(layout="constrained"))


def test_meta_training_is_recorded(monkeypatch, tmp_path, quick_compile):
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    monkeypatch.setattr(derived, "SEEDS", 1)
    monkeypatch.setattr(
        derived,
        "_schedule",
        lambda *case: Schedule((Stage(4, 2, 1),), learning_rate=1e-9, optimizer="sgd"),
    )
    stack = Stack((2, 1), output="logistic")
    rule = rules.backpropagation()
    case = derived.Case(Semilinear(length=5), stack, rule, stack.initial_weights(), 0.1)
    monkeypatch.setitem(derived.CASES, "semilinear", case)
    work = Work(say=lambda line: None, checkpoint=tmp_path / "checkpoint")
    record = derived.derived("semilinear", "compiled", True, work)
    np.testing.assert_allclose(record["by_example"][0], record["rule"], rtol=1e-3)
    assert np.mean(record["oracle"]) < record["mse"][0]
    assert record["history"][0][0] == 1
