"""One learner on several targets of the same inputs, side by side."""

import numpy as np

from fixedweight.errors import InputError
from fixedweight.estimators.online import ARRIVED, MOST_SCALED, too_large
from fixedweight.learner import Learner

MOST_TOGETHER = 1_000_000
"""Numbers of state that queries in one step of the network may take."""


class Streams:
    """The states of one learner in several streams, stepped together, in constant memory.

    All streams have the same inputs, each has its own target. Every stream learns exactly as an
    `OnlineEstimator` of its own would: the network's products are taken stream by stream and query
    by query, so that rounding does not depend on what is beside them.

    Args:
        learner: with targets of one number that come with their inputs.
        streams: how many to begin with.

    Raises:
        InputError: a learner of other targets.
    """

    def __init__(self, learner: Learner, streams: int) -> None:
        if learner.target_size != 1 or learner.delay:
            raise InputError(
                "Expected a learner of one number that is told with its inputs, got one of "
                f"{learner.target_size} with a delay of {learner.delay}. "
                "Use fixedweight.OnlineEstimator."
            )
        self.learner = learner
        self._state = learner.initial_state((streams, 1))
        nothing = np.zeros((streams, 1, 1), dtype=np.float32)
        self._supplement = learner.supplement(nothing, nothing)
        self._ahead: tuple[bytes, dict[str, np.ndarray], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._supplement)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions for many inputs, each as if it came next: [query, input] -> [query, stream].

        Raises:
            InputError: inputs so large that a prediction is not finite.
        """
        if len(x) == 1:
            return self._step(x[0])[1][None]
        size = sum(part.size for part in self._state.values())
        rows = max(1, MOST_TOGETHER // size)
        parts = [self._predict(x[begin : begin + rows]) for begin in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.empty((0, len(self)), dtype=np.float32)

    def learn(self, x: np.ndarray, y: np.ndarray) -> None:
        """Learn one example: x [input], the targets [stream].

        Raises:
            InputError: numbers so large that the network would overflow. Nothing has changed then.
        """
        state, _ = self._step(x)
        with np.errstate(over="ignore"):  # refused below
            told = np.asarray(y, dtype=np.float32)[:, None, None]
            supplement = self.learner.supplement(told, np.broadcast_to(ARRIVED, told.shape))
        if not (np.abs(supplement) <= MOST_SCALED).all():
            raise too_large("target", np.asarray(y))
        self._state, self._supplement, self._ahead = state, supplement, None

    def repeat_last(self) -> None:
        """Add a stream that has learned what the last one has."""
        self._state = {
            name: np.concatenate([part, part[-1:]]) for name, part in self._state.items()
        }
        self._supplement = np.concatenate([self._supplement, self._supplement[-1:]])
        self._ahead = None

    def _step(self, x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """New states and predictions [stream], remembered until an example is learned."""
        key = x.tobytes()
        if self._ahead is None or self._ahead[0] != key:
            beside = np.broadcast_to(x, (len(self), 1, len(x)))
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                state, answers = self.learner.step(self._state, beside, self._supplement)
            if not np.isfinite(answers).all():
                raise too_large("inputs", x)
            self._ahead = key, state, answers[:, 0, 0]
        return self._ahead[1:]

    def _predict(self, x: np.ndarray) -> np.ndarray:
        n = len(x)
        state = {k: np.broadcast_to(part, (n, *part.shape)) for k, part in self._state.items()}
        told = np.broadcast_to(self._supplement, (n, *self._supplement.shape))
        beside = np.broadcast_to(x[:, None, None], (n, len(self), 1, x.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            answers = self.learner.step(state, beside, told)[1][..., 0, 0]
        if not (finite := np.isfinite(answers).all(axis=1)).all():
            raise too_large("inputs", x[np.flatnonzero(~finite)[0]])
        return answers
