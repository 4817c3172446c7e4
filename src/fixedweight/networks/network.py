"""The protocol of a network: what it holds, how its state begins, and one step.

A network of your own subclasses `Network` as a frozen dataclass and writes, once, against the array
namespace `xp` (jax.numpy while it is derived, numpy while it is used):

    @dataclass(frozen=True)
    class MyNetwork(Network):
        hidden: int = 16

        def init_params(self, rng):
            sources = self.input_size + self.hidden
            return {
                "w": rng.normal(0.0, sources**-0.5, (sources, self.hidden)),
                "v": rng.normal(0.0, self.hidden**-0.5, (self.hidden, self.target_size)),
            }

        def init_state(self, params, batch, xp):
            return {"h": xp.zeros((*batch, self.hidden))}

        def step(self, params, state, inputs, xp):
            sources = xp.concatenate([inputs, state["h"]], axis=-1)
            h = xp.tanh(sources @ params["w"])
            return {"h": h}, self.squash(h @ params["v"], xp)

The last axis holds a layer's units; any axes before it are streams side by side. There is no other
copy of the step: gradients, the NumPy runtime and every export are made from this one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from fixedweight.errors import NetworkError

Params = dict[str, Any]
"""Parameter name -> array. Networks keep them flat."""
State = dict[str, Any]
"""State name -> array [..., units]."""

Tasks = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""So many tasks of a family, one a stream, as the network is shown them: scaled inputs
[task, time, input], scaled targets [task, time, target], and 1 where a target counts, else 0."""


@dataclass(frozen=True, kw_only=True)
class Network(ABC):
    """A recurrent network; its fields are its whole configuration.

    Raises:
        NetworkError: a size that is not positive or an unknown output.
    """

    memory: ClassVar[frozenset[str]] = frozenset()
    """The parts of the state through which the truncated gradient of 1997 flows in time."""

    presentable: ClassVar[bool] = True
    """Whether it can be shown its examples in another form, or asked for more (`Presented`)."""

    input_size: int = 3
    """Numbers in one input of the network: the example's inputs and the supplementary ones."""
    target_size: int = 1
    output: Literal["logistic", "linear"] = "logistic"
    """The output units: logistic for targets in [0, 1], linear otherwise."""

    def __post_init__(self) -> None:
        if self.input_size < 1 or self.target_size < 1:
            raise NetworkError(
                "Expected at least one input and one target, got "
                f"input_size={self.input_size}, target_size={self.target_size}."
            )
        if self.output not in ("logistic", "linear"):
            raise NetworkError(f"Expected output 'logistic' or 'linear', got {self.output!r}.")

    @abstractmethod
    def init_params(self, rng: np.random.Generator) -> Params:
        """Random parameters, one array a name."""

    def first_params(self, rng: np.random.Generator, tasks: Tasks) -> Params:
        """Parameters that training begins from, of the shapes of `init_params`: random ones, unless
        seeing tasks helps."""
        return self.init_params(rng)

    @abstractmethod
    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        """The state before the first example, each part [*batch, units]."""

    @abstractmethod
    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        """One example: (state, inputs [..., input]) -> (new state, outputs [..., target])."""

    def error(self, state: State, output: Any, target: Any, xp: Any) -> Any:
        """What training makes small: (new state, outputs [..., target], targets) -> [...].

        The squared error, summed over the numbers of a target; a network that keeps more of its
        answer in the state may have another.
        """
        return xp.sum((output - target) ** 2, axis=-1)

    def squash(self, values: Any, xp: Any) -> Any:
        """The output units' activation."""
        return logistic(values, xp) if self.output == "logistic" else values

    def fitted(
        self,
        *,
        input_size: int,
        target_size: int,
        output: Literal["logistic", "linear"],
        delay: int,
        flagged: bool,
    ) -> "Network":
        """The same network with the sizes and the output units that suit a family.

        `delay` and `flagged` say how its targets come: given to networks that have such fields.
        """
        own = {field.name for field in fields(self)}
        come = {"delay": delay, "flagged": flagged}
        return replace(
            self,
            input_size=input_size,
            target_size=target_size,
            output=output,
            **{name: value for name, value in come.items() if name in own},
        )

    def config(self) -> dict[str, Any]:
        """The class's name and the fields as plain values, from which `from_config` makes it again.

        A network in a field is its own configuration.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {k: v.config() if isinstance(v, Network) else v for k, v in values.items()}
        return {"class": type(self).__name__, **plain}


def from_config(config: Mapping[str, Any], known: Mapping[str, type[Network]]) -> Network:
    """The network of a configuration, its class and those of networks within looked up in `known`.

    Raises:
        NetworkError: a class that is not among them.
    """
    values: dict[str, Any] = {
        name: from_config(value, known) if _is_network(value) else value
        for name, value in config.items()
    }
    label = values.pop("class")
    if label not in known:
        raise NetworkError(
            f"Expected a network among {sorted(known)}, got {label!r}. If it is your own, pass its "
            "class: Learner.load(path, networks=[...])."
        )
    return known[label](**values)


def _is_network(value: Any) -> bool:
    return isinstance(value, Mapping) and "class" in value


def logistic(x: Any, xp: Any) -> Any:
    """f(x) = 1 / (1 + exp(-x)), written so that no x overflows."""
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


def softplus(x: Any, xp: Any) -> Any:
    """log(1 + exp(x)), written so that no x overflows; -softplus(-x) is log f(x)."""
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


def softmax(x: Any, xp: Any) -> Any:
    """exp(x) / sum exp(x) over the last axis, written so that no x overflows."""
    powers = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)


@cache
def eye(size: int, dtype: str) -> np.ndarray:
    return np.eye(size, dtype=dtype)


def initial_state(network: Network, params: Params, batch: tuple[int, ...], xp: Any) -> State:
    """The network's initial state in the precision of its parameters."""
    dtype = next(iter(params.values())).dtype
    state = network.init_state(params, batch, xp)
    return {name: xp.asarray(part, dtype=dtype) for name, part in state.items()}


def parameter_count(params: Params) -> int:
    return sum(int(np.prod(np.shape(value))) for value in params.values())


def check_network(network: Network) -> None:
    """Take one step in NumPy and refuse a network that does not keep to the protocol.

    Raises:
        NetworkError: parameters or state are not flat dicts of arrays, the state changes its shape
            in a step, or the outputs have the wrong shape or are not finite.
    """
    label = type(network).__name__
    params = network.init_params(np.random.default_rng(0))
    if not isinstance(params, dict) or not params:
        raise NetworkError(
            f"Expected {label}.init_params to return a dict of arrays with at least one, got "
            f"{type(params).__name__}."
        )
    for name, value in params.items():
        if np.asarray(value).dtype.kind not in "fiu":
            raise NetworkError(
                f"Expected {label}.init_params to return a flat dict of arrays of numbers, got "
                f"{type(value).__name__} as {name!r}."
            )
    params = {name: np.asarray(value, dtype=np.float32) for name, value in params.items()}
    batch = 2
    state = network.init_state(params, (batch,), np)
    if not isinstance(state, dict):
        raise NetworkError(
            f"Expected {label}.init_state to return a dict of arrays, got {type(state).__name__}."
        )
    inputs = np.zeros((batch, network.input_size), dtype=np.float32)
    new, outputs = network.step(params, state, inputs, np)
    if not isinstance(new, dict):
        raise NetworkError(
            f"Expected {label}.step to return a dict of arrays as the new state, got "
            f"{type(new).__name__}."
        )
    before = {name: np.shape(part) for name, part in state.items()}
    after = {name: np.shape(part) for name, part in new.items()}
    if before != after:
        raise NetworkError(
            f"Expected {label}.step to keep the names and shapes of the state, got {before} before "
            f"and {after} after."
        )
    if np.shape(outputs) != (batch, network.target_size):
        raise NetworkError(
            f"Expected {label}.step to return outputs of shape {(batch, network.target_size)} "
            f"(streams, targets), got {np.shape(outputs)}."
        )
    if not np.isfinite(outputs).all():
        raise NetworkError(f"Expected finite outputs from {label}.step, got {outputs}.")
    unknown = network.memory - set(state)
    if unknown:
        raise NetworkError(
            f"Expected {label}.memory to name parts of the state {sorted(state)}, got "
            f"{sorted(unknown)}."
        )
