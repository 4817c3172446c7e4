"""A family from a table: what is read, what is held out, what is drawn, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Late, network_inputs, read_table

pytestmark = pytest.mark.usefixtures("quick_compile")
LENGTHS = {"ann": 1, "bea": 4, "cem": 9, "dov": 12, "eli": 30, "fay": 30, "gus": 7, "hal": 5}
MISSING = (("bea", 1), ("cem", 0), ("eli", 17))


def rows(seed=0):
    """A table whose input `place` is the row's place in its series; shuffled, some targets gone."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [
            (who, place, rng.normal(3.0, 2.0), place + 100.0 * number + rng.normal())
            for number, (who, n) in enumerate(LENGTHS.items())
            for place in range(n)
        ],
        columns=["who", "place", "dose", "y"],
    )
    for who, place in MISSING:
        frame.loc[(frame.who == who) & (frame.place == place), "y"] = np.nan
    return frame.sample(frac=1.0, random_state=1).reset_index(drop=True)


def read(source=None, **options):
    given = {"task": "who", "target": "y", "order": "place", **options}
    return read_table(rows() if source is None else source, **given)


def cell(frame, who, place, column):
    return frame.loc[(frame.who == who) & (frame.place == place), column].item()


@pytest.fixture(params=["pandas", "polars", "csv", "parquet", "upper-case suffix"])
def source(request, tmp_path):
    frame = rows()
    if request.param == "pandas":
        return frame
    if request.param == "polars":
        return pl.from_pandas(frame)
    if request.param == "parquet":
        frame.to_parquet(tmp_path / "table.parquet")
        return str(tmp_path / "table.parquet")
    path = tmp_path / ("table.csv" if request.param == "csv" else "TABLE.CSV")
    frame.to_csv(path, index=False)
    return path


def test_every_source_gives_the_same_table(source):
    table, frame = read(source), rows()
    assert table.tasks == tuple(LENGTHS)
    assert table.input_names == ("place", "dose")
    assert table.target_names == ("y",)
    assert (table.input_size, table.target_size, table.examples) == (2, 1, 30)
    np.testing.assert_array_equal(table.present.sum(axis=1), list(LENGTHS.values()))
    for i, (who, n) in enumerate(LENGTHS.items()):
        for place in range(n):
            y = cell(frame, who, place, "y")
            np.testing.assert_allclose(
                table.inputs[i, place], [place, cell(frame, who, place, "dose")], rtol=1e-12
            )
            assert table.known[i, place] == ((who, place) not in MISSING)
            np.testing.assert_allclose(table.targets[i, place, 0], np.nan_to_num(y), rtol=1e-12)
    beyond = ~table.present
    assert not table.inputs[beyond].any()
    assert not table.targets[beyond].any()
    assert not table.known[beyond].any()


def test_rows_stay_in_the_tables_order_without_an_order_column():
    frame = rows()
    table = read(frame, order=None)
    for i, who in enumerate(LENGTHS):
        expected = frame[frame.who == who].place.to_numpy()
        np.testing.assert_array_equal(table.inputs[i, : len(expected), 0], expected)


def test_ties_in_the_order_stay_in_the_tables_order():
    frame = rows().assign(day=0)
    table = read(frame, order="day", inputs=["place"])
    expected = frame[frame.who == "eli"].place.to_numpy()
    np.testing.assert_array_equal(table.inputs[4, :, 0], expected)


def test_named_inputs_alone_are_used_in_the_order_named():
    table = read(inputs=["dose", "place"])
    assert table.input_names == ("dose", "place")
    np.testing.assert_array_equal(table.inputs[4, :, 1], np.arange(30))


def test_a_users_table_is_left_as_it_is():
    frame = rows()
    before = frame.copy()
    read(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_whole_tasks_are_held_out():
    table = read(validation=0.25, test=0.25)
    held = {name: {table.tasks[i] for i in table.parts[name]} for name in table.parts}
    assert {name: len(tasks) for name, tasks in held.items()} == {
        "test": 2,
        "validation": 2,
        "train": 4,
    }
    assert set.union(*held.values()) == set(LENGTHS)
    assert {name: set(tasks) for name, tasks in table.describe()["tasks"].items()} == held


def test_the_draw_of_held_out_tasks_depends_on_the_seed_alone():
    def parts(seed):
        table = read(rows(seed), validation=0.25, test=0.25, seed=seed)
        return {name: tuple(members) for name, members in table.parts.items()}

    assert parts(0) == parts(0)
    assert len({parts(seed)["test"] for seed in range(8)}) > 3


def test_named_tasks_are_held_out():
    table = read(validation=["cem"], test=["eli", "ann", "eli"])
    assert [table.tasks[i] for i in table.parts["test"]] == ["ann", "eli"]
    assert [table.tasks[i] for i in table.parts["validation"]] == ["cem"]
    assert [table.tasks[i] for i in table.parts["train"]] == ["bea", "dov", "fay", "gus", "hal"]
    mixed = read(validation=0.25, test=["eli"])
    assert len(mixed.parts["validation"]) == 2
    assert 4 not in mixed.parts["validation"]


def test_tasks_may_be_numbers():
    frame = rows()
    frame["who"] = frame.who.map({who: 10 + i for i, who in enumerate(LENGTHS)})
    table = read(frame, validation=[12], test=["14"])
    assert table.tasks == tuple(str(10 + i) for i in range(8))
    assert table.parts["validation"].tolist() == [2]
    assert table.parts["test"].tolist() == [4]


def test_the_scaling_is_that_of_the_training_rows_alone():
    frame = rows()
    held = {"validation": ["cem"], "test": ["eli", "ann"]}
    train = frame[~frame.who.isin(["cem", "eli", "ann"])]
    scaling = read(frame, **held).scaling()
    np.testing.assert_allclose(scaling.input_offset, train[["place", "dose"]].mean())
    np.testing.assert_allclose(scaling.input_scale, train[["place", "dose"]].std(ddof=0))
    np.testing.assert_allclose(scaling.target_offset, [train.y.mean()])
    np.testing.assert_allclose(scaling.target_scale, [train.y.std(ddof=0)])
    outside = frame.copy()
    outside.loc[outside.who.isin(["cem", "eli", "ann"]), ["dose", "y"]] *= -77.0
    assert read(outside, **held).scaling() == scaling
    inside = frame.copy()
    inside.loc[inside.who == "dov", ["dose", "y"]] *= -77.0
    assert read(inside, **held).scaling() != scaling


def sampled(table, batch, length, seed=0):
    sample = jax.jit(lambda key: table.sample(key, batch, length))
    return jax.tree.map(np.asarray, sample(jax.random.key(seed)))


def judged(table):
    return jax.tree.map(np.asarray, jax.jit(lambda key: table.judge(key, 3))(jax.random.key(0)))


def test_windows_lie_inside_their_series_and_are_in_order():
    frame = rows().assign(y=lambda frame: frame.y.fillna(7.0))
    table = read(frame, validation=["ann"], test=["hal"])
    length = 8
    stream = sampled(table, 800, length)
    sizes = np.array(list(LENGTHS.values()))[stream.tasks[:, 0]]
    place = stream.inputs[..., 0]
    begin = place[:, 0]
    for b, n in enumerate(sizes):
        inside = min(length, n)
        np.testing.assert_array_equal(place[b, :inside], begin[b] + np.arange(inside))
        np.testing.assert_array_equal(stream.scored[b], np.arange(length) < n)
        assert begin[b] + inside <= n
        assert begin[b] == 0 or n > length
    np.testing.assert_array_equal(stream.scored, stream.revealed)
    # Every possible beginning comes up, the first half of the time (and its share otherwise).
    long = sizes == 30
    assert set(begin[long]) == set(range(23))
    first = (begin[long] == 0).mean()
    chance = 0.5 + 0.5 / 23
    assert abs(first - chance) < 4.5 * (chance * (1 - chance) / long.sum()) ** 0.5
    # Tasks are drawn evenly, however long they are.
    drawn = np.bincount(stream.tasks[:, 0], minlength=8)
    assert set(np.flatnonzero(drawn)) == set(table.parts["train"])
    assert abs(drawn[table.parts["train"]] - 800 / 6).max() < 4.5 * (800 * 5 / 36) ** 0.5


def test_windows_longer_than_every_series_are_padded():
    table = read(validation=["ann"], test=["hal"])
    stream = sampled(table, 20, 37)
    sizes = np.array(list(LENGTHS.values()))[stream.tasks[:, 0]]
    assert (stream.scored.sum(axis=1) >= sizes - 1).all()
    assert not stream.scored[:, 30:].any()
    assert np.isfinite(stream.inputs).all()


def test_a_missing_target_is_neither_scored_nor_told_and_the_network_knows():
    table = read(validation=["ann"], test=["hal"])
    assert table.flagged
    assert table.network_input_size == 4
    stream = judged(table)
    rank = {task: i for i, task in enumerate(table.parts["train"].tolist())}
    given = jax.tree.map(jnp.asarray, stream)
    seen = np.asarray(network_inputs(given, 0, table.flagged))
    for who, place in MISSING:
        i = rank[table.tasks.index(who)]
        assert not stream.scored[i, place]
        assert not stream.revealed[i, place]
        assert seen[i, place + 1, 2] == 0.0
        assert seen[i, place + 1, 3] == 0.0
        assert seen[i, place + 2, 3] == 1.0
        assert seen[i, place + 2, 2] == stream.targets[i, place + 1, 0] != 0.0
    full = rows().assign(y=lambda frame: frame.y.fillna(7.0))
    assert not read(full).flagged


@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("condition", [lambda table: table, Late], ids=["bare", "late"])
def test_a_learner_is_judged_once_on_every_task_of_the_part(part, condition):
    table = read(validation=["cem", "ann"], test=["eli"])
    stream = judged(condition(table).part(part))
    members = table.parts[part]
    np.testing.assert_array_equal(stream.tasks[:, 0], members)
    np.testing.assert_array_equal(
        stream.scored.sum(axis=1), (table.present & table.known).sum(axis=1)[members]
    )
    np.testing.assert_allclose(stream.inputs, table.inputs[members], rtol=1e-6)


def test_a_task_with_one_row_is_kept():
    table = read(validation=["cem"], test=["eli"])
    assert table.tasks.index("ann") in table.parts["train"]
    stream = judged(table)
    assert stream.scored[0].tolist() == [True] + [False] * 29


def test_refuses_a_part_that_is_none():
    with pytest.raises(FamilyError, match=r"part among .*got 'dev'"):
        read().part("dev")


def changed(column, value, where=5):
    frame = rows()
    if isinstance(value, str):
        frame[column] = frame[column].astype(object)
    frame.loc[where, column] = value
    return frame


def told_nothing(who):
    frame = rows()
    frame.loc[frame.who == who, "y"] = np.nan
    return frame


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (rows(), {"target": "z"}, "column 'z', got the columns .*'who', 'place', 'dose', 'y'"),
        (rows(), {"task": "z"}, "a column 'z'"),
        (rows(), {"order": "z"}, "a column 'z'"),
        (rows(), {"inputs": ["dose", "z"]}, "a column 'z'"),
        (rows(), {"inputs": ["dose", "y"]}, "other than the task and the target.*'y'"),
        (rows(), {"inputs": ["who"]}, "other than the task and the target"),
        (rows(), {"inputs": []}, "at least one input column, got none"),
        (rows()[:0], {}, "a table with rows, got an empty one"),
        (changed("who", None), {}, "a task in every row, got none in column 'who', row 5"),
        (changed("dose", -np.inf), {}, r"'dose', got -inf in row 5 \(1 such values in all\)"),
        (changed("y", np.inf), {}, "finite or missing numbers in column 'y', got inf in row 5"),
        (changed("dose", "low"), {}, "numbers in column 'dose', got 'low'"),
        (changed("y", "high"), {}, "numbers in column 'y', got 'high'"),
        (
            rows().assign(note=lambda frame: [f"n{i}" for i in range(len(frame))]),
            {},
            "at most 12 different words in column 'note', got 89, 'n0' and 'n1' among them",
        ),
        (rows().assign(dose=np.nan), {}, "values in column 'dose', got none"),
        (rows()[rows().who.isin(["bea", "cem"])], {}, "at least 3 tasks .*got 2"),
        (rows().assign(y=4.25), {}, "targets that vary, got the constant 4.25"),
        (rows().assign(y=np.nan), {}, "targets in the train tasks, got none: every 'y'"),
        (
            told_nothing("eli"),
            {"test": ["eli"]},
            "targets in the test tasks, got none: every 'y' there is missing",
        ),
        (rows(), {"test": 0.0}, "a test share between 0 and 1, got 0.0"),
        (rows(), {"validation": 1.0}, "a validation share between 0 and 1, got 1.0"),
        (rows(), {"validation": 0.5, "test": 0.5}, "at least one task to train, got none of the 8"),
        (rows(), {"validation": []}, "at least one task to validation"),
        (rows(), {"test": ["ida"]}, "held-out tasks from the table, got 'ida'"),
        (rows(), {"validation": ["ann"], "test": ["ann"]}, "no task to be held out for two parts"),
    ],
)
def test_refuses_tables_that_cannot_be_learned_from(source, options, message):
    with pytest.raises(FamilyError, match=message):
        read(source, **options)


def test_refuses_targets_that_are_constant_in_the_training_tasks_alone():
    frame = rows()
    frame.loc[~frame.who.isin(["cem", "eli"]), "y"] = 3.0
    with pytest.raises(FamilyError, match="targets that vary, got the constant 3"):
        read(frame, validation=["cem"], test=["eli"])


def test_a_constant_input_is_scaled_to_nothing():
    table = read(rows().assign(dose=5.0))
    stream = judged(table)
    scaled = np.asarray(table.scaling().scale_inputs(stream.inputs))
    assert not scaled[stream.scored, 1].any()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "a table at .*none.csv', but there is no such file"),
        ("table.xlsx", b"", "a .csv or .parquet file, got .*table.xlsx'"),
        ("table", b"", "a .csv or .parquet file, got .*table'"),
        ("broken.parquet", b"PAR1 and then nothing", "readable table at .*broken.parquet', but: "),
        ("broken.csv", b"who,place,dose,y\nann,0,1,2\nann,0,1,2,3,4\n", "readable table at .*csv"),
        ("empty.csv", b"", "readable table at .*empty.csv"),
    ],
)
def test_refuses_files_that_cannot_be_read(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FamilyError, match=message):
        read(path)
