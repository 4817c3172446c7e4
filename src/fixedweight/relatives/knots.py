"""Where the ramps of a basis stand: between the values that an input takes."""

import numpy as np
from jaxtyping import Bool, Float

BEYOND = 1e3
"""Where ramps begin that no input needs; they are flat."""


def knots_of(
    inputs: Float[np.ndarray, "task time input"],
    there: Bool[np.ndarray, "task time"],
    count: int,
    places: int,
) -> dict[str, np.ndarray]:
    """The "begin" and "slope" of each ramp: [input, places].

    An input of few values has a ramp between each two neighbours, one of many between its
    quantiles, which puts it on an axis where its examples are spread evenly.

    Args:
        count: ramps of an input at most.
        places: that there are for them; those left over are flat.
    """
    size = inputs.shape[-1]
    begin, slope = np.full((size, places), BEYOND), np.zeros((size, places))
    for i in range(size):
        values = inputs[..., i][there]
        edges = np.unique(np.round(values, 4))
        if len(edges) > count + 1:
            edges = np.unique(np.round(np.quantile(values, np.linspace(0.0, 1.0, count + 1)), 4))
        ramps = len(edges) - 1
        begin[i, :ramps], slope[i, :ramps] = edges[:-1], 1.0 / np.diff(edges)
    return {"begin": begin, "slope": slope}


def varying(
    inputs: Float[np.ndarray, "task time input"], there: Bool[np.ndarray, "task time"]
) -> Bool[np.ndarray, " input"]:
    """Whether an input changes within any task."""
    high = np.where(there[..., None], inputs, -np.inf).max(axis=1)
    low = np.where(there[..., None], inputs, np.inf).min(axis=1)
    some = there.any(axis=1)
    return ((high - low)[some] > 1e-6).any(axis=0)
