"""Errors of predictions over tasks: by example, over whole streams, with confidence intervals.

Everything here works on squared errors [batch, time] of streams in which tasks may follow each
other; the task, not the step, is what varies independently, so every interval is over tasks.
"""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
CONFIDENCE = 0.95
LEARNED = 0.1
"""A task counts as learned when the mean squared error is at most this share of the targets'
variance, which is the error of a learner that knows the family's mean and nothing of the task."""


@dataclass(frozen=True)
class Estimate:
    """A mean over tasks with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.5f} [{self.low:.5f}, {self.high:.5f}]"


@dataclass(frozen=True)
class Units:
    """Sums over each task of a judged set of streams."""

    task: np.ndarray
    """[batch, time] index of the task in force."""
    scored: np.ndarray
    """[batch, time] bool."""
    example: np.ndarray
    """[batch, time] examples of this task that came before."""

    @staticmethod
    def of(example: np.ndarray, scored: np.ndarray) -> "Units":
        """A new task begins wherever the example number is 0."""
        begins = (example == 0) | (np.arange(example.shape[1]) == 0)
        task = np.cumsum(begins.ravel()).reshape(example.shape) - 1
        return Units(task, scored, example)

    def sums(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """[task] sum of `values` over the scored steps (and those of `where`)."""
        use = self.scored if where is None else self.scored & where
        return np.bincount(self.task[use], weights=values[use], minlength=int(self.task.max()) + 1)

    def mean(self, values: np.ndarray, where: np.ndarray | None = None) -> Estimate | None:
        """The mean of `values` over scored steps; None for none, or where one is not finite."""
        return self.ratio(values, np.ones_like(values), where)

    def ratio(
        self, values: np.ndarray, to: np.ndarray, where: np.ndarray | None = None
    ) -> Estimate | None:
        """Sum of `values` over sum of `to`, both over the same steps, resampled over tasks.

        None where the sum of `to` is 0 or some of `values` is not finite.
        """
        above, below = self.sums(values, where), self.sums(to, where)
        if not (below.sum() > 0 and np.isfinite(above).all()):
            return None
        value = above.sum() / below.sum()
        rng = np.random.default_rng(0)
        counts = rng.multinomial(len(above), np.full(len(above), 1 / len(above)), RESAMPLES)
        totals = counts @ below
        draws = (counts @ above)[totals > 0] / totals[totals > 0]
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.percentile(draws, [tail, 100 - tail])
        return Estimate(float(value), float(low), float(high))

    def by_example(self, values: np.ndarray, examples: int) -> list[float | None]:
        """The mean of `values` after 0, 1, ..., examples - 1 examples of the task."""
        use = self.scored & (self.example < examples)
        place = self.example[use]
        total = np.bincount(place, weights=values[use], minlength=examples)
        count = np.bincount(place, minlength=examples)
        return [float(t / n) if n else None for t, n in zip(total, count, strict=True)]


def examples_to_learn(
    curve: list[float | None], variance: float, share: float = LEARNED
) -> int | None:
    """The number of examples after which a task is learned, and stays so.

    The smallest n such that the mean squared error after n examples, and after every larger number
    up to the end of the curve, is at most that `share` of the targets' variance. None if
    that is never so, or if no error is known.
    """
    last = None
    for n in reversed(range(len(curve))):
        error = curve[n]
        if error is None:
            continue
        if not error <= share * variance:  # nor where it is NaN
            break
        last = n
    return last
