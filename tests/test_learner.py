"""The learner as a value: what `unroll` computes, what is read-only, what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixedweight.errors import InputError
from fixedweight.learner import Learner, as_floats, as_row
from fixedweight.networks import (
    LSTM1997,
    Alternating,
    Network,
    PreviousError,
    initial_state,
)
from fixedweight.scaling import Scaling, identity_scaling


@dataclass(frozen=True)
class Plain(Network):
    """A network of a user's own."""

    hidden: int = 4

    def init_params(self, rng):
        return {
            "w": rng.normal(0.0, 0.15, (self.input_size + self.hidden, self.hidden)),
            "v": rng.normal(0.0, 0.15, (self.hidden, self.target_size)),
        }

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, self.hidden))}

    def step(self, params, state, inputs, xp):
        h = xp.tanh(xp.concatenate([inputs, state["h"]], axis=-1) @ params["w"])
        return {"h": h}, self.squash(h @ params["v"], xp)


def drawn_learner(
    *, inputs=2, targets=1, delay=0, flagged=False, kind=LSTM1997, seed=0, plain=False, **sizes
):
    """A learner with random weights, far enough from 0 that everything in it matters."""
    network = kind(**sizes).fitted(
        input_size=inputs + targets + flagged,
        target_size=targets,
        output="logistic" if plain else "linear",
        delay=delay,
        flagged=flagged,
    )
    rng = np.random.default_rng(seed)
    params = {name: 5.0 * value for name, value in network.init_params(rng).items()}
    spread = rng.uniform(0.5, 2.0, 2 * (inputs + targets))
    x, y = np.split(spread.reshape(2, -1), [inputs], axis=1)
    return Learner(
        network=network,
        params=params,
        scaling=identity_scaling(inputs, targets)
        if plain
        else Scaling(*(tuple(part.tolist()) for part in (x[0], x[1], y[0], y[1]))),
        delay=delay,
        flagged=flagged,
        input_names=tuple(f"x{i + 1}" for i in range(inputs)),
        target_names=tuple(f"y{i + 1}" for i in range(targets)),
    )


SMALL = {"blocks": 2, "hidden": 2}
LEARNERS = {
    "plain": drawn_learner(**SMALL, plain=True),
    "scaled": drawn_learner(**SMALL, inputs=3),
    "flagged": drawn_learner(**SMALL, flagged=True),
    "late": drawn_learner(**SMALL, flagged=True, delay=3),
    "late, unflagged": drawn_learner(**SMALL, delay=1),
    "two targets": drawn_learner(**SMALL, targets=2, flagged=True),
    "second layer": drawn_learner(**SMALL, second=3, block_size=2, gate_sources=False),
    "own network": drawn_learner(kind=Plain, inputs=1, targets=2, delay=2, flagged=True),
    "previous error": drawn_learner(kind=PreviousError, network=LSTM1997(**SMALL), delay=1),
    "alternating errors, late": drawn_learner(
        kind=PreviousError, network=Alternating(Plain()), targets=2, delay=2, flagged=True
    ),
}
every_learner = pytest.mark.parametrize(
    "learner", [pytest.param(value, id=name) for name, value in LEARNERS.items()]
)


def drawn_stream(learner, *axes, missing=0.0, seed=1):
    """Inputs [*axes, input] and targets [*axes, target], some of them NaN."""
    rng = np.random.default_rng(seed)
    x = rng.normal(1.0, 1.0, (*axes, learner.input_size))
    y = rng.normal(1.0, 1.0, (*axes, learner.target_size))
    y[rng.random(axes) < missing] = np.nan
    return x, y


def looped(learner, x, y, told):
    """One stream through the network, example by example, in float64 and from the definitions."""
    scaling = learner.scaling
    params = {name: value.astype(np.float64) for name, value in learner.params.items()}
    state = initial_state(learner.network, params, (), np)
    predictions = []
    for t in range(len(x)):
        source = t - 1 - learner.delay
        supplement = np.zeros(learner.target_size + learner.flagged)
        if source >= 0 and told[source]:
            supplement[: learner.target_size] = (y[source] - scaling.target_offset) / np.array(
                scaling.target_scale
            )
            supplement[learner.target_size :] = 1.0
        scaled = (x[t] - scaling.input_offset) / np.array(scaling.input_scale)
        state, output = learner.network.step(params, state, np.append(scaled, supplement), np)
        predictions.append(output * scaling.target_scale + scaling.target_offset)
    return np.array(predictions), state


@every_learner
@pytest.mark.parametrize("hidden", [False, True], ids=["told where known", "some never told"])
def test_unroll_is_the_plain_loop(learner, hidden):
    x, y = drawn_stream(learner, 3, 12, missing=0.3)
    revealed = np.random.default_rng(4).random((3, 12)) < 0.6 if hidden else None
    predictions, state = learner.unroll(x, y, revealed)
    told = ~np.isnan(y).any(axis=-1)
    if hidden:
        told &= revealed
    for i in range(3):
        expected, last = looped(learner, x[i], y[i], told[i])
        np.testing.assert_allclose(predictions[i], expected, rtol=1e-4, atol=1e-5)
        for name, part in last.items():
            np.testing.assert_allclose(state[name][i], part, rtol=1e-4, atol=1e-5)


@every_learner
def test_a_prediction_depends_on_no_target_that_has_not_arrived(learner):
    x, y = drawn_stream(learner, 1, 10)
    changed = y.copy()
    at = 4
    changed[:, at] += 1.0
    before, after = learner.unroll(x, y)[0][0], learner.unroll(x, changed)[0][0]
    first = at + 1 + learner.delay
    assert np.array_equal(before[:first], after[:first])
    assert not np.array_equal(before[first], after[first])


def test_unroll_goes_on_from_a_state():
    learner = LEARNERS["flagged"]
    x, y = drawn_stream(learner, 2, 9)
    told = np.ones((2, 9), dtype=bool)
    told[:, 3] = False  # where it is cut: nothing arrives at the first step of a part
    whole, end = learner.unroll(x, y, told)
    first, middle = learner.unroll(x[:, :4], y[:, :4], told[:, :4])
    second, again = learner.unroll(x[:, 4:], y[:, 4:], told[:, 4:], middle)
    assert np.array_equal(np.concatenate([first, second], axis=1), whole)
    assert all(np.array_equal(again[name], end[name]) for name in end)


@every_learner
def test_weights_are_its_own_and_cannot_be_changed(learner):
    given = {name: value.copy() for name, value in learner.params.items()}
    mine = Learner(learner.network, given, learner.scaling)
    for name, value in given.items():
        value += 1.0
        assert np.array_equal(mine.params[name], learner.params[name])
        with pytest.raises(ValueError, match="read-only"):
            mine.params[name][...] = 0.0


def test_the_digest_names_the_weights():
    learner = LEARNERS["scaled"]
    turned = dict(reversed(learner.params.items()))
    assert Learner(learner.network, turned, learner.scaling).digest == learner.digest
    digests = {learner.digest}
    for name, value in learner.params.items():
        nudged = value.copy()
        nudged.flat[-1] = np.nextafter(nudged.flat[-1], np.float32(np.inf))
        digests.add(
            Learner(learner.network, {**learner.params, name: nudged}, learner.scaling).digest
        )
    assert len(digests) == 1 + len(learner.params)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 2)), np.zeros((1, 4, 1)), r"inputs of shape \(any, any, 2\), got \(4, 2\)"),
        (np.zeros((1, 4, 3)), np.zeros((1, 4, 1)), r"inputs of shape"),
        (np.zeros((1, 4, 2)), np.zeros((1, 3, 1)), r"targets of shape \(1, 4, 1\), got"),
        (np.zeros((1, 4, 2)), np.zeros((1, 4)), r"targets of shape"),
        (np.full((1, 4, 2), np.nan), np.zeros((1, 4, 1)), "finite inputs, got nan in 8 of 8"),
        (np.zeros((1, 4, 2)), np.full((1, 4, 1), np.inf), "finite targets, got inf"),
        ([[["a", "b"]]], np.zeros((1, 1, 1)), "numbers as inputs"),
    ],
)
def test_unroll_refuses(x, y, message):
    with pytest.raises(InputError, match=message):
        LEARNERS["plain"].unroll(x, y)


NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**60), 2**60),
    st.booleans(),
    st.sampled_from(["1", "a", b"1", None, 1j, 1e300, -3.5e38, np.float32(0.1), np.str_("2")]),
)


@given(st.lists(NUMBERS, max_size=3), st.booleans())
def test_one_row_is_read_as_many_are(values, missing):
    """`as_row` and `as_floats` agree on what is a number, and to the bit."""
    read = []
    for reader in (lambda: as_row("n", values, 2, missing=missing), as_floats_of(values, missing)):
        try:
            read.append(reader().tobytes())
        except InputError:
            read.append(None)
    if None in values:  # as a whole table NumPy reads None as NaN
        return
    if any(isinstance(v, int) and abs(v) > 2**53 for v in values):
        assert (read[0] is None) == (read[1] is None)
        return
    assert read[0] == read[1]


def as_floats_of(values, missing):
    return lambda: as_floats("n", values, (2,), missing=missing)


@pytest.mark.parametrize("values", [["1", "2"], "12", [b"1", b"2"], [1j, 0], [1e39, 0], [None, 0]])
def test_one_row_refuses(values):
    with pytest.raises(InputError):
        as_row("numbers", values, 2)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["1", "2"]),
        np.array(["1", 2.0], dtype=object),
        np.array([1j, 0]),
        np.array([1e39, 0.0]),
        np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
        [[1], [1, 2]],
    ],
)
def test_an_array_refuses(values):
    with pytest.raises(InputError):
        as_floats("numbers", values, (2,))
