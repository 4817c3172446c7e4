"""The LSTM of 1997, with one or two hidden layers (paper, section 2.3 and Table 1).

Hochreiter and Schmidhuber, Neural Computation 9(8), 1997. With f(x) = 1 / (1 + exp(-x)),
g = 4 f - 2 and h = 2 f - 1, for block b and cell c of it:

    s_c(t) = s_c(t-1) + f(net_in_b(t)) g(net_c(t))        s_c(0) = 0
    y_c(t) = f(net_out_b(t)) h(s_c(t))

There is no forget gate. Gates, cells and standard hidden units receive the inputs and, from t-1,
the standard hidden units, the gates (`gate_sources`) and the cells, never the network's outputs.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Network, Params, State, logistic


@dataclass(frozen=True, kw_only=True)
class LSTM1997(Network):
    """Memory blocks and standard units, fully interconnected, before an optional second layer.

    Without a second layer the outputs receive the inputs, hidden units and cells of the same step,
    not the gates. The second layer's standard units receive the whole first layer of the same step
    and themselves from t-1; the outputs then receive the second layer alone. With 12 cells, 6
    standard units and 40 in the second layer that makes 5293 weights.

    Raises:
        NetworkError: no memory block, or a negative size.
    """

    memory: ClassVar[frozenset[str]] = frozenset({"cells"})

    blocks: int = 6
    block_size: int = 1
    """Cells that share one input and one output gate."""
    hidden: int = 6
    """Standard hidden units beside the blocks."""
    second: int = 0
    """Standard units of the second hidden layer; 0 for none."""
    gate_sources: bool = True
    """Whether gate outputs are sources for the first layer at t+1 and for the second layer."""
    input_to_output: bool = True
    """Whether the outputs receive the inputs (three-layer form only)."""
    input_gate_bias: float = 0.0
    """Added to the input gates' initial biases; negative against internal-state drift."""
    output_gate_stagger: float = 0.0
    """Block b's output gate starts with a bias lower by (b + 1) times this (abuse problem)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.blocks < 1 or self.block_size < 1 or self.hidden < 0 or self.second < 0:
            raise NetworkError(
                "Expected at least one block of at least one cell, and no negative layer, got "
                f"blocks={self.blocks}, block_size={self.block_size}, hidden={self.hidden}, "
                f"second={self.second}."
            )

    @property
    def cells(self) -> int:
        return self.blocks * self.block_size

    def init_params(self, rng: np.random.Generator) -> Params:
        """All weights and biases uniform in [-0.1, 0.1], gates' biases shifted as configured."""
        gates = 2 * self.blocks
        units = self.cells + gates + self.hidden
        sources = self.input_size + self.cells + self.hidden + gates * self.gate_sources
        shapes: dict[str, tuple[int, ...]] = {"w_first": (sources, units), "b_first": (units,)}
        if self.second:
            below = units if self.gate_sources else self.cells + self.hidden
            shapes["w_second"] = (below + self.second, self.second)
            shapes["b_second"] = (self.second,)
            last = self.second
        else:
            last = self.cells + self.hidden + self.input_size * self.input_to_output
        shapes |= {"w_output": (last, self.target_size), "b_output": (self.target_size,)}
        params = {name: rng.uniform(-0.1, 0.1, shape) for name, shape in shapes.items()}
        gate = slice(self.cells, self.cells + self.blocks)
        params["b_first"][gate] += self.input_gate_bias
        gate = slice(self.cells + self.blocks, self.cells + gates)
        params["b_first"][gate] -= self.output_gate_stagger * np.arange(1, self.blocks + 1)
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        state = {
            "cells": xp.zeros((*batch, self.cells)),
            "cell_outputs": xp.zeros((*batch, self.cells)),
            "hidden": xp.zeros((*batch, self.hidden)),
        }
        if self.gate_sources:
            state["gates"] = xp.zeros((*batch, 2 * self.blocks))
        if self.second:
            state["second"] = xp.zeros((*batch, self.second))
        return state

    def store(self, cells: Any, opened: Any, new: Any, xp: Any) -> Any:
        """The memory loop, each [..., cells]: s(t) from s(t-1), the input gates and g(net_c)."""
        return cells + opened * new

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        sources = [inputs, state["cell_outputs"]]
        if self.gate_sources:
            sources.append(state["gates"])
        sources.append(state["hidden"])
        net = xp.concatenate(sources, axis=-1) @ params["w_first"] + params["b_first"]
        f = logistic(net, xp)
        n, b = self.cells, self.blocks
        gates = f[..., n : n + 2 * b]
        hidden = f[..., n + 2 * b :]
        opened_in, opened_out = gates[..., :b], gates[..., b:]
        if self.block_size > 1:
            opened_in = xp.repeat(opened_in, self.block_size, axis=-1)
            opened_out = xp.repeat(opened_out, self.block_size, axis=-1)
        cells = self.store(state["cells"], opened_in, 4.0 * f[..., :n] - 2.0, xp)
        cell_outputs = opened_out * xp.tanh(0.5 * cells)  # h(s) = 2 f(s) - 1
        new = {"cells": cells, "cell_outputs": cell_outputs, "hidden": hidden}
        first = [cell_outputs, hidden]
        if self.gate_sources:
            new["gates"] = gates
        if self.second:
            if self.gate_sources:
                first.append(gates)
            below = xp.concatenate([*first, state["second"]], axis=-1)
            last = logistic(below @ params["w_second"] + params["b_second"], xp)
            new["second"] = last
        else:
            if self.input_to_output:
                first.append(inputs)
            last = xp.concatenate(first, axis=-1)
        return new, self.squash(last @ params["w_output"] + params["b_output"], xp)
