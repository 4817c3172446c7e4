"""The LSTMs with exponential gates, with scalar and with matrix memory (Beck et al. 2024, xLSTM,
arXiv:2405.04517)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.gated import Gated
from fixedweight.networks.memory import dot, recall
from fixedweight.networks.network import Params, State, logistic, softplus
from fixedweight.networks.simple import affine, uniform

REMEMBER = 3.0
"""Where the biases of forget gates begin: much is kept."""
TINY = 1e-30
"""The least that is divided by: before anything was let in there is nothing to divide."""


@dataclass(frozen=True, kw_only=True)
class SLSTM(Gated):
    """sLSTM, section 2.2: z = tanh, o = logistic, i = exp and f = logistic of W [x(t), h(t-1)] + b,

        c(t) = f c(t-1) + i z,   n(t) = f n(t-1) + i,   h(t) = o c(t) / n(t),

    kept from overflow by m(t) = max(log f + m(t-1), log i), equations 15 to 17: c and n are held
    divided by exp(m), which their ratio does not feel.
    """

    def init_params(self, rng: np.random.Generator) -> Params:
        params = {
            **uniform(rng, "gates", self.input_size + self.hidden, 4 * self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }
        params["b_gates"][self.hidden : 2 * self.hidden] += REMEMBER
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        names = ("cells", "normalizer", "scale", "hidden")
        return {name: xp.zeros((*batch, self.hidden)) for name in names}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        n = self.hidden
        sources = xp.concatenate([inputs, state["hidden"]], axis=-1)
        net = affine(sources, params, "gates")
        keep, let_in, scale = _stable(net[..., n : 2 * n], net[..., :n], state["scale"], xp)
        cells = keep * state["cells"] + let_in * xp.tanh(net[..., 3 * n :])
        normalizer = keep * state["normalizer"] + let_in
        hidden = logistic(net[..., 2 * n : 3 * n], xp) * cells / xp.maximum(normalizer, TINY)
        new = {"cells": cells, "normalizer": normalizer, "scale": scale, "hidden": hidden}
        return new, self.squash(affine(hidden, params, "output"), xp)


@dataclass(frozen=True, kw_only=True)
class MLSTM(Gated):
    """mLSTM, section 2.3, between a layer that encodes the inputs and one that reads the memory:

        e(t) = tanh(W x(t) + b),   u(t) = [e(t-1), e(t)]
        q, k, v, o from u(t); per head i = exp and f = logistic of its own
        C(t) = f C(t-1) + i v k' / sqrt(d),   n(t) = f n(t-1) + i k / sqrt(d)
        h(t) = logistic(o) C(t) q / max(|n(t)' q|, 1)
        output from tanh(V [h(t), e(t)] + c)

    It has no other memory, so the window of two steps, a short convolution as in the paper's block,
    is what brings an example's inputs and its target, told a step later, together.

    Raises:
        NetworkError: no head or no hidden unit.
    """

    heads: int = 1
    features: int = 8
    """d: numbers in a head's keys and values."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heads < 1 or self.features < 1:
            raise NetworkError(
                "Expected at least one head of at least one feature, got "
                f"heads={self.heads}, features={self.features}."
            )

    def init_params(self, rng: np.random.Generator) -> Params:
        wide = self.heads * self.features
        params = {
            **uniform(rng, "encode", self.input_size, self.hidden),
            **uniform(rng, "parts", 2 * self.hidden, 4 * wide),
            **uniform(rng, "gates", 2 * self.hidden, 2 * self.heads),
            **uniform(rng, "read", wide + self.hidden, self.hidden),
            **uniform(rng, "output", self.hidden, self.target_size),
        }
        params["b_gates"][self.heads :] += REMEMBER
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        wide = self.heads * self.features
        return {
            "encoded": xp.zeros((*batch, self.hidden)),
            "matrix": xp.zeros((*batch, wide * self.features)),
            "normalizer": xp.zeros((*batch, wide)),
            "scale": xp.zeros((*batch, self.heads)),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        d, wide = self.features, self.heads * self.features
        encoded = xp.tanh(affine(inputs, params, "encode"))
        window = xp.concatenate([state["encoded"], encoded], axis=-1)
        parts = affine(window, params, "parts")
        by_head = (*parts.shape[:-1], self.heads, d)
        query, key, value = (
            xp.reshape(parts[..., i * wide : (i + 1) * wide], by_head) for i in range(3)
        )
        gates = affine(window, params, "gates")
        keep, let_in, scale = _stable(
            gates[..., self.heads :], gates[..., : self.heads], state["scale"], xp
        )
        key = let_in[..., None] * key * d**-0.5
        matrix = xp.reshape(state["matrix"], (*by_head, d))
        matrix = keep[..., None, None] * matrix + value[..., :, None] * key[..., None, :]
        normalizer = keep[..., None] * xp.reshape(state["normalizer"], by_head) + key
        size = xp.maximum(xp.abs(dot(normalizer, query)), xp.exp(-scale))
        flat = xp.reshape(recall(matrix, query) / size[..., None], (*parts.shape[:-1], wide))
        hidden = logistic(parts[..., 3 * wide :], xp) * flat
        seen = xp.concatenate([hidden, encoded], axis=-1)
        read = xp.tanh(affine(seen, params, "read"))
        new = {
            "encoded": encoded,
            "matrix": xp.reshape(matrix, state["matrix"].shape),
            "normalizer": xp.reshape(normalizer, state["normalizer"].shape),
            "scale": scale,
        }
        return new, self.squash(affine(read, params, "output"), xp)


def _stable(keep: Any, let_in: Any, scale: Any, xp: Any) -> tuple[Any, Any, Any]:
    """(f, i, m) after the old and the new are divided by exp(m), for nets of f and log i."""
    log_keep = -softplus(-keep, xp)
    new = xp.maximum(log_keep + scale, let_in)
    return xp.exp(log_keep + scale - new), xp.exp(let_in - new), new
