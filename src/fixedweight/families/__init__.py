"""What can be learned: distributions over tasks, their examples, and conditions on them."""

from fixedweight.families.boolean import Boolean
from fixedweight.families.check import check_family
from fixedweight.families.family import Family
from fixedweight.families.quadratic import Quadratic
from fixedweight.families.semilinear import Semilinear
from fixedweight.families.simulator import Simulator
from fixedweight.families.stream import Stream, network_inputs
from fixedweight.families.table import Table, read_table
from fixedweight.families.task_family import TaskFamily
from fixedweight.families.wrappers import Late, Missing, Noisy, Switching

__all__ = [
    "Boolean",
    "Family",
    "Late",
    "Missing",
    "Noisy",
    "Quadratic",
    "Semilinear",
    "Simulator",
    "Stream",
    "Switching",
    "Table",
    "TaskFamily",
    "check_family",
    "network_inputs",
    "read_table",
]
