"""The gated networks after 1997: the LSTM with forget gate and the GRU, one layer of each."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Network, Params, State, logistic
from fixedweight.networks.simple import affine, uniform


@dataclass(frozen=True, kw_only=True)
class Gated(Network):
    """What both share.

    Raises:
        NetworkError: no hidden unit.
    """

    hidden: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1:
            raise NetworkError(f"Expected at least one hidden unit, got hidden={self.hidden}.")


@dataclass(frozen=True, kw_only=True)
class LSTM(Gated):
    """Gers, Schmidhuber and Cummins, Neural Computation 12(10), 2000, as it is used today.

    i, f, o = logistic(W [x(t), h(t-1)] + b), z = tanh(...); c(t) = f c(t-1) + i z;
    h(t) = o tanh(c(t)). Gates' columns in the order input, forget, output, then z. Forget gates
    begin with their bias raised by 1.
    """

    memory: ClassVar[frozenset[str]] = frozenset({"cells"})

    def init_params(self, rng: np.random.Generator) -> Params:
        params = {
            **uniform(rng, "gates", self.input_size + self.hidden, 4 * self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }
        params["b_gates"][self.hidden : 2 * self.hidden] += 1.0
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {"cells": xp.zeros((*batch, self.hidden)), "hidden": xp.zeros((*batch, self.hidden))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        n = self.hidden
        sources = xp.concatenate([inputs, state["hidden"]], axis=-1)
        net = affine(sources, params, "gates")
        gates = logistic(net[..., : 3 * n], xp)
        let_in, keep, let_out = gates[..., :n], gates[..., n : 2 * n], gates[..., 2 * n :]
        cells = keep * state["cells"] + let_in * xp.tanh(net[..., 3 * n :])
        hidden = let_out * xp.tanh(cells)
        output = self.squash(affine(hidden, params, "output"), xp)
        return {"cells": cells, "hidden": hidden}, output


@dataclass(frozen=True, kw_only=True)
class GRU(Gated):
    """Cho et al. 2014 (arXiv:1406.1078), the reset gate applied after the product with the state.

    r, u = logistic(W [x(t), h(t-1)] + b), z = tanh(V x(t) + c + r (R h(t-1) + d));
    h(t) = u h(t-1) + (1 - u) z.
    """

    def init_params(self, rng: np.random.Generator) -> Params:
        return {
            **uniform(rng, "gates", self.input_size + self.hidden, 2 * self.hidden),
            **uniform(rng, "inputs", self.input_size, self.hidden),
            **uniform(rng, "recurrent", self.hidden, self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {"hidden": xp.zeros((*batch, self.hidden))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        n, before = self.hidden, state["hidden"]
        sources = xp.concatenate([inputs, before], axis=-1)
        gates = logistic(affine(sources, params, "gates"), xp)
        reset, keep = gates[..., :n], gates[..., n:]
        recurrent = affine(before, params, "recurrent")
        new = xp.tanh(affine(inputs, params, "inputs") + reset * recurrent)
        hidden = keep * before + (1.0 - keep) * new
        return {"hidden": hidden}, self.squash(affine(hidden, params, "output"), xp)
