"""Meta-learning by evolution, which the paper measures itself against."""

from fixedweight.evolution.chalmers import (
    BITS,
    DELTA_RULE,
    RuleTasks,
    decode,
    draw_tasks,
    learn,
    rule_fitness,
)
from fixedweight.evolution.descent import descend
from fixedweight.evolution.genetic import Evolved, evolve_bits
from fixedweight.evolution.strategies import STRATEGIES, evolve, population_errors

__all__ = [
    "BITS",
    "DELTA_RULE",
    "STRATEGIES",
    "Evolved",
    "RuleTasks",
    "decode",
    "descend",
    "draw_tasks",
    "evolve",
    "evolve_bits",
    "learn",
    "population_errors",
    "rule_fitness",
]
