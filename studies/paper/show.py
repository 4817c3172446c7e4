"""Print the table of the stored results: python -m studies.paper.show"""

import json
import statistics
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def kept(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each run the network with the lowest validation error."""
    best: dict[int, dict[str, Any]] = {}
    for network in sorted(result["networks"], key=lambda network: -network["validation"]):
        best[network["run"]] = network
    return [best[run] for run in sorted(best)]


def reached(run: dict[str, Any], goal: dict[str, float]) -> bool:
    """Whether a network reaches every figure its row asks for."""
    figures = {
        "mse": run["mse"]["value"],
        "after 30": run["after"]["30"]["value"],
        "examples_to_learn": run["examples_to_learn"],
    }
    return all(figures[k] is not None and figures[k] <= limit for k, limit in goal.items())


def table(results: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table: medians over runs, lowest and highest in brackets.

    `asked`: how many runs reach what is asked, and of all their networks how many.

    `beyond`: the error a step past the trained length, up to ten times it.
    """
    lines = [
        "| row | regime | mse a step | / oracle | after 30 | examples to learn | beyond | asked |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        runs = kept(result)
        count = sum(reached(run, result["goal"]) for run in runs)
        alone = sum(reached(network, result["goal"]) for network in result["networks"])
        goal = ", ".join(f"{k.replace('_', ' ')} <= {v:.3g}" for k, v in result["goal"].items())
        cells = [
            result["row"],
            result["regime"],
            _spread([run["mse"]["value"] for run in runs]),
            _spread([run["ratio"]["value"] for run in runs]),
            _spread([run["after"]["30"]["value"] for run in runs]),
            _spread([run["examples_to_learn"] or float("inf") for run in runs]),
            _spread([run["long"]["rest"]["value"] for run in runs]),
            f"{goal}: {count} of {result['runs_asked']} ({alone} of {result['networks_asked']})",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def stored() -> list[dict[str, Any]]:
    """The results on disk, in the order of Table 1."""
    order = ("boolean", "boolean-continuous", "semilinear", "quadratic")
    files = [RESULTS / f"{name}.json" for name in order]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"


if __name__ == "__main__":
    print(table(stored()))
