"""What a compiled network is made of: units, the connections between them, and what circulates.

Signals are numbered: 0 is the constant 1, then the network's inputs, the delayed signals and the
stored ones (both as the last step left them), then the units, each after all it receives.
"""

from dataclasses import dataclass
from typing import Any

from fixedweight.errors import NetworkError

STANDARD = ("linear", "tanh", "logistic", "output")
"""Kinds of units that a standard neuron is: f(weighted sum)."""
FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "arctan")
"""Further functions that a rule may use; each is a unit kind of its own."""
PRODUCTS = ("pi", "synapse")
"""The product of two weighted signals: a Pi unit, or a synapse whose weight is a signal."""
KINDS = ("loop", *STANDARD, *PRODUCTS, "reciprocal", *FUNCTIONS)

Connections = tuple[tuple[int, float], ...]
"""(signal, weight), in the order of the signals."""


@dataclass(frozen=True)
class Loop:
    """A storage loop: a linear unit that feeds itself, so that a signal goes on circulating."""

    unit: int
    """The signal of the linear unit."""
    start: float
    """What circulates before the first example."""
    label: str


@dataclass(frozen=True)
class Graph:
    """A network of units, as plain values.

    Raises:
        NetworkError: it does not hang together.
    """

    inputs: int
    delays: tuple[int, ...]
    """Signals that are held for the next step."""
    loops: tuple[Loop, ...]
    """The first connection of a loop's unit comes from what it stored: its self-weight."""
    units: tuple[tuple[str, Connections], ...]
    """(kind, connections)."""
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        first = self.first_unit
        for i, (kind, connections) in enumerate(self.units):
            sources = [source for source, _ in connections]
            late = any(not 0 <= source < first + i for source in sources)
            if kind not in KINDS or late or not sources:
                raise NetworkError(
                    f"Expected units of the kinds {', '.join(KINDS)}, each after all it receives, "
                    f"got {kind!r} from the signals {sources} as signal {first + i}."
                )
            if kind in PRODUCTS and len(sources) != 2:
                raise NetworkError(f"Expected a {kind} unit of 2 signals, got {len(sources)}.")
        ends = (*self.delays, *self.outputs)
        if any(not 0 <= signal < first + len(self.units) for signal in ends):
            raise NetworkError(f"Expected delays and outputs among the signals, got {ends}.")
        for k, loop in enumerate(self.loops):
            kind, connections = self.unit(loop.unit)
            if kind != "loop" or connections[0][0] != self.first_stored + k:
                raise NetworkError(
                    f"Expected unit {loop.unit} to be a loop that feeds itself first, got {kind!r} "
                    f"from {connections[0][0]}."
                )
        if sum(kind == "loop" for kind, _ in self.units) != len(self.loops):
            raise NetworkError("Expected every loop unit among the loops.")

    @property
    def first_stored(self) -> int:
        return 1 + self.inputs + len(self.delays)

    @property
    def first_unit(self) -> int:
        return self.first_stored + len(self.loops)

    def unit(self, signal: int) -> tuple[str, Connections]:
        if not self.first_unit <= signal < self.first_unit + len(self.units):
            raise NetworkError(f"Expected a unit, got signal {signal}.")
        return self.units[signal - self.first_unit]

    def depths(self) -> list[int]:
        """Of every signal: 0 for what a step begins with, else one more than the deepest source."""
        depths = [0] * self.first_unit
        for _, connections in self.units:
            depths.append(1 + max(depths[source] for source, _ in connections))
        return depths

    def counts(self) -> dict[str, int]:
        """Units by kind, `units` in all (delays among them), `weights` and stored `signals`."""
        kinds = [kind for kind, _ in self.units]
        by_kind = {kind: kinds.count(kind) for kind in KINDS if kind in kinds}
        synapses = by_kind.get("synapse", 0)
        return {
            **by_kind,
            "delay": len(self.delays),
            "units": len(kinds) + len(self.delays) - synapses,
            "weights": sum(len(connections) for _, connections in self.units) + len(self.delays),
            "signals": len(self.loops),
        }

    def plain(self) -> dict[str, Any]:
        """Lists and numbers, for JSON; `Graph.of` reads it."""
        return {
            "inputs": self.inputs,
            "delays": list(self.delays),
            "loops": [[loop.unit, loop.start, loop.label] for loop in self.loops],
            "units": [[kind, [list(pair) for pair in pairs]] for kind, pairs in self.units],
            "outputs": list(self.outputs),
        }

    @staticmethod
    def of(plain: dict[str, Any]) -> "Graph":
        """A graph from what `plain` gave.

        Raises:
            NetworkError: it is something else.
        """
        try:
            return Graph(
                inputs=int(plain["inputs"]),
                delays=tuple(map(int, plain["delays"])),
                loops=tuple(Loop(int(u), float(s), str(label)) for u, s, label in plain["loops"]),
                units=tuple(
                    (str(kind), tuple((int(source), float(w)) for source, w in pairs))
                    for kind, pairs in plain["units"]
                ),
                outputs=tuple(map(int, plain["outputs"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, NetworkError):
                raise
            raise NetworkError(
                f"Expected a graph as plain values, got {type(plain).__name__} "
                f"({type(error).__name__}: {error})."
            ) from error
