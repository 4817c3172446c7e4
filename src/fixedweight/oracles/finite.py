"""Any finite set of tasks: the exact Bayes filter, in every regime and under noise."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.oracle import Kind, Oracle, told

CERTAIN = 1e-9
"""Standard deviation of targets without noise: far above rounding, far below what tells tasks
apart."""


@dataclass(frozen=True, eq=False)
class FiniteTasks(Oracle):
    """E[y | past] for a task among finitely many, redrawn by chance `hazard` at each step.

    A hidden Markov filter over tasks: with weights w and a prior q,

        w <- (1 - hazard) w + hazard q,   p = sum_k w_k E[y | x, k],   w_k <- w_k P(y | x, k) / sum

    A target is that of the task, flipped to 1 - y by chance `flip`, with Gaussian noise of standard
    deviation `sd`. Where the task changes after every `period` examples and the learner knows when,
    w <- q at each change.

    Args:
        targets: from inputs [..., input] to the target of each task [..., task].
        prior: q, [task]; positive numbers that add up to 1.
        hazard: chance of a fresh task at each step, at least 0 and below 1.
        period: examples after which a fresh task is known to come; None for never.
        flip: chance that a target is 1 - y instead.
        sd: standard deviation of Gaussian noise.

    Raises:
        InputError: a prior that is no distribution, or a number out of range.
    """

    targets: Callable[[np.ndarray], np.ndarray]
    prior: np.ndarray
    hazard: float = 0.0
    period: int | None = None
    flip: float = 0.0
    sd: float = 0.0
    kind: Kind = field(default="exact", kw_only=True)
    note: str = field(default="The exact Bayes filter over all tasks.", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        prior = np.asarray(self.prior, dtype=np.float64)
        if prior.ndim != 1 or not (prior > 0).all() or abs(prior.sum() - 1.0) > 1e-9:
            raise InputError(
                "Expected a prior of positive numbers that add up to 1, one a task, got shape "
                f"{prior.shape} and sum {prior.sum():g}."
            )
        if not 0 <= self.hazard < 1 or not 0 <= self.flip <= 0.5 or self.sd < 0:
            raise InputError(
                "Expected a hazard from 0 to below 1, a flip from 0 to 0.5 and no negative sd, got "
                f"hazard={self.hazard}, flip={self.flip}, sd={self.sd}."
            )
        if self.period is not None and (self.period < 1 or self.hazard):
            raise InputError(
                "Expected a period of at least 1 example, and no hazard beside it, got "
                f"period={self.period}, hazard={self.hazard}."
            )

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        inputs, y, revealed = told(stream)
        mean = np.asarray(self.targets(inputs), dtype=np.float64)
        batch, time = y.shape
        prior = np.asarray(self.prior, dtype=np.float64)
        log_likelihood = np.where(revealed[..., None], self._log_likelihood(y, mean), 0.0)
        expected = mean + self.flip * (1.0 - 2.0 * mean)
        weight = np.tile(prior, (batch, 1))
        predictions = np.empty((batch, time))
        for t in range(time):
            s = t - 1 - self.delay  # the target that has just been told
            if s >= 0:
                log_weight = np.log(weight) + log_likelihood[:, s]
                log_weight -= log_weight.max(axis=1, keepdims=True)
                weight = np.exp(log_weight)
                weight /= weight.sum(axis=1, keepdims=True)
                weight = self._moved(weight, s + 1, prior)
            ahead = weight  # what may have happened since
            for later in range(max(s + 2, 1), t + 1):
                ahead = self._moved(ahead, later, prior)
            predictions[:, t] = np.einsum("bk,bk->b", ahead, expected[:, t])
        between = expected.min(axis=-1), expected.max(axis=-1)  # but for rounding
        return np.clip(predictions, *between)[..., None]

    def _moved(
        self, weight: Float[np.ndarray, "batch task"], step: int, prior: Float[np.ndarray, " task"]
    ) -> Float[np.ndarray, "batch task"]:
        """The weights of the tasks in force at a step, from those of the step before."""
        if self.period is not None and step % self.period == 0:
            return np.tile(prior, (len(weight), 1))
        # above 0, so that a task ruled out by rounding can come back
        return np.maximum((1.0 - self.hazard) * weight + self.hazard * prior, 1e-300)

    def _log_likelihood(
        self, y: Float[np.ndarray, "batch time"], mean: Float[np.ndarray, "batch time task"]
    ) -> Float[np.ndarray, "batch time task"]:
        sd = max(self.sd, CERTAIN)

        def density(center: np.ndarray) -> np.ndarray:
            return -0.5 * ((y[..., None] - center) / sd) ** 2

        if not self.flip:
            return density(mean)
        return np.logaddexp(
            np.log1p(-self.flip) + density(mean), np.log(self.flip) + density(1.0 - mean)
        )


def truth_tables(inputs: int) -> Callable[[np.ndarray], np.ndarray]:
    """The targets of all Boolean functions of n inputs, a task a truth table: 2^2^n of them."""
    rows = 2**inputs
    tables = (np.arange(2**rows)[:, None] >> np.arange(rows)) & 1

    def targets(x: np.ndarray) -> np.ndarray:
        row = np.asarray(x).astype(np.int64) @ 2 ** np.arange(inputs)
        return np.moveaxis(tables[:, row], 0, -1).astype(np.float64)

    return targets
