"""The families of the leaderboard are permanent: another version where their data change."""

import jax
import numpy as np
import pytest

from fixedweight.families import Noisy
from fixedweight.leaderboard import FAMILIES, VERSION
from fixedweight.leaderboard.families import SD

LAST = {
    "boolean-2": ([0.0, 1.0], 1.0),
    "boolean-2-noise-10": ([0.0, 1.0], 1.0),
    "boolean-2-every-256": ([1.0, 1.0], 1.0),
    "boolean-2-hazard-50": ([1.0, 0.0], 1.0),
    "boolean-4": ([1.0, 0.0], 1.0),
    "boolean-4-every-256": ([1.0, 1.0], 1.0),
    "boolean-4-hazard-50": ([1.0, 0.0], 1.0),
    "semilinear": ([0.4342, -0.5275], 0.2979),
    "semilinear-noise-10": ([0.6998, -0.5425], 0.1283),
    "semilinear-hazard-50": ([-0.2153, 0.2306], 0.8278),
    "quadratic-2": ([0.3421, 0.6442], -0.7582),
    "quadratic-2-noise-10": ([0.6725, 0.484], -1.4666),
    "quadratic-2-hazard-50": ([-0.2153, 0.2306], -0.605),
    "quadratic-5": ([0.6607, -0.2339], 1.2559),
    "quadratic-5-noise-10": ([0.3447, -0.2001], 0.6705),
    "switching-linear-5": ([-1.6618, -2.4618], 5.188),
    "sinusoid": ([0.3475], -3.0062),
    "gaussian-process": ([0.6238], 1.1797),
    "linear-dynamics": ([-0.4132, -0.2905], 0.4443),
    "linear-20": ([0.834, 1.2356], -2.0194),
    "sparse-linear-20": ([0.834, 1.2356], 0.6139),
    "two-layer-20": ([-0.4086, 1.677], -5.514),
    "decision-tree-20": ([-0.4086, 1.677], -0.0926),
}
"""The last example of the second of two streams: its first two inputs and its first target."""


def test_this_is_version_1_of_all():
    assert VERSION == 1
    assert list(LAST) == list(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_streams_are_those_of_the_version(name, quick_compile):
    family = FAMILIES[name]
    stream = jax.jit(lambda key: family.sample(key, 2, family.examples))(jax.random.key(0))
    inputs, target = LAST[name]
    np.testing.assert_allclose(stream.inputs[1, -1, :2], inputs, atol=2e-3)
    np.testing.assert_allclose(stream.targets[1, -1, 0], target, atol=2e-3)


@pytest.mark.parametrize("name", SD)
def test_noise_is_a_tenth_of_the_targets(name):
    family = FAMILIES[name]
    targets = jax.jit(lambda key: family.sample(key, 100_000, 4).targets)(jax.random.key(1))
    assert float(targets.std()) == pytest.approx(SD[name], rel=0.01)
    noisy = FAMILIES[f"{name}-noise-10"]
    assert isinstance(noisy, Noisy)
    assert noisy.sd == pytest.approx(0.1 * SD[name])
