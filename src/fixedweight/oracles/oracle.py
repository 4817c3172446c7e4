"""The interface of the best possible predictors, the same that a learner is judged by."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.errors import InputError
from fixedweight.families import Stream

Kind = Literal["exact", "bound from above"]
"""How an oracle's expected loss stands to the Bayes risk, the least that any learner can lose.

"exact": equal to it; "bound from above": not below it, and reached by an actual predictor.
"""


@dataclass(frozen=True, kw_only=True)
class Oracle(ABC):
    """A predictor that knows the family, but of a task only the examples told so far.

    Raises:
        InputError: a negative `delay`.
    """

    kind: Kind
    note: str
    """One sentence: what it is and how tight."""
    delay: int = 0
    """Steps by which a target arrives later than the next example's inputs, as in the family."""

    def __post_init__(self) -> None:
        if self.delay < 0:
            raise InputError(f"Expected a delay of 0 steps or more, got {self.delay}.")

    @abstractmethod
    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time target"]:
        """The prediction of each target before it is told.

            p[t] = E[ y[t] | x[0], ..., x[t], revealed y[0], ..., y[t - 1 - delay] ]

        Args:
            stream: `batch` streams of `time` examples of the family.

        Returns:
            Predictions [batch, time, target] in float64, in the unit of the targets.

        Raises:
            InputError: the streams cannot come from the family that the oracle knows.
        """


def told(
    stream: Stream,
) -> tuple[
    Float[np.ndarray, "batch time input"],
    Float[np.ndarray, "batch time"],
    Bool[np.ndarray, "batch time"],
]:
    """The inputs, the targets and whether each is ever told, as NumPy arrays in float64.

    Raises:
        InputError: targets of more than one number.
    """
    targets = np.asarray(stream.targets, dtype=np.float64)
    if targets.shape[-1] != 1:
        raise InputError(
            f"Expected targets of one number for this oracle, got {targets.shape[-1]}."
        )
    inputs = np.asarray(stream.inputs, dtype=np.float64)
    return inputs, targets[..., 0], np.asarray(stream.revealed, dtype=bool)
