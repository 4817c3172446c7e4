"""Print the table of the stored results: python -m studies.remifentanil.show"""

import json
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def table(results: dict[str, Any]) -> str:
    """Medians over seeds as a Markdown table, best first; [lowest, highest] for what is derived.

    `to last ratio`: difference in a person's mean error to Minto's prediction times the last ratio,
    with a 95 % interval over people, seed 0.
    """
    seeds = [seed["errors"] for seed in results["seeds"]]
    paired = results["seeds"][0]["paired"]
    spans = list(next(iter(seeds[0].values())))
    lines = [
        "| predictor | " + " | ".join(spans) + " | to last ratio |",
        "| --- " * (len(spans) + 2) + "|",
    ]
    for name in sorted(seeds[0], key=lambda name: median(seed[name]["all"] for seed in seeds)):
        cells = [f"{median(seed[name][span] for seed in seeds):.4f}" for span in spans]
        every = [seed[name]["all"] for seed in seeds]
        if min(every) < max(every):
            cells[-1] += f" [{min(every):.4f}, {max(every):.4f}]"
        difference = paired.get(name)
        against = (
            f"{difference['difference']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}]"
            if difference
            else ""
        )
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {against} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(RESULTS.read_text())))
