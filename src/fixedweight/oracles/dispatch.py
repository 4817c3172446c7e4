"""Which oracle belongs to which family."""

from functools import partial
from math import comb
from typing import Any

import numpy as np

from fixedweight.families import (
    Boolean,
    Late,
    LinearFamily,
    Missing,
    Noisy,
    Quadratic,
    Semilinear,
    SparseLinear,
    Switching,
    TaskFamily,
)
from fixedweight.families.quadratic import HIGH, LOW, affine_scale, monomials
from fixedweight.families.wrappers import Wrapper
from fixedweight.oracles.boolean_filter import BooleanFilter
from fixedweight.oracles.each_target import EachTarget
from fixedweight.oracles.features import affine, monomial_values, values_of
from fixedweight.oracles.finite import FiniteTasks, truth_tables
from fixedweight.oracles.least_squares import LeastSquares
from fixedweight.oracles.link import HalfTanh, Linear
from fixedweight.oracles.noisy_link import NoisyHalfTanh
from fixedweight.oracles.oracle import Oracle
from fixedweight.oracles.polytope import Polytope
from fixedweight.oracles.run_lengths import RunLengths
from fixedweight.oracles.supports import Supports

MOST_INPUTS = 3
"""Boolean inputs up to which all truth tables are weighed one by one."""
MOST_SETS = 5000
"""Sets of inputs of a sparse function up to which all are weighed one by one."""


def oracle_for(family: TaskFamily) -> Oracle | None:
    """The best predictor known for a family, or None.

    Boolean: the exact filter, also under noise (up to `MOST_INPUTS` inputs) and when tasks switch.
    Semi-linear: the Bayes predictor, under noise by sampling; without noise a mixture over run
    lengths when tasks switch. Sparse linear: the Bayes predictor, also with Gaussian noise (up to
    `MOST_SETS` sets of inputs). Any other family that is a `LinearFamily`, and a sparse one that
    switches: least squares from its prior, also with Gaussian noise, and a mixture of it when tasks
    switch. Each also with missing targets, and late ones but for those mixtures over run lengths.
    A subclass of Boolean, Semilinear or SparseLinear may draw other tasks; of the first two it has
    no oracle, of the last the one of its prior.
    """
    switching: Switching | None = None
    noise, flip = 0.0, 0.0
    base = family
    while isinstance(base, Wrapper):
        if isinstance(base, Noisy) and not (base.flip and (flip or noise)):
            noise, flip = noise + base.sd**2, base.flip or flip
        elif isinstance(base, Switching) and switching is None:
            switching = base
        elif not isinstance(base, (Late, Missing)):
            return None
        base = base.family
    if type(base) is Boolean and not noise and not flip:
        return _boolean(base, switching, family.delay)
    if type(base) is Boolean and base.inputs <= MOST_INPUTS:
        return noisy_boolean(base, switching, flip, noise**0.5, family.delay)
    if flip:
        return None
    if type(base) is Semilinear and not noise and switching is None:
        return semilinear_polytope(base, delay=family.delay)
    if type(base) is Quadratic:
        if switching is None:
            return quadratic_least_squares(base, noise=noise, delay=family.delay)
        return None if family.delay else quadratic_runs(base, switching.chance, noise=noise)
    if type(base) is Semilinear and not noise and switching and not family.delay:
        return semilinear_runs(base, switching.chance)
    if type(base) is Semilinear and noise and switching is None:
        return NoisyHalfTanh(noise, delay=family.delay)
    if (
        type(base) is SparseLinear
        and switching is None
        and comb(base.inputs, base.nonzero) <= MOST_SETS
    ):
        return Supports(base.inputs, base.nonzero, noise, delay=family.delay)
    if isinstance(base, LinearFamily):
        return _linear(base, switching, noise, family.delay)
    return None


def _linear(
    family: LinearFamily, switching: Switching | None, noise: float, delay: int
) -> Oracle | None:
    """Least squares from the prior that the family names, exact if that is Gaussian."""
    if switching and delay:
        return None
    (mean, covariance, gaussian, own), features = family.prior(), values_of(family)
    exact = gaussian and (switching is None or switching.hazard is not None)
    said: dict[str, Any] = {"kind": "exact" if exact else "bound from above"}
    said["note"] = f"{'Mixture over run lengths of least' if switching else 'Least'} squares from "
    said["note"] += "the prior" + (", which is Gaussian." if gaussian else "'s moments.")
    noise += own
    one = (
        RunLengths(features, mean, covariance, switching.chance, noise, **said)
        if switching
        else LeastSquares(features, mean, covariance, noise, delay=delay, **said)
    )
    return one if family.target_size == 1 else EachTarget(one, delay=delay, **said)


def _boolean(family: Boolean, switching: Switching | None, delay: int) -> BooleanFilter:
    if switching is None:
        return BooleanFilter(
            family.inputs,
            delay=delay,
            note="The exact Bayes predictor of a Boolean function, reset with each task.",
        )
    if switching.hazard is not None:
        return BooleanFilter(
            family.inputs,
            switching.hazard,
            delay=delay,
            note="The exact Bayes filter of Boolean functions that switch at random, unmarked.",
        )
    return BooleanFilter(
        family.inputs,
        switching.chance,
        delay=delay,
        kind="bound from above",
        note=(
            f"The Bayes filter, exact for a random switch at a rate of 1/{switching.every}; with a "
            "fixed period a learner that counts could go below it."
        ),
    )


def noisy_boolean(
    family: Boolean, switching: Switching | None, flip: float, sd: float, delay: int
) -> FiniteTasks:
    """The filter over all truth tables."""
    count = 2 ** (2**family.inputs)
    fixed = switching is not None and switching.hazard is None
    return FiniteTasks(
        truth_tables(family.inputs),
        np.full(count, 1.0 / count),
        hazard=switching.chance if switching else 0.0,
        flip=flip,
        sd=sd,
        delay=delay,
        kind="bound from above" if fixed else "exact",
        note="The Bayes filter over all truth tables"
        + (", exact for switches at random at the same rate." if fixed else ", exact."),
    )


def semilinear_polytope(family: Semilinear, *, delay: int = 0) -> Polytope:
    """The Bayes predictor of the semi-linear functions."""
    note = "The Bayes predictor, in closed form"
    if family.inputs > 1:
        known = {2: "1 example is", 3: "1 or 2 examples are"}.get(
            family.inputs, f"1 to {family.inputs - 1} examples are"
        )
        note += f" except while {known} known, where sampling changes its risk by less than 1 %"
    return Polytope(affine, HalfTanh(), delay=delay, note=note + ".")


def quadratic_polytope(family: Quadratic, *, delay: int = 0) -> Polytope | None:
    """The Bayes predictor of quadratics whose coefficients are uniform in a box.

    None for `scale="task"`, where they are not.
    """
    if family.scale == "task":
        return None
    subsets = monomials(family.inputs)
    gain, offset = affine_scale(family)
    constant = np.array([not subset for subset in subsets], dtype=np.float64)
    return Polytope(
        partial(monomial_values, subsets=subsets),
        Linear(gain, offset),
        parameters=lambda tasks: (tasks - offset * constant) / gain,
        delay=delay,
    )


def quadratic_least_squares(
    family: Quadratic, *, noise: float = 0.0, delay: int = 0
) -> LeastSquares:
    """The best predictor linear in the targets, from the moments of the scaled coefficients."""
    mean, covariance = family.prior()[:2]
    return LeastSquares(
        partial(monomial_values, subsets=monomials(family.inputs)),
        mean,
        covariance,
        noise,
        *((LOW, HIGH) if family.scale == "task" else ()),
        delay=delay,
        note=_tightness(family, noise),
    )


def quadratic_runs(family: Quadratic, hazard: float, *, noise: float = 0.0) -> RunLengths:
    """The mixture over run lengths for quadratics that switch by chance `hazard`."""
    within = quadratic_least_squares(family, noise=noise)
    note = (
        "A mixture of least squares over the times of the last switch, from the prior's moments: "
        "a bound from above, since coefficients are not Gaussian."
    )
    return RunLengths(
        *(within.features, within.mean, within.covariance, hazard, noise, within.low, within.high),
        note=note,
    )


def semilinear_runs(family: Semilinear, hazard: float) -> RunLengths:
    """The mixture over run lengths for semi-linear functions that switch by chance `hazard`."""
    size = family.inputs + 1
    note = (
        "A mixture, over the times of the last switch, of least squares before the link: a bound "
        "from above, since weights are uniform and not Gaussian."
    )
    return RunLengths(
        affine, np.zeros(size), np.eye(size) / 3.0, hazard, link="half tanh", note=note
    )


def _tightness(family: Quadratic, noise: float) -> str:
    """What is known of how far least squares lies above the Bayes risk.

    The percentages are those of `python tests/oracles/oracle_figures.py 20000`.
    """
    note = "Least squares from the prior's moments, an upper bound of the Bayes risk: exact at the "
    note += "first example"
    if noise:
        return f"{note}."
    last = len(monomials(family.inputs))
    if family.inputs == 2 and family.scale != "task":
        note += ", 3 % above it in all and 32 % at the 6th"
    return f"{note}, and next to 0 after as many as there are coefficients ({last})."
