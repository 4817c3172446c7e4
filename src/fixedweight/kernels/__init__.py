"""Fused kernels: a step compiled for whole streams, forward and backward, from its one definition.

`program` and `lower` turn a traced step into arithmetic on single numbers, `sums` plans the
gradient of its parameters, `inline`, `emit` and `generate` write it as C over vectors of streams,
`build` compiles that, `call` makes it a function of JAX.
"""

from fixedweight.kernels.call import Step, error_and_gradient, run, unroll
from fixedweight.kernels.lower import NotCompiled

__all__ = ["NotCompiled", "Step", "error_and_gradient", "run", "unroll"]
