"""Every task family, bare and under every condition, keeps to the protocol in one suite."""

import importlib
import inspect
import json
import pkgutil
from functools import cache, reduce

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import fixedweight.families
from fixedweight.families import (
    Boolean,
    DecisionTree,
    Family,
    GaussianProcess,
    Late,
    Linear,
    LinearDynamics,
    Missing,
    Noisy,
    Quadratic,
    Recurring,
    Semilinear,
    Simulator,
    Sinusoid,
    SparseLinear,
    Switching,
    Table,
    TaskFamily,
    TwoLayer,
    innermost,
    network_inputs,
    read_table,
    simulated,
)
from fixedweight.families.wrappers import Wrapper

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, LENGTH = 5, 23


def small_table(missing=False):
    """Nine series of 3 to 27 rows; the first input is the row's place in its series."""
    rng = np.random.default_rng(0)
    rows = []
    for task, n in enumerate(range(3, 30, 3)):
        for place in range(n):
            y = None if missing and place % 3 == 1 else task + rng.normal()
            rows.append((f"t{task}", place, rng.normal(), y))
    frame = pd.DataFrame(rows, columns=["task", "place", "x", "y"])
    return read_table(frame, task="task", target="y", order="place")


def line(rng):
    """A line through 0 at four to eleven numbers; the first input is the row's place."""
    x = rng.normal(size=(rng.integers(4, 12), 2))
    x[:, 0] = np.arange(len(x))
    return x, rng.normal() * x[:, 1]


BARE: dict[str, TaskFamily] = {
    "boolean": Boolean(),
    "semilinear": Semilinear(),
    "quadratic": Quadratic(),
    "linear": Linear(inputs=3),
    "sparse": SparseLinear(inputs=5, nonzero=2),
    "two-layer": TwoLayer(inputs=3, hidden=4),
    "tree": DecisionTree(inputs=4, depth=2),
    "sinusoid": Sinusoid(),
    "gaussian-process": GaussianProcess(lengthscale=0.5),
    "dynamics": LinearDynamics(inputs=2, noise=0.0),
    "simulator": Simulator(
        draw=lambda key: {"a": jax.random.normal(key, (3,)), "b": jax.random.normal(key)},
        compute=lambda task, x: jnp.stack([task["a"] @ x, task["b"] * x[0]]),
        inputs=lambda key, task, length: task["b"] + jax.random.normal(key, (length, 3)),
        size=3,
        targets=2,
        length=30,
    ),
    "table": small_table(),
    "table-missing": small_table(missing=True),
    "simulated": simulated(line, tasks=12),
}
CONDITIONS = {
    "noisy": lambda family: Noisy(family, sd=0.1),
    "late": lambda family: Late(family, steps=2),
    "missing": lambda family: Missing(family, share=0.3),
    "every": lambda family: Switching(family, every=6),
    "hazard": lambda family: Switching(family, hazard=0.2),
    "recurring": lambda family: Recurring(family, oftenest=0.3),
}
UNDER = {name: (BARE[name],) for name in BARE}
"""Name -> the bare family, then the conditions put on it, innermost first."""
for bare in ("semilinear", "simulator", "table-missing"):
    UNDER |= {f"{bare}-{how}": (BARE[bare], how) for how in CONDITIONS}
for pair in (
    *("noisy-late", "late-noisy", "late-missing", "missing-late", "late-every", "every-late"),
    *("every-missing", "missing-every", "noisy-hazard"),
):
    UNDER[f"semilinear-{pair}"] = (BARE["semilinear"], *pair.split("-"))
UNDER["table-missing-every-late"] = (BARE["table-missing"], "every", "late")
UNDER["table-missing-missing-hazard"] = (BARE["table-missing"], "missing", "hazard")
CASES = {
    name: reduce(lambda family, how: CONDITIONS[how](family), conditions, bare)
    for name, (bare, *conditions) in UNDER.items()
} | {"boolean-flip": Noisy(BARE["boolean"], flip=0.25)}
every_family = pytest.mark.parametrize("name", CASES)


@cache
def sampler(bare):
    """All cases of one bare family, drawn in one compiled function."""
    cases = {name: family for name, family in CASES.items() if innermost(family) is bare}

    def sample(key):
        return {name: family.sample(key, BATCH, LENGTH) for name, family in cases.items()}

    return jax.jit(sample)


@cache
def drawn(name, seed=3):
    streams = sampler(innermost(CASES[name]))(jax.random.key(seed))
    return jax.tree.map(np.asarray, streams[name])


def layers(family):
    while isinstance(family, Wrapper):
        yield family
        family = family.family


def test_every_family_of_the_package_is_in_the_suite():
    found = set()
    for module in pkgutil.iter_modules(fixedweight.families.__path__):
        source = importlib.import_module(f"fixedweight.families.{module.name}")
        found |= {
            kind
            for _, kind in inspect.getmembers(source, inspect.isclass)
            if issubclass(kind, TaskFamily) and kind.__module__ == source.__name__
        }
    # Wrapper is the base of conditions: it adds none of its own.
    concrete = {kind for kind in found if not inspect.isabstract(kind)} - {Wrapper}
    assert {Boolean, Table, Switching} <= concrete
    assert concrete == {type(family) for family in CASES.values()}
    assert {kind.__name__ for kind in concrete} <= set(fixedweight.families.__all__)


@every_family
def test_shapes_and_kinds_are_as_announced(name):
    family, stream = CASES[name], drawn(name)
    assert stream.inputs.shape == (BATCH, LENGTH, family.input_size)
    assert stream.targets.shape == (BATCH, LENGTH, family.target_size)
    assert stream.inputs.dtype == stream.targets.dtype == np.float32
    for flags in (stream.revealed, stream.scored):
        assert flags.shape == (BATCH, LENGTH)
        assert flags.dtype == bool
    assert stream.example.shape == (BATCH, LENGTH)
    for leaf in jax.tree.leaves(stream.tasks):
        assert leaf.shape[:2] == (BATCH, LENGTH)
    assert len(family.input_names) == family.input_size
    assert len(family.target_names) == family.target_size
    assert not (stream.revealed & ~stream.scored).any()
    if family.unit_targets and not any(isinstance(layer, Noisy) for layer in layers(family)):
        assert stream.targets.min() >= 0.0
        assert stream.targets.max() <= 1.0


@every_family
def test_draws_differ_between_keys_and_between_streams(name):
    first, other = drawn(name), drawn(name, seed=4)
    assert not np.array_equal(first.targets, other.targets)
    assert not np.array_equal(first.inputs, other.inputs)
    assert len({targets.tobytes() for targets in first.targets}) > 1


@pytest.mark.parametrize(
    "name",
    ["semilinear", *(f"semilinear-{how}" for how in CONDITIONS if how != "every"), "table-missing"],
)
def test_a_draw_depends_on_its_key_alone_compiled_or_not(name):
    plain = CASES[name].sample(jax.random.key(3), BATCH, LENGTH)
    again = CASES[name].sample(jax.random.key(3), BATCH, LENGTH)
    jax.tree.map(np.testing.assert_array_equal, plain, again)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), plain, drawn(name)
    )


@cache
def truth(base):
    return jax.jit(jax.vmap(jax.vmap(base.target)))


@every_family
def test_true_tasks_reproduce_the_targets(name):
    family, stream = CASES[name], drawn(name)
    base = innermost(family)
    if isinstance(base, Table):
        place = stream.inputs[..., 0].astype(int)
        present = base.present[stream.tasks, place] & stream.scored
        clean = base.targets[stream.tasks, place]
        np.testing.assert_allclose(
            stream.inputs[present], base.inputs[stream.tasks, place][present], atol=1e-6
        )
    else:
        present = np.ones((BATCH, LENGTH), dtype=bool)
        clean = np.reshape(truth(base)(stream.tasks, stream.inputs), stream.targets.shape)
    error = np.abs(stream.targets - clean)[present]
    noise = [layer for layer in layers(family) if isinstance(layer, Noisy)]
    if not noise:
        np.testing.assert_allclose(error, 0.0, atol=1e-5)
    elif noise[0].flip:
        assert set(np.unique(error)) == {0.0, 1.0}
    else:
        sd = sum(layer.sd**2 for layer in noise) ** 0.5
        assert error.max() < 5.0 * sd
        assert 0.7 * sd < (error**2).mean() ** 0.5 < 1.3 * sd


@every_family
def test_examples_are_counted_from_each_tasks_first(name):
    family, stream = CASES[name], drawn(name)
    switches = [layer for layer in layers(family) if isinstance(layer, (Switching, Recurring))]
    first = stream.example == 0
    assert first[:, 0].all()
    later = stream.example[:, 1:] == stream.example[:, :-1] + 1
    if isinstance(innermost(family), Table):
        later |= ~stream.scored[:, 1:]
    assert (later | first[:, 1:]).all()
    for leaf in jax.tree.leaves(stream.tasks):
        same = (leaf[:, 1:] == leaf[:, :-1]).reshape(BATCH, LENGTH - 1, -1).all(axis=-1)
        assert same[~first[:, 1:]].all()
        if isinstance(innermost(family), (Semilinear, Quadratic, Simulator)):
            assert not same[first[:, 1:]].any()
    if not switches:
        assert not first[:, 1:].any()
    for switch in switches:
        if isinstance(switch, Switching) and switch.every and len(switches) == 1:
            periods = np.arange(LENGTH) % switch.every == 0
            np.testing.assert_array_equal(first, np.broadcast_to(periods, first.shape))


@every_family
def test_the_network_sees_the_last_target_that_arrived(name):
    family, stream = CASES[name], drawn(name)
    late = sum(layer.steps for layer in layers(family) if isinstance(layer, Late))
    hides = any(isinstance(layer, (Late, Missing)) for layer in layers(family))
    assert family.delay == late
    assert family.flagged == (hides or "table-missing" in name)
    given = jax.tree.map(jnp.asarray, stream)
    seen = np.asarray(network_inputs(given, family.delay, family.flagged))
    assert seen.shape == (BATCH, LENGTH, family.network_input_size)
    n, k = family.input_size, family.target_size
    for b in range(BATCH):
        for t in range(LENGTH):
            source = t - 1 - late
            arrived = source >= 0 and bool(stream.revealed[b, source])
            told = stream.targets[b, source] if arrived else np.zeros(k)
            np.testing.assert_array_equal(seen[b, t, :n], stream.inputs[b, t])
            np.testing.assert_array_equal(seen[b, t, n : n + k], told)
            if family.flagged:
                assert seen[b, t, -1] == float(arrived)


@every_family
def test_a_description_is_plain_and_names_every_condition(name):
    family = CASES[name]
    plain = json.loads(json.dumps(family.describe(), allow_nan=False))
    assert plain["family"] == family.name == innermost(family).name
    conditions = [type(layer).__name__.lower() for layer in layers(family)][::-1]
    assert [given["condition"] for given in plain.get("under", [])] == conditions


def test_conditions_are_described_innermost_first_with_their_numbers():
    family = Missing(Switching(Boolean(), every=9), share=0.25)
    assert family.describe()["under"] == [
        {"condition": "switching", "every": 9, "hazard": None},
        {"condition": "missing", "share": 0.25},
    ]


@every_family
def test_a_part_is_the_same_family_on_other_tasks(name):
    family = CASES[name]
    test = family.part("test")
    assert [type(layer) for layer in layers(test)] == [type(layer) for layer in layers(family)]
    assert test.describe() == family.describe()
    if isinstance(innermost(family), Table):
        assert innermost(test).current == "test"
    else:
        assert test == family


def test_a_part_draws_its_own_tasks_alone():
    family = CASES["table-missing-late"]
    for part in ("validation", "test"):
        draw = jax.jit(lambda key, part=part: family.part(part).sample(key, BATCH, LENGTH).tasks)
        tasks = set(np.unique(draw(jax.random.key(0))).tolist())
        assert tasks <= set(innermost(family).parts[part].tolist())


@pytest.mark.parametrize("name", ["semilinear-late", "semilinear-every", "table"])
def test_judged_streams_have_the_announced_length(name):
    family = CASES[name]
    stream = jax.jit(lambda key: family.judge(key, 4))(jax.random.key(0))
    batch = 4 if name != "table" else len(family.parts["train"])
    assert stream.inputs.shape == (batch, family.stream_length, family.input_size)
    switching = any(isinstance(layer, Switching) for layer in layers(family))
    assert family.stream_length == family.examples * (100 if switching else 1)
    assert bool(np.asarray(stream.example[:, 1:] == 0).any()) == switching


def test_a_family_changes_its_pace_for_a_curriculum():
    steady = Noisy(Late(Semilinear(), steps=1), sd=0.1)
    switching = Noisy(Switching(Late(Semilinear(), steps=1), every=9), sd=0.1)
    assert switching.switches
    assert not steady.switches
    assert steady.at_pace(0.2) == steady
    assert switching.at_pace(0.0) == steady
    assert switching.at_pace(0.2) == Noisy(
        Switching(Late(Semilinear(), steps=1), hazard=0.2), sd=0.1
    )


def test_families_made_alike_are_equal_and_tables_only_to_themselves():
    assert Noisy(Boolean(inputs=3), sd=0.1) == Noisy(Boolean(inputs=3), sd=0.1)
    assert Noisy(Boolean(inputs=3), sd=0.1) != Noisy(Boolean(inputs=2), sd=0.1)
    table, other = small_table(), small_table(missing=True)
    assert table == table
    assert table != other
    assert Late(table) == Late(table)
    assert Late(table) != Late(other)
    assert len({table, other}) == 2


def test_families_drawn_at_will_have_no_parts():
    for family in BARE.values():
        if isinstance(family, Family):
            assert family.part("test") is family
