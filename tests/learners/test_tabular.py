"""Tables at random, and the general-purpose learners derived on them."""

import jax
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.estimators.moments import FAR, Moments
from fixedweight.learners.tabular import Tabular, TabularLabels, standardised

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize("kind", [Tabular, TabularLabels])
def test_tables_can_be_trained_on(kind):
    family = kind(inputs=5, length=20)
    stream = jax.jit(lambda key: family.sample(key, 200, 20))(jax.random.key(1))
    x, y = np.asarray(stream.inputs), np.asarray(stream.targets)
    assert x.shape == (200, 20, 5)
    used = (x != 0).any(axis=1).sum(axis=1)
    assert set(used.tolist()) == {1, 2, 3, 4, 5} | set(used[used == 0].tolist())
    assert np.abs(x).max() <= FAR
    assert (x[:, 0] == 0).all()
    if kind is TabularLabels:
        assert set(np.unique(y)) == {0.0, 1.0}
        assert 0.3 < y.mean() < 0.7
        assert y.mean(axis=1).std() > 0.2  # some classes are rare, some are not
    else:
        assert (y[:, 0] == 0).all()
        assert 0.8 < y.std() < 1.2
    assert family.describe()["standardised"] is True


def test_a_stream_is_standardised_as_the_estimators_do_it():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((50, 4)) * [1.0, 2.0, 0.5, 0.0]
    values[:, 2] = values[:, 2] > 0.7
    values[30, 0] = 40.0
    moments, expected = Moments(4), []
    for row in values:
        expected.append(moments.standardise(row))
        moments.add(row)
    found = np.asarray(standardised(jax.numpy.asarray(values)))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert found[30, 0] == FAR


def test_moments_are_those_of_what_was_known():
    rng = np.random.default_rng(0)
    values = 1e9 + rng.standard_normal((40, 2))
    values[::3, 1] = np.nan
    moments = Moments(2)
    for row in values:
        moments.add(row)
    np.testing.assert_allclose(moments.mean, np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        moments.squares / moments.count, np.nanvar(values, axis=0), rtol=1e-6
    )
    assert moments.standardise(np.array([[np.nan, np.nan]])).tolist() == [[0.0, 0.0]]
    moments.repeat_last()
    assert moments.mean.tolist()[1:] == [moments.mean[1]] * 2
    constant = Moments(1)
    for _ in range(5):
        constant.add(np.array([0.1]))
    assert constant.standardise(np.array([0.1])).tolist() == [0.0]


def test_a_table_needs_columns_and_rows():
    for sizes in ({"inputs": 0}, {"length": 1}):
        with pytest.raises(FamilyError, match="at least 1 input and 2 examples"):
            Tabular(**sizes)
