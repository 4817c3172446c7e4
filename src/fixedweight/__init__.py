"""Derive learning algorithms: name a family of problems, get an online estimator that learns it.

Using a derived learner needs NumPy and safetensors; deriving one needs the extra `train` (JAX),
which is imported only when a name that needs it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fixedweight.errors import (
    FamilyError,
    FixedWeightError,
    InputError,
    LearnerFileError,
    MissingExtraError,
    NetworkError,
    require,
)
from fixedweight.estimators import CompiledEstimator, OnlineEstimator
from fixedweight.learner import Learner
from fixedweight.learners import load
from fixedweight.networks import (
    GRU,
    LSTM,
    LSTM1997,
    Alternating,
    Elman,
    FullyRecurrent,
    Gaussian,
    Jordan,
    Network,
    PreviousError,
    Quantiles,
    SelfReferential,
)

if TYPE_CHECKING:
    from fixedweight.evaluation import evaluate
    from fixedweight.families import (
        Boolean,
        Family,
        Late,
        Missing,
        Noisy,
        Quadratic,
        Recurring,
        Semilinear,
        Simulator,
        Switching,
        Table,
        read_table,
        simulated,
    )
    from fixedweight.relatives import Matched, Relatives, derive_matched, derive_related
    from fixedweight.training import Schedule, Stage, derive, derive_seeds

_LATER = {
    "fixedweight.evaluation": ("evaluate",),
    "fixedweight.families": (
        "Boolean",
        "Family",
        "Late",
        "Missing",
        "Noisy",
        "Quadratic",
        "Recurring",
        "Semilinear",
        "Simulator",
        "Switching",
        "Table",
        "read_table",
        "simulated",
    ),
    "fixedweight.relatives": ("Relatives", "Matched", "derive_related", "derive_matched"),
    "fixedweight.training": ("Schedule", "Stage", "derive", "derive_seeds"),
}

__all__ = [
    "GRU",
    "LSTM",
    "LSTM1997",
    "Alternating",
    "Boolean",
    "CompiledEstimator",
    "Elman",
    "Family",
    "FamilyError",
    "FixedWeightError",
    "FullyRecurrent",
    "Gaussian",
    "InputError",
    "Jordan",
    "Late",
    "Learner",
    "LearnerFileError",
    "Matched",
    "Missing",
    "MissingExtraError",
    "Network",
    "NetworkError",
    "Noisy",
    "OnlineEstimator",
    "PreviousError",
    "Quadratic",
    "Quantiles",
    "Recurring",
    "Relatives",
    "Schedule",
    "SelfReferential",
    "Semilinear",
    "Simulator",
    "Stage",
    "Switching",
    "Table",
    "derive",
    "derive_matched",
    "derive_related",
    "derive_seeds",
    "evaluate",
    "load",
    "read_table",
    "simulated",
]


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            require("jax", "train")
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
