"""Print the tables of the stored results: python -m studies.reacher.show"""

import json
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
DERIVED = "derived"
BEST = "MuJoCo, arms of the box"
COLUMN = "6-20"


def table(results: dict[str, Any], place: str) -> str:
    """All predictors at one place, best first over examples 6 to 20; of what is derived, medians
    over seeds.

    `/ best`: the error over that of MuJoCo's own filter. `less derived`: mean difference in an
    arm's error over examples 6 to 20, with a 95 % interval over arms.
    """
    found = {**results["rivals"][place], **results["physics"][place]}
    errors = {name: one["errors"] for name, one in found.items()}
    seeds = [seed["places"][place]["errors"] for seed in results["derived"].values()]
    errors[DERIVED] = {span: median(seed[span] for seed in seeds) for span in seeds[0]}
    best = errors[BEST][COLUMN]
    spans = list(seeds[0])
    lines = [
        "| predictor | " + " | ".join(spans) + f" | {COLUMN} / best | less derived, by arm |",
        "| --- " * (len(spans) + 3) + "|",
    ]
    for name in sorted(errors, key=lambda name: errors[name][COLUMN]):
        cells = [f"{errors[name][span]:.4f}" for span in spans]
        against = results["paired"][place].get(name)
        each = [seed[COLUMN] for seed in seeds]
        said = (
            f"{against['difference']:+.4f} [{against['low']:+.4f}, {against['high']:+.4f}]"
            if against
            else f"seeds {min(each):.4f} to {max(each):.4f}"
        )
        ratio = errors[name][COLUMN] / best
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {ratio:.2f} | {said} |")
    return "\n".join(lines)


def sets(results: dict[str, Any]) -> str:
    """Examples 6 to 20 in each of the sets of arms: derived by seed, and the nearest rivals."""
    count = results["sets"]
    lines = [
        "| predictor | " + " | ".join(f"set {i + 1}" for i in range(count)) + " |",
        "| --- " * (count + 1) + "|",
    ]
    rows = {
        f"derived, seed {seed['seed']}": seed["places"]["inside"]
        for seed in results["derived"].values()
    }
    for name in (BEST, "EB quadratic", "EB linear, random walk"):
        rows[name] = {**results["rivals"]["inside"], **results["physics"]["inside"]}[name]
    for name, row in rows.items():
        size = len(row["arms"]) // count
        parts = [row["arms"][i * size : (i + 1) * size] for i in range(count)]
        lines.append(f"| {name} | " + " | ".join(f"{sum(p) / size:.4f}" for p in parts) + " |")
    return "\n".join(lines)


def costs(results: dict[str, Any]) -> str:
    """Seconds to derive, by seed, and microseconds an example."""
    seeds = [one["seconds"] for one in results["derived"].values()]
    lines = ["| what | |", "| --- | --- |"]
    for what in ("simulation", "training"):
        each = [seconds[what] for seconds in seeds]
        lines.append(f"| {what}, s | {median(each):.0f} [{min(each):.0f}, {max(each):.0f}] |")
    for name, micros in results["speed"].items():
        lines.append(f"| predict and learn an example: {name}, us | {micros:.3g} |")
    return "\n".join(lines)


def page(results: dict[str, Any]) -> str:
    """Every table, under its title."""
    parts = [f"### Arms {place} the box\n\n{table(results, place)}" for place in results["rivals"]]
    parts += [f"### Arms inside, by set\n\n{sets(results)}", f"### Time\n\n{costs(results)}"]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(json.loads(RESULTS.read_text())))
