"""What was measured of the construction, as text and as one figure."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fixedweight.construction import Stack, rules
from fixedweight.construction.drawing import draw_construction
from fixedweight.parts.judged import markdown
from fixedweight.parts.part import Record
from fixedweight.reproduce.construction.derived import BEGUN, CASES

NAMES = {
    "compiled": "compiled rule, trained",
    "random": "same graph, random weights",
    "lstm": "LSTM of 1997, random weights",
}
COLORS = {"compiled": "C3", "random": "C0", "lstm": "C2"}


def text(records: dict[str, Record]) -> str:
    parts: dict[str, Callable[[Record], str]] = {
        "product": _product,
        "fit": _fit,
        "noise": _noise,
        "growth": _growth,
    }
    found = [_certificates(records)]
    found += [shown(records[name]) for name, shown in parts.items() if name in records]
    found += [
        _derived(family, records) for family in CASES if f"derived {family} compiled" in records
    ]
    return "\n\n".join(part for part in found if part)


def _table(head: list[str], rows: list[list[Any]]) -> str:
    return markdown([head, *rows])


def _certificates(records: dict[str, Record]) -> str:
    rows = []
    one: Record = {}
    for name, one in records.items():
        if name.startswith("certificate"):
            for row in one["rows"]:
                numbers = [row[key] for key in ("units", "weights", "signals")]
                rows.append([one["rule"], row["stage"], f"{row['deviation']:.1e}", *numbers])
    if not rows:
        return ""
    tried = (
        f"{records[next(iter(records))]['tasks']} tasks, {records[next(iter(records))]['steps']}"
    )
    return (
        f"Largest deviation from the reference learner on a 2-3-1 stack, semi-linear functions, "
        f"{tried} steps each, in double precision:\n\n"
        + _table(["rule", "stage", "deviation", "units", "weights", "stored signals"], rows)
    )


def _product(record: Record) -> str:
    rows = []
    for name, order in (("wide", 2), ("sharp", 4)):
        found = record[name]
        best = int(np.argmin(found["deviation"]))
        rows.append(
            [name, order, f"{found['slope']:.3f}", f"{found['deviation'][best]:.1e}",
             f"{record['reach'][best]:.2g}"]
        )  # fmt: skip
    return (
        "Stage 4's deviation by the reach r of its four logistic units a product "
        "(wide: b0 = 1.317; sharp: b0 = 2.292):\n\n"
        + _table(["b0", "order predicted", "slope measured", "least deviation", "at r"], rows)
    )


def _fit(record: Record) -> str:
    rows = [
        [n, f"{error:.1e}", f"{deviation:.1e}", units]
        for n, error, deviation, units in zip(
            *(record[key] for key in ("neurons", "error", "deviation", "units")), strict=True
        )
    ]
    return (
        "Stage 2 with the rule fitted by tanh neurons, over [-2, 2] of each signal:\n\n"
        + _table(["neurons a function", "error of the fit", "deviation, 64 steps", "units"], rows)
    )


def _noise(record: Record) -> str:
    def level(value: float | None) -> str:
        return "outside the levels" if value is None else f"{100 * value:.2g} %"

    rows = [
        [stage, f"{one['clean']:.4f}", *[level(one["tolerance"][g]) for g in ("loops", "weights")]]
        for stage, one in record["stages"].items()
    ]
    lengths = zip(*record["by_length"].values(), strict=True)
    steps = ", ".join(f"{level(tolerance)} over {n} steps" for n, tolerance in lengths)
    return (
        "Relative noise on the weights at which the error over 64 steps is 10 % higher (Younger, "
        "Conwell and Cotter: 0.5 % in the storage loop):\n\n"
        + _table(["stage", "error without", "storage loops", "all other weights"], rows)
        + f"\n\nStorage loops of stage 3, by the length of the task: {steps}."
    )


def _growth(record: Record) -> str:
    rows = [
        [name, stage, *[f"{one[stage][what][-1]}" for what in ("units", "weights")],
         *[f"{one[stage][f'{what} exponent']:.2f}" for what in ("units", "weights")]]
        for name, one in record["cases"].items() for stage in ("3", "4")
    ]  # fmt: skip
    most = {name: one["synapses"][-1] for name, one in record["cases"].items()}
    return (
        "Growth with the number of synapses (the paper: proportional), exponent between the two "
        f"largest; counts at {', '.join(f'{n} ({name})' for name, n in most.items())}:\n\n"
        + _table(["rule and stack", "stage", "units", "weights", "units ~", "weights ~"], rows)
    )


def _derived(family: str, records: dict[str, Record]) -> str:
    compiled = records[f"derived {family} compiled"]
    rule, oracle = np.mean(compiled["rule"]), np.mean(compiled["oracle"])
    rows = [["the rule, by hand", "", f"{rule:.5f}", f"{rule / oracle:.2f}"]]
    for begun in BEGUN:
        if f"derived {family} {begun}" in records:
            one = records[f"derived {family} {begun}"]
            mse = np.median(one["mse"])
            spread = f"{mse:.5f} ({min(one['mse']):.5f} to {max(one['mse']):.5f})"
            rows.append([NAMES[begun], one["weights"], spread, f"{mse / oracle:.2f}"])
    rows.append(["oracle", "", f"{oracle:.5f}", "1"])
    marks = [factor * oracle for factor in (6, 4, 3, 2, 1.5)]
    head = ["updates until the validation error is at most", *[f"{mark:.4f}" for mark in marks]]
    firsts = {
        begun: [_first(one, mark, rule if begun == "compiled" else np.inf) for mark in marks]
        for begun in BEGUN
        if (one := records.get(f"derived {family} {begun}")) is not None
    }
    sooner = [[NAMES[begun], *map(_updates, first)] for begun, first in firsts.items()]
    if "lstm" in firsts:
        pairs = zip(firsts["compiled"], firsts["lstm"], strict=True)
        sooner.append(["LSTM's updates for each of the compiled rule's", *map(_ratio, pairs)])
    case = CASES[family]
    sizes = "-".join(map(str, case.stack.sizes))
    return (
        f"From hand-written to derived: {case.rule.name} on a {sizes} stack, {family} functions, "
        f"{case.family.examples} examples, state reset; medians (and range) of "
        f"{len(compiled['mse'])} seeds:\n\n"
        + _table(["learner", "weights", "mean squared error", "of the oracle's"], rows)
        + "\n\n"
        + _table(head, sooner)
    )


def _first(record: Record, mark: float, begun: float) -> float:
    """Median over seeds of the first update known with a validation error of at most `mark`."""
    if begun <= mark:
        return 0.0
    firsts = []
    for seed in range(len(record["mse"])):
        errors = [(row[0], row[2 + seed]) for row in record["history"]]
        under = [update for update, error in errors if error is not None and error <= mark]
        firsts.append(under[0] if under else np.inf)
    return float(np.median(firsts))


def _updates(first: float) -> str:
    return f"{first:.0f}" if np.isfinite(first) else "not reached"


def _ratio(pair: tuple[float, float]) -> str:
    compiled, lstm = pair
    return f"{lstm / compiled:.1f}" if np.isfinite(pair).all() and compiled else ""


def draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(15, 20)
    halves: Any = figure.subfigures(2, 1, height_ratios=(0.8, 1))
    top, bottom = halves
    top.suptitle("One synapse and the delta rule become a network of fixed weights")
    draw_construction(Stack((1, 1), bias=False), rules.lms(0.1), top)
    axes = bottom.subplots(3, 3)
    topics = (("product", _draw_product), ("noise", _draw_noise), ("growth", _draw_growth))
    for axis, (name, drawn) in zip(axes[0], topics, strict=True):
        if name in records:
            drawn(axis, records[name])
    for column, family in enumerate(CASES):
        if f"derived {family} compiled" in records:
            _draw_derived(axes[1, column], axes[2, column], family, records)
    for axis in axes.flat:
        axis.set_visible(axis.has_data())


def _draw_product(axis: Any, record: Record) -> None:
    for name, order, color in (("wide", 2, "C0"), ("sharp", 4, "C3")):
        found = record[name]
        label = f"{name}: slope {found['slope']:.2f}, predicted {order}"
        axis.loglog(record["reach"], found["deviation"], "o-", ms=3, color=color, label=label)
    axis.set(xlabel="reach r of the sigmoids", ylabel="largest deviation from the reference",
             title="stage 4: products without Π units")  # fmt: skip
    axis.legend(fontsize=8)


def _draw_noise(axis: Any, record: Record) -> None:
    for i, (stage, one) in enumerate(record["stages"].items()):
        for group, style in (("loops", "-"), ("weights", ":")):
            label = f"stage {stage}: {'storage loops' if group == 'loops' else 'rest'}"
            axis.loglog(record["level"], one[group], style, color=f"C{i}", label=label)
    axis.axvline(0.005, color="k", lw=0.8, label="0.5 %")
    axis.set(xlabel="relative noise on the weights", ylabel="mean squared error, 64 steps",
             title="robustness")  # fmt: skip
    axis.legend(fontsize=6)


def _draw_growth(axis: Any, record: Record) -> None:
    for i, (name, one) in enumerate(record["cases"].items()):
        for stage, style in (("3", "-"), ("4", ":")):
            exponent = one[stage]["weights exponent"]
            axis.loglog(one["synapses"], one[stage]["weights"], f"o{style}", ms=3, color=f"C{i}",
                        label=f"{name}, stage {stage}: exponent {exponent:.2f}")  # fmt: skip
    axis.set(xlabel="synapses of the conventional network", ylabel="fixed weights", title="growth")
    axis.legend(fontsize=6, loc="lower right")


def _draw_derived(curves: Any, progress: Any, family: str, records: dict[str, Record]) -> None:
    compiled = records[f"derived {family} compiled"]
    least = 1e-3 * max(compiled["oracle"])
    shown = min(40, len(compiled["rule"]))

    def line(errors: Any, **style: Any) -> None:
        curves.semilogy(np.maximum(errors, least)[:shown], **style)

    line(compiled["rule"], color="C1", label=f"the rule ({CASES[family].rule.name})")
    for begun in BEGUN:
        if (one := records.get(f"derived {family} {begun}")) is not None:
            line(np.median(one["by_example"], axis=0), color=COLORS[begun], label=NAMES[begun])
            _draw_history(progress, one, begun, compiled)
    line(compiled["oracle"], color="k", ls="--", label="oracle")
    progress.axhline(np.mean(compiled["oracle"]), color="k", ls="--", label="oracle")
    curves.set(xlabel="examples of the task seen before", ylabel="mean squared error",
               title=f"{family}: a new task, weights fixed")  # fmt: skip
    top = 3 * max(np.mean(compiled["rule"]), 0.1 * max(compiled["rule"]))
    progress.set(xlabel="updates of the weights + 1", ylabel="error on held-out tasks",
                 xscale="log", yscale="log", title=f"{family}: meta-training",
                 ylim=(0.7 * np.mean(compiled["oracle"]), top))  # fmt: skip
    curves.legend(fontsize=7)
    progress.legend(fontsize=7)


def _draw_history(axis: Any, one: Record, begun: str, compiled: Record) -> None:
    for seed in range(len(one["mse"])):
        points = [(row[0], row[2 + seed]) for row in one["history"] if row[2 + seed] is not None]
        if begun == "compiled":
            points.insert(0, (0, float(np.mean(compiled["rule"]))))
        updates, errors = zip(*points, strict=True)
        axis.plot(np.add(updates, 1), errors, color=COLORS[begun], lw=1,
                  label=None if seed else NAMES[begun])  # fmt: skip
