"""One page: every problem, every kind of tool, from the stored results of the studies.

    python -m studies.page

A kind of tool counts with the best of its members, chosen in hindsight; what is derived counts with
the defaults of its study, and for a learner of several seeds with the median.
"""

import json
import re
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from studies.drift import show as drift
from studies.glucose import show as glucose
from studies.reacher import show as reacher
from studies.series import show as series

KINDS = {
    "last value, mean gain": r"last",
    "mixed models": r"EB |random walk$",
    "Gaussian process": r"Gaussian process",
    "the field's model": r"MAP|Minto$",
    "boosting, trees": r"boosting|extra trees|pooled",
    "stream learners": r"",
}
"""Kind of tool -> what is in the names of its members, the first that fits: River's come last."""
SPANS = ("1", "1-4", "2-5", "5-10", "6-10", "11-20", "21-30", "21-50", "all")
"""Columns that several studies have; STAGGER and Boolean maps count since the last change."""

Errors = dict[str, float]
"""Examples, as "2-5", -> error."""


class Row(NamedTuple):
    """What was measured on one problem."""

    problem: str
    unit: str
    span: str
    """The examples that count."""
    derived: Errors
    rivals: dict[str, Errors]


def rows() -> Iterator[Row]:
    """Related series, then problems that simulators make."""
    found = series.stored()
    for name, one in found["problems"].items():
        own = {span: series.cell(one, series.REFERENCE, "mean", span) for span in (*SPANS, "2-20")}
        derived = {span: value for span, value in own.items() if value is not None}
        rivals = {rival: errors["mean"] for rival, errors in one["rivals"].items()}
        yield Row(name, one["unit"], "2-20", derived, rivals)
    found = json.loads(reacher.RESULTS.read_text())
    each = {name: one["errors"] for name, one in reacher.everything(found, "inside").items()}
    rivals = {name: errors for name, errors in each.items() if name in found["rivals"]["inside"]}
    yield Row("reacher", "rad/s", "6-20", each[reacher.DERIVED], rivals)
    found = json.loads(drift.RESULTS.read_text())
    for name, said in (("stagger-50", "STAGGER, change every 50"),
                       ("boolean-50", "16 Boolean maps, change every 50")):  # fmt: skip
        one = found["conditions"][name]
        seeds = one["learners"][one["main"]]
        derived = {span: median(seed[span] for seed in seeds) for span in seeds[0]
                   if span != "streams"}  # fmt: skip
        yield Row(said, "% wrong", "all", derived, one["rivals"])
    found = json.loads(glucose.RESULTS.read_text())
    size, one = next(iter(found["sizes"].items()))
    one = next(iter(one["conditions"].values()))
    derived = {n: errors for n, errors in one["mean"].items() if n.startswith("derived")}
    rivals = {n: errors for n, errors in one["mean"].items() if n not in derived}
    yield Row(f"glucose, {size}", "mg/dL", "2-20", derived[glucose.REFERENCE], rivals)


def kind_of(name: str) -> str:
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, name))


def summary(found: list[Row]) -> str:
    """A row a problem; bold is the least, `place` that of what is derived among all rivals."""
    lines = ["| problem | examples | derived | " + " | ".join(KINDS) + " | to the best | place |",
             "| --- " * (len(KINDS) + 5) + "|"]  # fmt: skip
    for row in found:
        own, span = row.derived[row.span], row.span
        errors = {name: each[span] for name, each in row.rivals.items()}
        by_kind = {
            kind: min((e for name, e in errors.items() if kind_of(name) == kind), default=None)
            for kind in KINDS
        }
        least = min(own, *errors.values())
        cells = [_cell(value, least) for value in (own, *by_kind.values())]
        place = 1 + sum(error < own for error in errors.values())
        cells += [f"{own / min(errors.values()):.3f}", f"{place} of {1 + len(errors)}"]
        lines.append(f"| {row.problem}, {row.unit} | {span} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_example(found: list[Row]) -> str:
    """A row a problem: the derived error over the best rival's at each span, and that rival."""
    spans = [span for span in SPANS if any(span in row.derived for row in found)]
    lines = ["| problem | " + " | ".join(spans) + " |", "| --- " * (len(spans) + 1) + "|"]
    for row in found:
        cells = []
        for span in spans:
            rivals = {n: e[span] for n, e in row.rivals.items() if e.get(span) is not None}
            if span not in row.derived or not rivals:
                cells.append("")
                continue
            name = min(rivals, key=lambda n, rivals=rivals: rivals[n])
            own, least = row.derived[span], rivals[name]
            ratio = f"{own / least:.2f}" if least else f"{own:.2g} for 0,"
            cells.append(f"**{ratio}**" if own <= least else f"{ratio} {name}")
        lines.append(f"| {row.problem} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | None, least: float) -> str:
    if value is None:
        return ""
    return f"**{value:.3g}**" if value == least else f"{value:.3g}"


def page() -> str:
    found = list(rows())
    return f"{summary(found)}\n\n{by_example(found)}"


if __name__ == "__main__":
    print(page())
