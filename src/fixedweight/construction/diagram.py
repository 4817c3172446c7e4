"""What became what, as text."""

from fixedweight.construction.compiled import CompiledNetwork
from fixedweight.construction.graph import PRODUCTS, STANDARD, Connections, Graph


def names(graph: Graph) -> list[str]:
    """A short name for every signal: x1, its delayed form x1', y1* (the target), w1[0,0] ..."""
    targets = len(graph.outputs)
    named = ["1", *[f"x{i + 1}" for i in range(graph.inputs - targets)]]
    named += ["y*" if targets == 1 else f"y{j + 1}*" for j in range(targets)]
    delayed = len(named)
    named += ["?"] * len(graph.delays)
    named += [f"{loop.label}'" for loop in graph.loops]
    loops = {loop.unit: loop.label for loop in graph.loops}
    outputs = {signal: j for j, signal in enumerate(graph.outputs)}
    counts: dict[str, int] = {}
    for i, (kind, _) in enumerate(graph.units):
        signal = graph.first_unit + i
        if signal in loops:
            named.append(loops[signal])
        elif signal in outputs:
            named.append("y" if targets == 1 else f"y{outputs[signal] + 1}")
        else:
            counts[kind] = counts.get(kind, 0) + 1
            named.append(f"{kind}{counts[kind]}")
    for d, signal in enumerate(graph.delays):
        named[delayed + d] = f"{named[signal]}'"
    return named


def diagram(network: CompiledNetwork) -> str:
    """The units of a compiled network, each with what it receives, in the order they work.

    A prime marks a signal as the step before left it. x1, x2, ... are the inputs, y* the target,
    w1[0,2] the signal that was the weight of layer 1, unit 0, source 2.
    """
    graph = network.graph
    name = names(graph)
    first_delay = 1 + graph.inputs
    loops = {loop.unit: loop for loop in graph.loops}
    when = "of this step" if network.told == "now" else "of the step before"
    counts = graph.counts()
    lines = [
        f"{counts['units']} units, {counts['weights']} weights, {counts['signals']} stored "
        f"signals; inputs {', '.join(name[1:first_delay])} (the target {when})"
    ]
    for d, signal in enumerate(graph.delays):
        lines.append(_line(name[first_delay + d], "delay", name[signal]))
    for i, (kind, connections) in enumerate(graph.units):
        signal = graph.first_unit + i
        sign = " x " if kind in PRODUCTS else " + "
        inside = sign.join(_weighted(name, connections))
        if kind not in (*PRODUCTS, "linear", "loop"):
            inside = f"{network.output if kind == 'output' else kind}({inside})"
        note = f", starts at {loops[signal].start:.3g}" if signal in loops else ""
        lines.append(_line(name[signal], _kind(kind), inside + note))
    return "\n".join(lines)


def _line(name: str, kind: str, text: str) -> str:
    return f"{name:<12}{kind:<10}{text}"


def _kind(kind: str) -> str:
    return "neuron" if kind in STANDARD else kind


def _weighted(name: list[str], connections: Connections) -> list[str]:
    return [name[s] if w == 1.0 else f"{w:.4g} {name[s]}" for s, w in connections]
