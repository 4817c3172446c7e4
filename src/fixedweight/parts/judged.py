"""Networks derived in runs, each judged on the same test tasks, and the table of them."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from fixedweight.evaluation import evaluate_all
from fixedweight.families import TaskFamily
from fixedweight.networks import Network
from fixedweight.parts.part import Record, Work
from fixedweight.training import Schedule

MAPPINGS = 100
"""Mappings in an epoch of the paper: an epoch is so many times the examples of a mapping."""


def derive_and_judge(
    work: Work,
    family: TaskFamily,
    network: Network,
    *,
    schedule: Schedule,
    runs: int,
    together: int = 1,
    gradient: str = "bptt",
    seed: int = 0,
) -> Record:
    """Derive `runs` times `together` networks side by side and judge all on the same test tasks.

    A run keeps, of its `together` networks, the one with the lowest error on validation tasks.
    """
    learners = work.derive_seeds(
        family,
        network,
        gradient=gradient,
        schedule=schedule,
        seeds=runs * together,
        seed=seed,
    )
    work.say("judging ...")
    records = evaluate_all(learners, family, seed)
    first, derivation = records[0], learners[0].card["derivation"]
    steps = examples_shown(schedule)
    oracle = first["oracle"]
    return {
        "regime": first["regime"],
        "family": family.describe(),
        "network": derivation["network"],
        "weights": derivation["weights"],
        "gradient": gradient,
        "schedule": schedule.plain(),
        "seed": seed,
        "examples_seen": steps,
        "epochs": steps / (MAPPINGS * family.examples),
        "variance": first["variance"],
        "oracle": oracle and {k: v for k, v in oracle.items() if k != "by_example"},
        "nearest_neighbour": first["baselines"]["nearest neighbour"]["mse"]["value"],
        "asked": runs * together,
        "networks": [
            {
                "run": learner.card["derivation"]["kept_seed"] // together,
                "validation": learner.card["derivation"]["validation_error"],
                "mse": record["learner"]["mse"],
                "after": record["learner"]["after"],
                "examples_to_learn": record["learner"]["examples_to_learn"],
                "ratio": record["ratio"],
                "long": record["long"],
            }
            for learner, record in zip(learners, records, strict=True)
        ],
    }


def examples_shown(schedule: Schedule) -> int:
    """Examples that one network is shown: an update goes through one window of the batch."""
    return sum(stage.updates * stage.batch * stage.length for stage in schedule.stages)


def kept(record: Record) -> list[dict[str, Any]]:
    """Of each run the network with the lowest validation error."""
    best: dict[int, dict[str, Any]] = {}
    for network in sorted(record["networks"], key=lambda network: -network["validation"]):
        best[network["run"]] = network
    return [best[run] for run in sorted(best)]


def spread(values: Sequence[float | int | None]) -> str:
    """The median, and in brackets the lowest and the highest; None is what never came about."""
    known = [float("inf") if value is None else value for value in values]
    return f"{median(known):.3g} [{min(known):.3g}, {max(known):.3g}]".replace("inf", "never")


def markdown(rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown; the first row names the columns."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
