"""Functions fitted to tasks on a basis, and how common each is: where `Hypotheses` begins."""

import numpy as np

RIDGE = 0.03
NEWTON = 8
"""Steps of Newton's method for a logistic function."""


def known_tasks(
    basis: np.ndarray,
    targets: np.ndarray,
    scored: np.ndarray,
    common: np.ndarray,
    most: int,
    *,
    logistic: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent functions among tasks, with their share of the tasks.

    Logistic ones that are alike in the sign of what they foresee are one; linear ones all differ.

    Args:
        basis: [task, time, basis] of each task's examples.
        targets: [task, time, target].
        scored: [task, time], 1 where a target is known, else 0.
        common: [input, basis] at which functions are compared.
        most: how many, from the first again where there are fewer.

    Returns:
        Coefficients [function, basis, target] and shares [function], which sum to 1.
    """
    fit = _logistic if logistic else _linear
    found = np.stack([fit(basis, one, scored) for one in np.moveaxis(targets, -1, 0)], axis=-1)
    first, number = np.arange(len(found)), np.ones(len(found))
    if logistic:
        sign = np.einsum("ni,tio->tno", common, found).reshape(len(found), -1) > 0
        _, first, number = np.unique(sign, axis=0, return_index=True, return_counts=True)
    order = np.resize(np.argsort(-number, kind="stable")[:most], most)
    return found[first[order]], number[order] / number[order].sum()


def _linear(basis: np.ndarray, targets: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Ridge regression."""
    weighted = (basis * scored[..., None]).swapaxes(1, 2)
    gram = weighted @ basis + RIDGE * np.eye(basis.shape[-1])
    return np.linalg.solve(gram, weighted @ targets[..., None])[..., 0]


def _logistic(basis: np.ndarray, targets: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Ridge logistic regression by Newton's method."""
    w = np.zeros(basis.shape[::2])
    penalty = RIDGE * np.eye(basis.shape[-1])
    for _ in range(NEWTON):
        p = 0.5 + 0.5 * np.tanh(0.5 * (basis @ w[..., None])[..., 0])
        slope = ((scored * (targets - p))[..., None, :] @ basis)[..., 0, :] - RIDGE * w
        curve = (basis * (scored * p * (1.0 - p))[..., None]).swapaxes(1, 2) @ basis + penalty
        w = w + np.linalg.solve(curve, slope[..., None])[..., 0]
    return w
