"""Figure 1 as a compiler: a network and its learning rule become a network of fixed weights."""

from fixedweight.construction import rules
from fixedweight.construction.certificate import Certificate, certificate
from fixedweight.construction.compile import compile_rule
from fixedweight.construction.compiled import CompiledNetwork
from fixedweight.construction.diagram import diagram
from fixedweight.construction.fit import Fitter
from fixedweight.construction.graph import Graph
from fixedweight.construction.product import SHARP, WIDE, SigmoidProduct
from fixedweight.construction.rules import Rule
from fixedweight.construction.stack import Stack

__all__ = [
    "SHARP",
    "WIDE",
    "Certificate",
    "CompiledNetwork",
    "Fitter",
    "Graph",
    "Rule",
    "SigmoidProduct",
    "Stack",
    "certificate",
    "compile_rule",
    "diagram",
    "rules",
]
