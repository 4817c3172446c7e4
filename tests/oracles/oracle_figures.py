"""The figures that the oracles' notes and the documentation quote, measured anew.

python tests/oracles/oracle_figures.py [STREAMS]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import jax
import numpy as np
from jaxtyping import Array, Float

from fixedweight.families import Boolean, Quadratic, Semilinear, Stream, Switching, TaskFamily
from fixedweight.oracles import (
    Oracle,
    oracle_for,
    quadratic_least_squares,
    quadratic_polytope,
    semilinear_polytope,
)


def known_oracle(family: TaskFamily) -> Oracle:
    """`oracle_for`, where there is one."""
    oracle = oracle_for(family)
    assert oracle is not None
    return oracle


COMMON = (16384, 16)
"""Streams and examples from which smaller draws are cut, so that few programs are compiled."""
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Compiling takes longer than running here."""


def drawn(family: TaskFamily, seed: int, batch: int, length: int) -> Stream:
    """Streams of a family as NumPy arrays."""
    fits = batch <= COMMON[0] and length <= COMMON[1] and not family.switches
    stream = _drawn(family, seed, *(COMMON if fits else (batch, length)))
    return jax.tree.map(lambda part: part[:batch, :length], stream)


@cache
def _drawn(family: TaskFamily, seed: int, batch: int, length: int) -> Stream:
    return jax.tree.map(np.asarray, _sampler(family, batch, length)(jax.random.key(seed)))


@cache
def _sampler(family: TaskFamily, batch: int, length: int) -> Callable[[Array], Stream]:
    return jax.jit(lambda key: family.sample(key, batch, length), compiler_options=QUICK)


def squared_errors(oracle: Oracle, stream: Stream) -> Float[np.ndarray, "batch time"]:
    """The squared error of every prediction of an oracle."""
    return (oracle.predict(stream)[..., 0] - np.asarray(stream.targets, np.float64)[..., 0]) ** 2


def mean_and_error(values: Float[np.ndarray, " batch"]) -> tuple[float, float]:
    """The mean of independent values and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def bayes_products(
    family: Semilinear | Quadratic, stream: Stream
) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
    """(a - y)(b - y) and, for quadratics, (a - l)(b - l), each unbiased by Monte Carlo error.

    a and b are the Bayes predictions by independent chains, l those of least squares. The first has
    the Bayes risk as its mean; the second, by how much the risk of least squares is above that.
    """
    if isinstance(family, Quadratic):
        bayes, linear = quadratic_polytope(family), quadratic_least_squares(family)
        assert bayes is not None
    else:
        bayes = linear = semilinear_polytope(family)
    y = np.asarray(stream.targets, np.float64)
    a, b = bayes.predict(stream), replace(bayes, seed=bayes.seed + 1).predict(stream)
    line = linear.predict(stream)
    return ((a - y) * (b - y))[..., 0], ((a - line) * (b - line))[..., 0]


def main(streams: int) -> None:
    """Print every figure with its standard error."""
    np.set_printoptions(precision=6, suppress=True)

    start = time.perf_counter()
    family = Switching(Boolean(2), every=256)
    stream = drawn(family, 0, 16, 25600)
    errors = squared_errors(known_oracle(family), stream).mean(axis=1)
    print("boolean, every 256, by streams of 100 tasks: mean, s.e.", mean_and_error(errors))
    print("   sd over streams", errors.std(ddof=1), " seconds", time.perf_counter() - start)

    start = time.perf_counter()
    semilinear = Semilinear(2)
    stream = drawn(semilinear, 0, streams, 5)
    products, _ = bayes_products(semilinear, stream)
    print("semi-linear, Bayes risk by step", products.mean(axis=0))
    print("   total, s.e.", mean_and_error(products.sum(axis=1)))
    errors = squared_errors(known_oracle(semilinear), stream)
    print("   the oracle's total, s.e.", mean_and_error(errors.sum(axis=1)))
    print("   seconds", time.perf_counter() - start)

    start = time.perf_counter()
    quadratic = Quadratic(2, "none")
    stream = drawn(quadratic, 0, streams, 7)
    products, gaps = bayes_products(quadratic, stream)
    errors = squared_errors(quadratic_least_squares(quadratic), stream)
    risk, gap = errors.mean(axis=0), gaps.mean(axis=0)
    print("quadratic, scale 'none' ('global' is an affine image): least squares by step", risk)
    print("   total, s.e.", mean_and_error(errors.sum(axis=1)))
    print("   Bayes risk by step", products.mean(axis=0))
    print("   total, s.e.", mean_and_error(products.sum(axis=1)))
    print("   least squares above Bayes by step", gap)
    print("   total, s.e.", mean_and_error(gaps.sum(axis=1)))
    print("   ratio by step", 1 + gap[:6] / (risk - gap)[:6])
    print("   ratio in all", 1 + gap.sum() / (risk.sum() - gap.sum()))
    print("   seconds", time.perf_counter() - start)

    quadratic = Quadratic(2, "task")
    stream = drawn(quadratic, 0, streams, 7)
    errors = squared_errors(quadratic_least_squares(quadratic), stream)
    print("quadratic, scale 'task': least squares by step", errors.mean(axis=0))
    print("   total, s.e.", mean_and_error(errors.sum(axis=1)))
    unclipped = replace(quadratic_least_squares(quadratic), low=-np.inf, high=np.inf)
    errors = squared_errors(unclipped, stream) - errors
    print("   clipping lowers the total by, s.e.", mean_and_error(errors.sum(axis=1)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
