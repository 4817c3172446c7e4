"""Derive the paper's rows several times over and say where each stands against the oracle.

    python -m studies.paper                 all rows, five runs each, about half an hour
    python -m studies.paper quadratic       one row
    python -m studies.paper.show            print the table from the stored results

A run is what `fixedweight derive` does: four networks side by side, of which the one with the
lowest error on validation tasks is kept. All of the networks are judged on the test tasks as well.
Results go to studies/paper/results/ROW.json with what made them, and the tables in README and docs
are drawn from there.
"""

import argparse
import importlib.metadata
import json
import platform
from typing import Any

from fixedweight import derive_seeds, evaluate
from studies.paper.rows import ROWS, Row
from studies.paper.show import RESULTS, table

NETWORKS = 4
"""Networks in a run, as in `fixedweight.derive`."""


def measure(name: str, row: Row, seeds: int, effort: float) -> dict[str, Any]:
    """Derive the networks of all runs side by side and judge each on the same test tasks."""
    learners = derive_seeds(
        row.family,
        row.network,
        schedule=row.schedule,
        effort=effort,
        seeds=seeds * NETWORKS,
        seed=row.seed,
        checkpoint=RESULTS / f"{name}.checkpoint",
        on_progress=lambda p: print(
            f"\r{name}: update {p.update}/{p.updates}, {p.steps_per_second / 1e6:.2f} M "
            f"example-steps/s, best {p.best:.5f}, {p.seconds_left:.0f} s left   ",
            end="",
            flush=True,
        ),
    )
    print()
    networks = []
    for learner in learners:
        record = evaluate(learner, row.family, seed=row.seed)
        derivation = learner.card["derivation"]
        networks.append(
            {
                "run": derivation["kept_seed"] // NETWORKS,
                "validation": derivation["validation_error"],
                "mse": record["learner"]["mse"],
                "after": record["learner"]["after"],
                "examples_to_learn": record["learner"]["examples_to_learn"],
                "ratio": record["ratio"],
                "long": record["long"],
                "oracle": {k: record["oracle"][k] for k in ("mse", "examples_to_learn", "kind")},
                "nearest_neighbour": record["baselines"]["nearest neighbour"]["mse"],
            }
        )
    derivation = learners[0].card["derivation"]
    return {
        "row": name,
        "goal": row.goal,
        "regime": record["regime"],
        "family": row.family.describe(),
        "network": derivation["network"],
        "weights": derivation["weights"],
        "schedule": derivation["schedule"],
        "updates": derivation["updates"],
        "seconds_all_seeds": derivation["seconds"],
        "runs_asked": seeds,
        "networks_asked": seeds * NETWORKS,
        "networks": networks,
        "command": f"python -m studies.paper {name} --seeds {seeds} --effort {effort:g}",
        "versions": {
            package: importlib.metadata.version(package) for package in ("jax", "numpy", "optax")
        },
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="rows to derive; all")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each row")
    parser.add_argument("--effort", type=float, default=1.0, help="times the number of updates")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.rows or ROWS:
        result = measure(name, ROWS[name], arguments.seeds, arguments.effort)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(table([result]))


if __name__ == "__main__":
    main()
