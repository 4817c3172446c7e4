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
    """The posterior mean of each target of one arm before it is told, the prior being uniform."""
    arms = rng.uniform(-1.0, 1.0, (PARTICLES, 3))
    design = polynomials(arms)
    log_weight = np.zeros(PARTICLES)
    predictions = np.empty(len(targets))

    def likelihood(design: np.ndarray, count: int) -> np.ndarray:
        rest = targets[:count] - design @ coefficients[:count].T
        return -0.5 * (rest**2).sum(axis=1) / NOISE**2

    for t, target in enumerate(targets):
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        each = design @ coefficients[t]
        predictions[t] = weight @ each
        log_weight = log_weight - 0.5 * ((target - each) / NOISE) ** 2
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        if 1.0 / (weight**2).sum() > PARTICLES / 2:
            continue
        spread = np.cov(arms.T, aweights=weight) + 1e-9 * np.eye(3)
        factor = 1.2 * np.linalg.cholesky(spread)
        kept = rng.choice(PARTICLES, PARTICLES, p=weight)
        arms, design = arms[kept], design[kept]
        fit = likelihood(design, t + 1)
        for _ in range(MOVES):
            tried = arms + rng.normal(size=arms.shape) @ factor.T
            inside = (np.abs(tried) <= 1.0).all(axis=1)
            tried_design = polynomials(tried)
            tried_fit = np.where(inside, likelihood(tried_design, t + 1), -np.inf)
            better = np.log(rng.uniform(size=PARTICLES)) < tried_fit - fit
            arms, design = (
                np.where(better[:, None], new, old)
                for new, old in ((tried, arms), (tried_design, design))
            )
            fit = np.where(better, tried_fit, fit)
        log_weight = np.zeros(PARTICLES)
    return predictions
