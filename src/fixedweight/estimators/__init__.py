"""Shells in which a derived learner is used."""

from fixedweight.estimators.compiled import CompiledEstimator
from fixedweight.estimators.online import OnlineEstimator

__all__ = ["CompiledEstimator", "OnlineEstimator"]
