"""Print the tables of the stored results: python -m studies.reacher.show"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
DERIVED = "derived"
BEST = {"inside": "MuJoCo, arms of the box", "outside": "MuJoCo, arms of the wider box"}
COLUMN = "6-20"


def everything(results: dict[str, Any], place: str) -> dict[str, Any]:
    """What was measured of each predictor at one place; of derived ones the network kept."""
    derived = {name: one["networks"][0][place] for name, one in results["derived"].items()}
    return {**results["rivals"][place], **results["physics"][place], **derived}


def table(results: dict[str, Any], place: str) -> str:
    """All predictors at one place, best first over examples 6 to 20.

    `/ best`: the error over that of MuJoCo's own filter. `less derived`: mean difference in an
    arm's error over examples 6 to 20, with a 95 % interval over arms.
    """
    errors = {name: one["errors"] for name, one in everything(results, place).items()}
    best, spans = errors[BEST[place]][COLUMN], list(errors[DERIVED])
    lines = [
        "| predictor | " + " | ".join(spans) + f" | {COLUMN} / best | less derived, by arm |",
        "| --- " * (len(spans) + 3) + "|",
    ]
    for name in sorted(errors, key=lambda name: errors[name][COLUMN]):
        cells = [f"{errors[name][span]:.4f}" for span in spans]
        against = results["paired"][place].get(name)
        ratio, said = errors[name][COLUMN] / best, ""
        if against:
            low, high = against["low"], against["high"]
            said = f"{against['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {ratio:.2f} | {said} |")
    return "\n".join(lines)


def sets(results: dict[str, Any]) -> str:
    """Examples 6 to 20 in each set of arms of the box: all networks trained, the nearest rivals."""
    count = results["sets"]
    lines = [
        "| predictor | " + " | ".join(f"set {i + 1}" for i in range(count)) + " | all |",
        "| --- " * (count + 2) + "|",
    ]
    rows = {}
    for name, one in results["derived"].items():
        for i, network in enumerate(one["networks"]):
            rows[f"{name}, network {i + 1}"] = network["inside"]
    for name in (BEST["inside"], "EB quadratic", "EB linear, random walk"):
        rows[name] = everything(results, "inside")[name]
    for name, row in rows.items():
        size = len(row["arms"]) // count
        parts = [row["arms"][i * size : (i + 1) * size] for i in range(count)]
        cells = [f"{sum(part) / size:.4f}" for part in parts]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['errors'][COLUMN]:.4f} |")
    return "\n".join(lines)


def costs(results: dict[str, Any]) -> str:
    """Processor seconds to derive, microseconds an example."""
    lines = ["| what | |", "| --- | --- |"]
    for name, one in results["derived"].items():
        seconds = one["seconds"]
        lines += [
            f"| {name}: to simulate {seconds['arms']} arms, processor s | "
            f"{seconds['simulation']:.0f} |",
            f"| {name}: to train {len(one['networks'])} networks, processor s | "
            f"{seconds['training']:.0f} |",
        ]
    for name, micros in results["speed"].items():
        lines.append(f"| to predict and learn an example: {name}, us | {micros:.3g} |")
    return "\n".join(lines)


def page(results: dict[str, Any]) -> str:
    """Every table, under its title."""
    parts = [f"### Arms {place} the box\n\n{table(results, place)}" for place in results["rivals"]]
    parts += [f"### Arms of the box, by set\n\n{sets(results)}", f"### Time\n\n{costs(results)}"]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(json.loads(RESULTS.read_text())))
