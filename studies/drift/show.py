"""Print the tables of the stored results: python -m studies.drift.show"""

import json
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def rows(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Per cent wrong by span, of learners the median over seeds; the least overall first."""
    spans = [key for key in next(iter(found["filters"].values())) if key != "streams"]
    single = {**found["filters"], **found["rivals"]}
    each = {name: {span: errors[span] for span in spans} for name, errors in single.items()}
    for name, seeds in found["learners"].items():
        each[name] = {span: median(seed[span] for seed in seeds) for span in spans}
    return dict(sorted(each.items(), key=lambda item: item[1]["all"]))


def table(found: dict[str, Any]) -> str:
    """All predictors under one condition; learners in bold, filters in italics."""
    found_rows = rows(found)
    spans = list(next(iter(found_rows.values())))
    lines = [
        "| predictor | " + " | ".join(spans) + " | less the first learner, by stream |",
        "| --- " * (len(spans) + 2) + "|",
    ]
    for name, cells in found_rows.items():
        label = _label(name, found)
        values = " | ".join(f"{cells[span]:.2f}" for span in spans)
        lines.append(f"| {label} | {values} | {_said(name, found)} |")
    return "\n".join(lines)


def _label(name: str, found: dict[str, Any]) -> str:
    if name in found["learners"]:
        return f"**{name}**"
    if name in found["filters"]:
        return f"*{name}*"
    setting = found["rivals"][name]["setting"]
    return f"{name} ({setting})" if setting else name


def _said(name: str, found: dict[str, Any]) -> str:
    if name == found["main"]:
        overall = [seed["all"] for seed in found["learners"][name]]
        return f"seeds {min(overall):.2f} to {max(overall):.2f}"
    against = found["paired"][name]
    return f"{against['difference']:+.2f} [{against['low']:+.2f}, {against['high']:+.2f}]"


def page(results: dict[str, Any]) -> str:
    """Every condition's table."""
    parts = []
    for found in results["conditions"].values():
        head = f"### {found['label']}: {found['streams']} streams, {found['examples']} examples"
        parts.append(f"{head}\n\n{table(found)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(json.loads(RESULTS.read_text())))
