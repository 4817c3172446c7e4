"""Print the tables of the stored results: python -m studies.series.show"""

import json
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
MORE = {"Remifentanil": Path(__file__).parents[1] / "remifentanil" / "relatives.json"}
"""Problems with a study of their own, in the same form."""
REFERENCE = "derived from relatives"
COLUMN = "2-20"


def cell(found: dict[str, Any], name: str, kind: str, span: str) -> float | None:
    """The error of one predictor, of derived ones the median over seeds."""
    if name in found["rivals"]:
        return found["rivals"][name][kind].get(span)
    each = [seed["errors"][name][kind] for seed in found["seeds"] if name in seed["errors"]]
    return median(errors[span] for errors in each) if span in each[0] else None


def names(found: dict[str, Any]) -> list[str]:
    return [*found["rivals"], *found["seeds"][0]["errors"]]


def summary(results: dict[str, Any]) -> str:
    """A row a problem: the derived learner's error over examples 2 to 20, the best rival's, and
    the learner's place; then by root mean square."""
    lines = [
        "| problem | tasks | derived, mean | best rival | ratio | place | derived, rms | "
        "best rival | ratio | place |",
        "| --- " * 10 + "|",
    ]
    for problem, found in results["problems"].items():
        cells = []
        for kind in ("mean", "rms"):
            own = cell(found, REFERENCE, kind, COLUMN)
            rivals = {name: cell(found, name, kind, COLUMN) for name in found["rivals"]}
            best = min(rivals, key=lambda name: rivals[name])
            place = 1 + sum(error < own for error in rivals.values())
            ratio = own / rivals[best]
            cells += [f"{own:.4g}", f"{best} {rivals[best]:.4g}", f"{ratio:.3f}", f"{place}"]
        lines.append(f"| {problem} | {found['tasks']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table(found: dict[str, Any]) -> str:
    """All predictors on one problem, best first over examples 2 to 20; mean (root mean square)."""
    spans = list(found["rivals"]["last value"]["mean"])
    paired = found["seeds"][0]["paired"]
    lines = [
        "| predictor | " + " | ".join(spans) + " | less derived, by task |",
        "| --- " * (len(spans) + 2) + "|",
    ]
    best = {
        (kind, span): min(cell(found, name, kind, span) for name in names(found))
        for kind in ("mean", "rms")
        for span in spans
    }
    for name in sorted(names(found), key=lambda name: cell(found, name, "mean", COLUMN)):
        cells = []
        for span in spans:
            mean, rms = (cell(found, name, kind, span) for kind in ("mean", "rms"))
            first = f"**{mean:.4g}**" if mean == best["mean", span] else f"{mean:.4g}"
            second = f"**{rms:.4g}**" if rms == best["rms", span] else f"{rms:.4g}"
            cells.append(f"{first} ({second})")
        against = paired.get(name)
        said = (
            f"{against['difference']:+.3g} [{against['low']:+.3g}, {against['high']:+.3g}]"
            if against
            else _spread(found, name)
        )
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {said} |")
    return "\n".join(lines)


def _spread(found: dict[str, Any], name: str) -> str:
    each = [seed["errors"][name]["mean"][COLUMN] for seed in found["seeds"]]
    return f"seeds {min(each):.4g} to {max(each):.4g}"


def stored() -> dict[str, Any]:
    """All problems' results."""
    results = json.loads(RESULTS.read_text())
    more = {name: json.loads(path.read_text()) for name, path in MORE.items() if path.exists()}
    return {**results, "problems": {**results["problems"], **more}}


def page(results: dict[str, Any]) -> str:
    """The summary and every problem's table."""
    parts = [summary(results)]
    for problem, found in results["problems"].items():
        head = (
            f"### {problem}: {found['tasks']} tasks, {found['examples']} examples, {found['unit']}"
        )
        parts.append(f"{head}\n\n{table(found)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(stored()))
