"""The figures of a cell, whoever was judged."""

import numpy as np

from fixedweight.evaluation.errors import examples_to_learn
from fixedweight.parts import Record

CURVE = 101
"""Examples of a task of which the error is kept one by one."""
NEARLY = 0.01
"""A second, stricter mark for having learned: so much of the targets' variance."""
AFTER_SWITCH = 10
"""Examples after a switch over which the error is shown."""


def shortened(figures: Record, variance: float) -> Record:
    """Figures of a trial with the curve cut and the stricter mark beside the usual one."""
    curve = figures["by_example"]
    start = [error for error in curve[:AFTER_SWITCH] if error is not None]
    return {
        **figures,
        "by_example": curve[:CURVE],
        "first": float(np.mean(start)) if start else None,
        "to_one_percent": examples_to_learn(curve, variance, NEARLY),
    }
