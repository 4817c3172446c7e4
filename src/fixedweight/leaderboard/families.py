"""What learners are judged on: permanent families, by name. A change of any needs a new version.

Noise is a tenth: a chance of 0.1 that a Boolean target is flipped, and Gaussian noise of a tenth of
the targets' standard deviation elsewhere. Quadratics are as drawn, neither scaled nor cut, since
their moments are then known exactly. The classes of arXiv:2208.01066 have its dimensions, and its
streams' lengths or, where that trains for long, as many examples as its figures turn on.
"""

from fixedweight.families import (
    Boolean,
    DecisionTree,
    GaussianProcess,
    Linear,
    LinearDynamics,
    Noisy,
    Quadratic,
    Semilinear,
    Sinusoid,
    SparseLinear,
    Switching,
    TaskFamily,
    TwoLayer,
)

VERSION = 1

SD = {"semilinear": 0.2755, "quadratic-2": 0.8516, "quadratic-5": 1.2615}
"""Standard deviation of the targets, over tasks and inputs."""

_BOOLEAN, _SEMILINEAR = Boolean(length=64), Semilinear(length=64)
_QUADRATIC = Quadratic(scale="none", length=60)
_QUADRATIC_5 = Quadratic(inputs=5, scale="none", length=100)

FAMILIES: dict[str, TaskFamily] = {
    "boolean-2": _BOOLEAN,
    "boolean-2-noise-10": Noisy(_BOOLEAN, flip=0.1),
    "boolean-2-every-256": Switching(Boolean(), every=256),
    "boolean-2-hazard-50": Switching(Boolean(), hazard=1 / 50),
    "boolean-4": Boolean(inputs=4, length=128),
    "boolean-4-every-256": Switching(Boolean(inputs=4), every=256),
    "boolean-4-hazard-50": Switching(Boolean(inputs=4), hazard=1 / 50),
    "semilinear": _SEMILINEAR,
    "semilinear-noise-10": Noisy(_SEMILINEAR, sd=0.1 * SD["semilinear"]),
    "semilinear-hazard-50": Switching(_SEMILINEAR, hazard=1 / 50),
    "quadratic-2": _QUADRATIC,
    "quadratic-2-noise-10": Noisy(_QUADRATIC, sd=0.1 * SD["quadratic-2"]),
    "quadratic-2-hazard-50": Switching(_QUADRATIC, hazard=1 / 50),
    "quadratic-5": _QUADRATIC_5,
    "quadratic-5-noise-10": Noisy(_QUADRATIC_5, sd=0.1 * SD["quadratic-5"]),
    "switching-linear-5": Switching(Linear(inputs=5), hazard=1 / 50),
    "sinusoid": Sinusoid(),
    "gaussian-process": Noisy(GaussianProcess(), sd=0.1),
    "linear-dynamics": LinearDynamics(),
    "linear-20": Linear(),
    "sparse-linear-20": SparseLinear(),
    "two-layer-20": TwoLayer(),
    "decision-tree-20": DecisionTree(),
}
