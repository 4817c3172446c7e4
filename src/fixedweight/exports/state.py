"""A learner's state as exports hold it: one row of numbers, or arrays by name."""

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


def onnx_state(estimator: OnlineEstimator) -> dict[str, np.ndarray]:
    """The estimator's state as models of `to_onnx` take it, for one stream: `told` [1, target],
    NaN where no target has come, and each `state.PART` [1, ...]."""
    learner, parts = estimator.learner, estimator.get_state()
    supplement = parts["supplement"]
    if learner.flagged and supplement[-1] == 0.0:
        told = np.full(learner.target_size, np.nan, np.float32)
    else:
        told = learner.scaling.unscale_targets(supplement[: learner.target_size])
    names = sorted(name for name in parts if name.startswith("state."))
    return {"told": told[None]} | {name: parts[name][None] for name in names}


def from_onnx_state(estimator: OnlineEstimator, state: dict[str, np.ndarray]) -> None:
    """Go on from a state of one stream, named as by `onnx_state`.

    Raises:
        InputError: it is not a state of this learner, or not finite.
    """
    learner = estimator.learner
    told = np.asarray(state.get("told", ()), dtype=np.float32)
    if told.shape != (1, learner.target_size):
        raise InputError(f"Expected told [1, {learner.target_size}], got shape {told.shape}.")
    arrived = np.full((1, 1), np.isfinite(told).all(), np.float32)
    supplement = learner.supplement(np.where(arrived, told, np.float32(0.0)), arrived)
    parts = {name: np.asarray(part) for name, part in state.items() if name != "told"}
    if any(part.shape[:1] != (1,) for part in parts.values()):
        raise InputError("Expected the state of one stream, each part [1, ...].")
    rest = {"supplement": supplement[0], "examples": estimator.get_state()["examples"]}
    estimator.set_state({name: part[0] for name, part in parts.items()} | rest)
