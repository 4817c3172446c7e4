"""A compiled network: a graph of units with fixed weights, as a member of the networks."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from fixedweight.construction.graph import PRODUCTS, Graph
from fixedweight.errors import NetworkError
from fixedweight.networks import Network, Params, State
from fixedweight.networks.network import logistic


class Group(NamedTuple):
    """Units of one depth, kind and number of connections: worked out together."""

    kind: str
    sources: np.ndarray
    """[unit, connection] places among the signals so far."""
    weights: slice
    """Of the network's weights, in the order of [unit, connection]."""
    own: tuple[np.ndarray, np.ndarray] | None
    """Of loops: places of the stored signals, and their numbers among the loops."""


class Plan(NamedTuple):
    """A graph put in order for array arithmetic."""

    levels: list[list[Group]]
    place: np.ndarray
    """[signal] where each signal of the graph stands among the values of a step."""
    weights: np.ndarray
    """Compiled weights of all connections but the loops' own."""
    loops: np.ndarray
    """Compiled self-weights of the loops."""


@dataclass(frozen=True, kw_only=True)
class CompiledNetwork(Network):
    """The network of a graph; what learns in it are signals, while its weights stay fixed.

    Its parameters are `weights` (every connection but those of loops to themselves), `loops` (the
    storage loops' self-weights) and `start` (what circulates in them at the beginning). As
    `init_params` gives them they are the compiled ones, so that training begins with the rule.

    Raises:
        NetworkError: a graph that does not hang together or has other inputs or outputs.
    """

    memory: ClassVar[frozenset[str]] = frozenset({"loops"})

    graph: Any
    """A `Graph`, or what its `plain` gave."""
    told: Literal["now", "next"] = "next"
    """Whether the supplementary input is the target of this step (stage 2, as in the paper's
    figure, which leaves timing out) or of the one before, as everywhere else."""
    spread: float = 0.0
    """Standard deviation of what `init_params` adds to each parameter."""
    compiled: bool = True
    """Whether `init_params` begins from the compiled parameters or from random ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.graph, Graph):
            object.__setattr__(self, "graph", Graph.of(self.graph))
        if self.told not in ("now", "next") or not 0 <= self.spread < float("inf"):
            raise NetworkError(
                "Expected told 'now' or 'next' and a spread of 0 or more, got "
                f"told={self.told!r}, spread={self.spread}."
            )
        sizes = (self.graph.inputs, len(self.graph.outputs))
        if sizes != (self.input_size, self.target_size):
            raise NetworkError(
                f"Expected input_size={sizes[0]} (inputs and the previous target) and "
                f"target_size={sizes[1]}, as compiled, got {self.input_size} and "
                f"{self.target_size}. Compile a stack of the sizes that the family has."
            )

    def fitted(
        self, *, input_size: int, target_size: int, output: str, delay: int, flagged: bool
    ) -> "CompiledNetwork":
        """Itself, if the sizes are those it was compiled for. The output units stay those of the
        stack, since the rule was compiled for them."""
        if self.told == "now":
            raise NetworkError(
                "Expected a network that is told a target with the next inputs, got one of stage "
                "2, which is told it with its own. Compile stage 3."
            )
        return replace(self, input_size=input_size, target_size=target_size)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "graph": self.graph.plain()}

    def init_params(self, rng: np.random.Generator) -> Params:
        """The compiled parameters plus `spread` times normal noise; or, with `compiled=False`, all
        of them uniform in [-1, 1] / sqrt(connections of the unit)."""
        plan = self.plan
        start = np.array([loop.start for loop in self.graph.loops])
        params = {"weights": plan.weights, "loops": plan.loops, "start": start}
        if not self.compiled:
            most = {name: np.ones(len(value)) for name, value in params.items()}
            for group in (group for level in plan.levels for group in level):
                most["weights"][group.weights] = group.sources.shape[1] ** -0.5
            params = {name: rng.uniform(-size, size) for name, size in most.items()}
        return {
            name: value + self.spread * rng.normal(size=value.shape)
            for name, value in params.items()
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        start = params["start"]
        state = {"loops": xp.broadcast_to(start, (*batch, *start.shape))}
        if self.graph.delays:
            state["delays"] = xp.zeros((*batch, len(self.graph.delays)))
        return state

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        plan, graph = self.plan, self.graph
        held = [state["delays"]] if graph.delays else []
        one = xp.ones_like(inputs[..., :1])
        values = xp.concatenate([one, inputs, *held, state["loops"]], axis=-1)
        for level in plan.levels:
            found = [self._activity(group, params, values, xp) for group in level]
            values = xp.concatenate([values, *found], axis=-1)
        new = {"loops": values[..., plan.place[[loop.unit for loop in graph.loops]]]}
        if graph.delays:
            new["delays"] = values[..., plan.place[list(graph.delays)]]
        return new, values[..., plan.place[list(graph.outputs)]]

    def _activity(self, group: Group, params: Params, values: Any, xp: Any) -> Any:
        """[..., unit] the activity of a group's units."""
        weights = params["weights"][group.weights].reshape(group.sources.shape)
        weighted = values[..., group.sources] * weights
        if group.kind in PRODUCTS:
            return weighted[..., 0] * weighted[..., 1]
        net = xp.sum(weighted, axis=-1)
        if group.own is not None:
            stored, number = group.own
            return params["loops"][number] * values[..., stored] + net
        if group.kind == "output":
            return self.squash(net, xp)
        if group.kind == "logistic":
            return logistic(net, xp)
        if group.kind == "reciprocal":
            return 1.0 / net
        return net if group.kind == "linear" else getattr(xp, group.kind)(net)

    @cached_property
    def plan(self) -> Plan:
        """The graph's units by depth, kind and number of connections."""
        graph, depths = self.graph, self.graph.depths()
        keys: dict[tuple[int, str, int], list[int]] = {}
        for i, (kind, connections) in enumerate(graph.units):
            signal = graph.first_unit + i
            keys.setdefault((depths[signal], kind, len(connections)), []).append(signal)
        place = np.arange(graph.first_unit + len(graph.units))
        number = {loop.unit: k for k, loop in enumerate(graph.loops)}
        loops = np.zeros(len(graph.loops))
        levels: list[list[Group]] = []
        weights: list[float] = []
        next_place, last_depth = graph.first_unit, 0
        for (depth, kind, _), signals in sorted(keys.items()):
            own = None
            joined = [graph.unit(signal)[1] for signal in signals]
            if kind == "loop":
                numbers = np.array([number[signal] for signal in signals])
                loops[numbers] = [connections[0][1] for connections in joined]
                own = (graph.first_stored + numbers, numbers)
                joined = [connections[1:] for connections in joined]
            flat = [weight for connections in joined for _, weight in connections]
            here = slice(len(weights), len(weights) + len(flat))
            weights += flat
            sources = place[np.array([[s for s, _ in c] for c in joined], dtype=int)]
            if depth > last_depth:
                levels.append([])
                last_depth = depth
            levels[-1].append(Group(kind, sources, here, own))
            place[signals] = np.arange(next_place, next_place + len(signals))
            next_place += len(signals)
        return Plan(levels, place, np.array(weights), loops)
