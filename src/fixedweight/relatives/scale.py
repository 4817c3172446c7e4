"""The scale on which targets are foreseen: as they are or in logarithms, wild ones cut off."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fixedweight.scaling import Scaling, measured_scaling

REACH = 20.0
"""Numbers further from the middle half of a column than so many times its width are cut off; where
targets are positive, their logarithms."""
LEAST_RATIO = 2.0
"""Of the largest to the least of positive targets, below which logarithms are not tried."""


class Scaled(NamedTuple):
    """Inputs and targets as filters see them."""

    scaling: Scaling
    """Of the learner: what is done before the network's step."""
    log: bool
    unit: float
    """Of logarithms of the learner's scaled targets."""
    inputs: Float[np.ndarray, "task time input"]
    targets: Float[np.ndarray, "task time"]
    """0 where unknown."""
    steepness: Float[np.ndarray, "task time"]
    """The logarithm of how much these targets change with raw ones, for densities of those."""

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Targets of the filters in the unit of the table."""
        scaled = np.exp(np.clip(self.unit * values, -50.0, 50.0)) if self.log else values
        return self.scaling.unscale_targets(scaled[..., None])[..., 0]


def scales(
    inputs: Float[np.ndarray, "task time input"],
    targets: Float[np.ndarray, "task time"],
    there: Bool[np.ndarray, "task time"],
    known: Bool[np.ndarray, "task time"],
    rows: np.ndarray,
) -> list[Scaled]:
    """The scales that suit the tasks `rows`; logarithms are the second."""
    x = _cut(inputs, inputs[rows][there[rows]])
    values = targets[rows][known[rows]]
    positive = values.min() > 0
    if positive:
        middle = float(np.exp(np.log(values).mean()))
        told = np.where(known & (targets > 0), targets, middle)
        y = np.exp(_cut(np.log(told)[..., None], np.log(values)[:, None])[..., 0])
    else:
        y = _cut(targets[..., None], values[:, None])[..., 0]
    scaling = measured_scaling(x[rows][there[rows]], y[rows][known[rows]][:, None])
    scaled_x = np.asarray(scaling.scale_inputs(x), dtype=np.float32)
    plain = scaling.scale_targets(y[..., None])[..., 0]
    flat = np.full(y.shape, -np.log(scaling.target_scale[0]))
    found = [Scaled(scaling, False, 1.0, scaled_x, _told(plain, known), flat)]
    values = y[rows][known[rows]]
    if positive and values.max() > LEAST_RATIO * values.min():
        middle, unit = float(np.log(values).mean()), float(np.log(values).std())
        logs, steep = (np.log(y) - middle) / unit, -np.log(unit) - np.log(y)
        own = Scaling(scaling.input_offset, scaling.input_scale, (0.0,), (float(np.exp(middle)),))
        found.append(Scaled(own, True, unit, scaled_x, _told(logs, known), steep))
    return found


def _told(targets: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known, targets, 0.0).astype(np.float32)


def _cut(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Values [..., column] within the reach of those [row, column]."""
    first, last = np.quantile(among, [0.25, 0.75], axis=0)
    reach = np.where(last > first, REACH * (last - first), np.inf)
    return np.clip(values, first - reach, last + reach)
