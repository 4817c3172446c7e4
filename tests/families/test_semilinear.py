"""Everything one neuron can compute."""

import jax
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Semilinear

pytestmark = pytest.mark.usefixtures("quick_compile")


def test_the_target_is_half_of_one_plus_tanh():
    inputs = 3
    stream = jax.jit(lambda key: Semilinear(inputs).sample(key, 500, 10))(jax.random.key(0))
    w, x, y = (np.asarray(part, np.float64) for part in stream[:3])
    net = w[..., -1]
    for i in range(inputs):
        net = net + w[..., i] * x[..., i]
    np.testing.assert_allclose(y[..., 0], 0.5 * (1.0 + np.tanh(net)), atol=1e-6)
    for values in (w[:, 0], x):
        assert values.min() < -0.99
        assert values.max() > 0.99
        assert np.abs(values).max() <= 1.0
        assert abs(values.mean()) < 5.0 * (3 * values.size) ** -0.5
        assert abs(values.var() - 1 / 3) < 0.03


def test_refuses_a_neuron_without_inputs():
    with pytest.raises(FamilyError, match="at least 1 input, got 0"):
        Semilinear(0)
    with pytest.raises(FamilyError, match="at least 2 examples of a task, got length=1"):
        Semilinear(length=1)
