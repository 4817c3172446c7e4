"""Networks with a linear memory: learned features, and weights on them that a rule keeps.

What a stream has taught lies in a matrix that maps features of the inputs (keys) to values. The
features, the gates and the readout are shaped by training over tasks; the matrix is rewritten at
each example, by the delta rule (Schlag, Irie and Schmidhuber, arXiv:2102.11174), by the gated delta
rule (Yang, Kautz and Hatamizadeh, arXiv:2412.06464), or by recursive least squares with forgetting
(von Oswald et al., MesaNet, arXiv:2506.05233, in the covariance form of the Kalman filter). A rule
of your own subclasses `Memory`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Params, State, eye, logistic, softplus
from fixedweight.networks.paired import Paired, queued
from fixedweight.networks.simple import affine, uniform

NEAR = 1e-3
"""Targets in [0, 1] nearer to an end than this are not told apart in their log-odds."""
TINY = 1e-6
"""Added to squares before their logarithm is taken."""
SOFT = 0.3
"""Times logarithms of squares, which brings them to about the size of the other signals."""
LEAK = 1e-5
"""The least that a least-squares memory forgets in a step, so that rounding cannot add up."""


@dataclass(frozen=True, kw_only=True)
class Memory(Paired):
    """What these networks share: everything but the rule.

    x are the inputs of an example; y the target told with them, which belongs to inputs x'
    of a step before. For each head, M is its matrix and

        k(x) = ([x h] U + c) * ([x h] V + d),   h = tanh(x W + b)      key: `features` numbers
        v = [y logit(y)] A + a                                         value (logit for y in [0, 1])
        e = v - M k(x')                                                what was not foreseen
        M, ... = rule(M, k(x'), e, gates),   gates = z G + g
        r = M k(x)                                                     what is foreseen now
        output = r R + tanh([r doubt z' x h] S + s) T + t

    z collects what gates depend on: y, x', log e^2 and how sure the memory was of itself, and
    `control` units u, fed back through a gate of their own, u <- f u + (1 - f) tanh(z C + c);
    z' are the new ones. Several heads forget at different rates, and the readout weighs them.
    With logistic output the sum is cut off at 0 and 1, so that nothing is bent between.

    Raises:
        NetworkError: a size that is not positive.
    """

    gates: ClassVar[int]
    """Gates of one head."""
    bias: ClassVar[tuple[float, ...]]
    """Where each gate begins."""
    doubts: ClassVar[int] = 0
    """Numbers by which a head says how sure it is: 0 or 1."""

    heads: int = 2
    features: int = 8
    hidden: int = 12
    control: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("heads", "features", "hidden", "control")}
        if min(sizes.values()) < 1:
            raise NetworkError(f"Expected sizes of at least 1, got {sizes}.")

    @property
    def told_size(self) -> int:
        return self.target_size * (2 if self.output == "logistic" else 1)

    @abstractmethod
    def rule_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        """What the rule keeps beside the matrices, each part [*batch, numbers]."""

    @abstractmethod
    def doubt(self, state: State, key: Any, xp: Any) -> Any:
        """How unsure each head is of its answer: (state, key [..., head, feature]) ->
        [..., head * doubts]."""

    @abstractmethod
    def rule(self, state: State, matrix: Any, key: Any, value: Any, gates: Any, xp: Any) -> State:
        """One example: (state, matrix [..., head, target, feature], key [..., head, feature], value
        [..., head, target], gates [..., gate, head]) -> the new "matrix" and what `rule_state`
        names."""

    def init_params(self, rng: np.random.Generator) -> Params:
        heads, targets, told = self.heads, self.target_size, self.told_size
        basis = self.example_size + self.hidden
        signs = told + self.example_size + heads * (1 + self.doubts) + self.control
        seen = heads * (targets + self.doubts) + self.control + basis
        params = {
            **uniform(rng, "hidden", self.example_size, self.hidden),
            **uniform(rng, "key", basis, heads * self.features),
            **uniform(rng, "key_gate", basis, heads * self.features),
            **uniform(rng, "value", told, heads * targets, 0.1),
            **uniform(rng, "gates", signs, self.gates * heads),
            **uniform(rng, "control", signs, 2 * self.control),
            "w_recall": rng.uniform(-0.1, 0.1, (heads * targets, targets)),
            **uniform(rng, "seen", seen, self.hidden),
            **uniform(rng, "output", self.hidden, targets, 0.3),
        }
        # around 1, so that keys begin nearly linear
        params["b_key_gate"] = rng.uniform(0.5, 1.5, heads * self.features)
        # at first every other head stores targets as they are, and the rest their log-odds, if any
        other = targets if self.output == "logistic" else 0
        for i in range(targets):
            params["w_value"][i, i :: 2 * targets] += 1.0
            params["w_value"][other + i, targets + i :: 2 * targets] += 1.0
            params["w_recall"][i :: 2 * targets, i] += 1.0 / heads
            params["w_recall"][targets + i :: 2 * targets, i] += (0.25 if other else 1.0) / heads
        for i, begin in enumerate(self.bias):
            params["b_gates"][i * heads : (i + 1) * heads] += begin
        params["b_control"][: self.control] += 1.0
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        keys = self.heads * self.features
        return {
            "inputs": self.waiting(batch, self.example_size, xp),
            "keys": self.waiting(batch, keys, xp),
            "control": xp.zeros((*batch, self.control)),
            "matrix": xp.zeros((*batch, self.target_size * keys)),
            **self.rule_state(params, batch, xp),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        x = inputs[..., : self.example_size]
        basis = xp.concatenate([x, xp.tanh(affine(x, params, "hidden"))], axis=-1)
        key = affine(basis, params, "key") * affine(basis, params, "key_gate")
        learned = self._learn(params, state, inputs, xp)
        answers = self._by_head(key)
        foreseen = recall(self._matrix(learned), answers).reshape((*x.shape[:-1], -1))
        doubt = self.doubt(learned, answers, xp)
        seen = xp.concatenate([foreseen, doubt, learned["control"], basis], axis=-1)
        hidden = xp.tanh(affine(seen, params, "seen"))
        output = foreseen @ params["w_recall"] + affine(hidden, params, "output")
        waiting = {
            "inputs": queued(state["inputs"], x, xp),
            "keys": queued(state["keys"], key, xp),
        }
        return learned | waiting, self.squash(output, xp)

    def squash(self, values: Any, xp: Any) -> Any:
        return _between(values, 0.0, 1.0, xp) if self.output == "logistic" else values

    def _learn(self, params: Params, state: State, inputs: Any, xp: Any) -> State:
        """The state after the target told now; as it was where none has come."""
        n, targets = self.example_size, self.target_size
        told = target = inputs[..., n : n + targets]
        if self.output == "logistic":
            between = _between(target, NEAR, 1.0 - NEAR, xp)
            odds = 0.5 * (xp.log(between) - xp.log(1.0 - between))
            told = xp.concatenate([target, odds], axis=-1)
        key = self._by_head(state["keys"][..., : self.heads * self.features])
        matrix = self._matrix(state)
        value = affine(told, params, "value")
        value = value.reshape((*value.shape[:-1], self.heads, targets))
        error = value - recall(matrix, key)
        surprise = SOFT * xp.log(TINY + dot(error, error))
        doubt = self.doubt(state, key, xp)
        before = state["inputs"][..., :n]
        signs = xp.concatenate([told, before, surprise, doubt, state["control"]], axis=-1)
        gates = affine(signs, params, "gates")
        gates = gates.reshape((*gates.shape[:-1], self.gates, self.heads))
        net = affine(signs, params, "control")
        keep = logistic(net[..., : self.control], xp)
        control = keep * state["control"] + (1.0 - keep) * xp.tanh(net[..., self.control :])
        new = {"control": control, **self.rule(state, matrix, key, value, gates, xp)}
        if self.flagged:
            come = inputs[..., -1:] > 0.5
            new = {name: xp.where(come, part, state[name]) for name, part in new.items()}
        return new

    def _by_head(self, key: Any) -> Any:
        return key.reshape((*key.shape[:-1], self.heads, self.features))

    def _matrix(self, state: State) -> Any:
        flat = state["matrix"]
        return flat.reshape((*flat.shape[:-1], self.heads, self.target_size, self.features))


@dataclass(frozen=True, kw_only=True)
class DeltaMemory(Memory):
    """The delta rule, M <- M + b e k' / |k|^2, b = logistic(gate): arXiv:2102.11174, eq. 23."""

    gates: ClassVar[int] = 1
    bias: ClassVar[tuple[float, ...]] = (0.0,)

    def rule_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {}

    def doubt(self, state: State, key: Any, xp: Any) -> Any:
        return key[..., 0, :0]

    def rule(self, state: State, matrix: Any, key: Any, value: Any, gates: Any, xp: Any) -> State:
        return self.rewrite(state, matrix, key, value, gates[..., 0, :], xp)

    def rewrite(self, state: State, matrix: Any, key: Any, value: Any, net: Any, xp: Any) -> State:
        rate = logistic(net, xp) / (TINY + dot(key, key))
        error = rate[..., None] * (value - recall(matrix, key))
        matrix = matrix + error[..., None] * key[..., None, :]
        return {"matrix": matrix.reshape(state["matrix"].shape)}


@dataclass(frozen=True, kw_only=True)
class GatedDeltaMemory(DeltaMemory):
    """The delta rule after forgetting: M <- a M, a = logistic(gate): arXiv:2412.06464, eq. 10."""

    gates: ClassVar[int] = 2
    bias: ClassVar[tuple[float, ...]] = (0.0, 5.0)

    def rule(self, state: State, matrix: Any, key: Any, value: Any, gates: Any, xp: Any) -> State:
        kept = logistic(gates[..., 1, :], xp)[..., None, None] * matrix
        return self.rewrite(state, kept, key, value, gates[..., 0, :], xp)


@dataclass(frozen=True, kw_only=True)
class LeastSquaresMemory(Memory):
    """Recursive least squares: each head's M is the posterior mean of a Bayesian linear model.

    With P the covariance (P = I, M = 0 before the first example), a in (0, 1) how much is kept and
    n > 0 the noise, both by gate,

        P <- a P + (1 - a) I,   M <- a M,
        M <- M + (v - M k) k'P / (k'P k + n),   P <- P - P k k'P / (k'P k + n),

    so forgetting leads back to the prior, at once where a surprise says that the task has changed.
    `doubt` is the logarithm of k'P k, the variance of the answer.
    """

    gates: ClassVar[int] = 2
    bias: ClassVar[tuple[float, ...]] = (6.0, -3.0)
    doubts: ClassVar[int] = 1

    def rule_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        prior = np.tile(np.eye(self.features).reshape(-1), self.heads)
        return {"covariance": xp.zeros((*batch, prior.size)) + xp.asarray(prior)}

    def doubt(self, state: State, key: Any, xp: Any) -> Any:
        spread = dot(recall(self._covariance(state), key), key)
        return SOFT * xp.log(TINY + xp.maximum(spread, 0.0))

    def rule(self, state: State, matrix: Any, key: Any, value: Any, gates: Any, xp: Any) -> State:
        keep = ((1.0 - LEAK) * logistic(gates[..., 0, :], xp))[..., None, None]
        prior = eye(self.features, str(matrix.dtype))
        covariance = keep * self._covariance(state) + (1.0 - keep) * prior
        matrix = keep * matrix
        spread = recall(covariance, key)
        noise = LEAK + softplus(gates[..., 1, :], xp)
        variance = xp.maximum(dot(spread, key), 0.0) + noise
        gain = spread / variance[..., None]
        error = value - recall(matrix, key)
        matrix = matrix + error[..., None] * gain[..., None, :]
        covariance = covariance - gain[..., None] * spread[..., None, :]
        return {
            "matrix": matrix.reshape(state["matrix"].shape),
            "covariance": covariance.reshape(state["covariance"].shape),
        }

    def _covariance(self, state: State) -> Any:
        flat = state["covariance"]
        return flat.reshape((*flat.shape[:-1], self.heads, self.features, self.features))


def _between(x: Any, low: float, high: float, xp: Any) -> Any:
    """What `clip` does, in NumPy a few times faster on so few numbers."""
    return xp.minimum(xp.maximum(x, low), high)


def recall(matrix: Any, key: Any) -> Any:
    """[..., row, feature] on [..., feature]: [..., row]"""
    return (matrix @ key[..., None])[..., 0]


def dot(one: Any, other: Any) -> Any:
    """The product over the last axis: a matrix product, since NumPy's sums take several times as
    long on so few numbers."""
    return (one[..., None, :] @ other[..., None])[..., 0, 0]
