"""What every rival must keep to: it learns, and only from what has been told."""

import sys
from dataclasses import dataclass
from functools import cache

import jax
import numpy as np
import pytest

from fixedweight.errors import MissingExtraError
from fixedweight.evaluation.rivals import RIVALS
from fixedweight.evaluation.rivals.training import training
from fixedweight.families import Boolean, LinearFamily, Prior

BATCH, TIME = 2, 8


@dataclass(frozen=True)
class Lines(LinearFamily):
    """Two numbers a + b x, with a around 0 and b around 1, so that training tasks tell much."""

    length: int = 30

    @property
    def name(self) -> str:
        return "lines"

    @property
    def input_size(self) -> int:
        return 1

    @property
    def target_size(self) -> int:
        return 2

    @property
    def examples(self) -> int:
        return self.length

    def draw_task(self, key):
        return jax.random.normal(key, (2, 2)) * 0.3 + np.array([0.0, 1.0], np.float32)

    def features(self, x):
        return jax.numpy.stack([jax.numpy.ones(()), x[0]])

    def prior(self):
        return Prior(np.array([0.0, 1.0]), 0.09 * np.eye(2), gaussian=True)


FAMILIES = {"lines": Lines(), "boolean": Boolean(1, length=30)}
CASES = [(name, of) for name in RIVALS for of in FAMILIES]
CASES.remove(("recursive least squares, true basis", "boolean"))
every_rival = pytest.mark.parametrize(("name", "of"), CASES)
UNTAUGHT = ("mixed effects", "pooled boosting", "pooled boosting, running bias")
"""Those that know more than the mean before the first target."""
DEAF = ("pooled boosting",)
"""Those that learn nothing of a task."""


@cache
def made(name, of):
    return RIVALS[name](FAMILIES[of])


@cache
def drawn(of, batch=BATCH, length=TIME):
    family = FAMILIES[of]
    stream = jax.jit(lambda key: family.sample(key, batch, length))(jax.random.key(3))
    start = training(family).known.mean(axis=0)
    return np.asarray(stream.inputs, float), np.asarray(stream.targets, float), start


def some_told():
    told = np.random.default_rng(0).uniform(size=(BATCH, TIME)) < 0.7
    told[0, :2] = False  # a late beginning
    return told


def run(name, of, y=None, told=None, delay=0, x=None):
    inputs, targets, start = drawn(of)
    told = np.ones((BATCH, TIME), dtype=bool) if told is None else told
    return made(name, of)(
        inputs if x is None else x, targets if y is None else y, told, delay, start
    )


@every_rival
def test_learns_a_simple_family_better_than_its_mean(name, of):
    if (name, of) in (("pooled boosting", "boolean"), ("pooled boosting, running bias", "boolean")):
        pytest.skip("a Boolean function of one input is as likely as its opposite")
    x, y, start = drawn(of, batch=4, length=30)
    told = np.ones(x.shape[:2], dtype=bool)
    predictions = made(name, of)(x, y, told, 0, start)
    assert predictions.shape == y.shape
    assert predictions.dtype == np.float64
    error, variance = ((predictions - y) ** 2).mean(), ((y - start) ** 2).mean()
    assert error < 0.75 * variance
    if name not in DEAF:
        late = ((predictions - y)[:, -10:] ** 2).mean()
        assert late < 0.5 * variance
        assert late < error


@every_rival
@pytest.mark.parametrize("delay", [0, 2])
def test_nothing_is_known_before_it_is_told(name, of, delay):
    x, y, _ = drawn(of)
    before = run(name, of, delay=delay)
    for t in (0, 4):
        changed, elsewhere = y.copy(), x.copy()
        changed[:, t:] = 1.0 - changed[:, t:]
        seen = t + 1 + delay
        elsewhere[:, seen:] = 1.0 - elsewhere[:, seen:]
        after = run(name, of, changed, delay=delay, x=elsewhere)
        np.testing.assert_array_equal(after[:, :seen], before[:, :seen])
        if name not in DEAF:
            only_targets = run(name, of, changed, delay=delay)
            assert not np.allclose(only_targets[:, seen:], before[:, seen:])


@every_rival
def test_what_is_never_told_does_not_matter(name, of):
    told = some_told()
    _, y, _ = drawn(of)
    other = np.where(told[..., None], y, 1.0 - y)
    for delay in (0, 3):
        np.testing.assert_array_equal(
            run(name, of, other, told, delay), run(name, of, told=told, delay=delay)
        )


@every_rival
def test_a_late_target_is_one_not_told_until_then(name, of):
    told, delay = some_told(), 2
    late = run(name, of, told=told, delay=delay)
    for t in (3, TIME - 1):
        until = told.copy()
        until[:, t - delay : t] = False
        np.testing.assert_allclose(
            late[:, t], run(name, of, told=until)[:, t], rtol=1e-9, atol=1e-9
        )


@every_rival
def test_guesses_the_mean_until_a_target_has_arrived(name, of):
    _, y, start = drawn(of)
    nothing = run(name, of, told=np.zeros((BATCH, TIME), dtype=bool))
    np.testing.assert_array_equal(nothing, run(name, of, delay=TIME + 3))
    if name not in UNTAUGHT:
        np.testing.assert_array_equal(nothing, np.broadcast_to(start, y.shape))
    else:
        error, variance = ((nothing - y) ** 2).mean(), ((y - start) ** 2).mean()
        assert error < (0.75 if of == "lines" else 1.1) * variance


@every_rival
def test_streams_and_numbers_do_not_see_each_other(name, of):
    x, y, start = drawn(of)
    told, together = some_told(), run(name, of, told=some_told())
    for b in range(BATCH):
        part = slice(b, b + 1)
        alone = made(name, of)(x[part], y[part], told[part], 0, start)
        np.testing.assert_allclose(alone, together[part], rtol=1e-9, atol=1e-12)
    other = y.copy()
    other[..., 1:] = 1.0 - other[..., 1:]
    np.testing.assert_allclose(
        run(name, of, other, told)[..., 0], together[..., 0], rtol=1e-9, atol=1e-12
    )


NEEDS = {
    "sklearn": (
        "k nearest neighbours",
        "Gaussian process",
        "Bayesian ridge",
        "pooled boosting",
        "pooled boosting, running bias",
    ),
    "padasip": ("recursive least squares", "recursive least squares, true basis"),
    "river": ("gradient descent", "Hoeffding tree", "adaptive random forest"),
}


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library in NEEDS for name in NEEDS[library]]
)
def test_says_which_extra_is_missing_when_it_is_made(library, name, monkeypatch):
    for module in [library, *(key for key in sys.modules if key.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"'{library}'.*fixedweight\[leaderboard\]"):
        RIVALS[name](Lines())


def test_every_rival_but_one_needs_a_library():
    assert set(RIVALS) - {name for names in NEEDS.values() for name in names} == {"mixed effects"}
