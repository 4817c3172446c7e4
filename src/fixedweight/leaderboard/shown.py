"""The leaderboard as text and figures, and against an earlier one."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fixedweight.parts import Record, markdown, spread

PUBLISHED = {
    ("linear-20", 20): 0.02,
    ("linear-20", 40): 0.0006,
}
"""(family, examples) -> squared error over the number of inputs, arXiv:2208.01066, figure 2: a
Transformer of 9.5 M weights."""

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
                record["weights"],
                record["state"],
                f"{record['microseconds']:.0f}",
                f"{record['derive_seconds']:.0f} s",
                spread([_value(seed["mse"]) for seed in seeds]),
                spread(ratios) if (ratios := _ratios(record)) else "-",
                spread([seed["first"] for seed in seeds]),
                spread([_value(seed["after"]["30"]) for seed in seeds]),
                spread([seed["examples_to_learn"] for seed in seeds]),
                spread([seed["to_one_percent"] for seed in seeds]),
                spread([_value(seed["long"] and seed["long"]["rest"]) for seed in seeds]),
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
    """Families by networks: error over the oracle's where there is one, else over the variance of
    the targets (in brackets); medians over seeds."""
    networks = list(dict.fromkeys(name for records in found.values() for name in records))
    rows = [["family", *networks]]
    for family, records in found.items():
        row = [family]
        for name in networks:
            record = records.get(name)
            if record is None:
                row.append("")
            elif ratios := _ratios(record):
                row.append(f"{median(ratios):.3g}")
            else:
                error = _figures(record)["mse"]
                row.append("-" if error is None else f"({error / record['variance']:.3g})")
        rows.append(row)
    lines = [markdown(rows)]
    for (family, examples), published in PUBLISHED.items():
        for name, record in found.get(family, {}).items():
            inputs = record["network"]["input_size"] - record["network"]["target_size"]
            errors = [seed["by_example"][examples] / inputs for seed in record["seeds"]]
            lines.append(
                f"- {family}, {name}: error / inputs after {examples} examples {spread(errors)}; "
                f"published {published:g} (arXiv:2208.01066), with {record['weights']} weights "
                "against 9.5 M."
            )
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if len(lines) > 1 else "")


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
    figure.set_size_inches(7, 4.5)
    axes = figure.subplots()
    oracle = next(iter(records.values()))["oracle"]
    for name, record in records.items():
        curves = [seed["by_example"] for seed in record["seeds"]]
        axes.plot(np.nanmedian(np.array(curves, dtype=float), axis=0), label=name)
    if oracle:
        axes.plot(np.array(oracle["by_example"], dtype=float), color="k", ls="--", label="oracle")
    variance = next(iter(records.values()))["variance"]
    axes.set(xlabel="examples seen", ylabel="squared error", yscale="log")
    axes.set_ylim(bottom=1e-6 * variance)
    axes.legend(fontsize=7)


def _figures(record: Record) -> dict[str, float | None]:
    def middle(values: Sequence[float | int | None]) -> float | None:
        known = [float("inf") if value is None else value for value in values]
        found = median(known)
        return None if found == float("inf") else found

    seeds = record["seeds"]
    return {
        "ratio": middle(_ratios(record)) if _ratios(record) else None,
        "mse": middle([_value(seed["mse"]) for seed in seeds]),
        "examples_to_learn": middle([seed["examples_to_learn"] for seed in seeds]),
        "weights": record["weights"],
        "state": record["state"],
    }


def _ratios(record: Record) -> list[float]:
    return [seed["ratio"]["value"] for seed in record["seeds"] if seed["ratio"]]


def _value(estimate: Record | None) -> float | None:
    return None if estimate is None else estimate["value"]


def _number(value: float | int | None, without: str = "-") -> str:
    return without if value is None else f"{value:.3g}"
