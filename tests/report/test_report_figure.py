"""A card as a picture: what is drawn, and that a file comes out."""

import json
import struct

import numpy as np
import pytest
from matplotlib.figure import Figure

from fixedweight.report.figure import draw


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draw a card: the two axes of the figure, whose file has been looked at."""

    def run(card):
        kept, save = [], Figure.savefig

        def savefig(figure, *given, **settings):
            kept.append(figure)
            return save(figure, *given, **settings)

        monkeypatch.setattr(Figure, "savefig", savefig)
        path = tmp_path / "card.png"
        before = json.dumps(card)
        draw(card, path)
        assert json.dumps(card) == before
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", content[16:24])
        assert width > height > 300
        assert len(content) > 10_000
        return kept[0].axes

    return run


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_with_an_oracle(boolean_card, drawn):
    left, right = drawn(boolean_card)
    evaluation, run = boolean_card["evaluation"], boolean_card["derivation"]
    floor = 1e-5 * evaluation["variance"]
    curves = lines(left)
    assert curves.keys() == {*evaluation["baselines"], "oracle (exact)", "this learner"}
    for label, record in (
        ("this learner", evaluation["learner"]),
        ("oracle (exact)", evaluation["oracle"]),
        ("running mean", evaluation["baselines"]["running mean"]),
    ):
        np.testing.assert_array_equal(curves[label].get_xdata(), np.arange(40))
        np.testing.assert_allclose(
            curves[label].get_ydata(), np.maximum(record["by_example"], floor)
        )
    assert lines(right).keys() >= {"kept seed", "oracle"}
    kept = lines(right)["kept seed"]
    column = 2 + run["kept_seed"]
    np.testing.assert_array_equal(kept.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(kept.get_ydata(), [row[column] for row in run["history"]])
    level = lines(right)["oracle"].get_ydata()
    np.testing.assert_array_equal(level, [evaluation["oracle"]["mse"]["value"]] * 2)
    assert len(right.get_lines()) == 2 + 1


def test_without_an_oracle_and_with_gaps(table_card, drawn):
    by_example = table_card["evaluation"]["learner"]["by_example"]
    known = [n for n, error in enumerate(by_example) if error is not None]
    assert known == [0, 1, 4, 5]
    left, right = drawn(table_card)
    assert lines(left).keys() == {*table_card["evaluation"]["baselines"], "this learner"}
    np.testing.assert_array_equal(lines(left)["this learner"].get_xdata(), known)
    assert "oracle" not in lines(right)


def test_the_oracle_of_switching_tasks_is_no_level_for_short_streams(boolean_card, drawn):
    boolean_card["evaluation"]["regime"] = "continuous"
    left, right = drawn(boolean_card)
    assert "oracle (exact)" in lines(left)
    assert "oracle" not in lines(right)


def test_seeds_that_diverged_and_errors_that_are_not_known(boolean_card, drawn):
    run = boolean_card["derivation"]
    other = 1 - run["kept_seed"]
    run["history"][1][2 + other] = None
    run["history"][2][1] = None
    boolean_card["evaluation"]["learner"]["by_example"] = [None] * 40
    left, right = drawn(boolean_card)
    (gap,) = [line for line in right.get_lines() if np.isnan(line.get_ydata()).any()]
    np.testing.assert_array_equal(np.isnan(gap.get_ydata()), [False, True, False])
    assert "this learner" not in lines(left)


def test_a_card_whose_only_errors_are_zero(boolean_card, drawn):
    for record in (boolean_card["evaluation"]["learner"], boolean_card["evaluation"]["oracle"]):
        record["by_example"] = [0.0] * 40
    left, _ = drawn(boolean_card)
    assert (lines(left)["this learner"].get_ydata() > 0.0).all()
