"""What can be learned: distributions over tasks, their examples, and conditions on them."""

from fixedweight.families.beforehand import Simulated, simulated
from fixedweight.families.boolean import Boolean
from fixedweight.families.check import check_family
from fixedweight.families.decision_tree import DecisionTree
from fixedweight.families.family import Family
from fixedweight.families.gaussian_process import GaussianProcess
from fixedweight.families.linear import Linear
from fixedweight.families.linear_dynamics import LinearDynamics
from fixedweight.families.linear_family import LinearFamily, Prior
from fixedweight.families.quadratic import Quadratic
from fixedweight.families.recurring import Recurring
from fixedweight.families.semilinear import Semilinear
from fixedweight.families.simulator import Simulator
from fixedweight.families.sinusoid import Sinusoid
from fixedweight.families.sparse_linear import SparseLinear
from fixedweight.families.stream import Stream, network_inputs
from fixedweight.families.table import Table, read_table
from fixedweight.families.task_family import TaskFamily
from fixedweight.families.two_layer import TwoLayer
from fixedweight.families.wrappers import Late, Missing, Noisy, Switching, innermost

__all__ = [
    "Boolean",
    "DecisionTree",
    "Family",
    "GaussianProcess",
    "Late",
    "Linear",
    "LinearDynamics",
    "LinearFamily",
    "Missing",
    "Noisy",
    "Prior",
    "Quadratic",
    "Recurring",
    "Semilinear",
    "Simulated",
    "Simulator",
    "Sinusoid",
    "SparseLinear",
    "Stream",
    "Switching",
    "Table",
    "TaskFamily",
    "TwoLayer",
    "check_family",
    "innermost",
    "network_inputs",
    "read_table",
    "simulated",
]
