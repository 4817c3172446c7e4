"""The supervisor: gradient descent over tasks, until the network learns by itself."""

from fixedweight.training.derive import Progress, derive, derive_seeds, fit_network
from fixedweight.training.schedule import Schedule, Stage, default_schedule, online_descent

__all__ = [
    "Progress",
    "Schedule",
    "Stage",
    "default_schedule",
    "derive",
    "derive_seeds",
    "fit_network",
    "online_descent",
]
