"""What was measured, as text and figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fixedweight.parts.judged import markdown
from fixedweight.parts.part import Record
from fixedweight.reproduce.evolution.measured import FAMILIES, JUDGED, LENGTH, METHODS, SIZES


def text(records: dict[str, Record]) -> str:
    parts = []
    rules = _rules_by_tasks(records)
    if rules:
        parts += [RULES_TEXT, markdown(_rule_rows(rules)), _best_rules(rules)]
    if len(rules) < len(records):
        parts += [WEIGHTS_TEXT, markdown(_weight_rows(records))]
    sizes = _size_rows(records)
    if len(sizes) > 2:  # more than the names of the columns and one size
        parts += [SIZES_TEXT, markdown(sizes)]
    return "\n\n".join(parts)


RULES_TEXT = (
    "Learning rules by a genetic algorithm (Chalmers 1990): 35 bits, 40 members, crossover 0.8, "
    "mutation 0.01, elitist. He reports, with 20 tasks: fitness 92 % on average, 91.9 % on tasks "
    "never seen, the delta rule (98 %) in 1 run of 10 and variations of it in 3. Ours, median "
    "[lowest, highest] over runs:"
)
WEIGHTS_TEXT = (
    f"Weights of recurrent networks, streams of {LENGTH} examples from a state of zero. One "
    "evaluation is one pass forward over one stream; a gradient's evaluation costs three, its pass "
    f"back included. Each run spends as many forward passes; of {len(METHODS['SOAP'].steps)} sizes "
    "of step for each method the best one on other streams is shown. Mean squared error on "
    f"{JUDGED} streams, median [lowest, highest] over runs from random weights:"
)
SIZES_TEXT = (
    "The same budget for networks of growing size, Boolean: error over that of the best possible "
    "predictor, median over runs."
)


def kind(rule: list[float]) -> str:
    """How near k0 to k10 are to the delta rule, whose terms are -a o and a t in equal parts."""
    terms = rule[0] * np.asarray(rule[1:])
    others = np.abs(np.delete(terms, [7, 8])).max()
    if terms[8] > 0 and terms[8] == -terms[7] and others == 0:
        return "delta rule"
    if min(terms[8], -terms[7]) > others:
        return "a variation of it"
    return "another"


def _rule_rows(rules: dict[int, Record]) -> list[list[str]]:
    kinds = ("delta rule", "a variation of it", "another")
    rows = [["tasks", "fitness", "on unseen tasks", "delta rule there", *kinds]]
    for tasks, record in rules.items():
        found = [kind(rule) for rule in record["rules"]]
        rows.append(
            [
                str(tasks),
                _spread(record["fitness"], 100.0, ".1f"),
                _spread(record["unseen"], 100.0, ".1f"),
                f"{100 * record['delta_rule']:.1f}",
                *(str(found.count(name)) for name in kinds),
            ]
        )
    return rows


def _best_rules(rules: dict[int, Record]) -> str:
    """The rules of the largest environment, the best on unseen tasks first."""
    record = rules[max(rules)]
    order = np.argsort(record["unseen"])[::-1]
    lines = [f"The rules evolved on {max(rules)} tasks, best on unseen tasks first:", ""]
    names = ("w", "a", "o", "t", "wa", "wo", "wt", "ao", "at", "ot")
    for i in order:
        k0, *rest = record["rules"][i]
        terms = [f"{k0 * k:+g} {name}" for k, name in zip(rest, names, strict=True) if k0 * k]
        score = f"{100 * record['unseen'][i]:.1f} %"
        lines.append(f"- {score}: dw = {' '.join(terms) or '0'} ({kind(record['rules'][i])})")
    return "\n".join(lines)


def _weight_rows(records: dict[str, Record]) -> list[list[str]]:
    rows = [
        ["family", "network", "weights", "method", "step", "evaluations", "forward passes",
         "error", "over the floor", "forward passes to 2 x floor"],
    ]  # fmt: skip
    for name, record in records.items():
        family, network, *method = name.split("/")
        if family == "rules":
            continue
        last = record["errors"][-1]
        rows.append(
            [
                family,
                network,
                str(record["weights"]),
                *method,
                f"{record['step']:g}",
                _count(record["evaluations"][-1]),
                _count(record["forward"][-1]),
                _spread(last),
                f"{np.median(last) / record['floor']:.2f} x",
                _reached(record),
            ]
        )
    return rows


def _size_rows(records: dict[str, Record]) -> list[list[str]]:
    rows = [["network", "weights", *METHODS]]
    for network in SIZES:
        found = {m: records.get(f"boolean/{network}/{m}") for m in METHODS}
        known = [record for record in found.values() if record]
        if known:
            ratios = [f"{_ratio(r):.2f} x" if r else "" for r in found.values()]
            rows.append([network, str(known[0]["weights"]), *ratios])
    return rows


def _ratio(record: Record) -> float:
    return float(np.median(record["errors"][-1]) / record["floor"])


def _reached(record: Record) -> str:
    """The first look at which the median error is at most twice the floor."""
    for forward, errors in zip(record["forward"], record["errors"], strict=True):
        if np.median(errors) <= 2 * record["floor"]:
            return _count(forward)
    return "not reached"


def _spread(values: list[float], times: float = 1.0, form: str = ".4f") -> str:
    low, middle, high = (times * float(f(values)) for f in (np.min, np.median, np.max))
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def _count(n: int) -> str:
    return f"{n / 1e6:.2f} M" if n >= 1_000_000 else f"{n / 1e3:.0f} k"


COLORS = dict(zip(METHODS, ("tab:blue", "tab:cyan", "tab:red", "tab:orange"), strict=True))
DASHES = {"LSTM 6+6": "-", "Elman 18": "--"}


def draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(11, 8)
    axes = figure.subplots(2, 2)
    _draw_rules(axes[0, 0], records)
    for ax, family in zip((axes[0, 1], axes[1, 0]), FAMILIES, strict=True):
        _draw_budget(ax, family, records)
    _draw_sizes(axes[1, 1], records)
    for ax in axes.flat:
        if not ax.lines:
            ax.set_axis_off()  # nothing measured
            ax.text(0.5, 0.5, "not measured", ha="center", transform=ax.transAxes)
    lines = [Line2D([], [], color=color, label=method) for method, color in COLORS.items()]
    lines += [
        Line2D([], [], color="gray", ls=dashes, label=network) for network, dashes in DASHES.items()
    ]
    lines.append(Line2D([], [], color="black", lw=1, ls=":", label="best possible"))
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines))


def _log_ticks(ax: Axes, places: list[int]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(places, [str(place) for place in places])
    ax.minorticks_off()


def _rules_by_tasks(records: dict[str, Record]) -> dict[int, Record]:
    found = {int(name[6:]): r for name, r in records.items() if name.startswith("rules/")}
    return dict(sorted(found.items()))


def _draw_rules(ax: Axes, records: dict[str, Record]) -> None:
    rules = _rules_by_tasks(records)
    if not rules:
        return
    tasks = list(rules)
    for label, key, color in (
        ("on the tasks they evolved on", "fitness", "tab:blue"),
        ("on tasks never seen", "unseen", "tab:orange"),
    ):
        runs = [100 * np.asarray(rules[n][key]) for n in tasks]
        ax.plot(tasks, [np.median(run) for run in runs], "o-", color=color, label=label)
        for n, run in zip(tasks, runs, strict=True):
            ax.plot([n] * len(run), run, ".", color=color, alpha=0.35)
    delta = 100 * rules[tasks[-1]]["delta_rule"]
    ax.axhline(delta, color="black", lw=1, ls=":", label="delta rule")
    ax.legend(loc="lower right")
    _log_ticks(ax, tasks)
    ax.set(
        xlabel="tasks in the environment", ylabel="fitness, %",
        title="Evolved learning rules (Chalmers 1990)",
    )  # fmt: skip


def _draw_budget(ax: Axes, family: str, records: dict[str, Record]) -> None:
    """Median error over runs against forward passes, the runs' range shaded."""
    floor = None
    for network, dashes in DASHES.items():
        for method, color in COLORS.items():
            record = records.get(f"{family}/{network}/{method}")
            if record is None:
                continue
            begun = np.asarray(record["forward"]) > 0
            forward = np.asarray(record["forward"])[begun]
            errors, floor = np.asarray(record["errors"])[begun], record["floor"]
            ax.plot(forward, np.median(errors, axis=1), dashes, color=color)
            low, high = errors.min(axis=1), errors.max(axis=1)
            ax.fill_between(forward, low, high, color=color, alpha=0.12, lw=0)
    if floor is not None:
        ax.axhline(floor, color="black", lw=1, ls=":")
        ax.set(xscale="log", ylim=(0, None))
    ax.set(
        xlabel="forward passes over one stream", ylabel="mean squared error",
        title=f"Weights, {family}",
    )  # fmt: skip


def _draw_sizes(ax: Axes, records: dict[str, Record]) -> None:
    measured = []
    for method, color in COLORS.items():
        found = [records.get(f"boolean/{network}/{method}") for network in SIZES]
        known = [record for record in found if record]
        measured += known
        if known:
            ax.plot(
                [r["weights"] for r in known], [_ratio(r) for r in known], "o-", color=color
            )  # fmt: skip
            for r in known:
                runs = np.asarray(r["errors"][-1]) / r["floor"]
                ax.plot([r["weights"]] * len(runs), runs, ".", color=color, alpha=0.35)
    if measured:
        ax.axhline(1.0, color="black", lw=1, ls=":")
        _log_ticks(ax, sorted({r["weights"] for r in measured}))
        ax.set_ylim(0, None)
    ax.set(
        xlabel="weights", ylabel="error over the best possible",
        title="Size at one budget, boolean, LSTM",
    )  # fmt: skip
