"""The best possible predictors of a family, with the interface by which learners are judged."""

from fixedweight.oracles.boolean_filter import BooleanFilter, boolean_floor
from fixedweight.oracles.dispatch import (
    oracle_for,
    quadratic_least_squares,
    quadratic_polytope,
    semilinear_polytope,
)
from fixedweight.oracles.each_target import EachTarget
from fixedweight.oracles.finite import FiniteTasks
from fixedweight.oracles.importance import Importance, Risk
from fixedweight.oracles.least_squares import LeastSquares
from fixedweight.oracles.noisy_link import NoisyHalfTanh
from fixedweight.oracles.oracle import Kind, Oracle
from fixedweight.oracles.polytope import Polytope
from fixedweight.oracles.run_lengths import RunLengths
from fixedweight.oracles.supports import Supports

__all__ = [
    "BooleanFilter",
    "EachTarget",
    "FiniteTasks",
    "Importance",
    "Kind",
    "LeastSquares",
    "NoisyHalfTanh",
    "Oracle",
    "Polytope",
    "Risk",
    "RunLengths",
    "Supports",
    "boolean_floor",
    "oracle_for",
    "quadratic_least_squares",
    "quadratic_polytope",
    "semilinear_polytope",
]
