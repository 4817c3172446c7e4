"""Whether learners know how sure they may be, and notice what is not theirs.

    python -m studies.spread            measure what is not stored yet, and print the table
    python -m studies.spread --show     print it

On each family three seeds of the usual network, wrapped in `Gaussian` and in `Quantiles`: the error
against the oracle, which the spread should cost nothing; the share of targets within 90 %
intervals; the share of the family's own streams that raise the alarm; and the share of streams
that raise it within 50 examples where noise is doubled, or where tasks are drawn two and three
times as wide. Results are in `results.json`, by family and network.
"""

import argparse
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jax

from fixedweight.evaluation import alarms, evaluate_all
from fixedweight.families import (
    Family,
    GaussianProcess,
    Linear,
    Noisy,
    Quadratic,
    Semilinear,
    Switching,
    TaskFamily,
)
from fixedweight.networks import LSTM, Gaussian, Network, Quantiles
from fixedweight.training import default_network, derive_seeds

RESULTS = Path(__file__).parent / "results.json"
SEEDS = 3
WITHIN = 50


def wide(kind: type[Family], factor: float) -> type[Family]:
    """The same family with every number of a task so many times as large."""

    @dataclass(frozen=True)
    class Wide(kind):
        def draw_task(self, key: Any) -> Any:
            return jax.tree.map(lambda number: factor * number, super().draw_task(key))

    return Wide


def noisy(kind: type[Family], sd: float, **settings: Any) -> dict[str, TaskFamily]:
    """A family, and those that are not it."""
    return {
        "own": Noisy(kind(**settings), sd=sd),
        "noise x 2": Noisy(kind(**settings), sd=2 * sd),
        **{f"tasks x {factor}": Noisy(wide(kind, factor)(**settings), sd=sd) for factor in (2, 3)},
    }


FAMILIES = {
    "semilinear, noise 0.028": noisy(Semilinear, 0.0275, length=64),
    "quadratic-2, noise 0.085": noisy(Quadratic, 0.085, scale="none", length=60),
    "linear-20, noise 0.5": noisy(Linear, 0.5, length=60),
    "gaussian-process, noise 0.1": {
        "own": Noisy(GaussianProcess(), sd=0.1),
        "noise x 2": Noisy(GaussianProcess(), sd=0.2),
    },
    "switching-linear-5, noise 0.3": {
        "own": Switching(Noisy(Linear(inputs=5), sd=0.3), hazard=1 / 50),
    },
}
NETWORKS: dict[str, Callable[[TaskFamily], Network]] = {
    "least-squares memory, Gaussian": lambda family: Gaussian(default_network(family)),
    "least-squares memory, Quantiles": lambda family: Quantiles(default_network(family)),
    "LSTM 24, Gaussian": lambda family: Gaussian(LSTM(hidden=24)),
}


def measured(families: dict[str, TaskFamily], network: Network) -> dict[str, Any]:
    own = families["own"]
    learners = derive_seeds(own, network, seeds=SEEDS)
    records = evaluate_all(learners, own)
    kept = ("ratio", "coverage", "width", "alarms", "variance")
    seeds = [{k: record[k] for k in kept if k in record} for record in records]
    if isinstance(network, Gaussian):
        for learner, seed in zip(learners, seeds, strict=True):
            seed["found"] = {
                name: float(alarms(learner, other)[:WITHIN][-1])
                for name, other in families.items()
                if name != "own"
            }
    return {
        "seeds": seeds,
        "seconds": learners[0].card["derivation"]["seconds"],
        "versions": {name: importlib.metadata.version(name) for name in ("fixedweight", "jax")},
    }


def table(results: dict[str, Any]) -> str:
    shifts = ("noise x 2", "tasks x 2", "tasks x 3")
    heads = ["family", "network", "error / oracle", "within 90 %", "first 10", "after"]
    heads += ["false alarms", *(f"found: {shift}" for shift in shifts)]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]

    def over(values: list[float | None], form: str) -> str:
        if None in values or not values:
            return ""
        return (
            form.format(median(values))
            + f" [{form.format(min(values))}, {form.format(max(values))}]"
        )

    for name, cell in results.items():
        family, network = name.split(" | ")
        seeds = cell["seeds"]
        within = [
            over([(seed["coverage"][part] or {}).get("value") for seed in seeds], "{:.3f}")
            for part in ("all", "first 10", "after")
        ]
        ratio = over([(seed["ratio"] or {}).get("value") for seed in seeds], "{:.2f}")
        false = over([seed.get("alarms") for seed in seeds], "{:.3f}")
        found = [over([seed.get("found", {}).get(s) for seed in seeds], "{:.2f}") for s in shifts]
        lines.append("| " + " | ".join([family, network, ratio, *within, false, *found]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.spread")
    parser.add_argument("--show", action="store_true")
    show = parser.parse_args().show
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for family, families in FAMILIES.items():
        for name, network in NETWORKS.items():
            cell = f"{family} | {name}"
            if show or cell in results or (name.startswith("LSTM") and "quad" not in family):
                continue
            print(cell, flush=True)
            results[cell] = measured(families, network(families["own"]))
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
