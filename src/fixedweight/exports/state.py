"""A learner's state as one row of numbers, as it stands in every export: from one to another."""

import numpy as np

from fixedweight.errors import InputError
from fixedweight.estimators import OnlineEstimator


def pack_state(estimator: OnlineEstimator) -> np.ndarray:
    """The estimator's state as exports hold it, [numbers]: `state`, then `told`."""
    parts = estimator.get_state()
    names = [*sorted(name for name in parts if name.startswith("state.")), "supplement"]
    return np.concatenate([parts[name].reshape(-1) for name in names])


def unpack_state(estimator: OnlineEstimator, numbers: np.ndarray) -> None:
    """Go on from a state [numbers] that an export of the same learner, or `pack_state`, gave.

    Raises:
        InputError: so many numbers do not make a state of this learner, or are not finite.
    """
    parts = estimator.get_state()
    names = [*sorted(name for name in parts if name.startswith("state.")), "supplement"]
    sizes = [parts[name].size for name in names]
    numbers = np.asarray(numbers, dtype=np.float32)
    if numbers.shape != (sum(sizes),):
        raise InputError(
            f"Expected the {sum(sizes)} numbers of this learner's state, got shape {numbers.shape}."
        )
    for name, part in zip(names, np.split(numbers, np.cumsum(sizes)[:-1]), strict=True):
        parts[name] = part.reshape(parts[name].shape)
    estimator.set_state(parts)
