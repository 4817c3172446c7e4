"""The supervisor: gradient descent over tasks, until the network learns by itself."""

from fixedweight.training.calibrate import calibrated
from fixedweight.training.defaults import default_network, default_schedule, fit_network
from fixedweight.training.derive import derive, derive_seeds
from fixedweight.training.run import Progress
from fixedweight.training.schedule import Schedule, Stage, online_descent

__all__ = [
    "Progress",
    "Schedule",
    "Stage",
    "calibrated",
    "default_network",
    "default_schedule",
    "derive",
    "derive_seeds",
    "fit_network",
    "online_descent",
]
