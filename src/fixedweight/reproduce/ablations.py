"""Section 5: which parts of the memory cell does learning to learn need?

The paper names two features without which its other networks failed: a memory loop that is linear
with a self-weight of 1.0, and input gates. Each is taken away alone here, and the network derived
anew with the budget of the untouched one.
"""

from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

from fixedweight.evaluation import squared_errors
from fixedweight.families import Boolean, Missing, Quadratic, Semilinear, Stream, TaskFamily
from fixedweight.networks import LSTM1997
from fixedweight.oracles import oracle_for
from fixedweight.parts.judged import spread
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.training import Schedule, Stage


@dataclass(frozen=True, kw_only=True)
class Ablated(LSTM1997):
    """The LSTM of 1997 with a changed memory loop, and with as many weights.

        s(t) = q(a s(t-1) + y_in(t) g(net_c(t)))        q(s) = s, or tanh(s) if `squashed`

    with self-weight a, and with 1 for y_in(t) unless `gated`; what were the input gates then are
    further standard units. Under the truncated gradient of 1997 the one path in time that is kept,
    ds(t+1)/ds(t), is a q'(s) in place of 1: the error of a step reaches k steps back with a factor
    of a^k, 0.001 for a = 0.9 and k = 64, 13 for a = 1.01 and k = 256.
    """

    self_weight: float = 1.0
    gated: bool = True
    squashed: bool = False

    def store(self, cells: Any, opened: Any, new: Any, xp: Any) -> Any:
        cells = self.self_weight * cells + (opened * new if self.gated else new)
        return xp.tanh(cells) if self.squashed else cells


VARIANTS: dict[str, dict[str, Any]] = {
    "untouched": {},
    "self-weight 0.9": {"self_weight": 0.9},
    "self-weight 0.99": {"self_weight": 0.99},
    "self-weight 1.01": {"self_weight": 1.01},
    "input gates open": {"gated": False},
    "squashed cell": {"squashed": True},
}


class Problem(NamedTuple):
    title: str
    family: TaskFamily
    schedule: Schedule
    silent: bool = False
    """Whether no target is told any more beyond the trained length."""


PROBLEMS = {
    "boolean": Problem(
        "Boolean, every target told",
        Boolean(),
        Schedule((Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), 0.1),
    ),
    "boolean-rare": Problem(
        "Boolean, one target in five told, then none",
        Missing(Boolean(), share=0.8),
        Schedule((Stage(64, 64, 2000), Stage(256, 32, 800)), 0.1),
        silent=True,
    ),
    "semilinear": Problem(
        "semi-linear",
        Semilinear(),
        Schedule((Stage(20, 128, 600), Stage(64, 128, 3000)), 0.1),
    ),
    "quadratic": Problem(
        "quadratic",
        Quadratic(),
        Schedule((Stage(20, 128, 600), Stage(60, 128, 3000)), 0.1),
    ),
}
SEEDS = 3
STREAMS = 400
BANDS = (0.0, 0.25, 0.5, 1.0, 1.25, 2.0, 4.0)
"""Edges, in trained lengths, of the steps over which errors are averaged."""
WORSE = 1.5
TEST = 0xAB1A


def _cells(quick: bool) -> dict[str, Cell]:
    problems = ("boolean",) if quick else tuple(PROBLEMS)
    variants = ("untouched", "input gates open") if quick else tuple(VARIANTS)
    return {f"{p}/{v}": partial(_measure, p, v, quick) for p in problems for v in variants}


def _measure(name: str, variant: str, quick: bool, work: Work) -> Record:
    problem, network = PROBLEMS[name], Ablated(**VARIANTS[variant])
    schedule, seeds = problem.schedule, SEEDS
    if quick:
        schedule, seeds = Schedule(schedule.stages[:1], schedule.learning_rate).scaled(0.5), 2
    learners = work.derive_seeds(problem.family, network, schedule=schedule, seeds=seeds)
    stream, best = _judged(name, STREAMS // 10 if quick else STREAMS)
    length = problem.family.examples
    networks = []
    for learner in learners:
        errors = squared_errors(learner, problem.family, stream)
        networks.append(
            {
                "mse": float(errors[:, :length].mean()),
                "bands": _bands(errors, length),
                "validation": learner.card["derivation"]["validation_error"],
            }
        )
    return {
        "family": problem.family.describe(),
        "schedule": schedule.plain(),
        "weights": learners[0].card["derivation"]["weights"],
        "length": length,
        "variance": float(stream.targets.var()),
        "networks": networks,
        "oracle": {"mse": float(best[:, :length].mean()), "bands": _bands(best, length)},
    }


@cache
def _judged(name: str, streams: int) -> tuple[Stream, np.ndarray]:
    """Streams of the longest band's length, and the oracle's squared errors on them; those of
    problems with targets to the end are known to be next to nothing beyond the trained length."""
    problem = PROBLEMS[name]
    family, length = problem.family, problem.family.examples
    whole = int(BANDS[-1]) * length
    draw = jax.jit(lambda key: family.sample(key, streams, whole))
    stream = draw(jax.random.key(TEST))
    if problem.silent:
        stream = stream._replace(revealed=stream.revealed & (np.arange(whole) < length))
    stream = jax.tree.map(np.asarray, stream)
    oracle = oracle_for(family)
    assert oracle is not None
    known = whole if problem.silent else length
    short = jax.tree.map(lambda part: part[:, :known], stream)
    return stream, ((oracle.predict(short) - short.targets) ** 2).sum(axis=-1)


def _bands(errors: np.ndarray, length: int) -> list[float]:
    """The mean error in each band that the errors reach."""
    edges = [int(edge * length) for edge in BANDS if edge * length <= errors.shape[1]]
    return [float(errors[:, low:high].mean()) for low, high in pairwise(edges)]


# Text.

INTRODUCTION = """\
The paper: "the recurrent loop-back synaptic weights must be 1.0 and the neuron must have a linear
squashing function" ("actually, the constraint is slightly less restrictive"), and "the second
necessary feature was the input gatekeeper units". Each row is the LSTM of 1997 (6 cells, 6 standard
units) with one part of its memory loop changed, derived anew with the same schedule, the full
gradient and the same number of weights. Mean squared errors a step of held-out tasks: median over
networks, lowest and highest in brackets. `late`: the second half of the trained length. `beyond`:
from the trained length to four times it. `times untouched`: of medians over the trained length."""
TRUNCATED = """\
Under the truncated gradient of 1997 the only path back in time is ds(t+1)/ds(t). It is exactly 1
in the untouched cell, whatever the weights. With self-weight a, the error of a step reaches k
steps back with a factor of a^k: 0.001 for a = 0.9 and k = 64, 0.08 for a = 0.99 and k = 256, 13 for
a = 1.01 and k = 256. In a squashed cell tanh' <= 1 comes in at every step, so that a cell that
holds a large value lets almost none through. Opening the gates changes nothing on that path."""


def _text(records: dict[str, Record]) -> str:
    parts = [INTRODUCTION.replace("\n", " ")]
    for name, problem in PROBLEMS.items():
        rows = {v: records[f"{name}/{v}"] for v in VARIANTS if f"{name}/{v}" in records}
        if rows:
            parts.append(_table(problem, rows))
    return "\n\n".join([*parts, TRUNCATED.replace("\n", " ")])


def _table(problem: Problem, rows: dict[str, Record]) -> str:
    one = next(iter(rows.values()))
    plain = _over(rows["untouched"], 0.0, 1.0)[1] if "untouched" in rows else None
    lines = [
        f"### {problem.title} ({one['length']} examples, reset regime, variance "
        f"{one['variance']:.3g})",
        "",
        "| memory loop | mse | / oracle | times untouched | late | beyond |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    floor = one["oracle"]["mse"]
    for variant, record in rows.items():
        median = _over(record, 0.0, 1.0)[1]
        times = f"{median / plain:.2f}" if plain else ""
        lines.append(
            f"| {variant} | {spread(_over(record, 0.0, 1.0))} | {median / floor:.2f} | {times} | "
            f"{spread(_over(record, 0.5, 1.0))} | {spread(_over(record, 1.0, BANDS[-1]))} |"
        )
    late = _mean(one["oracle"]["bands"], 0.5, 1.0)
    beyond = _mean(one["oracle"]["bands"], 1.0, BANDS[-1]) if problem.silent else late
    lines.append(f"| oracle | {floor:.3g} | 1 | | {late:.2g} | {beyond:.2g} |")
    if "untouched" in rows:
        within, beyond = _worse(rows, 0.0, 1.0), _worse(rows, 1.0, BANDS[-1])
        lines += [
            "",
            f"More than {WORSE} times the untouched error, and above 1 % of the variance, within "
            f"the trained length: {within}; beyond it: {beyond}.",
        ]
    return "\n".join(lines)


def _worse(rows: dict[str, Record], low: float, high: float) -> str:
    """The variants whose median error is well above that of the untouched network."""
    most = max(WORSE * _over(rows["untouched"], low, high)[1], 0.01 * rows["untouched"]["variance"])
    return ", ".join(v for v in rows if _over(rows[v], low, high)[1] > most) or "none"


def _over(record: Record, low: float, high: float) -> tuple[float, float, float]:
    """Lowest, median and highest over networks of the mean error from `low` to `high`."""
    found = [_mean(network["bands"], low, high) for network in record["networks"]]
    return min(found), float(np.median(found)), max(found)


def _mean(bands: list[float], low: float, high: float) -> float:
    inside = [
        (b - a, error)
        for (a, b), error in zip(pairwise(BANDS), bands, strict=False)
        if low <= a and b <= high
    ]
    widths, errors = zip(*inside, strict=True)
    return float(np.average(errors, weights=widths))


# Figure.


def _draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(13, 9)
    for axes, (name, problem) in zip(figure.subplots(2, 2).flat, PROBLEMS.items(), strict=False):
        rows = {v: records[f"{name}/{v}"] for v in VARIANTS if f"{name}/{v}" in records}
        if not rows:
            axes.set_axis_off()
            continue
        for variant, record in rows.items():
            bands = np.array([network["bands"] for network in record["networks"]])
            x = range(bands.shape[1])
            place = list(VARIANTS).index(variant)
            color, width = (f"C{place}", 1.5) if place else ("k", 2.5)
            axes.plot(x, np.median(bands, axis=0), "o-", label=variant, color=color, lw=width)
            axes.fill_between(x, bands.min(axis=0), bands.max(axis=0), alpha=0.1, color=color)
        one = next(iter(rows.values()))
        best = one["oracle"]["bands"]
        axes.plot(range(len(best)), np.maximum(best, 1e-7), "k:", label="oracle")
        axes.axhline(one["variance"], color="grey", ls="--", lw=1, label="without memory")
        axes.axvline(2.5, color="grey", lw=0.8)
        edges = [int(edge * one["length"]) for edge in BANDS]
        axes.set_xticks(range(len(BANDS) - 1), [f"{a}-{b}" for a, b in pairwise(edges)])
        after = "no target told any more" if problem.silent else "longer than trained"
        axes.text(2.55, 0.02, f"{after} \u2192", transform=axes.get_xaxis_transform(), fontsize=9)
        axes.set(
            yscale="log",
            title=problem.title,
            xlabel="steps of the stream",
            ylabel="mean squared error",
        )
        axes.set_ylim(bottom=max(1e-7, axes.get_ylim()[0]))
    drawn = [axes for axes in figure.axes if axes.lines]
    for axes in drawn[:1]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)


PART = Part(
    name="ablations",
    title="Section 5: what learning to learn needs of the memory cell",
    cells=_cells,
    text=_text,
    draw=_draw,
)
