"""Is there a signal that falls as one over the step number? (paper, section 5: "approximately
inversely proportional to the cycle step number within a sequence")"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fixedweight.errors import InputError
from fixedweight.probing.record import Recording

POWERS = np.arange(0.1, 4.05, 0.1)
DECAYS = np.geomspace(0.5, 100.0, 40)
"""Time constants, in steps, of the exponentials held against 1/n."""


@dataclass(frozen=True, eq=False)
class Falling:
    """One unit's mean over tasks, as a function of the number n = 1, 2, ... of the step.

    Fits are to the streams that are not held out and to every other step; each R2 is of the mean
    over held-out streams at the steps between, each octave of n counting the same.
    """

    signal: str
    level: float
    height: float
    """level + height / n"""
    r2: float
    r2_exponential: float
    """Of the best level + height exp(-n / decay)."""
    power: float
    """The exponent p of the best level + height / n^p."""
    share: float
    """The variance of the unit itself, over held-out streams and steps, that level + height / n
    explains: near 1 where it tells the step and nothing else."""
    mean: np.ndarray
    """[n] over held-out streams."""


def countdown(recording: Recording, *, signals: Sequence[str] | None = None) -> list[Falling]:
    """Fit level + height / n to every unit's mean over tasks; the best fit first.

    Units that do not vary are left out. A network that only settles from its first state fits 1/n
    to some degree: hold the best against that of `untrained`, and `r2` against `r2_exponential`.

    Args:
        recording: from `record`.
        signals: parts of the state; all of them by default.

    Raises:
        InputError: no such signal, or tasks of fewer than 8 examples.
    """
    signals = recording.chosen(signals or tuple(recording.signals))
    length = recording.examples
    if length < 8:
        raise InputError(f"Expected tasks of at least 8 examples to see a decline, got {length}.")
    values = np.concatenate([recording.signals[name] for name in signals], axis=-1)
    held_out = np.broadcast_to(recording.held_out[:, None], recording.example.shape)
    fitted = _by_step(values, recording.example, ~held_out, length)[0]
    mean, square, count = _by_step(values, recording.example, held_out, length, squares=True)
    n = np.arange(1, length + 1)
    weight = 1.0 / n
    found = []
    for unit, name in enumerate(recording.names(signals)):
        seen, judged = fitted[:, unit], mean[:, unit]
        if max(seen.std(), judged.std()) < 1e-6:
            continue
        level, height, r2 = _fit(1.0 / n, seen, judged, weight)
        curve = level + height / n
        importance = weight * count
        overall = np.average(judged, weights=importance)
        total = np.average(square[:, unit] - 2 * overall * judged + overall**2, weights=importance)
        rest = np.average(square[:, unit] - 2 * curve * judged + curve**2, weights=importance)
        found.append(
            Falling(
                signal=name,
                level=level,
                height=height,
                r2=r2,
                r2_exponential=max(_fit(np.exp(-n / d), seen, judged, weight)[2] for d in DECAYS),
                power=float(max(POWERS, key=lambda p: _fit(n**-p, seen, judged, weight)[2])),
                share=float(1.0 - rest / total),
                mean=judged,
            )
        )
    return sorted(found, key=lambda falling: -falling.r2)


def _by_step(
    values: np.ndarray, example: np.ndarray, where: np.ndarray, length: int, squares: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[n, unit] mean and mean square by the number of the step within its task, and [n] counts."""
    use = where & (example < length)
    place, chosen = example[use], values[use].astype(np.float64)
    count = np.bincount(place, minlength=length)
    mean = np.zeros((length, values.shape[-1]))
    square = np.zeros_like(mean)
    np.add.at(mean, place, chosen)
    if squares:
        np.add.at(square, place, chosen**2)
    per = np.maximum(count, 1)[:, None]
    return mean / per, square / per, count


def _fit(
    shape: np.ndarray, seen: np.ndarray, judged: np.ndarray, weight: np.ndarray
) -> tuple[float, float, float]:
    """Level and height of `shape` on even steps of `seen`, and R2 on odd steps of `judged`."""
    fit, test = slice(0, None, 2), slice(1, None, 2)
    w = weight[fit]
    x, y = shape[fit], seen[fit]
    mx, my = np.average(x, weights=w), np.average(y, weights=w)
    height = np.sum(w * (x - mx) * (y - my)) / np.sum(w * (x - mx) ** 2)
    level = my - height * mx
    w, y = weight[test], judged[test]
    rest = np.sum(w * (y - level - height * shape[test]) ** 2)
    return float(level), float(height), float(1.0 - rest / np.sum(w * (y - my) ** 2))
