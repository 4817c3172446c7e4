"""The recurrent networks before LSTM: Elman, Jordan, and the fully recurrent network.

All of them feed signals of the step before back as further inputs, and differ in which. Initial
weights are uniform in [-1, 1] / sqrt(sources).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Network, Params, State, logistic


@dataclass(frozen=True, kw_only=True)
class SimpleRecurrent(Network):
    """What the three share: one layer of hidden units.

    Raises:
        NetworkError: no hidden unit, or an unknown activation.
    """

    hidden: int = 18
    """Hidden units. With 18 the weights are about as many as those of the 6 + 6 LSTM of 1997."""
    activation: Literal["tanh", "logistic"] = "tanh"
    """Of the hidden units; the papers have logistic ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1:
            raise NetworkError(f"Expected at least one hidden unit, got hidden={self.hidden}.")
        if self.activation not in ("tanh", "logistic"):
            raise NetworkError(
                f"Expected activation 'tanh' or 'logistic', got {self.activation!r}."
            )

    def activate(self, net: Any, xp: Any) -> Any:
        return xp.tanh(net) if self.activation == "tanh" else logistic(net, xp)


@dataclass(frozen=True, kw_only=True)
class Elman(SimpleRecurrent):
    """Hidden units receive the inputs and themselves from t-1 (Elman, Cognitive Science 14, 1990).

    h(t) = f(W [x(t), h(t-1)] + b), y(t) = V h(t) + c before the output units' activation.
    """

    def init_params(self, rng: np.random.Generator) -> Params:
        return {
            **uniform(rng, "hidden", self.input_size + self.hidden, self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {"hidden": xp.zeros((*batch, self.hidden))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        sources = xp.concatenate([inputs, state["hidden"]], axis=-1)
        hidden = self.activate(affine(sources, params, "hidden"), xp)
        return {"hidden": hidden}, self.squash(affine(hidden, params, "output"), xp)


@dataclass(frozen=True, kw_only=True)
class Jordan(SimpleRecurrent):
    """Hidden units receive the inputs and a fading trace of the outputs (Jordan 1986).

    s(t) = decay s(t-1) + y(t-1), h(t) = f(W [x(t), s(t)] + b), y(t) from h(t). All that it can
    remember goes through its outputs.

    Raises:
        NetworkError: a decay outside [0, 1).
    """

    hidden: int = 128
    """Hidden units. With 128 the weights are about as many as those of the 6 + 6 LSTM of 1997."""
    decay: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise NetworkError(f"Expected a decay from 0 to below 1, got {self.decay}.")

    def init_params(self, rng: np.random.Generator) -> Params:
        return {
            **uniform(rng, "hidden", self.input_size + self.target_size, self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {"trace": xp.zeros((*batch, self.target_size))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        sources = xp.concatenate([inputs, state["trace"]], axis=-1)
        hidden = self.activate(affine(sources, params, "hidden"), xp)
        output = self.squash(affine(hidden, params, "output"), xp)
        return {"trace": self.decay * state["trace"] + output}, output


@dataclass(frozen=True, kw_only=True)
class FullyRecurrent(SimpleRecurrent):
    """Every unit receives the inputs and every unit from t-1, outputs among them.

    Williams and Zipser, Neural Computation 1(2), 1989: u(t) = f(W [x(t), u(t-1)] + b). The first
    units are the network's outputs and have their activation; the others are hidden.
    """

    def init_params(self, rng: np.random.Generator) -> Params:
        units = self.target_size + self.hidden
        return uniform(rng, "units", self.input_size + units, units)

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {
            "outputs": xp.zeros((*batch, self.target_size)),
            "hidden": xp.zeros((*batch, self.hidden)),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        sources = xp.concatenate([inputs, state["outputs"], state["hidden"]], axis=-1)
        net = affine(sources, params, "units")
        outputs = self.squash(net[..., : self.target_size], xp)
        hidden = self.activate(net[..., self.target_size :], xp)
        return {"outputs": outputs, "hidden": hidden}, outputs


def uniform(
    rng: np.random.Generator, name: str, sources: int, units: int, scale: float = 1.0
) -> Params:
    """A layer's weights and biases, uniform in [-scale, scale] / sqrt(sources)."""
    most = scale * max(1, sources) ** -0.5
    return {
        f"w_{name}": rng.uniform(-most, most, (sources, units)),
        f"b_{name}": rng.uniform(-most, most, units),
    }


def affine(x: Any, params: Params, name: str) -> Any:
    """The layer of that name, as `uniform` draws it, before any activation."""
    return x @ params[f"w_{name}"] + params[f"b_{name}"]
