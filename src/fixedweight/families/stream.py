"""What a family hands on: a batch of streams of examples, and how a network sees them.

Axes: `batch` streams side by side, `time` examples in order, `input` and `target` the widths of an
example. Everything after the families (networks, oracles, evaluation) reads this one structure.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Stream(NamedTuple):
    """A batch of streams with the truth beside them."""

    tasks: Any
    """Pytree with leaves [batch, time, ...]: the parameters of the task in force at each step."""
    inputs: Float[Array, "batch time input"]
    targets: Float[Array, "batch time target"]
    revealed: Bool[Array, "batch time"]
    """Whether the target of this step is ever told to the learner."""
    scored: Bool[Array, "batch time"]
    """Whether the prediction of this step counts (False: padding, or a target nobody knows)."""
    example: Int[Array, "batch time"]
    """How many examples of the task in force came before this one: 0 for its first."""


def network_inputs(
    stream: Stream, delay: int, flagged: bool
) -> Float[Array, "batch time network_input"]:
    """What the network sees at each step: the inputs and, beside them, the supplementary input.

    The supplementary input is the previous target (paper, section 3): at step t the target of step
    t - 1 - delay, and 0 where none has arrived. With `flagged`, one more input is 1 where a target
    has arrived and 0 where not, so that "none" differs from "0".
    """
    known = jnp.where(stream.revealed[..., None], stream.targets, 0.0)
    parts = [stream.inputs, _shift(known, 1 + delay)]
    if flagged:
        parts.append(_shift(stream.revealed[..., None].astype(known.dtype), 1 + delay))
    return jnp.concatenate(parts, axis=-1)


def _shift(
    values: Float[Array, "batch time target"], steps: int
) -> Float[Array, "batch time target"]:
    """Move values `steps` later in time, zeros first, the length kept."""
    length = values.shape[1]
    return jnp.pad(values, ((0, 0), (steps, 0), (0, 0)))[:, :length]
