"""The leaderboard as text and figures, and against an earlier one."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from fixedweight.parts import Record, markdown, spread

PUBLISHED = {
    ("linear-20", 20): 0.02,
    ("linear-20", 40): 0.0006,
    ("sparse-linear-20", 5): 0.58,
    ("sparse-linear-20", 10): 0.09,
    ("decision-tree-20", 100): 0.12,
    ("two-layer-20", 100): 0.17,
}
"""(family, examples) -> squared error over the variance of the targets, of a Transformer of 9.5 M
weights: arXiv:2208.01066, sections 3 and 5."""

TOLERANCES: dict[str, Callable[[float], float]] = {
    "ratio": lambda before: 0.02 * before,
    "mse": lambda before: 0.03 * before,
    "examples_to_learn": lambda before: 1.0,
    "weights": lambda before: 0.0,
    "state": lambda before: 0.0,
}
"""Figure -> how far it may be from before without a word: what medians of five seeds move by."""


def text(records: dict[str, Record]) -> str:
    """One family's table, a row a network; medians over seeds, [lowest, highest]."""
    rows: list[list[Any]] = [
        [
            "network",
            "weights",
            "numbers kept",
            "us an example",
            "derived in",
            "squared error",
            "/ oracle",
            "first 10",
            "after 30",
            "learned in",
            "to 1 %",
            "10 x the length",
        ]
    ]
    for name, record in records.items():
        seeds = record["seeds"]
        rows.append(
            [
                name,
                *("" if record[kept] is None else record[kept] for kept in ("weights", "state")),
                f"{record['microseconds']:.0f}",
                f"{record['derive_seconds']:.0f} s",
                spread([_value(seed["mse"]) for seed in seeds]),
                spread(ratios) if (ratios := _ratios(record)) else "-",
                spread([seed["first"] for seed in seeds]),
                spread([_value(seed["after"]["30"]) for seed in seeds]),
                spread([seed["examples_to_learn"] for seed in seeds]),
                spread([seed["to_one_percent"] for seed in seeds]),
                spread(beyond) if (beyond := _beyond(record)) else "-",
            ]
        )
    first = next(iter(records.values()))
    if oracle := first["oracle"]:
        rows.append(
            [
                f"*oracle ({oracle['kind']})*",
                *[""] * 4,
                _number(_value(oracle["mse"])),
                1,
                _number(oracle["first"]),
                _number(_value(oracle["after"]["30"])),
                *(
                    _number(oracle[mark], "never")
                    for mark in ("examples_to_learn", "to_one_percent")
                ),
                "",
            ]
        )
    for name, mse in first["baselines"].items():
        rows.append([f"*{name}*", *[""] * 4, f"{mse:.3g}", *[""] * 6])
    note = f"\n\nOracle: {oracle['note']}" if oracle else "\n\nNo oracle is known."
    return (
        f"{first['regime']} regime; variance of the targets {first['variance']:.4g}.\n\n"
        f"{markdown(rows)}{note}"
    )


def board(found: Mapping[str, Mapping[str, Record]]) -> str:
    """Families by networks, and by rivals: error over the oracle's where there is one, else over
    the variance of the targets (in brackets); medians over seeds."""
    tables = [_across(found, rivals=False), _across(found, rivals=True)]
    lines = ["\n\n".join(table for table in tables if table)]
    for (family, examples), published in PUBLISHED.items():
        for name, record in found.get(family, {}).items():
            curves = [seed["by_example"] for seed in record["seeds"]]
            if _is_rival(record) or len(curves[0]) <= examples:
                continue
            errors = [
                None if curve[examples] is None else curve[examples] / record["variance"]
                for curve in curves
            ]
            lines.append(
                f"- {family}, {name}: error / variance after {examples} examples {spread(errors)}; "
                f"published {published:g} (arXiv:2208.01066), with {record['weights']} weights "
                "against 9.5 M."
            )
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if len(lines) > 1 else "")


def _across(found: Mapping[str, Mapping[str, Record]], rivals: bool) -> str:
    chosen = {
        family: {name: record for name, record in records.items() if _is_rival(record) == rivals}
        for family, records in found.items()
    }
    names = list(dict.fromkeys(name for records in chosen.values() for name in records))
    rows = [["family", *names]]
    for family, records in chosen.items():
        if records:
            rows.append([family, *(_cell(records.get(name)) for name in names)])
    return markdown(rows) if names else ""


def _cell(record: Record | None) -> str:
    if record is None:
        return ""
    figures = _figures(record)
    if figures["ratio"] is not None:
        return f"{figures['ratio']:.3g}"
    error = figures["mse"]
    return "-" if error is None else f"({error / record['variance']:.3g})"


def _is_rival(record: Record) -> bool:
    return record["network"] is None


def changes(
    before: Mapping[str, Mapping[str, Record]], now: Mapping[str, Mapping[str, Record]]
) -> list[str]:
    """What is further from an earlier leaderboard than `TOLERANCES` allow, a line a figure."""
    lines = []
    for family, records in now.items():
        for name, record in records.items():
            earlier = before.get(family, {}).get(name)
            if earlier is None:
                continue
            if earlier["version"] != record["version"]:
                lines.append(f"{family}, {name}: the family is of another version")
                continue
            old, new = _figures(earlier), _figures(record)
            for figure, allowed in TOLERANCES.items():
                one, other = old[figure], new[figure]
                if one is None or other is None:
                    moved = one is not other
                else:
                    moved = abs(other - one) > allowed(one)
                if moved:
                    lines.append(f"{family}, {name}: {figure} {one} -> {other}")
    return lines


def draw(records: dict[str, Record], figure: Figure) -> None:
    """Error by example, the median network of each kind, and the oracle's."""
    figure.set_size_inches(9, 4.5)
    axes = figure.subplots()
    oracle = next(iter(records.values()))["oracle"]
    # twenty hues for what is measured, which may be as many networks and rivals
    axes.set_prop_cycle(color=[colormaps["tab20"](i) for i in range(20)])
    for name, record in records.items():
        curves = [seed["by_example"] for seed in record["seeds"]]
        axes.plot(np.nanmedian(np.array(curves, dtype=float), axis=0), label=name)
    if oracle:
        axes.plot(np.array(oracle["by_example"], dtype=float), color="k", ls="--", label="oracle")
    variance = next(iter(records.values()))["variance"]
    axes.set(xlabel="examples seen", ylabel="squared error", yscale="log")
    axes.set_ylim(bottom=1e-6 * variance)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _figures(record: Record) -> dict[str, float | None]:
    def middle(values: Sequence[float | int | None]) -> float | None:
        known = [float("inf") if value is None else value for value in values]
        found = median(known)
        return None if found == float("inf") else float(found)

    seeds = record["seeds"]
    return {
        "ratio": middle(_ratios(record)) if _ratios(record) else None,
        "mse": middle([_value(seed["mse"]) for seed in seeds]),
        "examples_to_learn": middle([seed["examples_to_learn"] for seed in seeds]),
        "weights": record["weights"],
        "state": record["state"],
    }


def _beyond(record: Record) -> list[float | None]:
    """Errors beyond the trained length, where the family can be drawn so long."""
    return [_value(seed["long"]["rest"]) for seed in record["seeds"] if seed["long"]]


def _ratios(record: Record) -> list[float | None]:
    """Errors over the oracle's, one a seed, None where an error is not finite; none at all where no
    oracle is known."""
    return [_value(seed["ratio"]) for seed in record["seeds"]] if record["oracle"] else []


def _value(estimate: Record | None) -> float | None:
    return None if estimate is None else estimate["value"]


def _number(value: float | int | None, without: str = "-") -> str:
    return without if value is None else f"{value:.3g}"
