"""Section 4: which topologies, under which gradient algorithms, become learning algorithms.

The paper's claim is that of all that were tried only LSTM succeeded on every set. Here every
network of about 500 weights has the same examples, the same optimiser and the same choice of three
learning rates, tuned by validation tasks, on each of the paper's families.
"""

from functools import partial
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fixedweight.families import Boolean, Quadratic, Semilinear, TaskFamily
from fixedweight.networks import GRU, LSTM, LSTM1997, Elman, FullyRecurrent, Jordan, Network
from fixedweight.reproduce.judged import derive_and_judge, markdown, spread
from fixedweight.reproduce.part import Cell, Part, Record, Work
from fixedweight.training import Schedule, Stage

RATES = (0.01, 0.03, 0.1)
SEEDS = 3
"""Networks for each learning rate."""
FAMILIES: dict[str, TaskFamily] = {
    "boolean": Boolean(length=64),
    "semilinear": Semilinear(length=64),
    "quadratic": Quadratic(length=60, scale="task"),
}
NETWORKS: dict[str, Network] = {
    "Elman": Elman(),
    "Jordan": Jordan(),
    "FullyRecurrent": FullyRecurrent(),
    "LSTM1997": LSTM1997(),
    "LSTM": LSTM(),
    "GRU": GRU(),
}
ALGORITHMS: dict[str, tuple[str, ...]] = {
    "bptt": tuple(NETWORKS),
    "one_step": ("Elman", "Jordan", "FullyRecurrent"),
    "truncated1997": ("LSTM1997", "LSTM"),
}
"""Gradient -> the networks it is tried with: what is defined for them, or was their own."""
LEARNED = 1.5
"""A network has learned a family when its error is at most so many times the oracle's."""


def schedule(family: TaskFamily, effort: float = 1.0) -> Schedule:
    """The same course for all: streams of 20, then of a whole task."""
    stages = (Stage(20, 128, 800), Stage(family.examples, 64, 3000))
    return Schedule(stages, learning_rate=RATES).scaled(effort)


def measure(
    family: str, network: str, gradient: str, work: Work, effort: float = 1.0, seeds: int = SEEDS
) -> Record:
    """Derive with each learning rate, keep the best rate by the median on validation tasks."""
    record = derive_and_judge(
        work,
        FAMILIES[family],
        NETWORKS[network],
        schedule=schedule(FAMILIES[family], effort),
        runs=seeds * len(RATES),
        gradient=gradient,
    )
    by_rate: dict[float, list[dict[str, Any]]] = {rate: [] for rate in RATES}
    for judged in record["networks"]:
        by_rate[RATES[judged["run"] % len(RATES)]].append(judged)
    whole = {rate: found for rate, found in by_rate.items() if len(found) == seeds}
    rate = min(whole, key=lambda rate: median(judged["validation"] for judged in whole[rate]))
    return {
        **{key: record[key] for key in ("regime", "weights", "examples_seen", "variance")},
        "of": [family, network, gradient],
        "rate": rate,
        "oracle": record["oracle"]["mse"]["value"],
        "mse": [judged["mse"]["value"] for judged in whole[rate]],
        "ratio": [judged["ratio"]["value"] for judged in whole[rate]],
        "examples_to_learn": [judged["examples_to_learn"] for judged in whole[rate]],
    }


def cells(quick: bool) -> dict[str, Cell]:
    every = [
        (family, network, gradient)
        for gradient, networks in ALGORITHMS.items()
        for network in networks
        for family in FAMILIES
    ]
    if quick:
        few = [case for case in every if case[0] == "boolean" and case[2] == "bptt"]
        return {" ".join(case): partial(measure, *case, effort=0.1, seeds=1) for case in few}
    return {" ".join(case): partial(measure, *case) for case in every}


def text(records: dict[str, Record]) -> str:
    """Network and algorithm by family: ratio to the oracle, and how many learned."""
    rows = [["network", "gradient", "weights", *(f"{name}, / oracle" for name in FAMILIES)]]
    pairs = dict.fromkeys((record["of"][1], record["of"][2]) for record in records.values())
    for network, gradient in pairs:
        found = {
            record["of"][0]: record
            for record in records.values()
            if record["of"][1:] == [network, gradient]
        }
        row = [network, gradient, str(next(iter(found.values()))["weights"])]
        for family in FAMILIES:
            if family not in found:
                row.append("")
                continue
            ratios = found[family]["ratio"]
            learned = sum(ratio <= LEARNED for ratio in ratios)
            row.append(f"{spread(ratios)}: {learned} of {len(ratios)}")
        rows.append(row)
    some = next(iter(records.values()))
    return (
        f"{markdown(rows)}\n\n"
        f"Regime {some['regime']}; {some['examples_seen'] / 1e6:.1f} M examples or as near as the "
        f"length of a task allows; SOAP, the best of the learning rates {RATES} by validation; "
        f"medians [lowest, highest] over seeds, and how many come within {LEARNED} x the oracle."
    )


def draw(records: dict[str, Record], figure: Figure) -> None:
    """A panel a family: each network and algorithm, every seed, over the oracle."""
    figure.set_size_inches(11, 1.5 + 0.28 * len({tuple(r["of"][1:]) for r in records.values()}))
    panels = figure.subplots(1, len(FAMILIES), sharey=True)
    pairs = list(dict.fromkeys(tuple(record["of"][1:]) for record in records.values()))
    for axes, family in zip(np.atleast_1d(panels), FAMILIES, strict=True):
        for record in records.values():
            if record["of"][0] == family:
                place = pairs.index(tuple(record["of"][1:]))
                axes.scatter(record["ratio"], [place] * len(record["ratio"]), s=20, color="C3")
                nothing = record["variance"] / record["oracle"]
                axes.scatter(nothing, place, marker="|", s=120, color="0.6")
        axes.axvline(1.0, color="k", lw=1, ls="--")
        axes.axvline(LEARNED, color="k", lw=0.6, ls=":")
        axes.set(xscale="log", title=family, xlabel="error / oracle")
    figure.suptitle("each seed; dashed: the oracle; grey: knowing the mean alone", fontsize=9)
    first = np.atleast_1d(panels)[0]
    first.set_yticks(range(len(pairs)), [f"{network}, {gradient}" for network, gradient in pairs])
    first.invert_yaxis()


PART = Part(
    name="comparison",
    title="Section 4: topologies and gradient algorithms, with equal budgets",
    cells=cells,
    text=text,
    draw=draw,
)
