"""Any family with a sampler and a likelihood: the Bayes predictor by importance sampling."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fixedweight.errors import InputError
from fixedweight.families import Family, Stream
from fixedweight.oracles.oracle import Kind, Oracle, told

STREAMS_AT_ONCE = 64


class Risk(NamedTuple):
    """The Bayes risk of each step, estimated."""

    value: Float[np.ndarray, " time"]
    error: Float[np.ndarray, " time"]
    """Its standard error, over streams."""
    effective: Float[np.ndarray, " time"]
    """Tasks as good as independent draws from the posterior, on average over streams. Where these
    are few (tens), `value` is hardly known, and the predictions are worse than the Bayes
    predictor's."""


@dataclass(frozen=True, eq=False)
class Importance(Oracle):
    """E[y | past] over tasks drawn from the prior, weighted by the likelihood of what was told.

        p[t] = sum_k w_k f_k(x[t]) / sum_k w_k,   w_k = prod_s N(y[s]; f_k(x[s]), sd^2)

    The same `draws` tasks serve all streams. They are a good sample of the posterior while this is
    much wider than the distance between them, so for few parameters or much noise; `risk` says
    where. As a predictor it is a bound from above.

    Args:
        family: whose tasks are drawn; a user's own simulator too.
        sd: standard deviation of the targets' Gaussian noise, above 0.
        draws: tasks, an even number.
        seed: of the draws.

    Raises:
        InputError: no noise, fewer than two draws, or targets of more than one number.
    """

    family: Family
    sd: float
    draws: int = 16384
    seed: int = 0
    kind: Kind = field(default="bound from above", kw_only=True)
    note: str = field(default="The Bayes predictor, by importance sampling.", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sd > 0:
            raise InputError(
                f"Expected noise with a standard deviation above 0, got {self.sd}: without noise "
                "no drawn task is exactly the one at hand."
            )
        if self.draws < 2 or self.draws % 2:
            raise InputError(f"Expected an even number of draws, got {self.draws}.")
        if self.family.target_size != 1:
            raise InputError(f"Expected targets of one number, got {self.family.target_size}.")

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        return self._weighed(stream)[0].mean(axis=0)[..., None]

    def risk(self, stream: Stream) -> Risk:
        """The Bayes risk on the stream's targets, without the sampling's own error.

        Each half of the draws makes a prediction of its own; the product of their errors has the
        expectation of the squared error of neither, so what sampling adds cancels on average.
        """
        (one, other), effective = self._weighed(stream)
        y = np.asarray(stream.targets, dtype=np.float64)[..., 0]
        product = (one - y) * (other - y)
        error = product.std(axis=0, ddof=1) / len(product) ** 0.5
        return Risk(product.mean(axis=0), error, effective.sum(axis=0).mean(axis=0))

    def _weighed(
        self, stream: Stream
    ) -> tuple[Float[np.ndarray, "2 batch time"], Float[np.ndarray, "2 batch time"]]:
        """(prediction, effective draws) by each half of the draws."""
        told(stream)  # refuses targets of several numbers
        keys = jax.random.split(jax.random.key(self.seed), self.draws)
        tasks = jax.jit(jax.vmap(self.family.draw_task))(keys)
        weigh = jax.jit(jax.vmap(_along(self.family.target, self.sd, self.delay), (None, 0, 0, 0)))
        parts = []
        for first in range(0, len(stream.inputs), STREAMS_AT_ONCE):
            rows = slice(first, first + STREAMS_AT_ONCE)
            told_here = (stream.inputs[rows], stream.targets[rows], stream.revealed[rows])
            parts.append(jax.tree.map(np.asarray, weigh(tasks, *map(jnp.asarray, told_here))))
        found, effective = (np.concatenate(part) for part in zip(*parts, strict=True))
        return np.moveaxis(found, -1, 0).astype(float), np.moveaxis(effective, -1, 0).astype(float)


def _along(target: Callable[[Any, Array], Any], sd: float, delay: int) -> Callable[..., Any]:
    """One stream: (tasks, inputs, targets, revealed) -> ([time, half], [time, half])."""

    def run(tasks: Any, x: Array, y: Array, revealed: Array) -> tuple[Array, Array]:
        def step(carry: Any, now: Any) -> Any:
            log_weight, late = carry
            x, y, known = now
            means = jnp.reshape(jax.vmap(lambda task: target(task, x))(tasks), (2, -1))
            weight = jax.nn.softmax(log_weight, axis=-1)
            out = jnp.sum(weight * means, axis=-1), 1.0 / jnp.sum(weight**2, axis=-1)
            fit = jnp.where(known, -0.5 * ((y[0] - means) / sd) ** 2, 0.0)
            late = jnp.concatenate([late, fit[None]])
            return (log_weight + late[0], late[1:]), out

        half = len(jax.tree.leaves(tasks)[0]) // 2
        begin = jnp.zeros((2, half)), jnp.zeros((delay, 2, half))
        return jax.lax.scan(step, begin, (x, y, revealed))[1]

    return run
