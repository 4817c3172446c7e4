"""The published population model of remifentanil, integrated exactly.

Minto CF, Schnider TW, Egan TD, et al. Influence of age and gender on the pharmacokinetics and
pharmacodynamics of remifentanil. I. Model development. Anesthesiology 1997; 86(1): 10-23,
doi:10.1097/00000542-199701000-00004 (the covariate model).

The 65 people of nlme's ``Remifentanil`` are the people this model was fitted to, so its errors
here are in-sample and flatter it: it stands for the best that a fixed population model can do.

Units: minutes, litres, micrograms, kilograms, centimetres; micrograms per litre = ng/mL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm


class Parameters(NamedTuple):
    """Volumes (L) of the three compartments, clearance and two exchange flows (L/min)."""

    v1: float
    v2: float
    v3: float
    cl: float
    q2: float
    q3: float


def lean_body_mass(weight: float, height: float, male: bool) -> float:
    """Lean body mass (kg) after James (1976), from weight (kg) and height (cm)."""
    squared = (weight / height) ** 2
    return 1.10 * weight - 128.0 * squared if male else 1.07 * weight - 148.0 * squared


def parameters(age: float, lbm: float) -> Parameters:
    """Minto's parameters for one person of this age (years) and lean body mass (kg)."""
    a, m = age - 40.0, lbm - 55.0
    return Parameters(
        v1=5.1 - 0.0201 * a + 0.072 * m,
        v2=9.82 - 0.0811 * a + 0.108 * m,
        v3=5.42,
        cl=2.6 - 0.0162 * a + 0.0191 * m,
        q2=2.05 - 0.0301 * a,
        q3=0.076 - 0.00113 * a,
    )


def system(p: Parameters) -> np.ndarray:
    """The 3 x 3 matrix A (1/min) of d(amounts)/dt = A amounts + (rate, 0, 0)."""
    k10, k12, k13 = p.cl / p.v1, p.q2 / p.v1, p.q3 / p.v1
    k21, k31 = p.q2 / p.v2, p.q3 / p.v3
    return np.array([[-(k10 + k12 + k13), k21, k31], [k12, -k21, 0.0], [k13, 0.0, -k31]])


def concentrations(times: np.ndarray, rates: np.ndarray, p: Parameters) -> np.ndarray:
    """Concentrations (micrograms/L) in the three compartments at ``times``, shape (n, 3).

    ``rates[i]`` (micrograms/min) is infused from ``times[i]`` to ``times[i + 1]``; the body is
    empty at ``times[0]``. Each step is the exponential of the system augmented by its constant
    input, so nothing is approximated whatever the spacing.
    """
    steps = np.diff(times)
    if np.any(steps < 0):
        raise ValueError("times must not decrease")
    augmented = np.zeros((len(steps), 4, 4))
    augmented[:, :3, :3] = system(p)
    augmented[:, 0, 3] = rates[:-1]
    moves = expm(augmented * steps[:, None, None])
    amounts = np.zeros((len(times), 4))
    amounts[:, 3] = 1.0
    for i, move in enumerate(moves):
        amounts[i + 1] = move @ amounts[i]
    return amounts[:, :3] / np.array([p.v1, p.v2, p.v3])
