"""Section 5: how do the derived learners work? Three claims of the paper, each held to controls."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fixedweight.families import Boolean, Quadratic, Semilinear
from fixedweight.networks import LSTM1997
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.probing import (
    Recording,
    countdown,
    decode,
    record,
    regress,
    shuffled,
    untrained,
)
from fixedweight.training import Schedule, Stage

SMALLEST = 0.1
"""A signal that falls by less, of a gate's range of 1, is not counted as one that falls as 1/n."""
SEEDS = 3

LEARNERS: dict[str, tuple[Boolean | Semilinear | Quadratic, LSTM1997, Schedule]] = {
    "boolean": (
        Boolean(),
        LSTM1997(),
        Schedule((Stage(20, 128, 600), Stage(64, 64, 1200), Stage(256, 32, 400)), 0.1),
    ),
    "semilinear": (
        Semilinear(),
        LSTM1997(),
        Schedule((Stage(20, 128, 600), Stage(64, 128, 6000)), 0.1),
    ),
    "quadratic": (
        Quadratic(),
        LSTM1997(blocks=12, second=40),
        Schedule((Stage(20, 128, 1000), Stage(60, 128, 4000))),
    ),
}


def _cells(quick: bool) -> dict[str, Cell]:
    return {name: partial(_measure, name, quick) for name in LEARNERS}


def _measure(name: str, quick: bool, work: Work) -> Record:
    family, network, schedule = LEARNERS[name]
    seeds, streams = SEEDS, 1500
    if quick:
        seeds, streams = 2, 300
        family = replace(family, length=20)
        network = replace(network, second=min(network.second, 6))
        schedule = Schedule(schedule.stages[:1], schedule.learning_rate).scaled(0.3)
    learners = work.derive_seeds(family, network, schedule=schedule, seeds=seeds)
    probe = _decoded if name == "boolean" else _regressed
    records = []
    for i, learner in enumerate(learners):
        work.say(f"probing learner {i + 1} of {len(learners)}")
        seen = record(learner, family, streams=streams)
        control = record(untrained(learner, seed=i), family, streams=streams)
        states = {"trained": seen, "untrained": control, "shuffled": shuffled(seen)}
        records.append(
            {"validation": learner.card["derivation"]["validation_error"]}
            | {kind: probe(one) for kind, one in states.items()}
            | {
                f"falling {kind}": _fallen(one, network, gates)
                for kind, one, gates in (
                    ("trained", seen, False),
                    ("untrained", control, False),
                    ("trained, input gates", seen, True),
                )
            }
        )
    return {"family": family.describe(), "schedule": schedule.plain(),
            "learners": records}  # fmt: skip


def _decoded(seen: Recording) -> Record:
    found, rows = decode(seen), seen.after(None)
    same = (rows.tasks[:, None] == found.tasks).all(axis=-1)
    return {
        "accuracy": _plain(found.accuracy),
        "needed": found.needed,
        "units": found.units[found.best - 1],
        "distinct": found.distinct,
        "linear": found.linear,
        "codes": found.codes.tolist(),
        "tasks": found.tasks.astype(int).tolist(),
        "cells": _plain([rows.values[mask].mean(axis=0) for mask in same.T]),
    }


def _regressed(seen: Recording) -> Record:
    found = regress(seen)
    return {
        "examples": found.examples,
        "r2": _plain(found.r2),
        "explained": found.explained,
        **found.dimension._asdict(),
    }


def _fallen(seen: Recording, network: LSTM1997, input_gates: bool) -> Record | None:
    """The best fit of level + height / n among the signals that fall by enough to matter."""
    for one in countdown(seen):
        name = _named(one.signal, network)
        if abs(one.height) >= SMALLEST and (name.startswith("input gate") or not input_gates):
            return {**vars(one), "signal": name, "mean": _plain(one.mean)}
    return None


def _named(signal: str, network: LSTM1997) -> str:
    name, unit = signal[:-1].split("[")
    if name == "gates":
        number = int(unit)
        side = "input" if number < network.blocks else "output"
        return f"{side} gate {number % network.blocks}"
    kind = {"cells": "cell", "cell_outputs": "output of cell", "hidden": "standard unit",
            "second": "second-layer unit"}[name]  # fmt: skip
    return f"{kind} {unit}"


def _plain(values: Any) -> Any:
    return np.asarray(values, dtype=float).round(5).tolist()


# Text.


def _text(records: dict[str, Record]) -> str:
    parts = [
        "States of the network after each example, in streams of tasks it has never seen (reset "
        "regime). Probes are fitted to half of the streams and judged on the other half. Controls: "
        "`untrained`, the same network with initial weights; `shuffled`, each state beside the "
        "task of another stream.",
        *(_SHOWN[name](records[name]["learners"]) for name in _SHOWN if name in records),
    ]
    if any(name in records for name in LEARNERS):
        parts.append(_falling_text(records))
    return "\n\n".join(parts)


def _boolean_text(learners: list[Record]) -> str:
    rows = ["| learner | states | best 1, 2, 3, 4 cells | cells for 95 % | different codes of 16 | "
            "all cells, linear | in a code of that size |", "| --- " * 7 + "|"]  # fmt: skip
    for i, one in enumerate(learners):
        for kind in ("trained", "untrained", "shuffled"):
            r = one[kind]
            shares = ", ".join(f"{share:.1%}" for share in r["accuracy"][:4])
            meaning = "; ".join(_meanings(r)) if r["needed"] else ""
            rows.append(f"| {i} | {kind} | {shares} | {r['needed'] or 'never'} | {r['distinct']} | "
                        f"{r['linear']:.1%} | {meaning} |")  # fmt: skip
    four = sum(
        one["trained"]["needed"] == 4 and one["trained"]["distinct"] == 16 for one in learners
    )
    return "\n".join([
        "### Boolean: \"the sixteen possible functions by a four-neuron binary encoding scheme\"",
        "",
        f"In {four} of {len(learners)} learners four cells, each above or below one threshold, "
        "name the function, one code a function. Chance is 1/16.",
        "",
        *rows,
    ])  # fmt: skip


def _meanings(r: Record) -> list[str]:
    """What each cell of the code says of the truth table, where it is one entry of it."""
    tasks, codes = np.array(r["tasks"]), np.array(r["codes"])
    said = []
    for unit, bits in zip(r["units"], codes.T, strict=True):
        equal = (tasks == bits[:, None]).mean(axis=0)
        entry = int(np.argmax(np.abs(equal - 0.5)))
        if equal[entry] in (0.0, 1.0):
            point = f"({entry & 1},{entry >> 1})"
            said.append(f"{unit} is {'f' if equal[entry] else 'not f'}{point}")
        else:
            said.append(f"{unit} is no single entry")
    return said


def _r2_table(learners: list[Record], names: list[str]) -> list[str]:
    rows = ["| learner | states | " + " | ".join(f"R2 {name}" for name in names)
            + " | participation ratio | components for 95, 99 % | explained by the task |",
            "| --- " * (5 + len(names)) + "|"]  # fmt: skip
    for i, one in enumerate(learners):
        for kind in ("trained", "untrained", "shuffled"):
            r = one[kind]
            r2 = " | ".join(f"{value:.3f}" for value in r["r2"][-1])
            rows.append(f"| {i} | {kind} | {r2} | {r['participation']:.1f} | {r['components95']}, "
                        f"{r['components99']} | {r['explained']:.3f} |")  # fmt: skip
    return rows


def _semilinear_text(learners: list[Record]) -> str:
    return "\n".join([
        "### Semi-linear: \"stored three continuous values in the memory cells\"",
        "",
        "Held-out R2 of w1, w2, w3 from the six cells by linear regression, at the last step; the "
        "dimension of the cells across tasks (each scaled to a variance of 1); and the share of "
        "the cells' variance that a cubic of the three weights explains: 1 where they hold these "
        "three values and nothing else. The bias w3 is the mean target, nearly: any network that "
        "adds up its inputs has it, an untrained one too.",
        "",
        *_r2_table(learners, ["w1", "w2", "w3"]),
    ])  # fmt: skip


def _quadratic_text(learners: list[Record]) -> str:
    return "\n".join([
        "### Quadratic: \"also generated continuous values in its memory cells\"",
        "",
        "The same for the six coefficients (after scaling to [0.2, 0.8]) and the twelve cells.",
        "",
        *_r2_table(learners, ["x1^2", "x1 x2", "x2^2", "x1", "x2", "1"]
                   if len(learners[0]["trained"]["r2"][0]) == 6 else []),
    ])  # fmt: skip


def _falling_text(records: dict[str, Record]) -> str:
    rows = ["| family | learner | states | signal | level + height / n | R2 | "
            "R2 of the best exponential | best power | share |", "| --- " * 9 + "|"]  # fmt: skip
    for name in LEARNERS:
        for i, one in enumerate(records.get(name, {}).get("learners", ())):
            for kind in ("trained", "trained, input gates", "untrained"):
                r = one[f"falling {kind}"]
                shown = (
                    f"{r['signal']} | {r['level']:.2f} {r['height']:+.2f} / n | {r['r2']:.4f} | "
                    f"{r['r2_exponential']:.4f} | {r['power']:.1f} | {r['share']:.2f}"
                    if r
                    else "none falls so far | | | | |"
                )
                rows.append(f"| {name} | {i} | {kind} | {shown} |")
    return "\n".join([
        "### \"Approximately inversely proportional to the cycle step number\"",
        "",
        "Of all units, gates among them, the one whose mean over tasks at step n is closest to "
        f"level + height / n with a height of at least {SMALLEST}; R2 of other tasks at other "
        "steps than it was fitted to, octaves of n weighing the same. `share`: of the unit's whole "
        "variance over tasks and steps. `input gates`: the best of these alone, since one of them "
        "could give early errors their greater influence. Every network settles from its first "
        "state, so some unit always falls: what counts is an R2 close to 1 and above the "
        "exponential's, and a power of 1.",
        "",
        *rows,
    ])  # fmt: skip


_SHOWN = {"boolean": _boolean_text, "semilinear": _semilinear_text, "quadratic": _quadratic_text}


# Figure.


def _draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(13, 9.5)
    (codes, weights), (falling, coefficients) = figure.subplots(2, 2)
    for axes, name, draw in (
        (codes, "boolean", _draw_codes),
        (weights, "semilinear", partial(_draw_r2, names=["w1", "w2", "w3 (bias)"])),
        (falling, "quadratic", _draw_falling),
        (coefficients, "quadratic", partial(_draw_r2, names=[
            "$x_1^2$", "$x_1 x_2$", "$x_2^2$", "$x_1$", "$x_2$", "1"])),
    ):  # fmt: skip
        if name in records:
            draw(axes, records[name]["learners"])
        else:
            axes.set_axis_off()


NAMED = {"0000": "never", "1111": "always", "0001": "and", "0111": "or", "0110": "xor",
         "1001": "not xor", "1110": "nand", "1000": "nor", "0101": "x1", "0011": "x2",
         "1010": "not x1", "1100": "not x2"}  # fmt: skip


def _draw_codes(axes: Axes, learners: list[Record]) -> None:
    r = learners[0]["trained"]
    cells = np.array(r["cells"])
    middle = (cells.max(axis=0) + cells.min(axis=0)) / 2
    reach = np.maximum((cells.max(axis=0) - cells.min(axis=0)) / 2, 1e-9)
    axes.imshow((cells - middle) / reach, cmap="coolwarm", aspect="auto", vmin=-1.3, vmax=1.3)
    for row, column in np.ndindex(*cells.shape):
        axes.text(column, row, f"{cells[row, column]:.0f}", ha="center", va="center", fontsize=8)
    tables = ["".join(map(str, task)) for task in r["tasks"]]
    axes.set_yticks(range(len(tables)), [f"{NAMED.get(t, '')}  {t}" for t in tables], fontsize=8)
    in_code = {int(unit[6:-1]) for unit in r["units"]} if r["needed"] else set()
    axes.set_xticks(range(cells.shape[1]), [
        f"cell {i}" + ("\nin the code" if i in in_code else "") for i in range(cells.shape[1])
    ])  # fmt: skip
    for tick, column in zip(axes.get_xticklabels(), range(cells.shape[1]), strict=True):
        tick.set_fontweight("bold" if column in in_code else "normal")
    best = r["accuracy"][(r["needed"] or len(r["accuracy"])) - 1]
    axes.set(
        title=f"Boolean: mean cell state by function; {r['needed'] or len(r['accuracy'])} cells "
        f"name {best:.1%} of new tasks\n(colour: from the cell's lowest to its highest)",
        ylabel="f(0,0) f(1,0) f(0,1) f(1,1)",
    )


def _draw_r2(axes: Axes, learners: list[Record], names: list[str]) -> None:
    steps = np.array(learners[0]["trained"]["examples"]) + 1
    for kind, style in (("trained", "-o"), ("untrained", "--"), ("shuffled", ":")):
        r2 = np.array([one[kind]["r2"] for one in learners])
        for i, name in enumerate(names):
            axes.plot(
                steps, np.clip(np.median(r2[..., i], axis=0), -0.05, 1), style, color=f"C{i}",
                ms=4, lw=2 if kind == "trained" else 1, label=name if kind == "trained" else None,
            )  # fmt: skip
            if kind == "trained":
                low, high = np.clip(r2[..., i].min(axis=0), -0.05, 1), r2[..., i].max(axis=0)
                axes.fill_between(steps, low, high, color=f"C{i}", alpha=0.15)
    axes.plot([], [], "k--", lw=1, label="untrained network")
    axes.plot([], [], "k:", lw=1, label="tasks shuffled")
    what = "Semi-linear: the weights" if len(names) == 3 else "Quadratic: the coefficients"
    axes.set_xscale("log", base=2)
    ticks = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= steps[-1] + 8]
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.set(
        title=f"{what} in the memory cells\n(linear map; median and range of "
        f"{len(learners)} learners)",
        xlabel="step n",
        ylabel="held-out R2",
        ylim=(-0.08, 1.03),
    )
    axes.legend(fontsize=8, loc="center right")


def _draw_falling(axes: Axes, learners: list[Record]) -> None:
    for i, one in enumerate(learners):
        for kind, point, alpha in (("trained", "o-", 1.0), ("untrained", "x:", 0.5)):
            if (r := one[f"falling {kind}"]) is None:
                continue
            n = np.arange(1, len(r["mean"]) + 1)
            scaled = (np.array(r["mean"]) - r["level"]) / r["height"]
            label = (f"{kind} {i}, {r['signal']}: {r['level']:.2f} {r['height']:+.2f} / n, "
                     f"R2 {r['r2']:.3f}")  # fmt: skip
            axes.plot(n, scaled, point, color=f"C{i}", ms=4, lw=0.8, alpha=alpha, label=label)
    n = np.arange(1, 65)
    axes.plot(n, 1 / n, "k-", lw=2.5, alpha=0.6, label="1 / n")
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
    axes.set(
        title="Quadratic: each learner's signal nearest to level + height / n\n"
        "(mean over new tasks, level taken off and divided by height)",
        xlabel="step n",
        ylabel="(signal - level) / height",
        ylim=(-0.45, 1.4),
    )
    axes.legend(fontsize=8, loc="upper right")


PART = Part(
    name="probing",
    title="Section 5: what the learners hold in their memory cells",
    cells=_cells,
    text=_text,
    draw=_draw,
)
