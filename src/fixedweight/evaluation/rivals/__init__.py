"""Online learners from libraries: what a user would otherwise take, to hold a learner against.

A rival is made for a family and is then a `Baseline`: it sees what a learner sees and guesses what
the family's mean is before its first target arrives, unless it knows better from training tasks.
Most go through one stream at a time and take milliseconds an example, so whoever asks chooses few
streams. Settings are the libraries' own, but where those wait for hundreds of examples.

Inputs come on the family's scale (`TaskFamily.scaling`), targets in their own unit. The libraries
come with the extra `leaderboard`.
"""

from collections.abc import Callable

from fixedweight.evaluation.baselines import Baseline
from fixedweight.evaluation.rivals.boosting import boosting, boosting_with_bias
from fixedweight.evaluation.rivals.mixed_effects import mixed_effects
from fixedweight.evaluation.rivals.recursive import recursive_least_squares, true_basis
from fixedweight.evaluation.rivals.refitted import (
    bayesian_ridge,
    gaussian_process,
    nearest_neighbours,
)
from fixedweight.evaluation.rivals.streaming import (
    forest,
    gradient_descent,
    hoeffding_tree,
)
from fixedweight.families import TaskFamily

Rival = Callable[[TaskFamily], Baseline | None]
"""From a family, whose training tasks it may draw, to the baseline; None where it has none.

Raises:
    MissingExtraError: its library is not installed.
"""

LIBRARIES = ("sklearn", "river", "padasip")
"""The modules of the extra `leaderboard` that rivals are made of."""
TRUE_BASIS = "recursive least squares, true basis"
"""The one rival that a family can lack: only those have it whose target is linear in features."""

RIVALS: dict[str, Rival] = {
    "k nearest neighbours": nearest_neighbours,
    "Gaussian process": gaussian_process,
    "Bayesian ridge": bayesian_ridge,
    "recursive least squares": recursive_least_squares,
    TRUE_BASIS: true_basis,
    "gradient descent": gradient_descent,
    "Hoeffding tree": hoeffding_tree,
    "adaptive random forest": forest,
    "mixed effects": mixed_effects,
    "pooled boosting": boosting,
    "pooled boosting, running bias": boosting_with_bias,
}

__all__ = ["LIBRARIES", "RIVALS", "TRUE_BASIS", "Rival"]
