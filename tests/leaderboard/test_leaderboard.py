"""The leaderboard: a cell measured small, what is shown of it, and what counts as a change."""

import copy
import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fixedweight.evaluation.rivals import RIVALS, TRUE_BASIS
from fixedweight.evaluation.trial import try_on
from fixedweight.families import Boolean, Simulator
from fixedweight.leaderboard import FAMILIES, NETWORKS, VERSION, board, changes, part, rivals
from fixedweight.leaderboard.board import measure
from fixedweight.leaderboard.rivals import measure_rival, rivals_of
from fixedweight.networks import NETWORKS as ALL
from fixedweight.networks import Elman, Presented
from fixedweight.parts import Work, load, shown

STORED = Path(__file__).parents[2] / "docs" / "leaderboard"


def steep(task, x):
    return task * x[0]


def measured(family, tmp_path):
    work = Work(lambda text: None, tmp_path / "checkpoint")
    record = measure(family, Elman(hidden=3), seeds=2, effort=0.01, work=work)
    return json.loads(json.dumps(record, allow_nan=False))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return measured(Boolean(length=8), tmp_path_factory.mktemp("cell"))


def test_a_cell_is_judged_seed_by_seed(record):
    assert record["asked"] == len(record["seeds"]) == 2
    assert record["weights"] == 3 * 7 + 4
    assert record["state"] == 3
    assert record["oracle"]["kind"] == "exact"
    assert len(record["oracle"]["by_example"]) == 8
    for seed in record["seeds"]:
        assert seed["ratio"]["value"] > 1.2  # hardly trained
        assert seed["first"] == pytest.approx(sum(seed["by_example"]) / 8)
        assert seed["to_one_percent"] is None
    assert record["microseconds"] > 0


def test_it_is_shown_and_drawn_with_an_oracle_and_without(record, tmp_path):
    import jax

    family = Simulator(lambda key: jax.random.normal(key), steep, length=8)
    without = measured(family, tmp_path)
    assert without["oracle"] is None
    for records in ({"Elman": record}, {"Elman": without}):
        part("boolean-2").text(records)
        part("boolean-2").draw(records, Figure())
    ratio = sorted(seed["ratio"]["value"] for seed in record["seeds"])
    text = board({"a": {"Elman": record}, "b": {"Elman": without}})
    assert text.splitlines()[2] == f"| a | {sum(ratio) / 2:.3g} |"
    assert text.splitlines()[3].startswith("| b | (")


def test_a_rival_is_judged_on_a_few_of_the_same_tasks(record, tmp_path, monkeypatch):
    work = Work(lambda text: None, tmp_path / "checkpoint")
    monkeypatch.setattr(rivals, "EXAMPLES", 80)
    family = Boolean(length=8)
    rival = measure_rival(family, "k nearest neighbours", work)
    rival = json.loads(json.dumps(rival, allow_nan=False))
    assert rival["tasks"] == 10
    assert rival["oracle"]["kind"] == "exact"
    (seed,) = rival["seeds"]
    assert 1.0 < seed["ratio"]["value"] < 4.0
    assert seed["ratio"]["value"] * rival["oracle"]["mse"]["value"] == pytest.approx(
        seed["mse"]["value"], rel=1e-4
    )
    trial = try_on(family)
    errors = trial.errors_of(RIVALS["k nearest neighbours"](family))
    assert seed["mse"]["value"] == pytest.approx(errors[:10].mean(), rel=1e-4)
    records = {"Elman": record, "k nearest neighbours": rival}
    lines = part("boolean-2").text(records).splitlines()
    assert any(line.startswith("| k nearest neighbours |  |  | ") for line in lines)
    part("boolean-2").draw(records, Figure())
    networks, others = board({"a": records}).split("\n\n")
    assert networks.splitlines()[0] == "| family | Elman |"
    assert others.splitlines()[0] == "| family | k nearest neighbours |"
    assert others.splitlines()[2] == f"| a | {seed['ratio']['value']:.3g} |"
    assert changes({"a": records}, {"a": records}) == []


def test_only_linear_families_have_a_true_basis():
    for name, family in FAMILIES.items():
        other = name.startswith(("boolean", "semilinear", "decision", "two-layer"))
        assert (TRUE_BASIS in rivals_of(family)) == (not other), name


def test_published_figures_stand_beside_ours(record):
    record = copy.deepcopy(record)
    for i, seed in enumerate(record["seeds"]):
        seed["by_example"] = [1.0] * 40 + [0.3 + i]
    record["variance"] = 2.0
    lines = board({"linear-20": {"Elman": record}}).splitlines()
    assert "after 40 examples 0.4 [0.15, 0.65]; published 0.0006" in lines[-1]


def test_changes_are_those_beyond_the_tolerances(record):
    before = {"a": {"Elman": record, "GRU": copy.deepcopy(record)}}
    now = copy.deepcopy(before)
    assert changes(before, now) == []
    for seed in now["a"]["Elman"]["seeds"]:
        seed["ratio"]["value"] *= 1.01
    assert changes(before, now) == []
    for seed in now["a"]["Elman"]["seeds"]:
        seed["ratio"]["value"] *= 1.02
        seed["examples_to_learn"] = 3
    found = changes(before, now)
    assert len(found) == 2
    assert found[0].startswith("a, Elman: ratio ")
    assert found[1] == "a, Elman: examples_to_learn None -> 3.0"
    now["a"]["GRU"]["version"] += 1
    assert "a, GRU: the family is of another version" in changes(before, now)
    assert changes({}, now) == []


def test_every_network_but_presentations_stands_on_it():
    left_out = {"Elman", "Jordan", "FullyRecurrent", "SelfReferential"}
    left_out |= {"KalmanMemory", "Hypotheses"}  # begin where tasks put them, not at random
    kinds = {name for name, kind in ALL.items() if not issubclass(kind, Presented)}
    assert set(NETWORKS) == kinds - left_out
    for name, make in NETWORKS.items():
        for family in FAMILIES.values():
            assert type(make(family)).__name__ == name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_stored_is_of_the_present_families_and_networks(family):
    records = load(part(family), STORED, False)
    assert set(records) <= {*NETWORKS, *rivals_of(FAMILIES[family])}
    if records:
        assert {record["version"] for record in records.values()} == {VERSION}
        assert shown(part(family), STORED, False) + "\n" == (STORED / f"{family}.md").read_text()
