"""Numbers that remember how they were made: arithmetic on them builds units.

A `Form` is a weighted sum of signals. Sums and multiples of forms are forms again and cost nothing:
they end as weights of connections. Products, quotients and functions become units. NumPy does its
arithmetic on arrays of forms as on arrays of numbers, so a rule is traced as it stands.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fixedweight.construction.graph import FUNCTIONS, Connections, Graph, Loop
from fixedweight.errors import NetworkError

Multiply = Callable[["Form", "Form"], "Form"]


class Builder:
    """The units made so far. What is computed twice is one unit."""

    def __init__(self, multiply: Multiply) -> None:
        self.multiply = multiply
        """How a product of two sums is built; a constant factor never comes here."""
        self.nodes: list[tuple[Any, ...]] = []
        """("one" | "input" | "delay" | "stored", index) or (kind, connections)."""
        self.known: dict[tuple[Any, ...], int] = {}
        self.one = self.leaf("one", 0)

    def leaf(self, kind: str, index: int) -> "Form":
        return Form(self, {self._node((kind, index)): 1.0})

    def unit(self, kind: str, connections: Iterable[tuple[int, float]]) -> "Form":
        return Form(self, {self._node((kind, tuple(connections))): 1.0})

    def loop(self, new: "Form", stored: "Form") -> "Form":
        """A unit that takes the value `new`, its own last value first among its connections."""
        (own,) = stored.terms
        rest = [pair for pair in new.connections() if pair[0] != own]
        self.nodes.append(("loop", ((own, new.terms.get(own, 0.0)), *rest)))  # never shared
        return Form(self, {len(self.nodes) - 1: 1.0})

    def form(self, value: Any) -> "Form":
        return value if isinstance(value, Form) else Form(self, {}, float(value))

    def _node(self, key: tuple[Any, ...]) -> int:
        if key not in self.known:
            self.known[key] = len(self.nodes)
            self.nodes.append(key)
        return self.known[key]

    def graph(
        self, inputs: int, held: list["Form"], loops: list[Loop], outputs: list["Form"]
    ) -> Graph:
        """What the outputs and loops need of the units made, numbered as `Graph` has it.

        Args:
            held: by number of the delay, the signal that it delays.
            loops: with nodes as units.
            outputs: each a unit.
        """
        wanted = {*[loop.unit for loop in loops], *[form.signal()[0] for form in outputs]}
        ends = [form.signal()[0] for form in held]
        todo = list(wanted)
        while todo:
            kind, detail = self.nodes[todo.pop()]
            if kind == "delay":
                found = [ends[detail]]
            elif kind in ("one", "input", "stored"):
                continue
            else:
                found = [source for source, _ in detail]
            todo += [node for node in found if node not in wanted]
            wanted.update(found)
        used = [d for d in range(len(held)) if self.known.get(("delay", d)) in wanted]
        number = {self.known[("one", 0)]: 0}
        for node, (kind, index) in enumerate(self.nodes):
            if kind == "input":
                number[node] = 1 + index
            elif kind == "delay" and index in used:
                number[node] = 1 + inputs + used.index(index)
            elif kind == "stored":
                number[node] = 1 + inputs + len(used) + index
        units: list[tuple[str, Connections]] = []
        first = 1 + inputs + len(used) + len(loops)
        for node in sorted(wanted - set(number)):
            kind, connections = self.nodes[node]
            number[node] = first + len(units)
            units.append((kind, tuple((number[s], w) for s, w in connections)))
        return Graph(
            inputs=inputs,
            delays=tuple(number[ends[d]] for d in used),
            loops=tuple(Loop(number[loop.unit], loop.start, loop.label) for loop in loops),
            units=tuple(units),
            outputs=tuple(number[form.signal()[0]] for form in outputs),
        )


class Form:
    """constant + sum of weight * signal."""

    __slots__ = ("builder", "constant", "terms")

    def __init__(self, builder: Builder, terms: dict[int, float], constant: float = 0.0) -> None:
        self.builder, self.constant = builder, constant
        self.terms = {node: weight for node, weight in terms.items() if weight != 0.0}

    def connections(self) -> Connections:
        """Of a unit with this net input; a constant comes from the signal 1."""
        (one,) = self.builder.one.terms
        pairs = dict(self.terms)
        if self.constant or not pairs:
            pairs[one] = pairs.get(one, 0.0) + self.constant
        return tuple(sorted(pairs.items()))

    def signal(self) -> tuple[int, float]:
        """(node, factor) whose product is this value: a linear unit sums where it is a sum."""
        if len(self.terms) == 1 and not self.constant:
            ((node, factor),) = self.terms.items()
            return node, factor
        (node,) = self.builder.unit("linear", self.connections()).terms
        return node, 1.0

    def through(self, kind: str) -> "Form":
        """A unit of the kind with this net input."""
        return self.builder.unit(kind, self.connections())

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Form):
            terms = dict(self.terms)
            for node, weight in other.terms.items():
                terms[node] = terms.get(node, 0.0) + weight
            return Form(self.builder, terms, self.constant + other.constant)
        if not _number(other):
            return NotImplemented
        return Form(self.builder, self.terms, self.constant + float(other))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Form):
            if not other.terms:
                return self * other.constant
            return self.builder.multiply(self, other) if self.terms else other * self.constant
        if not _number(other):
            return NotImplemented
        factor = float(other)
        terms = {node: factor * weight for node, weight in self.terms.items()}
        return Form(self.builder, terms, factor * self.constant)

    def __pow__(self, power: Any) -> Any:
        if not isinstance(power, (int, np.integer)) or power == 0:
            raise NetworkError(f"Expected a whole power other than 0 in a rule, got {power!r}.")
        if power < 0:
            return (self**-power).reciprocal()
        half = self if power == 1 else self ** (power // 2)
        if power == 1:
            return self
        return half * half * self if power % 2 else half * half

    def reciprocal(self) -> "Form":
        if not self.terms:
            return Form(self.builder, {}, 1.0 / self.constant)
        return self.through("reciprocal")

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Form):
            return self * other.reciprocal()
        return self * (1.0 / float(other)) if _number(other) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return self.reciprocal() * other if _number(other) else NotImplemented

    def __neg__(self) -> "Form":
        return self * -1.0

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, Form) or _number(other) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def __bool__(self) -> bool:
        raise NetworkError(
            "Expected a rule of sums, products, quotients and functions, got one that branches on "
            "the value of a signal."
        )

    def _compare(self, other: Any) -> Any:
        bool(self)

    __lt__ = __le__ = __gt__ = __ge__ = _compare


for _kind in (*FUNCTIONS, "tanh"):  # what NumPy calls for the elements of an array of objects
    setattr(Form, _kind, lambda self, kind=_kind: self.through(kind))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))
