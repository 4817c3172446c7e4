"""Print the tables of the stored results: python -m studies.glucose.show"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
COLUMN = "2-20"
REFERENCE = "derived, matched simulator + table"


def table(found: dict[str, Any], kind: str = "mean") -> str:
    """All predictors under one condition, best first over examples 2 to 20; mg/dL."""
    spans = [*next(iter(found["mean"].values()))]
    lines = [
        "| predictor | "
        + " | ".join(spans)
        + " | rms, all | less matched simulator + table, by patient |",
        "| --- " * (len(spans) + 3) + "|",
    ]
    rows = found[kind]
    best = {span: min(row[span] for row in rows.values()) for span in spans}
    for name in sorted(rows, key=lambda name: rows[name][COLUMN]):
        cells = [
            f"**{rows[name][span]:.2f}**" if rows[name][span] == best[span]
            else f"{rows[name][span]:.2f}"
            for span in spans
        ]  # fmt: skip
        cells.append(f"{found['rms'][name]['all']:.2f}")
        against = found["paired"].get(name)
        cells.append(
            f"{against['difference']:+.2f} [{against['low']:+.2f}, {against['high']:+.2f}]"
            if against
            else f"seeds {min(found['seeds'][name]):.2f} to {max(found['seeds'][name]):.2f}"
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def conditions(sizes: dict[str, Any], span: str) -> str:
    """Mean absolute error over a span of examples by predictor, under each condition and size."""
    columns = [(size, name) for size, found in sizes.items() for name in found["conditions"]]
    first = sizes[columns[0][0]]["conditions"][columns[0][1]]["mean"]
    values = {
        name: [sizes[size]["conditions"][c]["mean"][name][span] for size, c in columns]
        for name in first
    }
    best = [min(column) for column in zip(*values.values(), strict=True)]
    lines = [
        "| predictor | "
        + " | ".join(f"{c}; {size}" if len(sizes) > 1 else c for size, c in columns)
        + " |",
        "| --- " * (len(columns) + 1) + "|",
    ]
    for name in sorted(values, key=lambda name: sum(values[name])):
        cells = [
            f"**{value:.2f}**" if value == least else f"{value:.2f}"
            for value, least in zip(values[name], best, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results: dict[str, Any]) -> str:
    """Every condition at a glance, then those of the training group in full."""
    sizes = results["sizes"]
    patients = 2 * len(results["folds"])
    parts = [
        f"Mean absolute error, mg/dL, {patients} patients of each group held out "
        f"({len(results['folds'])} of five folds); whole days. To who knows blood glucose "
        f"exactly the sensor's own error leaves {results['floor']:.1f} (twice that in the third "
        "column):",
        conditions(sizes, "all"),
        "The same over examples 2 to 20 of a day:",
        conditions(sizes, COLUMN),
    ]
    for size, found in sizes.items():
        name, own = next(iter(found["conditions"].items()))
        took = [f"{who} {seconds:.0f} s" for who, seconds in found["seconds"].items()
                if who in next(iter(found["conditions"].values()))["seeds"]]  # fmt: skip
        parts += [
            f"Trained on {size}; {name}, {own['tasks']} days, {own['examples']} examples; the last "
            "column is by patient, with a 95 % interval:",
            table(own),
            f"Processor time to derive three seeds (the filters: one): {', '.join(took)}.",
        ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(json.loads(RESULTS.read_text())))
