"""What engineers use under drift: River's classifiers, each tuned on streams of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from studies.drift.streams import Streams

Make = Callable[[], Any]


def _bayes() -> Any:
    from river import naive_bayes

    return naive_bayes.BernoulliNB()


def _retrained(detector: Any, model: Make) -> Any:
    from river import drift

    return drift.DriftRetrainingClassifier(model=model(), drift_detector=detector)


def _logistic(rate: float) -> Any:
    from river import linear_model, optim

    return linear_model.LogisticRegression(optim.SGD(rate), intercept_lr=rate)


def _tree(grace: int) -> Any:
    from river import tree

    return tree.HoeffdingTreeClassifier(grace_period=grace)


def _adaptive_tree(grace: int) -> Any:
    from river import tree

    return tree.HoeffdingAdaptiveTreeClassifier(grace_period=grace, seed=0)


def _forest(grace: int) -> Any:
    from river import forest

    return forest.ARFClassifier(grace_period=grace, seed=0)


def _adwin(delta: float) -> Any:
    from river import drift

    return drift.ADWIN(delta=delta, grace_period=5, min_window_length=3, clock=1)


def _ddm(warm: int) -> Any:
    from river import drift

    return drift.binary.DDM(warm_start=warm)


class Restarted:
    """A model that begins anew where a detector finds that its errors have changed."""

    def __init__(self, detector: Any, model: Make) -> None:
        self.detector, self.make, self.model = detector, model, model()

    def predict_one(self, x: dict[str, float]) -> int | None:
        return self.model.predict_one(x)

    def learn_one(self, x: dict[str, float], y: int) -> None:
        self.detector.update(float(self.model.predict_one(x) != y))
        if self.detector.drift_detected:
            self.model = self.make()
        self.model.learn_one(x, y)


class NearestInWindow:
    """The label of the nearest of the last examples, of equally near ones the latest."""

    def __init__(self, window: int) -> None:
        self.examples: deque[tuple[tuple[float, ...], int]] = deque(maxlen=window)

    def predict_one(self, x: dict[str, float]) -> int | None:
        row = tuple(x.values())
        best, label = np.inf, None
        for other, y in reversed(self.examples):
            far = sum(abs(a - b) for a, b in zip(row, other, strict=True))
            if far < best:
                best, label = far, y
        return label

    def learn_one(self, x: dict[str, float], y: int) -> None:
        self.examples.append((tuple(x.values()), y))


RIVALS: dict[str, dict[str, Make]] = {
    "logistic regression, SGD": {str(r): partial(_logistic, r) for r in (0.3, 1.0, 3.0)},
    "naive Bayes": {"": _bayes},
    "naive Bayes, ADWIN": {
        str(d): lambda d=d: Restarted(_adwin(d), _bayes) for d in (0.002, 0.05, 0.3)
    },
    "naive Bayes, DDM": {str(w): lambda w=w: _retrained(_ddm(w), _bayes) for w in (5, 10, 30)},
    "Hoeffding tree, ADWIN": {
        str(d): lambda d=d: Restarted(_adwin(d), partial(_tree, 5)) for d in (0.002, 0.05)
    },
    "Hoeffding adaptive tree": {str(g): partial(_adaptive_tree, g) for g in (5, 20, 200)},
    "adaptive random forest": {str(g): partial(_forest, g) for g in (5, 50)},
    "nearest in window": {str(w): partial(NearestInWindow, w) for w in (10, 20, 40)},
}
"""Name -> setting -> model. River's usual settings are among them."""


def run(make: Make, streams: Streams) -> np.ndarray:
    """What the model says of each example before its label [stream, time]; 0 where it says nothing.

    Indicators are all there, the zeros too: a sparse example makes rivals look falsely bad.
    """
    return np.stack([list(_along(make(), *one)) for one in zip(*streams[:2], strict=True)])


def _along(model: Any, inputs: np.ndarray, targets: np.ndarray) -> Iterator[float]:
    names = [f"x{i}" for i in range(inputs.shape[1])]
    for row, y in zip(inputs.tolist(), targets.astype(int).tolist(), strict=True):
        x = dict(zip(names, row, strict=True))
        yield float(model.predict_one(x) or 0)
        model.learn_one(x, y)


def tuned(name: str, streams: Streams) -> str:
    """The setting with the fewest errors on these streams."""
    settings = RIVALS[name]
    if len(settings) == 1:
        return next(iter(settings))
    wrong = {key: np.mean(run(make, streams) != streams.targets) for key, make in settings.items()}
    return min(wrong, key=lambda key: wrong[key])
