"""Boolean functions, reset or switching at random: the exact Bayes filter."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.oracle import Kind, Oracle, told


@dataclass(frozen=True)
class BooleanFilter(Oracle):
    """E[y | past] for uniform truth tables of n inputs, redrawn by chance `hazard` at each step.

    A hypothesis is when the current run of one table began. Entries of a table are independent, so
    what a hypothesis predicts depends only on which rows (cells) of the table its run has shown.
    These are always the k most recently seen distinct cells for some k, because a run is a suffix
    of the past; all hypotheses with the same k merge, and 2^n + 1 weights are the whole posterior.

    With rank r of a cell (1: seen last; none: never seen) and its last value v, at each step

        W[k] <- (1 - hazard) W[k],   W[0] <- W[0] + hazard             (a switch, perhaps)
        p = sum_{k >= r} W[k] v + sum_{k < r} W[k] / 2                 (predict)
        k >= r:  W[k] <- W[k] [y = v]                                  (the cell was known)
        k <  r:  W[k] moves to k + 1 with factor 1/2                   (a new cell of the run)
        W <- W / sum(W),   the cell gets rank 1 and value y.

    Moving is consistent with the new ranks: the top k cells and the new one are the new top k + 1,
    and where the cell was already among the top k, that set stays the same.

    This is Bayesian online change-point detection (Adams and MacKay 2007, arXiv 0710.3742) with run
    lengths that predict alike merged. With hazard 0 a stream is one task ("reset").

    Args:
        inputs: n, the number of Boolean inputs.
        hazard: chance of a fresh table at each step, at least 0 and below 1.

    Raises:
        InputError: n outside 1 to 10, or `hazard` outside [0, 1).
    """

    inputs: int
    hazard: float = 0.0
    kind: Kind = field(default="exact", kw_only=True)
    note: str = field(default="The exact Bayes filter over truth tables.", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.inputs <= 10:
            raise InputError(f"Expected between 1 and 10 Boolean inputs, got {self.inputs}.")
        if not 0 <= self.hazard < 1:
            raise InputError(
                f"Expected a hazard of at least 0 and below 1, got {self.hazard}. "
                "It is the chance of a fresh task at each step; 0 for streams of one task."
            )

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        inputs, targets, revealed = told(stream)
        if inputs.shape[-1] != self.inputs:
            raise InputError(f"Expected examples of {self.inputs} inputs, got {inputs.shape[-1]}.")
        for what, values in (("inputs", inputs), ("told targets", targets[revealed])):
            if not np.isin(values, (0.0, 1.0)).all():
                raise InputError(f"Expected Boolean {what} (0 or 1), got other numbers.")
        batch, time = targets.shape
        cells = 2**self.inputs
        # Time first, and each stream's cell as an index into the flattened [batch, cells].
        row = inputs.astype(np.int64) @ 2 ** np.arange(self.inputs)
        cell = np.ascontiguousarray(row.T) + cells * np.arange(batch)
        target, known = targets.T.copy(), revealed.T.copy()
        every = np.asarray(known.all(axis=1))

        k = np.arange(cells + 1)
        weights = np.zeros((batch, cells + 1))
        weights[:, 0] = 1.0
        rank = np.full((batch, cells), cells + 1)
        last = np.full((batch, cells), 0.5)
        # Until the next target arrives there may be a switch at each step of the delay.
        same_run = (1.0 - self.hazard) ** self.delay
        predictions = np.empty((time, batch))
        for t in range(time):
            reached = k >= rank.take(cell[t])[:, None]
            chance = np.einsum("bk,bk->b", weights, reached)
            predictions[t] = 0.5 + same_run * chance * (last.take(cell[t]) - 0.5)
            s = t - self.delay
            if s < 0:
                continue
            before = None if every[s] else (weights.copy(), rank.copy(), last.copy())
            weights = self._learn(weights, rank, last, cell[s], target[s], known[s])
            if before is not None:
                for new, old in zip((weights, rank, last), before, strict=True):
                    np.copyto(new, old, where=~known[s][:, None])
            weights *= 1.0 - self.hazard
            weights[:, 0] += self.hazard
        return predictions.T[..., None]

    def _learn(
        self,
        weights: Float[np.ndarray, "batch cell_and_none"],
        rank: Int[np.ndarray, "batch cell"],
        last: Float[np.ndarray, "batch cell"],
        cell: Int[np.ndarray, " batch"],
        target: Float[np.ndarray, " batch"],
        known: Bool[np.ndarray, " batch"],
    ) -> Float[np.ndarray, "batch cell_and_none"]:
        """The weights after the target of one step; `rank` and `last` are changed in place."""
        own = rank.take(cell)[:, None]
        new = weights * (np.arange(weights.shape[1]) >= own)
        moved = weights - new
        new *= (last.take(cell) == target)[:, None]
        moved *= 0.5
        new[:, 1:] += moved[:, :-1]
        total = new.sum(axis=1, keepdims=True)
        if not total.all():
            if not total[known].all():
                raise InputError(
                    "Expected streams of one Boolean task each, because hazard is 0, but an input "
                    "came back with another target. Give the chance of a switch as hazard."
                )
            total[total == 0] = 1.0
        new /= total
        rank += rank < own
        rank.put(cell, 1)
        last.put(cell, target)
        return new


def boolean_floor(inputs: int, steps: int) -> Float[np.ndarray, " time"]:
    """The Bayes risk of each step of a Boolean task, when the stream is reset with the task.

        risk[t] = 1/4 (1 - 2^-n)^t,   t = 0, 1, ..., steps - 1

    An entry not seen before (chance (1 - 2^-n)^t) loses 1/4, any other nothing. Twice as much is
    the best possible error rate.
    """
    return 0.25 * (1.0 - 0.5**inputs) ** np.arange(steps)
