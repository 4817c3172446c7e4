"""A run that is interrupted and resumed is the run that was not."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from fixedweight.errors import LearnerFileError
from fixedweight.families import Boolean, Simulator, read_table
from fixedweight.learner import Learner
from fixedweight.training import Schedule, Stage
from fixedweight.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("small_chunks")


def interrupt_after(chunks):
    """An `on_progress` that presses Ctrl-C after so many chunks."""
    seen = []

    def on_progress(progress):
        seen.append(progress)
        if len(seen) == chunks:
            raise KeyboardInterrupt

    return on_progress


def test_the_chunks_are_where_these_tests_think(tiny, uninterrupted):
    learners, ends = uninterrupted
    assert tuple(ends) == tiny.chunk_ends
    history = learners[0].card["derivation"]["history"]
    assert [row[0] for row in history] == ends
    assert all(len(row) == 2 + 2 for row in history)


@pytest.mark.parametrize(
    "chunks", [1, 2, 3], ids=["in stage 1", "between stages", "between windows"]
)
def test_resumed_is_uninterrupted(chunks, tiny, uninterrupted, assert_same_run, tmp_path):
    path = tmp_path / "run.checkpoint"
    stopped = tiny.derive(checkpoint=path, on_progress=interrupt_after(chunks))
    assert stopped[0].card["derivation"]["updates"] == tiny.chunk_ends[chunks - 1]
    assert path.exists()
    ends = []
    learners = tiny.derive(checkpoint=path, on_progress=lambda p: ends.append(p.update))
    assert tuple(ends) == tiny.chunk_ends[chunks:]
    assert_same_run(learners, uninterrupted[0])
    assert list(tmp_path.iterdir()) == []


def test_stopped_after_every_chunk_is_uninterrupted(tiny, uninterrupted, assert_same_run, tmp_path):
    path = tmp_path / "run.checkpoint"
    for end in tiny.chunk_ends:
        stopped = tiny.derive(checkpoint=path, on_progress=interrupt_after(1))
        assert stopped[0].card["derivation"]["updates"] == end
        assert stopped[0].card["derivation"]["stopped_early"]
    learners = tiny.derive(checkpoint=path, on_progress=interrupt_after(1))
    assert_same_run(learners, uninterrupted[0])
    assert not path.exists()


def test_ctrl_c_within_a_chunk_loses_that_chunk_alone(
    tiny, uninterrupted, assert_same_run, run_module, monkeypatch, tmp_path
):
    path, make, calls = tmp_path / "run.checkpoint", run_module.make_advance, []

    def make_interrupted(*given):
        advance = make(*given)

        def interrupted(*now):
            calls.append(now)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return advance(*now)

        return interrupted

    monkeypatch.setattr(run_module, "make_advance", make_interrupted)
    stopped = tiny.derive(checkpoint=path)
    assert stopped[0].card["derivation"]["updates"] == tiny.chunk_ends[0]
    monkeypatch.setattr(run_module, "make_advance", make)
    assert_same_run(tiny.derive(checkpoint=path), uninterrupted[0])


def test_ctrl_c_leaves_a_learner_that_works(tiny, tmp_path):
    learners = tiny.derive(on_progress=interrupt_after(2))
    assert len(learners) == 2
    for i, learner in enumerate(learners):
        run = learner.card["derivation"]
        assert run["stopped_early"] is True
        assert run["updates"] == tiny.chunk_ends[1]
        assert run["validation_error"] == pytest.approx(
            min(row[2 + i] for row in run["history"]), rel=1e-5
        )
        json.dumps(learner.card, allow_nan=False)
        path = tmp_path / f"{i}.safetensors"
        learner.save(path)
        again = Learner.load(path, networks=[tiny.elman])
        x = np.random.default_rng(0).integers(0, 2, (3, 5, 1)).astype(float)
        predictions, _ = learner.unroll(x, 1.0 - x)
        assert ((predictions > 0.0) & (predictions < 1.0)).all()
        np.testing.assert_array_equal(again.unroll(x, 1.0 - x)[0], predictions)


def test_ctrl_c_before_the_first_chunk_is_ctrl_c(tiny, run_module, monkeypatch, tmp_path):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "make_advance", lambda *given: interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny.derive(checkpoint=tmp_path / "run.checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_users_own_is_not_swallowed(tiny, tmp_path):
    def fail(progress):
        raise RuntimeError("the user's")

    path = tmp_path / "run.checkpoint"
    with pytest.raises(RuntimeError, match="the user's"):
        tiny.derive(checkpoint=path, on_progress=fail)
    assert path.exists()


@pytest.fixture(scope="module")
def left_over(tiny, run_module, tmp_path_factory):
    """A checkpoint after the first chunk of the tiny run."""
    path = tmp_path_factory.mktemp("left") / "run.checkpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "MOST_CHUNK_DRAWS", tiny.chunk_draws)
        tiny.derive(checkpoint=path, on_progress=interrupt_after(1))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 6},
        {"seeds": 3},
        {"gradient": "truncated1997"},
        {"family": Boolean(inputs=1, length=7)},
        {"network": 4},
        {"effort": 2.0},
        {"schedule": Schedule((Stage(3, 4, 4), Stage(4, 4, 5, windows=2)), learning_rate=0.2)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_checkpoint_of_other_settings_is_refused(changes, tiny, left_over, tmp_path):
    path = tmp_path / "run.checkpoint"
    shutil.copy(left_over, path)
    if "network" in changes:
        changes = {"network": tiny.elman(hidden=changes["network"])}
    with pytest.raises(LearnerFileError, match="other settings"):
        tiny.derive(checkpoint=path, **changes)
    assert path.read_bytes() == left_over.read_bytes()


def sines(frequency):
    return Simulator(
        draw=lambda key: jnp.float32(1.0),
        compute=lambda task, x: jnp.sin(frequency * x[0]),
        length=4,
    )


def table(shift):
    """Six series; `shift` moves one target of a training task."""
    rng = np.random.default_rng(0)
    rows = [(task, rng.normal(), rng.normal()) for task in range(6) for _ in range(4)]
    columns = dict(zip(("task", "x", "y"), map(list, zip(*rows, strict=True)), strict=True))
    columns["y"][9] += shift
    return read_table(pd.DataFrame(columns), task="task", target="y", validation=[0], test=[1])


@pytest.mark.parametrize("make", [sines, table])
@pytest.mark.usefixtures("unchecked")
def test_a_family_whose_description_says_too_little_is_told_apart(
    make, tiny, run_module, monkeypatch, tmp_path
):
    def stand_still(state, keys, first, draws):
        return state, jnp.zeros(2)

    monkeypatch.setattr(run_module, "make_advance", lambda *given: stand_still)
    path, schedule = tmp_path / "run.checkpoint", Schedule((Stage(3, 4, 4),))
    settings = {"schedule": schedule, "checkpoint": path, "on_progress": interrupt_after(1)}
    tiny.derive(family=make(2.0), **settings)
    assert make(2.0).describe() == make(3.0).describe()
    with pytest.raises(LearnerFileError, match="other settings"):
        tiny.derive(family=make(3.0), **settings)
    tiny.derive(family=make(2.0), **settings)
    assert not path.exists()


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.999])
def test_a_checkpoint_cut_short_is_refused(kept, tiny, left_over, tmp_path):
    path = tmp_path / "run.checkpoint"
    content = left_over.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(LearnerFileError, match="Expected a whole"):
        tiny.derive(checkpoint=path)


def test_a_learner_is_no_checkpoint(tiny, uninterrupted, tmp_path):
    path = tmp_path / "run.checkpoint"
    uninterrupted[0][0].save(path)
    with pytest.raises(LearnerFileError, match="got kind 'fixedweight learner'"):
        tiny.derive(checkpoint=path)


def test_a_checkpoint_gives_back_every_array_and_the_header(tmp_path):
    path = tmp_path / "state"
    state = (
        {"b": np.array([[1.5, np.inf], [np.nan, -0.0]], np.float32), "a": np.zeros((0, 3))},
        [np.int32(7), np.arange(12, dtype=np.int32)],
    )
    save_checkpoint(path, "plan", state, {"done": 3})
    like = ({"b": np.ones((2, 2), np.float32), "a": np.ones((0, 3))}, [np.int32(0), state[1][1]])
    (arrays, (count, steps)), header = load_checkpoint(path, "plan", lambda header: like)
    assert header["done"] == 3
    assert np.asarray(arrays["b"]).tobytes() == state[0]["b"].tobytes()
    assert arrays["a"].shape == (0, 3)
    assert (int(count), count.dtype) == (7, np.int32)
    np.testing.assert_array_equal(steps, np.arange(12))


@pytest.mark.parametrize(
    "like",
    [
        {"a": np.zeros(3, np.float32)},
        {"a": np.zeros(2, np.int32)},
        {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)},
        {},
    ],
    ids=["shape", "dtype", "more", "fewer"],
)
def test_a_checkpoint_of_other_arrays_is_refused(like, tmp_path):
    path = tmp_path / "state"
    save_checkpoint(path, "plan", {"a": np.zeros(2, np.float32)}, {})
    with pytest.raises(LearnerFileError, match="its arrays differ"):
        load_checkpoint(path, "plan", lambda header: like)


def test_the_fingerprint_is_of_values_alone():
    draws = {"x": np.arange(3.0, dtype=np.float32)}
    one = fingerprint({"a": 1, "b": [2, None]}, draws)
    assert one == fingerprint({"b": [2, None], "a": 1}, {"x": jnp.arange(3.0)})
    assert one != fingerprint({"a": 1, "b": [2, 0]}, draws)
    assert one != fingerprint(
        {"a": 1, "b": [2, None]}, {"x": np.arange(3.0, dtype=np.float32) + 1e-6}
    )
