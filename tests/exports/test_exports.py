"""Every network in C and in JavaScript against the estimator, over a thousand examples."""

import ctypes
import json
import re
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

from fixedweight import InputError, Learner, OnlineEstimator
from fixedweight.exports import pack_state, to_c, to_javascript, unpack_state
from fixedweight.exports.traced import trace
from fixedweight.networks import (
    LSTM1997,
    NETWORKS,
    Gaussian,
    LeastSquaresMemory,
    Network,
    Presented,
    Quantiles,
)
from fixedweight.scaling import Scaling

STEPS = 1000
AGREE = 1e-5
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off")

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no Node")


def drawn_learner(kind, targets=1, flagged=False, seed=0, **sizes):
    size = 2 + targets + flagged
    if issubclass(kind, Presented):
        network = kind(input_size=size, flagged=flagged)
    else:
        network = kind(input_size=size, target_size=targets, output="linear", **sizes)
    network = network.fitted(
        input_size=size, target_size=targets, output="linear", delay=0, flagged=flagged
    )
    params = network.init_params(np.random.default_rng(seed))
    scaling = Scaling((0.1, -0.2), (2.0, 0.5), (0.3,) * targets, (2.0,) * targets)
    names = ("a", "b"), ("y", "z")[:targets]
    return Learner(network, params, scaling, 0, flagged, *names)


def drawn_stream(targets=1, missing=0.0, steps=STEPS):
    """A function of two inputs that is another one every 50 examples; NaN where untold."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 1.0, (steps, 2))
    w = np.repeat(rng.normal(size=(steps // 50 + 1, 3, targets)), 50, axis=0)[:steps]
    y = np.tanh(w[:, 2] + np.einsum("ti,tik->tk", x, w[:, :2]))
    return x, np.where(rng.uniform(size=(steps, 1)) < missing, np.nan, y)


CASES = {
    **{name: (drawn_learner(kind), 0.0) for name, kind in NETWORKS.items()},
    "missing targets": (drawn_learner(LSTM1997, flagged=True), 0.4),
    "missing targets, memory": (drawn_learner(LeastSquaresMemory, flagged=True), 0.4),
    "two targets": (drawn_learner(LeastSquaresMemory, targets=2, heads=1), 0.0),
}
every_case = pytest.mark.parametrize("case", CASES)


def told_as(target):
    return None if np.isnan(target).any() else np.asarray(target, np.float32)


class InC:
    """The exported functions, compiled strictly and called from here."""

    def __init__(self, learner, folder, libm=True):
        for name, text in to_c(learner, "own", libm=libm).items():
            (folder / name).write_text(text)
        library = folder / f"own-{libm}.so"
        command = ["cc", *STRICT, "-shared", "-fPIC", "own.c", "-o", library]
        subprocess.run([*command, *(["-lm"] if libm else [])], cwd=folder, check=True)
        self.library, self.targets = ctypes.CDLL(str(library)), learner.target_size
        self.numbers = np.empty(pack_state(OnlineEstimator(learner)).size, np.float32)
        self.call("reset", self.numbers)

    def call(self, name, *arrays):
        function = getattr(self.library, f"own_{name}")
        function(*(a if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in arrays))

    def predict(self, x, name="predict"):
        found = np.empty(self.targets, np.float32)
        self.call(name, self.numbers, np.asarray(x, np.float32), found)
        return found

    def learn_many(self, x, y):
        found = []
        for inputs, target in zip(x, y, strict=True):
            found.append(self.predict(inputs))
            self.call("learn", self.numbers, np.asarray(inputs, np.float32), told_as(target))
        return np.array(found)


def in_javascript(learner, folder, x, y, numbers=None):
    """(predictions, state at the end) of a stream."""
    (folder / "own.mjs").write_text(to_javascript(learner))
    told = [None if np.isnan(row).any() else row.tolist() for row in y]
    begin = None if numbers is None else numbers.tolist()
    (folder / "data.json").write_text(json.dumps([x.tolist(), told, begin]))
    (folder / "main.mjs").write_text(
        """import Learner from "./own.mjs";
        import fs from "node:fs";
        const [x, y, begin] = JSON.parse(fs.readFileSync("data.json"));
        const learner = new Learner(), found = [];
        if (begin) {
          learner.state.set(begin.slice(0, learner.state.length));
          learner.told.set(begin.slice(learner.state.length));
        }
        x.forEach((inputs, t) => {
          found.push(Array.from(learner.predict(inputs)));
          learner.learn(inputs, y[t]);
        });
        console.log(JSON.stringify([found, [...learner.state, ...learner.told]]));"""
    )
    done = subprocess.run(["node", "main.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, end = json.loads(done.stdout)
    return np.array(found), np.array(end)


@needs_cc
@pytest.mark.parametrize("kind", [Gaussian, Quantiles])
def test_c_says_where_the_spread_is(kind, tmp_path):
    learner = drawn_learner(kind)
    here, there = OnlineEstimator(learner), InC(learner, tmp_path)
    for x, y in zip(*drawn_stream(steps=20), strict=True):
        here.learn_one(x, y)
        there.predict(x, "advance")
        there.call("tell", there.numbers, np.asarray(y, np.float32))
    state = here.get_state()
    places = dict(re.findall(r"#define OWN_(\w+) (\d+)", (tmp_path / "own.h").read_text()))
    expected = {"SPREAD": "state.spread"}
    if kind is Gaussian:
        expected["STRANGE"] = "state.strange"
    for name, part in expected.items():
        first = int(places[name])
        got = there.numbers[first : first + state[part].size]
        np.testing.assert_allclose(got, state[part], rtol=1e-4, atol=1e-5)
    assert ("STRANGE" in places) == (kind is Gaussian)


@needs_cc
@every_case
@pytest.mark.parametrize("libm", [True, False], ids=["libm", "alone"])
def test_c_learns_as_numpy_does(case, libm, tmp_path):
    learner, missing = CASES[case]
    x, y = drawn_stream(learner.target_size, missing)
    estimator, c = OnlineEstimator(learner), InC(learner, tmp_path, libm)
    expected = estimator.learn_many(x, y)
    assert np.ptp(expected) > 0.03
    np.testing.assert_allclose(c.learn_many(x, y), expected, atol=AGREE)
    np.testing.assert_allclose(c.numbers, pack_state(estimator), rtol=1e-3, atol=1e-3)
    # the same in one step an example instead of two
    c.call("reset", c.numbers)
    for inputs, target, before in zip(x[:20], y[:20], expected, strict=False):
        np.testing.assert_array_equal(c.predict(inputs), c.predict(inputs))
        np.testing.assert_allclose(c.predict(inputs, "advance"), before, atol=AGREE)
        c.call("tell", c.numbers, told_as(target))
    np.testing.assert_allclose(c.predict(x[20]), expected[20], atol=AGREE)


@needs_node
@every_case
def test_javascript_learns_as_numpy_does(case, tmp_path):
    learner, missing = CASES[case]
    x, y = drawn_stream(learner.target_size, missing)
    found, _ = in_javascript(learner, tmp_path, x, y)
    np.testing.assert_allclose(found, OnlineEstimator(learner).learn_many(x, y), atol=AGREE)


@needs_cc
@needs_node
@pytest.mark.parametrize("case", ["LSTM1997", "LeastSquaresMemory", "missing targets"])
def test_a_state_moves_from_one_to_another_in_mid_stream(case, tmp_path):
    learner, missing = CASES[case]
    x, y = drawn_stream(learner.target_size, missing, steps=90)
    expected = OnlineEstimator(learner).learn_many(x, y)
    estimator, c = OnlineEstimator(learner), InC(learner, tmp_path)
    first = estimator.learn_many(x[:30], y[:30])
    c.numbers[:] = pack_state(estimator)
    second = c.learn_many(x[30:50], y[30:50])
    third, numbers = in_javascript(learner, tmp_path, x[50:70], y[50:70], c.numbers)
    last = OnlineEstimator(learner)
    unpack_state(last, numbers)
    found = np.concatenate([first, second, third, last.learn_many(x[70:], y[70:])])
    np.testing.assert_allclose(found, expected, atol=AGREE)
    fresh = OnlineEstimator(learner).learn_many(x[70:], y[70:])
    assert np.abs(fresh - expected[70:]).max() > 1e-3


def test_a_state_of_another_size_is_refused():
    estimator = OnlineEstimator(CASES["GRU"][0])
    with pytest.raises(InputError, match=r"Expected the \d+ numbers"):
        unpack_state(estimator, np.zeros(3))
    with pytest.raises(InputError, match="finite"):
        unpack_state(estimator, np.full(pack_state(estimator).size, np.nan))


class Sorting(Network):
    """A step that cannot be written out."""

    def init_params(self, rng):
        return {"w": rng.normal(size=(self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, self.input_size))}

    def step(self, params, state, inputs, xp):
        return {"h": xp.sort(inputs, axis=-1)}, state["h"] @ params["w"]


class Swapping(Network):
    """Each part of the state is needed after its place could be written."""

    def init_params(self, rng):
        return {"w": rng.normal(size=(self.input_size, self.target_size))}

    def init_state(self, params, batch, xp):
        return {name: xp.zeros((*batch, self.input_size)) for name in "abc"}

    def step(self, params, state, inputs, xp):
        new = {"a": xp.tanh(inputs + state["b"]), "b": 0.9 * state["a"], "c": state["b"]}
        return new, (new["a"] + state["c"]) @ params["w"]


@needs_cc
def test_a_state_is_not_written_over_while_it_is_needed(tmp_path):
    learner = drawn_learner(Swapping)
    assert not trace(learner).in_place
    assert trace(CASES["LSTM"][0]).in_place
    x, y = drawn_stream(steps=100)
    found = InC(learner, tmp_path).learn_many(x, y)
    np.testing.assert_allclose(found, OnlineEstimator(learner).learn_many(x, y), atol=AGREE)


def test_what_cannot_be_written_is_named():
    with pytest.raises(InputError, match="Sorting uses the operation 'sort'"):
        to_c(drawn_learner(Sorting))
    for name in ("", "2nd", "a-b", "x" * 41, "int main"):
        with pytest.raises(InputError, match="a C identifier"):
            to_c(CASES["GRU"][0], name)


def test_numbers_are_written_to_the_last_bit():
    learner = CASES["GRU"][0]
    text = to_c(learner)["learner.c"]
    table = re.search(r"float P\[\d+\] = \{([^}]*)\}", text)[1]
    read = np.array([np.float32(word.strip().rstrip("f")) for word in table.split(",")])
    params = np.concatenate([learner.params[name].ravel() for name in sorted(learner.params)])
    np.testing.assert_array_equal(read, params)


@needs_cc
def test_functions_without_the_mathematical_library(tmp_path):
    """To some units in the last place, over all sizes, and at the ends."""
    own = (resources.files("fixedweight.exports") / "runtime" / "no_libm.h").read_text()
    names = re.findall(r"static float v_(\w+)\(", own)
    assert set(names) == {"sqrt", "exp", "tanh", "log", "log1p"}
    each = "\n".join(f"float own_{n}(float a) {{ return v_{n}(a); }}" for n in names)
    (tmp_path / "own.c").write_text(own + each)
    command = ["cc", *STRICT, "-shared", "-fPIC", "own.c", "-o", "own.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "own.so"))
    sizes = np.logspace(-30, 30, 4001)
    every = np.concatenate([sizes, -sizes, np.linspace(-90.0, 88.0, 4001), [np.inf, 0.0]])
    x = every.astype(np.float32)
    for name in names:
        function = getattr(library, f"own_{name}")
        function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(x.astype(np.float64))
        expected[np.abs(expected) > 3e38] = np.nan  # the largest may saturate
        found = np.array([function(float(v)) for v in x])
        known = np.isfinite(expected)
        assert known.sum() > 5000
        np.testing.assert_allclose(found[known], expected[known], rtol=1e-6, atol=2e-38)
        assert np.isnan(function(float("nan")))
