"""From an online learner of one number in one stream to a baseline."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float

from fixedweight.evaluation.baselines import Baseline


class Online(Protocol):
    """Learns one number, example by example."""

    def predict_one(self, x: Float[np.ndarray, " input"]) -> float:
        """Asked once it has learned an example."""
        ...

    def learn_one(self, x: Float[np.ndarray, " input"], y: float) -> None: ...


def one_by_one(make: Callable[[], Online], spread: np.ndarray | None = None) -> Baseline:
    """A fresh learner for each number of each stream.

    With `spread` [target] it learns (y - start) / spread, otherwise y. Until a first target has
    arrived the prediction is `start`.
    """

    def baseline(
        x: np.ndarray, y: np.ndarray, told: np.ndarray, delay: int, start: np.ndarray
    ) -> np.ndarray:
        predictions = np.broadcast_to(start, y.shape).astype(np.float64)
        offset = np.zeros_like(start) if spread is None else start
        scale = np.ones_like(start) if spread is None else spread
        shown = (y - offset) / scale
        for b in range(len(x)):
            for k in range(y.shape[-1]):
                learner, begun = make(), False
                for t in range(x.shape[1]):
                    source = t - 1 - delay
                    if source >= 0 and told[b, source]:
                        learner.learn_one(x[b, source], float(shown[b, source, k]))
                        begun = True
                    if begun:
                        predictions[b, t, k] = offset[k] + scale[k] * learner.predict_one(x[b, t])
        return predictions

    return baseline
