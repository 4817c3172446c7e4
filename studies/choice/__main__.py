"""What a race between networks, or a committee of them, would gain over what `derive` takes.

    python -m studies.choice              every simulator and network: an hour on a core
    python -m studies.choice pump room    these; the others' results are kept
    python -m studies.choice show         print the tables from the stored results

Every network is derived with nothing else set, three seeds side by side, and judged on the same
held-out tasks. The reacher needs MuJoCo (`pip install -e '.[reacher]'`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fixedweight import derive_seeds
from fixedweight.evaluation.trial import Trial, squared, try_on
from fixedweight.families import TaskFamily
from fixedweight.networks import KalmanMemory, LeastSquaresMemory, Network
from fixedweight.training import default_network
from studies.choice.simulators import SIMULATORS

RESULTS = Path(__file__).parent / "results.json"
RULE = "as chosen"
SEEDS = 3


def networks(family: TaskFamily) -> Iterator[tuple[str, Network]]:
    """What the rule takes, and what a race would run against it."""
    rule = default_network(family)
    assert isinstance(rule, LeastSquaresMemory)
    yield RULE, rule
    yield "half the features", replace(rule, features=max(4, rule.features // 2))
    yield "half as many again", replace(rule, features=min(32, int(1.5 * rule.features)))
    yield "one head more or less", replace(rule, heads=3 - rule.heads)
    yield "KalmanMemory", KalmanMemory()


def measured(family: TaskFamily, network: Network, trial: Trial) -> dict[str, Any]:
    """Squared errors of each seed's network and of the mean of their predictions."""
    began = time.process_time()
    learners = derive_seeds(family, network, seeds=SEEDS)
    seconds = time.process_time() - began
    stream = trial.stream
    said = [one.unroll(stream.inputs, stream.targets, stream.revealed)[0] for one in learners]

    def error(predictions: np.ndarray) -> float:
        estimate = trial.units.mean(squared(predictions, stream))
        assert estimate is not None
        return float(f"{estimate.value:.6g}")

    return {
        "errors": [error(one) for one in said],
        "validation": [one.card["derivation"]["validation_error"] for one in learners],
        "committee": error(np.mean(said, axis=0)),
        "seconds": round(seconds, 1),
    }


def chosen(cell: dict[str, Any]) -> float:
    """The error of the network that `derive` would keep."""
    return cell["errors"][int(np.argmin(cell["validation"]))]


def page(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Errors of the network kept by the rule; the others', and that of committees, over it."""
    names = list(dict.fromkeys(name for cells in results.values() for name in cells))
    head = ["simulator", RULE, *names[1:], "the best in validation", "mean of three, as chosen"]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for simulator, cells in results.items():
        rule = chosen(cells[RULE])
        seeds = [each / rule for each in cells[RULE]["errors"]]
        row = [simulator, f"{rule:.4g} [{min(seeds):.3f}, {max(seeds):.3f}]"]
        for name in names[1:]:
            own = [each / rule for each in cells[name]["errors"]]
            row.append(f"{chosen(cells[name]) / rule:.3f} [{min(own):.3f}, {max(own):.3f}]")
        won = min(cells, key=lambda name: min(cells[name]["validation"]))
        row.append(f"{chosen(cells[won]) / rule:.3f} ({won})")
        row.append(f"{cells[RULE]['committee'] / rule:.3f}")
        lines.append("| " + " | ".join(row) + " |")
    raced = [
        chosen(min(cells.values(), key=lambda cell: min(cell["validation"]))) / chosen(cells[RULE])
        for cells in results.values()
    ]
    together = [cells[RULE]["committee"] / chosen(cells[RULE]) for cells in results.values()]
    costs = [
        sum(cell["seconds"] for cell in cells.values()) / cells[RULE]["seconds"]
        for cells in results.values()
    ]
    lines += [
        "",
        f"Medians: the race's winner {median(raced):.3f} for {median(costs):.1f} times the time "
        f"to derive; the mean of three {median(together):.3f} for three times that of an example.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulators", nargs="*", choices=[*SIMULATORS, "show", []], default=[])
    asked = parser.parse_args().simulators
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for simulator in [] if asked == ["show"] else asked or SIMULATORS:
        family = SIMULATORS[simulator]()
        trial = try_on(family)
        for name, network in networks(family):
            cell = measured(family, network, trial)
            print(simulator, name, cell, flush=True)
            results.setdefault(simulator, {})[name] = cell
            results = {name: results[name] for name in SIMULATORS if name in results}
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
