"""The learner file: what was saved comes back bit for bit, and nothing else comes back at all."""

import json
import os
import sys
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fixedweight import files
from fixedweight.errors import InputError, LearnerFileError
from fixedweight.estimators import OnlineEstimator
from fixedweight.learner import Learner
from fixedweight.learner_file import KIND, MOST_SCALE, MOST_WEIGHT
from fixedweight.networks import LSTM1997, NETWORKS
from test_learner import LEARNERS, Plain, drawn_learner, drawn_stream, every_learner

CARD = {"family": {"family": "boolean"}, "derivation": {"history": [[1, None, 0.5]]}, "ä": "[x]"}
TINY = replace(drawn_learner(blocks=1, hidden=1, flagged=True), card={"family": "none"})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A learner's file, its bytes, its arrays and its header, for the examples of a property."""
    path = tmp_path_factory.mktemp("hostile") / "learner"
    arrays, header = saved(TINY, path)
    return path, path.read_bytes(), arrays, header


def bits(params):
    return {name: (value.shape, value.dtype, value.tobytes()) for name, value in params.items()}


def saved(learner, path):
    """The arrays and the JSON header of a learner's file."""
    learner.save(path)
    return load(path.read_bytes()), files.read(path, KIND)[1]


def write_raw(path, arrays, header, kind=KIND):
    """A learner file without any of the care of `files.write`."""
    metadata = {"kind": kind, "header": header if isinstance(header, str) else json.dumps(header)}
    path.write_bytes(save(arrays, metadata=metadata))


def changed(header, *keys, to):
    """A copy of a header with one value replaced."""
    copy = json.loads(json.dumps(header))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    return copy


def assert_refused(path, message=None, **settings):
    with pytest.raises(LearnerFileError, match=message):
        Learner.load(path, **settings)


def assert_refused_or_sound(path):
    """The promise for any file: an error of ours, or a learner that runs."""
    try:
        learner = Learner.load(path)
    except LearnerFileError:
        return
    scaling, rng = learner.scaling, np.random.default_rng(0)
    estimator = OnlineEstimator(learner)
    for _ in range(4):
        x = scaling.input_offset + rng.normal(size=learner.input_size) * scaling.input_scale
        y = scaling.target_offset + rng.normal(size=learner.target_size) * scaling.target_scale
        assert np.isfinite(estimator.predict_one(x)).all()
        estimator.learn_one(x, y)


@every_learner
def test_a_round_trip_changes_no_bit(tmp_path, learner):
    learner = replace(learner, card=CARD)
    learner.save(tmp_path / "learner")
    again = Learner.load(str(tmp_path / "learner"), networks=[Plain])
    assert bits(again.params) == bits(learner.params)
    assert again.digest == learner.digest
    for name in ("network", "scaling", "delay", "flagged", "input_names", "target_names", "card"):
        assert getattr(again, name) == getattr(learner, name), name
    assert type(again.network) is type(learner.network)
    x, y = drawn_stream(learner, 2, 20, missing=0.2)
    assert np.array_equal(again.unroll(x, y)[0], learner.unroll(x, y)[0])


def test_weights_laid_out_by_columns_give_the_same_predictions(tmp_path):
    learner = drawn_learner(blocks=20, hidden=30)
    by_columns = {name: np.asfortranarray(value) for name, value in learner.params.items()}
    learner = Learner(learner.network, by_columns, learner.scaling, 0, False, ("a", "b"), ("y",))
    learner.save(tmp_path / "learner")
    x, y = drawn_stream(learner, 2, 20)
    again = Learner.load(tmp_path / "learner")
    assert np.array_equal(again.unroll(x, y)[0], learner.unroll(x, y)[0])


def test_a_network_of_ones_own_is_loaded_only_when_it_is_handed_over(tmp_path):
    path = tmp_path / "learner"
    LEARNERS["own network"].save(path)
    assert_refused(path, r"a network among \['Alternating', .*\], got 'Plain'.* networks=\[")
    assert_refused(path, "got 'Plain'", networks=[LSTM1997])
    assert type(Learner.load(path, networks=[Plain]).network) is Plain


def test_a_network_of_ones_own_may_draw_its_weights_as_it_likes(tmp_path):
    @dataclass(frozen=True)
    class Fussy(Plain):
        def init_params(self, rng):
            while not (params := super().init_params(rng))["w"].any():
                pass
            return {**params, "gain": np.array(rng.normal()), "bias": rng.uniform(size=2)}

    learner = drawn_learner(kind=Fussy)
    learner.save(tmp_path / "learner")
    again = Learner.load(tmp_path / "learner", networks=[Fussy])
    assert bits(again.params) == bits(learner.params)


@pytest.mark.parametrize(
    "name",
    ["trap.Network", "trap:Network", "trap", "os.system", "Network", "Learner", "__class__", "", 3],
)
def test_no_module_named_in_a_file_is_imported(tmp_path, monkeypatch, name):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')\nclass Network: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    arrays, header = saved(TINY, tmp_path / "learner")
    write_raw(tmp_path / "learner", arrays, changed(header, "network", "class", to=name))
    before = set(sys.modules)
    assert_refused(tmp_path / "learner", "a network among")
    assert set(sys.modules) == before


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "learner"
    TINY.save(path)
    whole = path.read_bytes()
    for cut in (*range(0, len(whole), 7), *range(len(whole) - 20, len(whole))):
        path.write_bytes(whole[:cut])
        assert_refused(path)


@settings(max_examples=150)
@given(data=st.data())
def test_flipped_bytes_are_refused_or_harmless(place, data):
    path, content = place[0], bytearray(place[1])
    position = st.integers(0, len(content) - 1)
    for at, flip in data.draw(st.lists(st.tuples(position, st.integers(1, 255)), min_size=1)):
        content[at] ^= flip
    path.write_bytes(content)
    assert_refused_or_sound(path)


@settings(max_examples=100)
@given(at=st.integers(0, 10**6), text=st.sampled_from([b"e", b"E", b"-", b"9", b"0", b".", b"e3"]))
def test_numbers_damaged_in_the_header_are_refused_or_harmless(place, at, text):
    path, content = place[0], bytearray(place[1])
    length = int.from_bytes(content[:8], "little")
    digits = [i for i in range(8, 8 + length) if chr(content[i]).isdigit()]
    at = digits[at % len(digits)]
    content[at : at + len(text)] = text
    path.write_bytes(content)
    assert_refused_or_sound(path)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([10**9, -1, 0, 1, 2**20, 2**31, 2**64, 10**400, 1e-320, 1e-30, 1e30, 1e308]),
    st.sampled_from(["LSTM1997", "logistic", "1", {}, [], [[]], {"a": 1}, [1.0], ["1", "2"]]),
)


def test_a_truth_value_is_no_size(place):
    file, _, arrays, header = place
    write_raw(file, arrays, changed(header, "network", "hidden", to=True))
    assert_refused(file, "hidden must be a whole number")


@settings(max_examples=150)
@given(data=st.data())
def test_a_header_of_any_values_is_refused_or_harmless(place, data):
    file, _, arrays, header = place
    paths = [(key,) for key in header]
    for key, value in header.items():
        if isinstance(value, dict):
            paths += [(key, name) for name in value]
            paths += [(key, k, i) for k, v in value.items() if isinstance(v, list) for i in (0, -1)]
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3, unique=True)):
        try:
            header = changed(header, *path, to=data.draw(ODD))
        except (KeyError, IndexError, TypeError):  # an earlier change took its place away
            continue
    write_raw(file, arrays, header)
    assert_refused_or_sound(file)


@settings(max_examples=50)
@given(header=st.recursive(ODD, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_for_a_header_is_refused(place, header):
    write_raw(place[0], place[2], header)
    assert_refused(place[0])


def absurd_sizes():
    for kind in NETWORKS.values():
        sizes = [name for name, value in kind().config().items() if type(value) is int]
        for name in sizes:
            for value in (5000, 10**5, 2**20, 10**9, 10**30, -1, 0, 1e9, "9", None):
                yield pytest.param(kind.__name__, {name: value}, id=f"{name}={value!r}")
        yield pytest.param(kind.__name__, dict.fromkeys(sizes, 2000), id=f"{kind.__name__}: 2000")


@pytest.mark.parametrize(("kind", "sizes"), list(absurd_sizes()))
def test_absurd_sizes_are_refused_without_memory_for_them(tmp_path, kind, sizes):
    path = tmp_path / "learner"
    arrays, header = saved(TINY, path)
    config = {**NETWORKS[kind]().config(), **sizes}
    write_raw(path, arrays, changed(header, "network", to=config))
    tracemalloc.start()
    try:
        assert_refused(path)
        assert tracemalloc.get_traced_memory()[1] < 64e6
    finally:
        tracemalloc.stop()


def test_sizes_that_no_memory_holds_are_refused_for_ones_own_network(tmp_path):
    path = tmp_path / "learner"
    arrays, header = saved(drawn_learner(kind=Plain), path)
    write_raw(path, arrays, changed(header, "network", "hidden", to=2**20))
    assert_refused(path, "MemoryError", networks=[Plain])


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("version",), 2, "of version 1, got 2 .* Derive it again"),
        (("version",), None, "of version 1, got None"),
        (("network",), {}, "KeyError"),
        (("network",), None, "TypeError"),
        (("network", "blocks"), 2, "the network needs weights"),
        (("network", "output"), "softmax", "output"),
        (("network", "surprise"), 1, "surprise"),
        (("scaling",), {}, "TypeError"),
        (("scaling", "input_scale"), [1.0, -1.0], "scaling"),
        (("scaling", "input_scale"), [1.0, 0.0], "scaling"),
        (("scaling", "input_scale"), [1.0, float("nan")], "scaling"),
        (("scaling", "input_scale"), [1.0], "sizes"),
        (("scaling", "target_scale"), [-1.0], "scaling"),
        (("scaling", "target_scale"), [1e-45], "scaling"),
        (("scaling", "target_scale"), [2 * MOST_SCALE], "scaling"),
        (("scaling", "input_offset"), [0.0, float("inf")], "scaling"),
        (("scaling", "input_offset"), [0.0, 0.0, 0.0], "sizes"),
        (("scaling", "target_offset"), [float("nan")], "scaling"),
        (("scaling", "target_offset"), [10**400], "OverflowError"),
        (("scaling", "target_offset"), [], "sizes"),
        (("scaling", "target_offset"), 3, "TypeError"),
        (("delay",), -1, "sizes|delay"),
        (("delay",), float("inf"), "OverflowError"),
        (("delay",), "soon", "ValueError"),
        (("delay",), 10**7, "sizes|delay"),
        (("flagged",), False, "sizes"),
        (("input_names",), ["one"], "sizes"),
        (("input_names",), ["one", "two", "three"], "sizes"),
        (("input_names",), None, "TypeError"),
        (("target_names",), [], "sizes"),
        (("target_names",), 7, "TypeError"),
        (("card",), None, "TypeError"),
        (("card",), [1, 2], "TypeError"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_part_that_does_not_fit_is_refused(tmp_path, keys, value, message):
    path = tmp_path / "learner"
    arrays, header = saved(TINY, path)
    write_raw(path, arrays, changed(header, *keys, to=value))
    assert_refused(path, message)


@pytest.mark.parametrize(
    "part",
    ["version", "network", "scaling", "delay", "flagged", "input_names", "target_names", "card"],
)
def test_a_missing_part_is_refused(tmp_path, part):
    path = tmp_path / "learner"
    arrays, header = saved(TINY, path)
    del header[part]
    write_raw(path, arrays, header)
    assert_refused(path, "version" if part == "version" else f"KeyError: '{part}'")


def wrong_weights():
    w = TINY.params["w_first"]
    too_large, not_a_number = w.copy(), w.copy()
    too_large[-1, -1], not_a_number[0, 0] = 2 * MOST_WEIGHT, np.nan
    yield "another shape", {"w_first": np.zeros((w.shape[0] + 1, w.shape[1]), w.dtype)}
    yield "turned", {"w_first": np.ascontiguousarray(w.T)}
    yield "a shape that would broadcast", {"b_first": np.zeros(1, np.float32)}
    yield "flat", {"w_first": w.reshape(-1)}
    yield "double precision", {"w_first": w.astype(np.float64)}
    yield "beyond single precision", {"w_first": np.full(w.shape, 1e300)}
    yield "half precision", {"w_first": w.astype(np.float16)}
    yield "whole numbers", {"w_first": w.astype(np.int32)}
    yield "one more", {"w_zero": w}
    yield "too large", {"w_first": too_large}
    yield "not a number", {"w_first": not_a_number}


@pytest.mark.parametrize(
    "arrays", [pytest.param(value, id=name) for name, value in wrong_weights()]
)
def test_wrong_weights_are_refused(tmp_path, arrays):
    path = tmp_path / "learner"
    right, header = saved(TINY, path)
    write_raw(path, {**right, **arrays}, header)
    assert_refused(path)


@pytest.mark.parametrize("name", list(TINY.params))
def test_missing_weights_are_refused(tmp_path, name):
    path = tmp_path / "learner"
    arrays, header = saved(TINY, path)
    del arrays[name]
    write_raw(path, arrays, header)
    assert_refused(path, "the network needs weights")


@pytest.mark.parametrize("depth", [500, 100_000])
def test_deep_nesting_is_refused_or_harmless(tmp_path, depth):
    path = tmp_path / "learner"
    arrays, header = saved(TINY, path)
    text = json.dumps(header).replace('"none"', "[" * depth + "]" * depth)
    write_raw(path, arrays, text)
    assert_refused_or_sound(path)
    if depth > 10_000:
        assert_refused(path)


def test_other_files_of_this_package_are_no_learners(tmp_path):
    OnlineEstimator(TINY).save_state(tmp_path / "state")
    assert_refused(tmp_path / "state", "Expected a fixedweight learner file, got kind 'fixedweight")
    arrays, header = saved(TINY, tmp_path / "learner")
    write_raw(tmp_path / "learner", arrays, header, kind="fixedweight checkpoint")
    assert_refused(tmp_path / "learner", "got kind 'fixedweight checkpoint'")


def test_a_file_too_large_is_refused(tmp_path, monkeypatch):
    TINY.save(tmp_path / "learner")
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    assert_refused(tmp_path / "learner", "at most 100 bytes")


def test_a_missing_file_an_empty_one_and_a_folder_are_refused(tmp_path):
    assert_refused(tmp_path / "nothing", "there is none")
    assert_refused(tmp_path, "there is none")
    (tmp_path / "empty").touch()
    assert_refused(tmp_path / "empty", "cut short")


def test_a_failed_save_leaves_the_old_learner(tmp_path, monkeypatch):
    path = tmp_path / "learner"
    TINY.save(path)

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        drawn_learner(seed=5).save(path)
    assert Learner.load(path).digest == TINY.digest
    assert os.listdir(tmp_path) == ["learner"]


def test_errors_of_files_are_values_errors_and_not_input_errors():
    assert issubclass(LearnerFileError, ValueError)
    assert not issubclass(LearnerFileError, InputError)
