"""What every oracle must keep to, on every family that has one."""

import re
from dataclasses import dataclass
from functools import cache
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle_figures import drawn, known_oracle

from fixedweight.families import (
    Boolean,
    GaussianProcess,
    Late,
    Linear,
    LinearDynamics,
    Missing,
    Noisy,
    Quadratic,
    Semilinear,
    Simulator,
    Sinusoid,
    SparseLinear,
    Switching,
    innermost,
)
from fixedweight.oracles import BooleanFilter, Importance, Kind, Oracle, Polytope, oracle_for

FAMILIES = (
    Boolean(1),
    Boolean(2),
    Boolean(4),
    Missing(Boolean(2), share=0.3),
    Late(Boolean(2), steps=3),
    Switching(Boolean(2), every=40),
    Switching(Boolean(2), hazard=0.05),
    Late(Missing(Switching(Boolean(3), hazard=0.02), share=0.2), steps=1),
    Semilinear(1),
    Semilinear(2),
    Semilinear(4),
    Late(Semilinear(2), steps=1),
    Missing(Semilinear(2), share=0.5),
    Quadratic(1, "task"),
    Quadratic(2, "none"),
    Quadratic(2, "global"),
    Quadratic(2, "task"),
    Quadratic(3, "none"),
    Noisy(Quadratic(2, "none"), sd=0.2),
    Late(Missing(Quadratic(2, "global"), share=0.2), steps=2),
    Switching(Quadratic(2, "none"), hazard=0.05),
    Missing(Noisy(Switching(Quadratic(2, "task"), every=30), sd=0.05), share=0.3),
    Switching(Semilinear(2), hazard=0.05),
    Noisy(Semilinear(2), sd=0.1),
    Linear(5),
    SparseLinear(6, nonzero=2),
    Late(Missing(Noisy(SparseLinear(5), sd=0.3), share=0.2), steps=1),
    Switching(SparseLinear(4, nonzero=1), hazard=0.05),
    Sinusoid(),
    Noisy(GaussianProcess(), sd=0.1),
    Late(Linear(2), steps=1),
    Switching(Linear(2), hazard=0.05),
    LinearDynamics(2),
    Noisy(Boolean(2), flip=0.1),
    Late(Switching(Noisy(Boolean(2), flip=0.05, sd=0.1), hazard=0.05), steps=2),
    Missing(Noisy(Boolean(3), sd=0.2), share=0.3),
)
BATCH, LENGTH = 50, 60


def described(family):
    return str(family).replace(" ", "")


every_family = pytest.mark.parametrize("family", FAMILIES, ids=described)


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def stream_of(family, seed=0):
    return drawn(family, seed, BATCH, LENGTH)


@cache
def predicted(family):
    return known_oracle(family).predict(stream_of(family))


def test_every_oracle_is_under_contract():
    found = {type(known_oracle(family)) for family in FAMILIES}
    missing = {kind for kind in subclasses(Oracle) if kind.__module__.startswith("fixedweight.")}
    assert missing - found == {Importance}  # for any family: asked for by hand


@every_family
def test_predictions_are_finite_in_range_and_repeatable(family):
    predictions = predicted(family)
    assert predictions.shape == (BATCH, LENGTH, family.target_size)
    assert predictions.dtype == np.float64
    assert np.isfinite(predictions).all()
    base = innermost(family)
    low, high = (0.0, 1.0) if base.unit_targets else (-20.0, 20.0)
    assert predictions.min() >= low
    assert predictions.max() <= high
    again = known_oracle(family).predict(stream_of(family))
    np.testing.assert_array_equal(predictions, again)


@every_family
def test_beats_the_mean(family):
    targets = stream_of(family).targets.astype(np.float64)
    errors = ((predicted(family) - targets) ** 2).mean()
    assert errors < 0.75 * targets.var()


@every_family
def test_says_what_it_is(family):
    oracle = known_oracle(family)
    assert oracle.kind in get_args(Kind)
    assert oracle.note.endswith(".")
    assert oracle.delay == family.delay


def other_future(family, stream, told, now):
    """The stream with other targets from `told` on and other inputs after `now`.

    The tasks stay: oracles may read them to start their chains, which is not peeking as long as
    any task that fits the examples so far would do as well; `test_polytope` tests that.
    """
    later = stream_of(family, 99)
    inputs, targets, revealed = stream.inputs.copy(), stream.targets.copy(), stream.revealed.copy()
    inputs[:, now + 1 :] = later.inputs[:, now + 1 :]
    revealed[:, told:] = later.revealed[:, told:]
    oracle = known_oracle(family)
    if isinstance(oracle, BooleanFilter) and oracle.hazard == 0:
        # Without a switch the table cannot contradict itself: only rows not yet shown change.
        powers = 2 ** np.arange(inputs.shape[-1])
        cell, table = inputs.astype(int) @ powers, stream.tasks[:, 0].copy()
        for b in range(BATCH):
            unseen = ~np.isin(np.arange(table.shape[1]), cell[b, :told])
            table[b, unseen] = 1.0 - table[b, unseen]
        targets[..., 0] = np.take_along_axis(table, cell, axis=1)
    else:
        targets[:, told:] = later.targets[:, told:]
    return stream._replace(inputs=inputs, targets=targets, revealed=revealed)


@pytest.mark.parametrize("now", [0, 1, 2, 3, 12])
@every_family
def test_the_future_does_not_matter(family, now):
    """p[t] knows inputs to t and targets to t - 1 - delay: what comes later may be anything."""
    stream = stream_of(family)
    changed = other_future(family, stream, max(0, now - family.delay), now)
    assert not np.array_equal(changed.inputs, stream.inputs)
    after = known_oracle(family).predict(changed)
    np.testing.assert_array_equal(predicted(family)[:, : now + 1], after[:, : now + 1])


@every_family
def test_streams_do_not_matter_to_each_other(family):
    """Up to Monte Carlo error, and exactly where none is used."""
    half = jax.tree.map(lambda part: part[::2], stream_of(family))
    oracle = known_oracle(family)
    sampled = isinstance(oracle, Polytope) and innermost(family).inputs > 1
    np.testing.assert_allclose(
        predicted(family)[::2], oracle.predict(half), rtol=0, atol=0.1 if sampled else 1e-7
    )


@dataclass(frozen=True)
class Rare(Boolean):
    """Boolean functions that are mostly 0: the prior of the shipped filter would be wrong."""

    def draw_task(self, key):
        return jax.random.bernoulli(key, 0.1, (2**self.inputs,)).astype(jnp.float32)


@pytest.mark.parametrize(
    "family",
    [
        Noisy(Boolean(4), flip=0.1),
        Noisy(Noisy(Boolean(2), flip=0.1), flip=0.1),
        Noisy(Switching(Semilinear(2), hazard=0.1), sd=0.1),
        Noisy(Quadratic(2), flip=0.1),
        Late(Switching(Semilinear(2), every=64)),
        Late(Switching(Quadratic(2), hazard=0.1)),
        Switching(Switching(Boolean(2), every=9), every=99),
        Rare(2),
        Simulator(draw=lambda key: jax.random.normal(key), compute=lambda task, x: task * x[0]),
    ],
    ids=lambda family: re.sub(r"at0x[0-9a-f]+", "", described(family)),
)
def test_no_oracle_is_better_than_a_wrong_one(family):
    assert oracle_for(family) is None
