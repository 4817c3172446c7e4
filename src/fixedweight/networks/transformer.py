"""A causal Transformer, one example at a time: memory that grows with the stream, up to a bound."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.memory import dot, recall
from fixedweight.networks.network import Params, State
from fixedweight.networks.paired import Paired, queued
from fixedweight.networks.simple import affine, uniform

TINY = 1e-6
"""Added to mean squares before they are divided by."""
SHARP = 2.0
"""What attention scores, which are cosines, begin multiplied by."""
MOST_LAYERS = 256
WIDER = 2
"""Units between a block's two layers, for each hidden one."""


@dataclass(frozen=True, kw_only=True)
class Transformer(Paired):
    """Attention over the last `context` examples, kept as keys and values (Vaswani et al. 2017,
    arXiv:1706.03762, with normalisation before each block and ages in place of positions).

    A token is an example with its answer and the question at hand: [x', y, told, x], where y is the
    target told and x' the inputs it belongs to. With n(h) = g h / |h| sqrt(hidden), each layer does

        q, k, v = n(h) W + b                      by head
        a(i) = exp(s cos(q, k(i)) - m age(i))     over the examples kept, this one included
        h <- h + (sum_i a(i) v(i) / sum_i a(i)) U + c
        h <- h + max(n(h) V + d, 0) Z + z

    with s and m learned for each head: cosines keep the exponentials from overflow (Henry et al.
    2020, arXiv:2010.04245), and m makes the head look back less far (ALiBi, arXiv:2108.12409). The
    state is a queue of keys and values: what is older than `context` examples is forgotten.

    Raises:
        NetworkError: a size that is not positive, or hidden units that the heads cannot share.
    """

    context: int = 64
    """Examples that attention reaches, this one included."""
    hidden: int = 32
    """Numbers in a token as the layers pass it on."""
    heads: int = 4
    layers: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("context", "hidden", "heads", "layers")}
        if min(sizes.values()) < 1 or self.layers > MOST_LAYERS or self.hidden % self.heads:
            raise NetworkError(
                f"Expected sizes of at least 1, at most {MOST_LAYERS} layers and as many hidden "
                f"units as a multiple of the heads, got {sizes}."
            )

    def init_params(self, rng: np.random.Generator) -> Params:
        n, wide = self.hidden, WIDER * self.hidden
        small = (2 * self.layers) ** -0.5  # so that the sum of all blocks begins at a usual size

        def about(value: Any, size: int) -> np.ndarray:
            return rng.uniform(0.9 * value, 1.1 * value, size)

        params = uniform(rng, "token", self.example_size + self.input_size, n)
        for i in range(self.layers):
            params |= {
                f"g_attend{i}": about(1.0, n),
                **uniform(rng, f"attend{i}", n, 3 * n),
                f"sharp{i}": about(SHARP, self.heads),
                # heads begin looking back from some ten examples to all
                f"ageing{i}": about(0.3 ** (1.0 + np.arange(self.heads)), self.heads),
                **uniform(rng, f"attended{i}", n, n, small * n**-0.5),
                f"g_think{i}": about(1.0, n),
                **uniform(rng, f"think{i}", n, wide),
                **uniform(rng, f"thought{i}", wide, n, small * wide**-0.5),
            }
        return params | {
            "g_output": about(1.0, n),
            **uniform(rng, "output", n, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        kept = (self.context - 1) * self.hidden
        layers = {f"{part}{i}": kept for part in ("keys", "values") for i in range(self.layers)}
        return {
            "inputs": self.waiting(batch, self.example_size, xp),
            "there": xp.zeros((*batch, self.context - 1)),
            **{name: xp.zeros((*batch, numbers)) for name, numbers in layers.items()},
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        n, x = self.example_size, inputs[..., : self.example_size]
        there = xp.concatenate([state["there"], xp.ones_like(inputs[..., :1])], axis=-1)
        new = {"inputs": queued(state["inputs"], x, xp), "there": there[..., 1:]}
        h = affine(xp.concatenate([state["inputs"][..., :n], inputs], axis=-1), params, "token")
        for i in range(self.layers):
            parts = affine(_normal(h, params[f"g_attend{i}"], xp), params, f"attend{i}")
            query, key, value = (self._by_head(part) for part in xp.split(parts, 3, axis=-1))
            keys, values = (
                xp.concatenate([state[f"{name}{i}"], part.reshape(h.shape)], axis=-1)
                for name, part in (("keys", _unit(key, xp)), ("values", value))
            )
            new |= {f"keys{i}": keys[..., self.hidden :], f"values{i}": values[..., self.hidden :]}
            age = params[f"ageing{i}"][:, None] * _ages(self.context, str(keys.dtype))
            score = recall(self._kept(keys, xp), _unit(query, xp))  # [..., head, example]
            weight = xp.exp(params[f"sharp{i}"][:, None] * score - age) * there[..., None, :]
            weight = weight / xp.sum(weight, axis=-1, keepdims=True)
            read = recall(xp.swapaxes(self._kept(values, xp), -1, -2), weight)
            h = h + affine(read.reshape(h.shape), params, f"attended{i}")
            thought = affine(_normal(h, params[f"g_think{i}"], xp), params, f"think{i}")
            h = h + affine(xp.maximum(thought, 0.0), params, f"thought{i}")
        return new, self.squash(affine(_normal(h, params["g_output"], xp), params, "output"), xp)

    def _by_head(self, part: Any) -> Any:
        return part.reshape((*part.shape[:-1], self.heads, self.hidden // self.heads))

    def _kept(self, queue: Any, xp: Any) -> Any:
        """[..., head, example, number]"""
        by_example = queue.reshape((*queue.shape[:-1], self.context, self.hidden))
        return xp.swapaxes(self._by_head(by_example), -3, -2)


def _ages(context: int, dtype: str) -> np.ndarray:
    """Of the examples kept, the newest 0."""
    return np.arange(context - 1, -1, -1, dtype=dtype)


def _normal(h: Any, gain: Any, xp: Any) -> Any:
    """Root mean square normalisation (arXiv:1910.07467)."""
    return gain * h / xp.sqrt(dot(h, h) / h.shape[-1] + TINY)[..., None]


def _unit(vector: Any, xp: Any) -> Any:
    return vector / xp.sqrt(dot(vector, vector) + TINY)[..., None]
