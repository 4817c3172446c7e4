"""Learners in whole numbers, compiled strictly, against the estimator; and at their limits."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from benchmarks.exported import M0, M4, drawn, measured
from test_exports import CASES, STRICT, drawn_learner, drawn_stream, needs_cc

from fixedweight import InputError, Learner, OnlineEstimator
from fixedweight.exports import pack_state, to_c, to_fixed, unpack_state
from fixedweight.networks import GRU, LSTM, LSTM1997, Elman
from fixedweight.scaling import Scaling

SUITED = ("LSTM1997", "Elman", "Jordan", "FullyRecurrent", "LSTM", "GRU", "PreviousError",
          "Alternating", "missing targets")  # fmt: skip
AGREE = {16: 2e-3, 8: 1.5e-2}
"""The most that predictions differ, which range over about 1."""
SHARED = ("-shared", "-fPIC", "own.c", "-o", "own.so")
needs_arm = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="there is no compiler or emulator for a Cortex-M",
)


class InWholeNumbers:
    def __init__(self, learner, folder, **how):
        self.files = to_fixed(learner, "own", **how)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        subprocess.run(["cc", *STRICT, *SHARED], cwd=folder, check=True)
        self.library = ctypes.CDLL(str(folder / "own.so"))
        n, k = learner.input_size, learner.target_size
        self.bits = np.array((ctypes.c_int8 * n).in_dll(self.library, "own_input_bits"))
        self.target_bits = np.array((ctypes.c_int8 * k).in_dll(self.library, "own_target_bits"))
        size = pack_state(OnlineEstimator(learner)).size
        self.state = np.zeros(size, np.int16)
        self.state_bits = np.array((ctypes.c_int8 * size).in_dll(self.library, "own_state_bits"))
        self.call("reset", self.state)

    def call(self, name, *arrays):
        function = getattr(self.library, f"own_{name}")
        function(*(a if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in arrays))

    def predict_whole(self, whole, name="predict"):
        found = np.zeros(self.target_bits.size, np.int32)
        self.call(name, self.state, np.asarray(whole, np.int32), found)
        return found

    def learn_many(self, x, y):
        found = []
        for inputs, target in zip(x, y, strict=True):
            whole = np.rint(inputs * 2.0**self.bits)
            found.append(self.predict_whole(whole, "advance") / 2.0**self.target_bits)
            told = None if np.isnan(target).any() else np.rint(target * 2.0**self.target_bits)
            self.call("tell", self.state, told if told is None else told.astype(np.int32))
        return np.array(found)


@needs_cc
@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("case", SUITED)
def test_whole_numbers_learn_as_floating_point_does(case, bits, tmp_path):
    learner, missing = CASES[case]
    x, y = drawn_stream(learner.target_size, missing)
    whole = InWholeNumbers(learner, tmp_path, bits=bits)
    expected = OnlineEstimator(learner).learn_many(x, y)
    found = whole.learn_many(x, y)
    np.testing.assert_allclose(found, expected, atol=AGREE[bits])
    source = whole.files["own.c"]
    assert "float" not in source
    assert "double" not in source
    assert f"const int{bits}_t P[" in source


@needs_cc
def test_predict_changes_nothing_and_learn_is_advance_and_tell(tmp_path):
    learner, _ = CASES["GRU"]
    whole = InWholeNumbers(learner, tmp_path)
    x, y = drawn_stream(steps=50)
    whole.learn_many(x, y)
    inputs = np.rint(x[0] * 2.0**whole.bits).astype(np.int32)
    target = np.rint(y[0] * 2.0**whole.target_bits).astype(np.int32)
    before = whole.state.copy()
    np.testing.assert_array_equal(whole.predict_whole(inputs), whole.predict_whole(inputs))
    np.testing.assert_array_equal(whole.state, before)
    whole.call("advance", whole.state, inputs, np.zeros(1, np.int32))
    whole.call("tell", whole.state, target)
    twin, whole.state = whole.state, before
    whole.call("learn", whole.state, inputs, target)
    np.testing.assert_array_equal(whole.state, twin)


@needs_cc
@pytest.mark.parametrize("case", ["LSTM1997", "GRU", "missing targets"])
def test_a_state_moves_in_mid_stream(case, tmp_path):
    learner, missing = CASES[case]
    x, y = drawn_stream(1, missing, steps=90)
    estimator, whole = OnlineEstimator(learner), InWholeNumbers(learner, tmp_path)
    expected = OnlineEstimator(learner).learn_many(x, y)
    found = [estimator.learn_many(x[:30], y[:30])]
    numbers = pack_state(estimator)
    whole.state[:] = np.clip(np.rint(numbers * 2.0**whole.state_bits), -32767, 32767)
    found.append(whole.learn_many(x[30:60], y[30:60]))
    unpack_state(estimator, whole.state / 2.0**whole.state_bits)
    found.append(estimator.learn_many(x[60:], y[60:]))
    np.testing.assert_allclose(np.concatenate(found), expected, atol=AGREE[16])


@needs_cc
def test_what_is_too_large_is_cut_off(tmp_path):
    """The largest whole numbers do what the largest inputs do that the scales have room for."""
    learner, _ = CASES["LSTM"]
    whole = InWholeNumbers(learner, tmp_path)
    x, y = drawn_stream(steps=50)
    whole.learn_many(x, y)
    largest = np.iinfo(np.int32).max
    for sign in (1, -1):
        far = whole.predict_whole([sign * 100 * 2**16] * 2)
        np.testing.assert_array_equal(whole.predict_whole([sign * largest] * 2), far)
    twin = whole.state.copy()
    for state, target in ((whole.state, largest), (twin, 100 * 2**16)):
        whole.call("tell", state, np.array([target], np.int32))
    np.testing.assert_array_equal(whole.state, twin)
    assert np.abs(whole.state.astype(int)).max() <= 32767


MAIN = """
#include <stdlib.h>
#include "own.h"
int main(void)
{
    static own_learner learner;
    int32_t x[OWN_INPUTS], y[OWN_TARGETS], guess[OWN_TARGETS];
    uint32_t random = 1;
    int t, i;
    for (t = 0; t < 3000; t++) {
        int16_t *numbers = (int16_t *)&learner;
        if (t % 500 == 0) own_reset(&learner);
        for (i = 0; t > 1000 && i < (int)(sizeof learner / 2); i++) {
            random = random * 1664525u + 1013904223u;
            if (t % 3 == 0) numbers[i] = (int16_t)(random >> 31 ? 32767 : -32767);
        }
        for (i = 0; i < OWN_INPUTS; i++) {
            random = random * 1664525u + 1013904223u;
            x[i] = (int32_t)(random >> 1) - 0x3fffffff;
            if (t % 7 < 2) x[i] = t % 7 ? INT32_MAX : INT32_MIN;
        }
        for (i = 0; i < OWN_TARGETS; i++) y[i] = x[i % OWN_INPUTS];
        own_predict(&learner, x, guess);
        own_learn(&learner, x, t % 5 == 0 ? 0 : y);
    }
    return 0;
}
"""


@needs_cc
@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("case", SUITED)
def test_nothing_overflows_or_is_read_out_of_bounds(case, bits, tmp_path):
    """Whatever the inputs, and from states with every number at its limit."""
    for name, text in {"main.c": MAIN, **to_fixed(CASES[case][0], "own", bits=bits)}.items():
        (tmp_path / name).write_text(text)
    checked = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-g", "-O1")
    command = ["cc", "-std=c99", *checked, "main.c", "own.c", "-o", "own"]
    if subprocess.run(command, cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("this compiler has no sanitizers")
    done = subprocess.run(["./own"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Other(Elman):
    """Operations that none of the networks use."""

    def step(self, params, state, inputs, xp):
        state, output = super().step(params, state, inputs, xp)
        part = xp.concatenate([inputs, state["hidden"]], axis=-1)
        parts = [
            *(xp.maximum(part, 0.3), xp.abs(part), xp.square(part), xp.minimum(part, -part)),
            *(xp.where(part > 0.1, part, 0.5 - part), xp.clip(part, -0.25, 0.25), part / 3.0),
            *(part[..., :3] * part[..., 3:6], xp.where((part < 0.0) & (part > -0.5), 1.0, 0.25)),
        ]
        total = sum(xp.sum(p, axis=-1, keepdims=True) for p in parts)
        total = total + xp.max(part, axis=-1, keepdims=True) - xp.min(part, axis=-1, keepdims=True)
        square = xp.sum(part[..., :2] * part[..., 1:3], axis=-1, keepdims=True)
        return state, output + 0.02 * total + 0.1 * square


@needs_cc
def test_operations_of_a_network_of_ones_own(tmp_path):
    learner = drawn_learner(Other)
    x, y = drawn_stream(steps=200)
    found = InWholeNumbers(learner, tmp_path).learn_many(x, y)
    apart = np.abs(found - OnlineEstimator(learner).learn_many(x, y))
    assert np.quantile(apart, 0.9) < 5e-3  # a few lie on the other side of a comparison
    assert apart.max() < 0.05


@needs_cc
def test_tanh_of_whole_numbers(tmp_path):
    """Within two units of 2^-15, over all sizes."""
    source = to_fixed(CASES["GRU"][0], "own")["own.c"]
    begin, end = source.index("#define V"), source.index("static const int16_t P[")
    text = "#include <stdint.h>\n" + source[begin:end] + "int own(V a) { return v_tanh(a); }\n"
    (tmp_path / "own.c").write_text(text)
    subprocess.run(["cc", "-std=c99", "-O2", *SHARED], cwd=tmp_path, check=True)
    function = ctypes.CDLL(str(tmp_path / "own.so")).own
    whole = np.arange(-(2**20), 2**20, 37)
    found = np.array([function(int(a)) for a in whole])
    np.testing.assert_allclose(found, 32768 * np.tanh(whole / 65536), atol=2.0)


@needs_cc
def test_scales_follow_the_streams_given(tmp_path):
    learner, _ = CASES["GRU"]
    x, y = drawn_stream()
    streams = x[None], y[None]
    found = InWholeNumbers(learner, tmp_path, streams=streams).learn_many(x, y)
    expected = OnlineEstimator(learner).learn_many(x, y)
    np.testing.assert_allclose(found, expected, atol=AGREE[16])
    assert to_fixed(learner, streams=(3.0 * x[None], y[None])) != to_fixed(learner, streams=streams)


@needs_cc
@pytest.mark.parametrize(
    ("offset", "scale"), [((1000.0, -3e5), (2.0, 40.0)), ((0.0, 1e-4), (1e-6, 1e6))]
)
def test_inputs_and_targets_in_their_own_units(offset, scale, tmp_path):
    before, _ = CASES["LSTM1997"]
    scaling = Scaling(offset, scale, (-1e4,), (25.0,))
    learner = Learner(before.network, before.params, scaling)
    x, y = drawn_stream(steps=200)
    x, y = scaling.unscale_inputs(x), scaling.unscale_targets(y)
    found = InWholeNumbers(learner, tmp_path).learn_many(x, y)
    expected = OnlineEstimator(learner).learn_many(x, y)
    np.testing.assert_allclose((found - expected) / 25.0, 0.0, atol=AGREE[16])


def test_what_whole_numbers_cannot_do_is_refused():
    for case, operation in (
        ("LeastSquaresMemory", "log"),
        ("SLSTM", "exp"),
        ("Transformer", "sqrt"),
    ):
        with pytest.raises(InputError, match=f"16 bits can do, got '{operation}'"):
            to_fixed(CASES[case][0])
    learner = CASES["GRU"][0]
    with pytest.raises(InputError, match="8 or 16 bits, got 12"):
        to_fixed(learner, bits=12)
    with pytest.raises(InputError, match="a C identifier"):
        to_fixed(learner, "a b")
    with pytest.raises(InputError, match="targets of shape"):
        to_fixed(learner, streams=(np.zeros((1, 9, 2)), np.zeros((1, 8, 1))))
    far = Learner(learner.network, learner.params, Scaling((1e6, 0.0), (1.0, 1.0), (0.0,), (1.0,)))
    with pytest.raises(InputError, match="Subtract a constant"):
        to_fixed(far)


@needs_arm
@pytest.mark.parametrize("network", [LSTM1997(), LSTM(hidden=12), GRU(hidden=12)], ids=repr)
def test_on_a_microcontroller(network):
    """The emulator predicts what the estimator does (`measured` holds one against the other)."""
    learner = drawn(network)
    for files, board in ((to_c(learner, "own", libm=False), M4), (to_fixed(learner, "own"), M0)):
        flash, ram, *instructions = measured(learner, files, board)
        assert int(flash.replace(",", "")) < 8_000
        assert int(ram.split()[0]) < 600
        assert int(instructions[1].replace(",", "")) < 15_000
