"""Every network in ONNX, run by onnxruntime, against the estimator, over a thousand examples."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from jax import lax
from test_exports import AGREE, CASES, InC, Sorting, drawn_learner, drawn_stream, needs_cc

from fixedweight import InputError, OnlineEstimator
from fixedweight.exports import from_onnx_state, onnx_state, pack_state, to_onnx, unpack_state
from fixedweight.networks import LSTM1997, Elman


class InOnnx:
    """One step at a time, of so many streams side by side."""

    def __init__(self, learner, streams=1):
        self.session = onnxruntime.InferenceSession(to_onnx(learner))
        self.names = [result.name for result in self.session.get_outputs()]
        begin = onnx_state(OnlineEstimator(learner))
        self.state = {name: np.repeat(part, streams, 0) for name, part in begin.items()}

    def learn_many(self, x, y):
        """[batch, time, ...] -> predictions [batch, time, target]"""
        found = []
        for t in range(x.shape[1]):
            results = self.session.run(None, {"inputs": x[:, t], **self.state})
            after = dict(zip(self.names, results, strict=True))
            found.append(after.pop("prediction"))
            self.state = {name.replace("next.", "state."): part for name, part in after.items()}
            self.state["told"] = y[:, t]
        return np.stack(found, axis=1)


def streams_of(learner, count=1, missing=0.0, steps=1000):
    """[batch, time, input], [batch, time, target]: one stream and others like it."""
    x, y = drawn_stream(learner.target_size, missing, steps)
    rows = [(np.roll(x, 7 * i, axis=0), np.roll(y, 7 * i, axis=0)) for i in range(count)]
    return tuple(np.stack(part).astype(np.float32) for part in zip(*rows, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_onnx_learns_as_numpy_does(case):
    learner, missing = CASES[case]
    x, y = streams_of(learner, 1, missing)
    expected = OnlineEstimator(learner).learn_many(x[0], y[0])
    np.testing.assert_allclose(InOnnx(learner).learn_many(x, y)[0], expected, atol=AGREE)


@pytest.mark.parametrize("case", CASES)
def test_whole_streams_in_pieces_and_side_by_side(case):
    learner, missing = CASES[case]
    x, y = streams_of(learner, 2, missing, steps=300)
    session = onnxruntime.InferenceSession(to_onnx(learner, streams=True))
    names = [result.name for result in session.get_outputs()]
    begin = onnx_state(OnlineEstimator(learner))
    state, found = {name: np.repeat(part, 2, 0) for name, part in begin.items()}, []
    for part in (slice(0, 99), slice(99, 100), slice(100, 300)):
        results = session.run(None, {"inputs": x[:, part], "targets": y[:, part], **state})
        after = dict(zip(names, results, strict=True))
        found.append(after.pop("prediction"))
        state = {f"state.{name.removeprefix('next.')}": part for name, part in after.items()}
        state["told"] = state.pop("state.told")
    estimators = [OnlineEstimator(learner) for _ in x]
    expected = np.stack([e.learn_many(*row) for e, row in zip(estimators, zip(x, y, strict=True),
                                                              strict=True)])  # fmt: skip
    np.testing.assert_allclose(np.concatenate(found, axis=1), expected, atol=AGREE)
    for i, estimator in enumerate(estimators):
        for name, part in onnx_state(estimator).items():
            if name != "told" or learner.flagged:
                np.testing.assert_allclose(state[name][i], part[0], rtol=1e-3, atol=1e-3)


def test_streams_side_by_side_one_step_at_a_time():
    learner, missing = CASES["missing targets, memory"]
    x, y = streams_of(learner, 3, missing, steps=100)
    found = InOnnx(learner, streams=3).learn_many(x, y)
    for i in range(3):
        expected = OnlineEstimator(learner).learn_many(x[i], y[i])
        np.testing.assert_allclose(found[i], expected, atol=AGREE)


@needs_cc
@pytest.mark.parametrize("case", ["LSTM1997", "LeastSquaresMemory", "missing targets"])
def test_a_state_moves_between_onnx_c_and_the_estimator(case, tmp_path):
    learner, missing = CASES[case]
    x, y = streams_of(learner, 1, missing, steps=120)
    expected = OnlineEstimator(learner).learn_many(x[0], y[0])
    parts = [(x[:, t : t + 30], y[:, t : t + 30]) for t in range(0, 120, 30)]
    c, model, estimator = InC(learner, tmp_path), InOnnx(learner), OnlineEstimator(learner)
    found = [c.learn_many(parts[0][0][0], parts[0][1][0])]
    unpack_state(estimator, c.numbers)
    model.state = onnx_state(estimator)
    found.append(model.learn_many(*parts[1])[0])
    from_onnx_state(estimator, model.state)
    found.append(estimator.learn_many(parts[2][0][0], parts[2][1][0]))
    c.numbers[:] = pack_state(estimator)
    found.append(c.learn_many(parts[3][0][0], parts[3][1][0]))
    np.testing.assert_allclose(np.concatenate(found), expected, atol=AGREE)


def test_what_is_no_state_of_one_stream_is_refused():
    estimator = OnlineEstimator(CASES["GRU"][0])
    state = onnx_state(estimator)
    with pytest.raises(InputError, match=r"Expected told \[1, 1\]"):
        from_onnx_state(estimator, {name: part for name, part in state.items() if name != "told"})
    with pytest.raises(InputError, match="one stream"):
        from_onnx_state(estimator, state | {"state.hidden": np.zeros((2, 12), np.float32)})
    with pytest.raises(InputError, match="finite"):
        from_onnx_state(estimator, state | {"state.hidden": np.full((1, 12), np.inf, np.float32)})


def test_the_model_says_what_it_is():
    learner = CASES["LeastSquaresMemory"][0]
    model = onnx.load_from_string(to_onnx(learner))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["network"] == "LeastSquaresMemory"
    assert (about["inputs"], about["targets"]) == ("a, b", "y")
    begin = json.loads(about["begin"])
    for name, part in onnx_state(OnlineEstimator(learner)).items():
        assert name == "told" or begin[name] == part[0].tolist()
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes["inputs"] == ["batch", 2]
    assert shapes["told"] == shapes["prediction"] == ["batch", 1]
    assert shapes["state.matrix"] == shapes["next.matrix"] == ["batch", 16]
    assert {tensor.name for tensor in model.graph.initializer} >= {"params.w_gates", "params.w_key"}
    names = [node.name for node in model.graph.node]  # onnxruntime 1.20 fails on nodes without
    assert len(set(names) - {""}) == len(names)
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)


class Wide(Elman):
    """Operations that none of the networks use."""

    def step(self, params, state, inputs, xp):
        state, output = super().step(params, state, inputs, xp)
        part = xp.concatenate([inputs, state["hidden"]], axis=-1)
        parts = [
            *(getattr(xp, name)(part) for name in ("sin", "sign", "floor", "expm1", "square")),
            *(xp.roll(part, 2, axis=-1), xp.flip(part, axis=-1), xp.cumsum(part, axis=-1)),
            *(xp.maximum(part, 0.1) ** 3, xp.exp2(part), xp.clip(part, -0.5, 0.5)),
            *(xp.where(part > 0.0, part, 2.0), xp.where(part != 0.0, 1.0, part)),
            *(xp.where((part > -0.5) & ~(part > 0.5), part**2, part), xp.tile(part, 2)),
            *(part[..., ::2], xp.repeat(part, 2, axis=-1)),
        ]
        total = sum(xp.sum(p, axis=-1, keepdims=True) for p in parts)
        total = total + xp.max(part, axis=-1, keepdims=True) * xp.prod(part[..., :2] + 2.0)
        return state, output + 0.01 * total


def test_operations_of_a_network_of_ones_own():
    learner = drawn_learner(Wide)
    x, y = streams_of(learner, 1, steps=60)
    expected = OnlineEstimator(learner).learn_many(x[0], y[0])
    np.testing.assert_allclose(InOnnx(learner).learn_many(x, y)[0], expected, atol=AGREE)


class Looping(Elman):
    def step(self, params, state, inputs, xp):
        state, output = super().step(params, state, inputs, xp)
        if xp is not np:
            output = lax.while_loop(lambda v: v.sum() < 1.0, lambda v: v + 1.0, output)
        return state, output


@pytest.mark.parametrize(("kind", "name"), [(Sorting, "sort"), (Looping, "while")])
def test_what_cannot_be_written_is_named(kind, name):
    with pytest.raises(InputError, match=f"{kind.__name__} uses the operation '{name}'"):
        to_onnx(drawn_learner(kind))


def test_cells_that_share_gates():
    learner = drawn_learner(LSTM1997, block_size=2, hidden=0)
    x, y = streams_of(learner, 2, steps=60)
    found = InOnnx(learner, streams=2).learn_many(x, y)
    np.testing.assert_allclose(
        found[1], OnlineEstimator(learner).learn_many(x[1], y[1]), atol=AGREE
    )


def test_without_the_package_the_extra_is_named(tmp_path):
    CASES["GRU"][0].save(tmp_path / "own.safetensors")
    script = (
        "import sys; sys.modules['onnx'] = None\n"
        "from fixedweight import Learner, MissingExtraError\n"
        "from fixedweight.exports import to_onnx\n"
        "try: to_onnx(Learner.load('own.safetensors'))\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert "pip install 'fixedweight[onnx]'" in done.stdout, done.stderr
