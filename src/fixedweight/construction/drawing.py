"""What became what, drawn: the paper's Figure 1 for any small stack."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from fixedweight.construction.compile import compile_rule
from fixedweight.construction.compiled import CompiledNetwork
from fixedweight.construction.diagram import names
from fixedweight.construction.product import SigmoidProduct
from fixedweight.construction.rules import Rule
from fixedweight.construction.stack import Stack

LOOKS = {
    "loop": ("Σ", "#f4b183"),
    "linear": ("Σ", "#ffffff"),
    "output": ("Σ", "#cfe2f3"),
    "pi": ("Π", "#b6d7a8"),
    "synapse": ("", "#000000"),
    "logistic": ("∫", "#ffffff"),
    "tanh": ("∫", "#ffffff"),
    "reciprocal": ("1/", "#ead1dc"),
    "delay": ("D", "#eeeeee"),
}
"""Kind -> (what stands in the circle, its colour)."""
RULE = "#666666"


def draw_construction(
    stack: Stack, rule: Rule, figure: FigureBase, product: SigmoidProduct | None = None
) -> None:
    """Figure 1 of the paper, clockwise from the upper left: the conventional network and its rule;
    the rule replaced by a recurrent network; the synapse by a Pi unit; the Pi units by neurons."""
    axes = figure.subplots(2, 2)
    conventional(stack, rule, axes[0, 0])
    titles = {
        2: "2  the rule replaced by a recurrent network",
        3: "3  the synapse replaced by a Π unit, in time",
        4: "4  Π units replaced by standard neurons",
    }
    corners = (axes[0, 1], axes[1, 1], axes[1, 0])
    for (stage, title), axis in zip(titles.items(), corners, strict=True):
        network = compile_rule(stack, rule, stage, product=product)
        draw_network(network, axis)
        counts = network.graph.counts()
        axis.set_title(f"{title}\n{counts['units']} units, {counts['weights']} weights", fontsize=9)


def conventional(stack: Stack, rule: Rule, axis: Any) -> None:
    """Stage 1: layers of units, and the rule as a box that sets their weights."""
    most = max(stack.sizes)
    places = [
        [(2.0 * layer, (most - 1) / 2 - (size - 1) / 2 + i) for i in range(size)]
        for layer, size in enumerate(stack.sizes)
    ]
    for below, above in pairwise(places):
        for one in below:
            for other in above:
                _arrow(axis, one, other, size=0.16)
    for layer, row in enumerate(places):
        for i, place in enumerate(row):
            if layer:
                _unit(axis, place, "output" if layer == len(places) - 1 else "tanh", 0.16)
            else:
                axis.text(*place, f"x{i + 1}", ha="center", va="center", fontsize=9)
    end = places[-1][-1]
    _arrow(axis, end, (end[0] + 0.8, end[1]), size=0.16)
    axis.text(end[0] + 0.9, end[1], "y", va="center", fontsize=9)
    width, low = end[0], -1.45
    axis.add_patch(
        FancyBboxPatch((0.3, low), width - 0.6, 0.5, boxstyle="round,pad=0.05", fc="#fff2cc")
    )
    axis.text(width / 2, low + 0.25, f"new w = f(x, y, δ, w): {rule.name}", ha="center",
              va="center", fontsize=8)  # fmt: skip
    middle = (width / 2, (most - 1) / 2)
    _arrow(axis, (width / 2, low + 0.55), middle, size=0.0, color="#c00000", style="->")
    axis.text(width / 2 + 0.08, -0.4, "new w", fontsize=8, color="#c00000")
    _arrow(axis, (0.0, places[0][0][1] - 0.15), (0.35, low + 0.55), size=0.0, color=RULE)
    _arrow(axis, (end[0] - 0.05, end[1] - 0.15), (width - 0.35, low + 0.55), size=0.0, color=RULE)
    axis.text(end[0] + 0.9, low + 0.25, "y*", va="center", fontsize=9)
    _arrow(axis, (end[0] + 0.85, low + 0.25), (width - 0.2, low + 0.25), size=0.0, color=RULE)
    axis.set(xlim=(-0.5, end[0] + 1.4), ylim=(low - 0.3, most - 0.2), aspect="equal")
    axis.axis("off")
    axis.set_title(
        f"1  the conventional network and its rule\n{sum(stack.sizes[1:])} unit(s), "
        f"{stack.synapses} weight(s)",
        fontsize=9,
    )


def draw_network(network: CompiledNetwork, axis: Any) -> None:
    """Units from left to right in the order they work; a loop stands where it is set. What goes to
    the next step is dashed."""
    graph, name = network.graph, names(network.graph)
    places = _places(network)
    size = 0.25 if len(graph.units) <= 15 else 0.16
    delayed = 1 + graph.inputs
    at = {graph.first_stored + k: loop.unit for k, loop in enumerate(graph.loops)}
    for d, signal in enumerate(graph.delays):
        _arrow(axis, places[signal], places[delayed + d], size, color=RULE, dashed=True)
    for i, (kind, connections) in enumerate(graph.units):
        end = graph.first_unit + i
        for source, weight in connections:
            if source == 0:  # biases are not drawn
                continue
            start = at.get(source, source)
            if start == end:
                _self_loop(axis, places[end], size, weight)
            else:
                late = source in at
                text = "" if weight == 1.0 or len(graph.units) > 8 else f"{weight:.3g}"
                _arrow(axis, places[start], places[end], size, RULE if late else "k", late, text)
        _unit(axis, places[end], kind, size)
    for signal in range(1, delayed + len(graph.delays)):
        if signal >= delayed:
            _unit(axis, places[signal], "delay", size)
        else:
            axis.text(*places[signal], name[signal], ha="center", va="center", fontsize=9)
    for signal in [*[loop.unit for loop in graph.loops], *graph.outputs]:
        x, y = places[signal]
        label = name[signal].partition("[")[0] if len(graph.loops) == 1 else name[signal]
        axis.text(x + 0.9 * size, y - 0.9 * size, label, fontsize=8, ha="left", va="top")
    xs, ys = np.array([*places.values()]).T
    axis.set(xlim=(xs.min() - 0.4, xs.max() + 0.6), ylim=(ys.min() - 0.8, ys.max() + 0.7))
    axis.set_aspect("equal")
    axis.axis("off")


def _places(network: CompiledNetwork) -> dict[int, tuple[float, float]]:
    """Where every signal that is drawn stands: the network above, what learns below; by depth, and
    near to what it receives from."""
    graph, depths = network.graph, network.graph.depths()
    delays = range(1 + graph.inputs, graph.first_stored)
    at = {graph.first_stored + k: loop.unit for k, loop in enumerate(graph.loops)}
    learning = _needed(network, [loop.unit for loop in graph.loops])
    if network.told == "now":
        learning -= _needed(network, graph.outputs)
    columns: dict[tuple[bool, float], list[int]] = {}
    units = range(graph.first_unit, graph.first_unit + len(graph.units))
    for signal in (*range(1, graph.first_stored), *units):
        below = signal in learning or signal in delays
        if signal < 1 + graph.inputs:
            below = signal > graph.inputs - len(graph.outputs)
        column = depths[signal] + (1 if signal in units and graph.delays else 0)
        column += signal in delays
        columns.setdefault((below, column), []).append(signal)
    tallest = {
        band: max((len(c) for (b, _), c in columns.items() if b == band), default=1)
        for band in (False, True)
    }
    pitch = 1.3 * max(1.0, (tallest[True] + tallest[False]) / 4.5)
    places: dict[int, tuple[float, float]] = {}

    def height(signal: int) -> float:
        sources = graph.unit(signal)[1] if signal in units else ()
        known = [places[at.get(s, s)][1] for s, _ in sources if at.get(s, s) in places]
        return float(np.mean(known)) if known else -float(signal)

    for (below, column), signals in sorted(columns.items(), key=lambda item: item[0][1]):
        middle = -0.5 * tallest[True] - 0.6 if below else 0.5 * tallest[False] + 0.2
        for row, signal in enumerate(sorted(signals, key=height)):
            places[signal] = (pitch * column, middle + row - (len(signals) - 1) / 2)
    return places


def _needed(network: CompiledNetwork, ends: Any) -> set[int]:
    """The units that these need within a step, themselves among them."""
    graph = network.graph
    found, todo = set(ends), list(ends)
    while todo:
        sources = [s for s, _ in graph.unit(todo.pop())[1] if s >= graph.first_unit]
        todo += [s for s in sources if s not in found]
        found.update(sources)
    return found


def _unit(axis: Any, place: tuple[float, float], kind: str, size: float) -> None:
    text, color = LOOKS.get(kind, (kind, "#ffffff"))
    radius = 0.35 * size if kind == "synapse" else size
    axis.add_patch(Circle(place, radius, fc=color, ec="k", lw=0.8, zorder=3))
    axis.text(*place, text, ha="center", va="center", fontsize=36 * min(size, 0.25), zorder=4)


def _self_loop(axis: Any, place: tuple[float, float], size: float, weight: float) -> None:
    x, y = place
    axis.add_patch(
        FancyArrowPatch(
            (x - 0.6 * size, y + 0.8 * size),
            (x + 0.6 * size, y + 0.8 * size),
            connectionstyle="arc3,rad=-1.6",
            arrowstyle="-|>",
            mutation_scale=8,
            lw=1.4,
            color="#c55a11",
        )
    )
    axis.text(x, y + 2.4 * size, f"{weight:.3g}", ha="center", fontsize=8, color="#c55a11")


def _arrow(
    axis: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    size: float,
    color: str = "k",
    dashed: bool = False,
    text: str = "",
    style: str = "-|>",
) -> None:
    """From rim to rim of two circles; backwards and far ones bend."""
    way = np.subtract(end, start)
    length = float(np.hypot(*way)) or 1.0
    a = np.add(start, way * size / length)
    b = np.subtract(end, way * size / length)
    bend = 0.15 if way[0] < 0 else 0.0
    axis.add_patch(
        FancyArrowPatch(
            tuple(a), tuple(b), connectionstyle=f"arc3,rad={bend}", arrowstyle=style,
            mutation_scale=7, lw=0.8, color=color, ls="--" if dashed else "-", zorder=1,
        )
    )  # fmt: skip
    if text:
        axis.text(*(0.6 * np.array(a) + 0.4 * np.array(b)), text, fontsize=7, color=color)
