"""Section 4: which topologies, under which gradient algorithms, become learning algorithms.

The paper's claim is that of all that were tried only LSTM succeeded on every set. Here networks of
about 500 weights have the same examples and the same choice of three learning rates, tuned by
validation tasks, on each of the paper's families, twice over: with today's supervisor (batches of
streams, SOAP), and with that of 2001 (one stream, plain descent after every example).
"""

from functools import partial
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from fixedweight.families import Boolean, Quadratic, Semilinear, TaskFamily
from fixedweight.networks import GRU, LSTM, LSTM1997, Elman, FullyRecurrent, Jordan, Network
from fixedweight.parts.judged import derive_and_judge, markdown, spread
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.training import Schedule, Stage, online_descent

RATES = {"today": (0.01, 0.03, 0.1), "2001": (0.03, 0.1, 0.3)}
ONLINE_EXAMPLES = 300_000
"""Examples that a supervisor as in 2001 shows."""
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
ALGORITHMS: dict[str, dict[str, tuple[str, ...]]] = {
    "today": {
        "bptt": tuple(NETWORKS),
        "tbptt:8": ("Elman", "FullyRecurrent", "LSTM1997", "LSTM", "GRU"),
        "one_step": ("Elman", "Jordan", "FullyRecurrent"),
        "truncated1997": ("LSTM1997", "LSTM"),
    },
    "2001": {
        "one_step": ("Elman", "Jordan"),
        "rtrl": ("Elman", "FullyRecurrent", "LSTM1997"),
        "snap1": ("Elman", "FullyRecurrent", "GRU"),
        "traces1997": ("LSTM1997", "LSTM"),
    },
}
"""Supervisor -> gradient -> the networks it is tried with: those it is defined for or known by."""
LEARNED = 1.5
"""A network has learned a family when its error is at most so many times the oracle's."""


def schedule(supervisor: str, family: TaskFamily) -> Schedule:
    """The same course for all of a supervisor's networks."""
    rates = RATES[supervisor]
    if supervisor == "2001":
        return online_descent(family.examples, ONLINE_EXAMPLES, rates)
    return Schedule((Stage(20, 128, 800), Stage(family.examples, 64, 3000)), learning_rate=rates)


def measure(
    supervisor: str,
    family: str,
    network: str,
    gradient: str,
    work: Work,
    effort: float = 1.0,
    seeds: int = SEEDS,
) -> Record:
    """Derive with each learning rate, keep the best rate by the median on validation tasks."""
    rates = RATES[supervisor]
    record = derive_and_judge(
        work,
        FAMILIES[family],
        NETWORKS[network],
        schedule=schedule(supervisor, FAMILIES[family]).scaled(effort),
        runs=seeds * len(rates),
        gradient=gradient,
    )
    by_rate: dict[float, list[dict[str, Any]]] = {rate: [] for rate in rates}
    for judged in record["networks"]:
        by_rate[rates[judged["run"] % len(rates)]].append(judged)
    whole = {rate: found for rate, found in by_rate.items() if len(found) == seeds}
    rate = min(whole, key=lambda rate: median(judged["validation"] for judged in whole[rate]))
    return {
        **{key: record[key] for key in ("regime", "weights", "examples_seen", "variance")},
        "supervisor": supervisor,
        "of": [family, network, gradient],
        "rate": rate,
        "oracle": record["oracle"]["mse"]["value"],
        "mse": [judged["mse"]["value"] for judged in whole[rate]],
        "ratio": [judged["ratio"]["value"] for judged in whole[rate]],
        "examples_to_learn": [judged["examples_to_learn"] for judged in whole[rate]],
    }


def cells(quick: bool) -> dict[str, Cell]:
    every = [
        (supervisor, family, network, gradient)
        for supervisor, algorithms in ALGORITHMS.items()
        for gradient, networks in algorithms.items()
        for network in networks
        for family in FAMILIES
    ]
    if quick:
        few = [case for case in every if case[1] == "boolean" and case[3] in ("bptt", "traces1997")]
        return {" ".join(case): partial(measure, *case, effort=0.05, seeds=1) for case in few}
    return {" ".join(case): partial(measure, *case) for case in every}


def text(records: dict[str, Record]) -> str:
    """Network and algorithm by family: ratio to the oracle, and how many learned."""
    parts = []
    for supervisor, said in (
        ("today", "SOAP, batches of streams"),
        ("2001", "plain descent after every example of one stream"),
    ):
        of_it = [record for record in records.values() if record["supervisor"] == supervisor]
        if of_it:
            seen = max(record["examples_seen"] for record in of_it)
            rates = ", ".join(map(str, RATES[supervisor]))
            parts.append(
                f"### Supervisor: {said}\n\nUp to {seen / 1e6:.3g} M examples, the best of the "
                f"learning rates {rates} by validation.\n\n{_table(of_it)}"
            )
    return "\n\n".join(
        [
            "Summed squared error over the oracle's, reset regime, whole streams: median over "
            f"seeds, [lowest, highest], and how many come within {LEARNED} x the oracle.",
            *parts,
        ]
    )


def _table(records: list[Record]) -> str:
    rows = [["network", "gradient", "weights", *FAMILIES]]
    for network, gradient in dict.fromkeys(tuple(record["of"][1:]) for record in records):
        found = {r["of"][0]: r for r in records if r["of"][1:] == [network, gradient]}
        row = [network, gradient, str(next(iter(found.values()))["weights"])]
        for family in FAMILIES:
            ratios = found[family]["ratio"] if family in found else []
            learned = sum(ratio <= LEARNED for ratio in ratios)
            row.append(f"{spread(ratios)}: {learned} of {len(ratios)}" if ratios else "")
        rows.append(row)
    return markdown(rows)


def draw(records: dict[str, Record], figure: Figure) -> None:
    """A panel a family: each network and algorithm, every seed, over the oracle."""
    kinds = list(dict.fromkeys((r["supervisor"], *r["of"][1:]) for r in records.values()))
    figure.set_size_inches(11, 1.5 + 0.28 * len(kinds))
    panels = figure.subplots(1, len(FAMILIES), sharey=True)
    for axes, family in zip(panels, FAMILIES, strict=True):
        for record in records.values():
            if record["of"][0] == family:
                place = kinds.index((record["supervisor"], *record["of"][1:]))
                color = "C3" if record["supervisor"] == "today" else "C0"
                axes.scatter(record["ratio"], [place] * len(record["ratio"]), s=20, color=color)
                nothing = record["variance"] / record["oracle"]
                axes.scatter(nothing, place, marker="|", s=120, color="0.6")
        axes.axvline(1.0, color="k", lw=1, ls="--")
        axes.axvline(LEARNED, color="k", lw=0.6, ls=":")
        axes.set(xscale="log", title=family, xlabel="error / oracle")
    figure.suptitle("each seed; dashed: the oracle; grey: knowing the mean alone", fontsize=9)
    labels = [f"{network}, {gradient}, {supervisor}" for supervisor, network, gradient in kinds]
    panels[0].set_yticks(range(len(kinds)), labels)
    panels[0].invert_yaxis()


PART = Part(
    name="comparison",
    title="Section 4: topologies and gradient algorithms, with equal budgets",
    cells=cells,
    text=text,
    draw=draw,
)
