"""Every derived learner as an estimator: one contract suite over all kinds of learners, for the
estimator that steps in NumPy and for the one whose step is compiled."""

import copy
import pickle
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fixedweight import files
from fixedweight.errors import InputError, LearnerFileError
from fixedweight.estimators import CompiledEstimator, OnlineEstimator
from fixedweight.estimators.online import KIND
from fixedweight.learner import Learner
from test_learner import LEARNERS, drawn_learner, drawn_stream, every_learner

TIME = 15
InNumPy = OnlineEstimator
needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")


@pytest.fixture(
    scope="module",
    autouse=True,
    params=[OnlineEstimator, pytest.param(CompiledEstimator, marks=needs_cc)],
)
def _each_kind(request):
    """All tests here are of both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "OnlineEstimator", request.param)
        yield


def bits(values):
    return np.asarray(values, dtype=np.float64).tobytes()


def snapshot(estimator):
    """Everything that learning has changed, as comparable values."""
    return {name: (v.dtype, v.shape, v.tobytes()) for name, v in estimator.get_state().items()}


def learned(learner, examples=5, seed=3):
    """An estimator that has seen some examples."""
    estimator = OnlineEstimator(learner)
    x, y = drawn_stream(learner, examples, seed=seed)
    estimator.learn_many(x, y)
    return estimator


def future(estimator, steps=6):
    """What an estimator will predict: its fingerprint from outside."""
    x, y = drawn_stream(estimator.learner, steps, missing=0.3, seed=8)
    return bits(copy.deepcopy(estimator).learn_many(x, y))


@every_learner
@settings(max_examples=12)
@given(data=st.data())
def test_predictions_never_change_the_state(learner, data):
    x, y = drawn_stream(learner, TIME, missing=0.3)
    some = st.integers(0, TIME - 1)
    acts = st.one_of(
        some.map(lambda i: ("learn", i)),
        some.map(lambda i: ("one", i)),
        st.lists(some, max_size=3).map(lambda rows: ("many", rows)),
    )
    curious, plain = OnlineEstimator(learner), OnlineEstimator(learner)
    for what, i in data.draw(st.lists(acts, max_size=12)):
        if what == "learn":
            curious.learn_one(x[i], y[i])
            plain.learn_one(x[i], y[i])
        elif what == "one":
            assert bits(curious.predict_one(x[i])) == bits(curious.predict_one(x[i]))
        else:
            assert curious.predict_many(x[i]).shape == (len(i), learner.target_size)
    assert snapshot(curious) == snapshot(plain)
    assert future(curious) == future(plain)
    for row in x:
        assert bits(curious.predict_one(row)) == bits(plain.predict_one(row))


@every_learner
def test_it_predicts_what_the_learner_does(learner):
    """Whoever takes the step, and to a rounding error what NumPy makes of it."""
    x, y = drawn_stream(learner, TIME, missing=0.3)
    found, expected = (kind(learner).learn_many(x, y) for kind in (OnlineEstimator, InNumPy))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    again = pickle.loads(pickle.dumps(learned(learner)))
    assert type(again) is OnlineEstimator
    assert future(again) == future(learned(learner))


@every_learner
def test_weights_never_change_and_cannot(learner):
    before, digest = {n: v.tobytes() for n, v in learner.params.items()}, learner.digest
    estimator = learned(learner, 50)
    estimator.predict_many(drawn_stream(learner, 4)[0])
    assert estimator.learner is learner
    assert {n: v.tobytes() for n, v in learner.params.items()} == before
    assert learner.digest == digest
    for value in estimator.learner.params.values():
        with pytest.raises(ValueError, match="read-only"):
            value += 1.0


@every_learner
def test_it_learns_what_it_is_told(learner):
    """The targets told, and whether they are told, change later predictions."""
    x, y = drawn_stream(learner, 3)
    futures = set()
    for told in (y, y + 0.5, np.full_like(y, np.nan)):
        estimator = OnlineEstimator(learner)
        estimator.learn_many(x, told)
        futures.add(future(estimator))
    assert len(futures) == 3


@every_learner
def test_a_stream_is_its_examples_one_by_one(learner):
    x, y = drawn_stream(learner, TIME, missing=0.3)
    together, single, blind = (OnlineEstimator(learner) for _ in range(3))
    predictions = together.learn_many(x, y)
    assert predictions.shape == (TIME, learner.target_size)
    for t in range(TIME):
        assert bits(single.predict_one(x[t])) == bits(np.squeeze(predictions[t]))
        single.learn_one(x[t], y[t])
        blind.learn_one(x[t], y[t])  # without asking first
    assert snapshot(together) == snapshot(single) == snapshot(blind)
    assert together.examples == TIME


@every_learner
def test_a_stream_in_pieces_is_the_stream(learner):
    x, y = drawn_stream(learner, TIME, missing=0.3)
    whole, pieces = OnlineEstimator(learner), OnlineEstimator(learner)
    expected = whole.learn_many(x, y)
    got = [pieces.learn_many(x[a:b], y[a:b]) for a, b in ((0, 4), (4, 4), (4, 5), (5, TIME))]
    assert bits(np.concatenate(got)) == bits(expected)
    assert snapshot(pieces) == snapshot(whole)


@every_learner
def test_it_is_the_learner_that_was_judged(learner):
    """`unroll` takes each target beside its inputs; `learn_one` takes the one that arrives."""
    x, y = drawn_stream(learner, 2, TIME, missing=0.3)
    expected, end = learner.unroll(x, y)
    for i in range(2):
        arriving = np.concatenate([np.full((learner.delay, y.shape[-1]), np.nan), y[i]])[:TIME]
        estimator = OnlineEstimator(learner)
        np.testing.assert_allclose(
            estimator.learn_many(x[i], arriving), expected[i], rtol=1e-5, atol=1e-6
        )
        for name, part in end.items():
            np.testing.assert_allclose(
                estimator.get_state()[f"state.{name}"], part[i], rtol=1e-5, atol=1e-6
            )


@every_learner
def test_many_predictions_are_single_ones(learner):
    estimator = learned(learner)
    queries = drawn_stream(learner, 7, seed=5)[0]
    single = np.array([np.atleast_1d(estimator.predict_one(query)) for query in queries])
    np.testing.assert_allclose(estimator.predict_many(queries), single, rtol=1e-5, atol=1e-6)
    assert np.ptp(single, axis=0).min() > 1e-3
    assert estimator.predict_many(np.empty((0, learner.input_size))).shape[0] == 0


def test_a_prediction_is_a_float_or_one_array_a_caller_may_change():
    one, two = OnlineEstimator(LEARNERS["scaled"]), OnlineEstimator(LEARNERS["two targets"])
    assert type(one.predict_one([0, 1, 2])) is float
    before = two.predict_one([0, 1])
    assert before.shape == (2,)
    kept = before.copy()
    before += 1.0
    assert np.array_equal(two.predict_one([0, 1]), kept)


@every_learner
@pytest.mark.parametrize("how", [OnlineEstimator.copy, copy.copy, copy.deepcopy])
def test_a_copy_is_independent(learner, how):
    estimator = learned(learner)
    before, coming = snapshot(estimator), future(estimator)
    twin = how(estimator)
    assert twin.learner is learner
    assert future(twin) == coming
    x, y = drawn_stream(learner, 3, seed=6)
    twin.learn_many(x, y)
    assert snapshot(estimator) == before
    assert snapshot(twin) != before
    estimator.reset()
    assert twin.examples == 8


@every_learner
def test_reset_forgets_everything(learner):
    estimator = learned(learner)
    fresh = OnlineEstimator(learner)
    assert snapshot(estimator) != snapshot(fresh)
    x = drawn_stream(learner, 1)[0][0]
    assert bits(estimator.predict_one(x)) != bits(fresh.predict_one(x))
    assert estimator.reset() is estimator
    assert bits(estimator.predict_one(x)) == bits(fresh.predict_one(x))
    assert snapshot(estimator) == snapshot(fresh)
    assert future(estimator) == future(fresh)
    assert estimator.examples == 0


@every_learner
def test_a_state_goes_on_in_another_estimator(learner, tmp_path):
    estimator = learned(learner)
    estimator.save_state(tmp_path / "state")
    carried, loaded = learned(learner, 2, seed=9), learned(learner, 3, seed=10)
    x = drawn_stream(learner, 1)[0][0]
    assert bits(carried.predict_one(x)) != bits(estimator.predict_one(x))
    carried.set_state(estimator.get_state())
    loaded.load_state(str(tmp_path / "state"))
    assert bits(carried.predict_one(x)) == bits(estimator.predict_one(x))
    assert snapshot(carried) == snapshot(loaded) == snapshot(estimator)
    assert future(carried) == future(loaded) == future(estimator)
    assert carried.examples == loaded.examples == 5


def test_a_state_shares_no_memory():
    estimator = learned(LEARNERS["flagged"])
    before, state = snapshot(estimator), estimator.get_state()
    for part in state.values():
        part += 1
    assert snapshot(estimator) == before
    state = estimator.get_state()
    estimator.set_state(state)
    for part in state.values():
        part += 1
    assert snapshot(estimator) == before


def wrong_states():
    right = learned(LEARNERS["flagged"]).get_state()
    cells = right["state.cells"]
    yield "none", {}
    yield "one missing", {name: part for name, part in right.items() if name != "supplement"}
    yield "one more", {**right, "state.more": cells}
    yield "another shape", {**right, "state.cells": cells[:1]}
    yield "another precision", {**right, "state.cells": cells.astype(np.float64)}
    yield "not a number", {**right, "state.cells": np.full_like(cells, np.nan)}
    yield "infinite", {**right, "supplement": np.full_like(right["supplement"], np.inf)}
    yield "examples below 0", {**right, "examples": np.array(-1)}
    yield "examples in a row", {**right, "examples": np.array([5])}
    yield "another learner's", learned(LEARNERS["late, unflagged"]).get_state()


@pytest.mark.parametrize("state", [pytest.param(v, id=name) for name, v in wrong_states()])
def test_a_state_that_does_not_fit_changes_nothing(state, tmp_path):
    estimator = learned(LEARNERS["flagged"], 3)
    before, coming = snapshot(estimator), future(estimator)
    with pytest.raises(InputError, match="Expected a state of"):
        estimator.set_state(state)
    path, header = tmp_path / "state", {"version": 1, "learner": estimator.learner.digest}
    arrays = {name: np.nan_to_num(part, posinf=np.nan) for name, part in state.items()}
    if all(np.array_equal(arrays[name], part) for name, part in state.items()):
        files.write(path, KIND, state, header)
        with pytest.raises(LearnerFileError, match="Expected a state of"):
            estimator.load_state(path)
    assert snapshot(estimator) == before
    assert future(estimator) == coming


def test_files_that_are_no_state_of_this_learner_change_nothing(tmp_path):
    learner = LEARNERS["flagged"]
    estimator = learned(learner)
    before, path = snapshot(estimator), tmp_path / "state"
    other = drawn_learner(blocks=2, hidden=2, flagged=True, seed=1)
    assert {n: v.shape for n, v in other.params.items()} == {
        n: v.shape for n, v in learner.params.items()
    }
    state = estimator.get_state()
    headers = {
        "state of this learner at .* got one of another": {"version": 1, "learner": other.digest},
        "state of this learner at .* got one of": {"version": 1},
        "version 1, got 2": {"version": 2, "learner": learner.digest},
        "version 1, got None": {"learner": learner.digest},
    }
    for message, header in headers.items():
        files.write(path, KIND, state, header)
        with pytest.raises(LearnerFileError, match=message):
            estimator.load_state(path)
    learner.save(path)
    with pytest.raises(LearnerFileError, match="got kind 'fixedweight learner'"):
        estimator.load_state(path)
    with pytest.raises(LearnerFileError, match="there is none"):
        estimator.load_state(tmp_path / "nothing")
    learned(other).save_state(path)
    with pytest.raises(LearnerFileError, match="got one of another learner"):
        estimator.load_state(path)
    assert snapshot(estimator) == before


def test_a_state_file_with_numbers_that_are_not_finite_is_refused(tmp_path):
    estimator = learned(LEARNERS["flagged"])
    before = snapshot(estimator)
    estimator.save_state(tmp_path / "state")
    arrays = load((tmp_path / "state").read_bytes())
    _, header = files.read(tmp_path / "state", KIND)
    arrays["state.cells"][0] = np.nan
    files.write(tmp_path / "state", KIND, arrays, header)
    with pytest.raises(LearnerFileError, match="not finite"):
        estimator.load_state(tmp_path / "state")
    (tmp_path / "state").write_bytes(save(arrays))
    with pytest.raises(LearnerFileError, match="got kind None"):
        estimator.load_state(tmp_path / "state")
    assert snapshot(estimator) == before


def test_a_state_file_cut_short_changes_nothing(tmp_path):
    learner = LEARNERS["flagged"]
    learned(learner).save_state(tmp_path / "state")
    whole = (tmp_path / "state").read_bytes()
    estimator = learned(learner, 2)
    before = snapshot(estimator)
    for cut in (*range(0, len(whole), 11), *range(len(whole) - 20, len(whole))):
        (tmp_path / "state").write_bytes(whole[:cut])
        with pytest.raises(LearnerFileError):
            estimator.load_state(tmp_path / "state")
    assert snapshot(estimator) == before


@pytest.fixture(scope="module")
def state_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "state"
    learned(LEARNERS["flagged"]).save_state(path)
    return path, path.read_bytes()


@settings(max_examples=60)
@given(flips=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_damaged_state_file_is_refused_or_harmless(state_file, flips):
    path, content = state_file[0], bytearray(state_file[1])
    for at, flip in flips:
        content[at % len(content)] ^= flip
    path.write_bytes(content)
    estimator = learned(LEARNERS["flagged"], 2)
    before = snapshot(estimator)
    try:
        estimator.load_state(path)
    except LearnerFileError:
        assert snapshot(estimator) == before
        return
    try:
        assert np.isfinite(estimator.predict_one([0.5, -1.0]))
    except InputError:  # a number so damaged that sums overflow
        estimator.reset()
        assert np.isfinite(estimator.predict_one([0.5, -1.0]))


def test_inputs_by_name_in_any_order():
    by_order, by_name = (OnlineEstimator(LEARNERS["scaled"]) for _ in range(2))
    for t, (a, b, c) in enumerate(drawn_stream(by_order.learner, 4)[0].tolist()):
        named = {"x3": c, "x1": a, "unused": "text", "x2": b}
        assert by_name.predict_one(named) == by_order.predict_one([a, b, c])
        by_name.learn_one(named, t)
        by_order.learn_one((a, b, c), t)
    assert snapshot(by_name) == snapshot(by_order)


def test_a_missing_name_is_named_and_changes_nothing():
    estimator = learned(LEARNERS["scaled"])
    before = snapshot(estimator)
    named = {"x2": 1.0, "x": 2.0}
    for act in (estimator.predict_one, lambda x: estimator.learn_one(x, 1.0)):
        with pytest.raises(InputError, match=r"\['x1', 'x2', 'x3'\], got no \['x1', 'x3'\]"):
            act(named)
    assert snapshot(estimator) == before


@every_learner
def test_missing_targets_may_be_none_or_nan(learner):
    x, y = drawn_stream(learner, 4)
    nothing = np.full(learner.target_size, np.nan)
    partly = y[1].copy()
    partly[-1] = np.nan
    wholes = [None, nothing, nothing.tolist(), partly]
    if learner.target_size == 1:
        wholes += [np.nan, np.float32("nan"), float("nan")]
    states = []
    for missing in wholes:
        estimator = learned(learner)
        estimator.learn_one(x[0], y[0])
        estimator.learn_one(x[1], missing)
        states.append((snapshot(estimator), future(estimator)))
        assert estimator.examples == 7
    assert all(state == states[0] for state in states)


@pytest.mark.parametrize("name", ["flagged", "two targets"])
def test_a_flagged_learner_tells_no_target_from_a_target_that_scales_to_zero(name):
    learner = LEARNERS[name]
    futures = set()
    for target in (None, learner.scaling.target_offset):
        estimator = learned(learner)
        estimator.learn_one([1.0, 2.0], target)
        futures.add(future(estimator))
    assert len(futures) == 2


BAD_ROWS = [
    [np.nan, 1.0],
    [1.0, np.inf],
    [-np.inf, 1.0],
    [1e300, 1.0],
    [1.0],
    [1.0, 2.0, 3.0],
    [],
    [[1.0, 2.0]],
    [[1.0], [2.0]],
    np.ones((2, 1)),
    ["1", "2"],
    ["a", "b"],
    "12",
    [None, 1.0],
    [1j, 1.0],
    None,
    3.0,
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=repr)
@pytest.mark.parametrize("name", ["flagged", "two targets"])
def test_bad_inputs_are_refused_and_change_nothing(name, row):
    estimator = learned(LEARNERS[name])
    before, coming = snapshot(estimator), future(estimator)
    y = np.ones(estimator.learner.target_size)
    good = [0.0, 1.0]
    for act in (
        lambda: estimator.predict_one(row),
        lambda: estimator.learn_one(row, y),
        lambda: estimator.predict_many([good, row]),
        lambda: estimator.learn_many([good, row], [y, y]),
    ):
        with pytest.raises(InputError):
            act()
        assert snapshot(estimator) == before
    assert future(estimator) == coming


@pytest.mark.parametrize(
    "target",
    [np.inf, -np.inf, 1e300, [1.0, 2.0, 3.0], [], "a", "1", ["1"], [[1.0]], [1, [2]], {"y": 1}, 1j],
    ids=repr,
)
@pytest.mark.parametrize("name", ["flagged", "two targets"])
def test_bad_targets_are_refused_and_change_nothing(name, target):
    estimator = learned(LEARNERS[name])
    before = snapshot(estimator)
    good = [0.0, 1.0]
    y = np.ones(estimator.learner.target_size)
    for act in (
        lambda: estimator.learn_one(good, target),
        lambda: estimator.learn_many([good, good], [y, target]),
        lambda: estimator.learn_many([good, good], target),
    ):
        with pytest.raises(InputError):
            act()
        assert snapshot(estimator) == before


def test_shapes_that_do_not_match_are_refused():
    one, two = OnlineEstimator(LEARNERS["flagged"]), OnlineEstimator(LEARNERS["two targets"])
    x = np.zeros((3, 2))
    for estimator, inputs, targets in (
        (one, x, [1.0, 2.0]),
        (one, x, np.zeros((2, 1))),
        (one, x, np.zeros((3, 2))),
        (one, x[0], [1.0]),
        (two, x, [1.0, 2.0, 3.0]),
        (two, x, np.zeros((3, 1))),
        (two, x[:2], np.zeros((3, 2))),
    ):
        with pytest.raises(InputError, match="of shape"):
            estimator.learn_many(inputs, targets)
        assert estimator.examples == 0
    with pytest.raises(InputError, match=r"of shape \(any, 2\), got \(2,\)"):
        one.predict_many([1.0, 2.0])


@every_learner
@pytest.mark.parametrize("large", [3e38, -3e38, 1e30])
def test_numbers_so_large_that_sums_overflow_spoil_nothing(learner, large):
    """They are refused, or learned with finite predictions before and after."""
    x, y = drawn_stream(learner, 4)
    row = np.where(np.arange(learner.input_size) % 2, -large, large)
    target = np.full(learner.target_size, large)
    for inputs, targets in ((row, y[0]), (x[0], target), (row, target)):
        estimator = learned(learner)
        before = snapshot(estimator)
        try:
            estimator.learn_one(inputs, targets)
        except InputError:
            assert snapshot(estimator) == before
            with pytest.raises(InputError, match="the scale the learner was derived for"):
                estimator.learn_many([x[0], inputs], [y[0], targets])
            assert snapshot(estimator) == before
        for t in range(4):
            assert np.isfinite(estimator.predict_one(x[t])).all()
            estimator.learn_one(x[t], y[t])


def test_an_overflow_is_an_error_and_not_a_prediction():
    learner = LEARNERS["scaled"]
    tight = replace(learner.scaling, input_scale=(1e-20,) * 3)
    estimator = OnlineEstimator(replace(learner, scaling=tight))
    rows = [[1.0, 1.0, 1.0], [3e38, -3e38, 3e38]]
    for act in (estimator.predict_one, lambda row: estimator.predict_many([row])):
        act(rows[0])
        with pytest.raises(InputError, match=r"Expected inputs on the scale .* got \[3\.0"):
            act(rows[1])
    assert np.isfinite(estimator.predict_many(rows[:1])).all()


def test_a_target_that_would_spoil_the_sums_is_refused():
    """Learned, it would make every later prediction inf - inf."""
    learner = LEARNERS["two targets"]
    tight = replace(learner.scaling, target_scale=(1e-5, 1e-5))
    estimator = OnlineEstimator(replace(learner, scaling=tight))
    estimator.learn_one([0.0, 1.0], [1e3, 1e3])
    before = snapshot(estimator)
    for target in ([1e37, 1e37], [1.0, -1e20]):
        with pytest.raises(InputError, match="Expected target on the scale"):
            estimator.learn_one([0.0, 1.0], target)
        assert snapshot(estimator) == before
    assert np.isfinite(estimator.predict_one([0.0, 1.0])).all()


def test_its_memory_does_not_grow():
    estimator = OnlineEstimator(LEARNERS["second layer"])
    sizes = set()
    for x in drawn_stream(estimator.learner, 30)[0]:
        estimator.learn_one(x, 1.0)
        sizes.add(sum(part.nbytes for part in estimator.get_state().values()))
    assert len(sizes) == 1


def test_a_learner_from_a_file_is_used_as_it_was_saved(tmp_path):
    learner = LEARNERS["late"]
    learner.save(tmp_path / "learner")
    again = Learner.load(tmp_path / "learner")
    assert future(OnlineEstimator(again)) == future(OnlineEstimator(learner))
    learned(learner).save_state(tmp_path / "state")
    estimator = OnlineEstimator(again)
    estimator.load_state(tmp_path / "state")
    assert snapshot(estimator) == snapshot(learned(learner))
