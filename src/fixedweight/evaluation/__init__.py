"""How good a learner is, held against oracles and baselines."""

from fixedweight.evaluation.errors import Estimate, Units, examples_to_learn
from fixedweight.evaluation.evaluate import evaluate, evaluate_all, squared_errors
from fixedweight.evaluation.spread import alarms

__all__ = [
    "Estimate",
    "Units",
    "alarms",
    "evaluate",
    "evaluate_all",
    "examples_to_learn",
    "squared_errors",
]
