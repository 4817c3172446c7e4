"""Files are written whole or not at all, and read with suspicion."""

import json
import os
import pickle
import stat
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from fixedweight import files
from fixedweight.errors import LearnerFileError

KIND = "test file"
ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "number": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 3), dtype=np.float32),
}
HEADER = {"version": 1, "text": "ä \u2028 [x]", "nested": {"none": None, "list": [1, 2.5]}}


def raw(kind=KIND, header="{}", arrays=ARRAYS, **more):
    """The bytes of a file, with whatever in its header."""
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    return save(contiguous, metadata={"kind": kind, "header": header, **more})


def with_header(text):
    """A safetensors file with this text as its whole header."""
    encoded = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def assert_refused(path, content, message=None):
    path.write_bytes(content)
    with pytest.raises(LearnerFileError, match=message):
        files.read(path, KIND)


def test_a_round_trip_changes_no_bit(tmp_path):
    path = tmp_path / "file"
    files.write(path, KIND, ARRAYS, HEADER)
    arrays, header = files.read(path, KIND)
    assert header == HEADER
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        assert arrays[name].shape == value.shape
        assert arrays[name].dtype == value.dtype
        assert np.array_equal(arrays[name], value)


def test_the_file_gets_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "file", KIND, ARRAYS, HEADER)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path = tmp_path / "file"
    files.write(path, KIND, ARRAYS, {"which": "old"})
    old = path.read_bytes()

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        files.write(path, KIND, ARRAYS, {"which": "new"})
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["file"]


def test_the_new_file_is_whole_before_it_takes_the_name(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write(path, KIND, ARRAYS, {"which": "old"})
    replace, seen = os.replace, []

    def watch(source, target):
        seen.extend(files.read(place, KIND)[1]["which"] for place in (source, target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    files.write(path, KIND, ARRAYS, {"which": "new"})
    assert seen == ["new", "old"]
    assert files.read(path, KIND)[1] == {"which": "new"}
    assert os.listdir(tmp_path) == ["file"]


def test_values_that_json_lacks_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write(tmp_path / "file", KIND, ARRAYS, {"value": float("nan")})
    assert os.listdir(tmp_path) == []


def test_every_prefix_is_refused(tmp_path):
    path = tmp_path / "file"
    files.write(path, KIND, ARRAYS, HEADER)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        assert_refused(path, whole[:cut])
    assert_refused(path, whole + b"\0")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(LearnerFileError, match="there is none"):
            files.read(path, KIND)


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(raw())

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    with pytest.raises(LearnerFileError, match="Permission denied"):
        files.read(tmp_path / "file", KIND)


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write(path, KIND, ARRAYS, HEADER)
    size = path.stat().st_size
    monkeypatch.setattr(files, "MOST_BYTES", size)
    files.read(path, KIND)
    monkeypatch.setattr(files, "MOST_BYTES", size - 1)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(LearnerFileError, match=f"at most {size - 1} bytes, got {size}"):
        files.read(path, KIND)


def test_a_long_header_is_refused(tmp_path, monkeypatch):
    content = raw()
    length = int.from_bytes(content[:8], "little")
    monkeypatch.setattr(files, "MOST_HEADER_BYTES", length)
    (tmp_path / "file").write_bytes(content)
    files.read(tmp_path / "file", KIND)
    monkeypatch.setattr(files, "MOST_HEADER_BYTES", length - 1)
    assert_refused(tmp_path / "file", content, "cut short or not a safetensors file")


class Payload:
    """Makes a folder if anything unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_never_run(tmp_path):
    trap = tmp_path / "trap"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert_refused(tmp_path / "file", pickle.dumps(Payload(trap), protocol))
    np.savez(tmp_path / "file.npz", Payload(trap))
    assert_refused(tmp_path / "file", (tmp_path / "file.npz").read_bytes())
    assert not trap.exists()
    pickle.loads(pickle.dumps(Payload(trap)))
    assert trap.exists()


MATRIX = '"m":{"dtype":"F32","shape":%s,"data_offsets":[0,%d]}'
GOOD = '"__metadata__":{"kind":"test file","header":"{}"}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"a learner",
        b"{}" * 50,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        with_header(""),
        with_header("[]"),
        with_header("null"),
        with_header("{" + GOOD),
        with_header(b'{"\xff": 1}'),
        with_header("[" * 100_000),
        with_header('{"a":' * 100_000),
        with_header("{}"),
        with_header('{"__metadata__": null}'),
        with_header('{"__metadata__": ["kind"]}'),
        with_header('{"__metadata__": {"kind": "test file"}}'),
        with_header('{"__metadata__": {"kind": "test file", "header": 3}}'),
        with_header('{"__metadata__": {"kind": "test file", "header": {}}}'),
        with_header("{" + GOOD + "," + MATRIX % ("[4]", 16) + "}"),
        with_header("{" + GOOD + "," + MATRIX % ("[4]", 12) + "}") + b"\0" * 12,
        with_header("{" + GOOD + "," + MATRIX % ("[4611686018427387905]", 4) + "}") + b"\0" * 4,
        with_header("{" + GOOD + "," + MATRIX % ("[-1]", 4) + "}") + b"\0" * 4,
        with_header("{" + GOOD + ',"m":{"dtype":"BAD","shape":[1],"data_offsets":[0,4]}}')
        + b"\0" * 4,
        with_header("{" + GOOD + ',"m":3}'),
        raw(header=""),
        raw(header="[]"),
        raw(header="3"),
        raw(header="{"),
        raw(header="[" * 100_000),
        raw(header='{"a":' * 50_000 + "1" + "}" * 50_000),
        raw(header='{"a": ' + "9" * 10_000 + "}"),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_what_is_no_such_file_is_refused(tmp_path, content):
    assert_refused(tmp_path / "file", content)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "C64", "BOOL", "U64"])
def test_unusual_numbers_are_read_or_refused(tmp_path, dtype):
    size = {"BF16": 2, "C64": 8, "U64": 8}.get(dtype, 1)
    matrix = json.dumps({"dtype": dtype, "shape": [1], "data_offsets": [0, size]})
    text = "{" + GOOD + ',"m":' + matrix + "}"
    path = tmp_path / "file"
    path.write_bytes(with_header(text) + b"\0" * size)
    try:
        assert files.read(path, KIND)[0]["m"].shape == (1,)
    except LearnerFileError:
        assert dtype not in ("BOOL", "U64")


def test_another_kind_is_refused_and_named(tmp_path):
    assert_refused(
        tmp_path / "file", raw(kind="other"), "Expected a test file file, got kind 'other'"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_are_not_finite_are_refused_unless_allowed(tmp_path, value, dtype):
    path = tmp_path / "file"
    arrays = {"good": np.ones(3), "bad": np.array([0.0, value], dtype=dtype)}
    files.write(path, KIND, arrays, {})
    with pytest.raises(LearnerFileError, match="'bad' has values that are not finite"):
        files.read(path, KIND)
    assert np.array_equal(
        files.read(path, KIND, finite=False)[0]["bad"], arrays["bad"], equal_nan=True
    )


def test_a_name_with_spaces_dots_and_letters_beyond_ascii(tmp_path):
    path = tmp_path / "ein Lerner. für [x]"
    files.write(path, KIND, ARRAYS, HEADER)
    assert files.read(str(path), KIND)[1] == HEADER
    assert os.listdir(tmp_path) == [path.name]
