"""Shells in which a derived learner is used."""

from fixedweight.estimators.online import OnlineEstimator

__all__ = ["OnlineEstimator"]
