"""A Gaussian process of a task's residuals, hyper-parameters by maximum likelihood.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2 and 5.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

START = [0.0, math.log(0.03), math.log(0.05), math.log(1.0), math.log(0.01)]


def most_likely(cost: Callable[[np.ndarray], float], start: list[float]) -> np.ndarray:
    """The minimum of `cost` by Nelder-Mead from `start` (few, cheap parameters)."""
    options = {"maxiter": 1500, "xatol": 1e-3, "fatol": 1e-3, "adaptive": True}
    return minimize(cost, start, method="Nelder-Mead", options=options).x


def covariance(theta: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Covariance of a task's true values at places `at`: offset + Matern 3/2.

    `theta[1:]`: logs of the offset variance, of the Matern variance and length, and of the noise
    variance, the last not added here.
    """
    offset, size, length = np.exp(np.clip(theta[1:4], -12, 5))
    distance = math.sqrt(3.0) * np.abs(at[:, None] - at[None, :]) / length
    return offset + size * (1.0 + distance) * np.exp(-distance)


def process(theta: np.ndarray, at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """The prediction of each value from those before, and -log likelihood; `theta[0]`: the mean.

    With K = L L^T and z = L^-1 (y - mean), the i-th prediction is mean + sum_{j<i} L_ij z_j and
    its deviation L_ii: the Cholesky factor gives every one-step prediction at once.
    """
    noise = math.exp(max(float(theta[4]), -12.0)) + 1e-8
    factor = cholesky(covariance(theta, at) + noise * np.eye(len(at)), lower=True)
    scaled = solve_triangular(factor, values - theta[0], lower=True)
    deviations = np.diag(factor)
    cost = 0.5 * (scaled**2).sum() + np.log(deviations).sum()
    cost += 0.5 * len(values) * math.log(2.0 * math.pi)
    return theta[0] + np.tril(factor, -1) @ scaled, float(cost)


def fit_process(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, float]:
    """The most likely `theta` of tasks given as (places, values), and its -log likelihood."""

    def cost(theta: np.ndarray) -> float:
        return sum(process(theta, at, values)[1] for at, values in pairs)

    theta = most_likely(cost, START)
    return theta, cost(theta)
