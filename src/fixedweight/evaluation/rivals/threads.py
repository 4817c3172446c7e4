"""Libraries' own threads: none, since what they share out here is too small to be worth it."""

from typing import Any

from fixedweight.errors import require
from fixedweight.evaluation.baselines import Baseline


def one_thread() -> Any:
    """A context in which BLAS and OpenMP use one thread.

    On a busy machine several wait for each other: seconds for what takes one 30 ms.
    """
    return require("threadpoolctl", "leaderboard").threadpool_limits(1)


def in_one_thread(baseline: Baseline) -> Baseline:
    """The baseline, which runs so."""
    limits = require("threadpoolctl", "leaderboard").threadpool_limits
    return limits.wrap(limits=1)(baseline)
