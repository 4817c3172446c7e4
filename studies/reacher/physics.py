"""The best that the field's own model can do: every arm of a prior, weighed by what it foresees.

MuJoCo itself predicts each example for the arms of a grid of Chebyshev nodes; between them
polynomials interpolate. The posterior over payload, damping and gear is followed by sequential
Monte Carlo with rejuvenation by Metropolis steps (Chopin, Biometrika 89, 2002).
"""

from __future__ import annotations

from itertools import product

import numpy as np

from studies.reacher.simulate import NOISE, set_arm, step

NODES = (6, 3, 3)
PARTICLES = 1000
MOVES = 3


def _unit_nodes(count: int) -> np.ndarray:
    """Chebyshev nodes of [-1, 1]."""
    return np.cos((np.arange(count) + 0.5) * np.pi / count)


def polynomials(unit: np.ndarray) -> np.ndarray:
    """Products of Chebyshev polynomials [arm, node] at arms of the cube [-1, 1]^3."""
    angle = np.arccos(np.clip(unit, -1.0, 1.0))
    each = [np.cos(angle[:, k, None] * np.arange(count)) for k, count in enumerate(NODES)]
    return np.einsum("ni,nj,nk->nijk", *each).reshape(len(unit), -1)


def foreseen(moments: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Coefficients [example, node] of the change of velocity in `polynomials` of the arm.

    Args:
        moments: states and torques [example, 6].
        low, high: the box of arms [3].
    """
    cube = np.array(list(product(*map(_unit_nodes, NODES))))
    values = np.empty((len(cube), len(moments)))
    for i, unit in enumerate(cube):
        set_arm(low + (high - low) * (unit + 1.0) / 2.0)
        for j, moment in enumerate(moments):
            values[i, j] = step(moment[:4], moment[4:])[2] - moment[2]
    return np.linalg.solve(polynomials(cube), values).T


def filtered(coefficients: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The posterior mean of each target of one arm before it is told, the prior being uniform.

    A target that would leave few arms is let in by degrees (tempering).

    Args:
        coefficients: of `foreseen` [example, node].
        targets: [example].
    """
    arms = rng.uniform(-1.0, 1.0, (PARTICLES, 3))
    design = polynomials(arms)
    weight = np.full(PARTICLES, 1.0 / PARTICLES)
    predictions = np.empty(len(targets))
    for t, target in enumerate(targets):
        foreseen = design @ coefficients[t]
        predictions[t] = weight @ foreseen
        shares = np.ones(t + 1)  # of each example's log-likelihood
        shares[t] = 0.0
        while shares[t] < 1.0:
            fit = -0.5 * ((target - design @ coefficients[t]) / NOISE) ** 2
            more = _most(weight, fit, 1.0 - shares[t])
            shares[t] += more
            weight = _reweighed(weight, more * fit)
            if _effective(weight) < 0.6 * PARTICLES:
                kept = rng.choice(PARTICLES, PARTICLES, p=weight)
                arms = _moved(arms[kept], coefficients[: t + 1], targets[: t + 1], shares, rng)
                design = polynomials(arms)
                weight = np.full(PARTICLES, 1.0 / PARTICLES)
    return predictions


def _moved(
    arms: np.ndarray,
    coefficients: np.ndarray,
    targets: np.ndarray,
    shares: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The arms after Metropolis steps that leave their posterior as it is."""

    def fit(arms: np.ndarray) -> np.ndarray:
        rest = targets - polynomials(arms) @ coefficients.T
        return -0.5 * (rest**2 @ shares) / NOISE**2

    factor = 1.2 * np.linalg.cholesky(np.cov(arms.T) + 1e-10 * np.eye(3))
    now = fit(arms)
    for _ in range(MOVES):
        tried = arms + rng.normal(size=arms.shape) @ factor.T
        inside = (np.abs(tried) <= 1.0).all(axis=1)
        then = np.where(inside, fit(tried), -np.inf)
        better = np.log(rng.uniform(size=len(arms))) < then - now
        arms, now = np.where(better[:, None], tried, arms), np.where(better, then, now)
    return arms


def _reweighed(weight: np.ndarray, log_factor: np.ndarray) -> np.ndarray:
    new = weight * np.exp(log_factor - log_factor.max())
    return new / new.sum()


def _effective(weight: np.ndarray) -> float:
    """As how many equal weights these are."""
    return 1.0 / float((weight**2).sum())


def _most(weight: np.ndarray, fit: np.ndarray, room: float) -> float:
    """The largest share of a log-likelihood, up to `room`, that leaves half the arms."""
    if _effective(_reweighed(weight, room * fit)) >= 0.5 * PARTICLES:
        return room
    low, high = 0.0, room
    for _ in range(25):
        middle = 0.5 * (low + high)
        enough = _effective(_reweighed(weight, middle * fit)) >= 0.5 * PARTICLES
        low, high = (middle, high) if enough else (low, middle)
    return max(low, 1e-9)
