"""Other forms in which a network can be shown the same examples: each wraps a network and is one.

The paper shows one vector a step, the inputs x(t) and the target y(t-1), and names the previous
error as an alternative. `PreviousError` gives that one, `Alternating` shows target and data in
turn, and `PreviousError(Alternating(network))` does both. A wrapper has no weights of its own.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.lstm1997 import LSTM1997
from fixedweight.networks.network import Network, Params, State


@dataclass(frozen=True, kw_only=True)
class Presented(Network):
    """What both share: the network within, and how targets come.

    The network within is given the sizes and output units that fit, whatever it was made with.

    Raises:
        NetworkError: no network within, a negative delay, or too few inputs to hold a target.
    """

    network: Network = field(default=LSTM1997(), kw_only=False)
    delay: int = 0
    """Steps by which a target comes later than the next example's inputs; set by the family."""
    flagged: bool = False
    """Whether the last input says if a target has arrived; set by the family."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.network, Network):
            raise NetworkError(
                f"Expected a network in {type(self).__name__}, got {self.network!r}. "
                f"Write {type(self).__name__}(LSTM1997()), say."
            )
        if not self.network.presentable:
            raise NetworkError(
                f"Expected no {type(self.network).__name__} in {type(self).__name__}: it takes its "
                "examples as they are and says itself how sure it is. Use it alone."
            )
        if self.delay < 0 or self.data < 0:
            raise NetworkError(
                f"Expected a delay from 0 and at least {self.target_size + self.flagged} inputs "
                f"to hold the target{' and its flag' if self.flagged else ''}, got "
                f"delay={self.delay}, input_size={self.input_size}."
            )
        within = self.network.fitted(
            input_size=self.shown,
            target_size=self.asked,
            output=self.units,
            delay=self.delay,
            flagged=self.flagged,
        )
        object.__setattr__(self, "network", within)
        object.__setattr__(self, "memory", within.memory)

    @property
    def data(self) -> int:
        """Numbers in one input that belong to the example; target and flag follow them."""
        return self.input_size - self.target_size - self.flagged

    @property
    def shown(self) -> int:
        """Inputs of the network within."""
        return self.input_size

    @property
    def asked(self) -> int:
        """Outputs of the network within."""
        return self.target_size

    @property
    def units(self) -> Literal["logistic", "linear"]:
        """Its output units."""
        return self.output

    def init_params(self, rng: np.random.Generator) -> Params:
        return self.network.init_params(rng)

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return self.network.init_state(params, batch, xp)


@dataclass(frozen=True, kw_only=True)
class PreviousError(Presented):
    """The network is told its previous error in place of the previous target.

        step t:  x(t), y(t-1) - p(t-1)  ->  p(t)

    With a delay d the target that arrives is y(t-1-d), and the error that of p(t-1-d), so the state
    also holds the last 1 + d predictions, beginning with zeros. Where no target has arrived the
    error is 0: `flagged` says so, and before the first one target and prediction are both 0. Errors
    are those of scaled targets. Paper, section 3.

    Raises:
        NetworkError: a `PreviousError` within.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.network, PreviousError):
            raise NetworkError("Expected a network that is told its error once, got it twice.")
        if isinstance(self.network, Presented) and not isinstance(self.network, Alternating):
            raise NetworkError(
                "Expected a plain network or an Alternating in PreviousError, got "
                f"{type(self.network).__name__}. Wrap them the other way round."
            )

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        state = super().init_state(params, batch, xp)
        if "predictions" in state:
            raise NetworkError(
                f"Expected no part 'predictions' in the state of {type(self.network).__name__}: "
                "PreviousError keeps its own there. Give it another name."
            )
        waiting = xp.zeros((*batch, (1 + self.delay) * self.target_size))
        return {**state, "predictions": waiting}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        m, waiting = self.target_size, state["predictions"]
        target, flag = inputs[..., self.data : self.data + m], inputs[..., self.data + m :]
        error = target - waiting[..., :m]
        if self.flagged:
            error = flag * error
        told = xp.concatenate([inputs[..., : self.data], error, flag], axis=-1)
        within = {name: part for name, part in state.items() if name != "predictions"}
        new, prediction = self.network.step(params, within, told, xp)
        waiting = xp.concatenate([waiting[..., m:], prediction], axis=-1)
        return {**new, "predictions": waiting}, prediction


@dataclass(frozen=True, kw_only=True)
class Alternating(Presented):
    """The network sees "data/target/data/target" (Schmidhuber, Connectionists list, 30 Aug 2001).

    An example is two of its steps, and the second one's output is the prediction:

        0,    y(t-1), 1
        x(t), 0,      0  ->  p(t)

    The last input tells a target from data. Without it a target of 0 and data of zeros would be the
    same vector, and the network would have to spend units on keeping count. To the gradients that
    cut in time the two steps are one.

    Raises:
        NetworkError: a network within that counts in examples.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.network, Presented):
            raise NetworkError(
                f"Expected a plain network in Alternating, got {type(self.network).__name__}, "
                "which steps once an example. Write PreviousError(Alternating(network))."
            )

    @property
    def shown(self) -> int:
        return self.input_size + 1

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        data, told = inputs[..., : self.data], inputs[..., self.data :]
        is_target = xp.ones_like(inputs[..., :1])
        first = xp.concatenate([xp.zeros_like(data), told, is_target], axis=-1)
        second = xp.concatenate([data, xp.zeros_like(told), xp.zeros_like(is_target)], axis=-1)
        state, _ = self.network.step(params, state, first, xp)
        return self.network.step(params, state, second, xp)
