"""ONNX: the step as a graph over arrays, one example at a time or along whole streams."""

import json
from typing import Any

import numpy as np

from fixedweight.errors import require
from fixedweight.exports.traced import refused, step_of
from fixedweight.learner import Learner

OPSET, IR = 18, 8
"""What onnxruntime reads since 2023: tried with 1.15, 1.20 and 1.32."""
Parts = dict[str, np.ndarray]
"""What a step goes on from, by name: `told`, then each `state.PART`."""


def to_onnx(learner: Learner, *, streams: bool = False) -> bytes:
    """A learner as an ONNX model, serialised, for any number of streams side by side.

    The arrays of one step, all float32 and in raw units:

        inputs [batch, input]           of the example to predict
        told [batch, target]            the target of the example before; NaN where there is none
        state.PART [batch, ...]         named as `OnlineEstimator.get_state` names them
        -> prediction [batch, target], next.PART [batch, ...]

    and of whole streams, which learn as `OnlineEstimator.learn_many` does:

        inputs [batch, time, input], targets [batch, time, target], told, state.PART
        -> prediction [batch, time, target], next.told [batch, target], next.PART

    Before any example told is NaN and the state as the model's property `begin` has it, JSON of a
    list for each state.PART; `onnx_state` of a fresh estimator is the same.

    Args:
        streams: True for whole streams, by the operator Scan.

    Raises:
        InputError: the step uses what cannot be written in ONNX; the message names it.
        MissingExtraError: the extra `onnx` is not installed.
    """
    require("onnx", "onnx")
    require("jax", "train")
    from onnx import checker, helper

    from fixedweight.kernels import NotCompiled

    try:
        graph = _along_streams(learner) if streams else _one_step(learner)
    except NotCompiled as reason:
        raise refused(learner, reason) from None
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="fixedweight"
    )
    model.ir_version = IR
    about = {
        "network": type(learner.network).__name__,
        "inputs": ", ".join(learner.input_names),
        "targets": ", ".join(learner.target_names),
        "begin": json.dumps({n: v.tolist() for n, v in _begin(learner).items() if n != "told"}),
    }
    helper.set_model_props(model, about)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _one_step(learner: Learner) -> Any:
    from fixedweight.exports.onnx_graph import Graph

    graph, begin = Graph("inputs", "step"), _begin(learner)
    _step(graph, learner, "inputs", {name: name for name in begin}, "prediction")
    after = {_next(name): part for name, part in begin.items() if name != "told"}
    return _made(
        graph, learner, begin, graph,
        [_array("inputs", learner.input_size)],
        [_array("prediction", learner.target_size), *_arrays(after)],
    )  # fmt: skip


def _along_streams(learner: Learner) -> Any:
    from onnx import helper

    from fixedweight.exports.onnx_graph import Graph

    graph, body, begin = Graph("inputs", "learner"), Graph("x", "step"), _begin(learner)
    _step(body, learner, "x", {name: f"before.{name}" for name in begin}, "guess")
    body.nodes.append(helper.make_node("Identity", ["y"], ["next.told"], name="next.told"))
    after = {_next(name): part for name, part in begin.items()}
    x, y = _array("x", learner.input_size), _array("y", learner.target_size)
    constants = body.tidy([*after, "guess"])
    within = helper.make_graph(
        body.nodes,
        "step",
        [*_arrays({f"before.{name}": part for name, part in begin.items()}), x, y],
        [*_arrays(after), _array("guess", learner.target_size)],
        constants,
    )
    scan = helper.make_node(
        "Scan", [*begin, "inputs", "targets"], [*after, "prediction"], name="streams", body=within,
        num_scan_inputs=2, scan_input_axes=[1, 1], scan_output_axes=[1],
    )  # fmt: skip
    graph.nodes.append(scan)
    return _made(
        graph, learner, begin, body,
        [_array(name, "time", size) for name, size in
         (("inputs", learner.input_size), ("targets", learner.target_size))],
        [_array("prediction", "time", learner.target_size), *_arrays(after)],
    )  # fmt: skip


def _begin(learner: Learner) -> Parts:
    begin = learner.initial_state()
    nothing = np.full(learner.target_size, np.nan, np.float32)
    return {"told": nothing} | {f"state.{name}": begin[name] for name in sorted(begin)}


def _next(name: str) -> str:
    return f"next.{name.removeprefix('state.')}"


def _made(
    graph: Any, learner: Learner, begin: Parts, step: Any, given: list[Any], results: list[Any]
) -> Any:
    """The whole graph, with the parameters that `step` uses."""
    from onnx import helper, numpy_helper

    constants = graph.tidy([result.name for result in results])
    used = {name for node in step.nodes for name in node.input}
    params = {f"params.{name}": value for name, value in learner.params.items()}
    stored = [numpy_helper.from_array(np.array(v), n) for n, v in params.items() if n in used]
    return helper.make_graph(
        graph.nodes, "learner", [*given, *_arrays(begin)], results, [*stored, *constants]
    )


def _array(name: str, *sizes: str | int) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *sizes])


def _arrays(parts: Parts) -> list[Any]:
    return [_array(name, *part.shape) for name, part in parts.items()]


def _step(graph: Any, learner: Learner, inputs: str, given: dict[str, str], guess: str) -> None:
    """One step from arrays of these names to `guess` and each `next.PART`."""
    from onnx import TensorProto

    from fixedweight.exports.onnx_graph import Value, walk
    from fixedweight.kernels.lower import flatten

    traced, (_, shapes, (seen,)) = step_of(learner)
    offset, scale = (
        graph.constant(np.asarray(v, np.float32))
        for v in (learner.scaling.target_offset, learner.scaling.target_scale)
    )
    missing = graph.add("Cast", graph.add("IsNaN", given["told"]), to=TensorProto.FLOAT)
    missing = graph.add("ReduceMax", missing, graph.constant(np.array([1])), keepdims=1)
    known = graph.add("Sub", graph.constant(np.float32(1.0)), missing)
    scaled = graph.add("Div", graph.add("Sub", given["told"], offset), scale)
    missing = graph.add("Cast", missing, to=TensorProto.BOOL)
    told = graph.add("Where", missing, graph.constant(np.float32(0.0)), scaled)
    row = graph.add("Concat", inputs, told, *[known] * learner.flagged, axis=1)
    names = [name for name in given if name != "told"]
    params = sorted(learner.params.items())
    values = [Value(f"params.{name}", False, value.shape) for name, value in params]
    values += [Value(given[n], True, shape) for n, shape in zip(names, shapes, strict=True)]
    *new, prediction = walk(graph, flatten(traced), [*values, Value(row, True, seen)])
    graph.name(prediction, guess, (learner.target_size,))
    for name, value, shape in zip(names, new, shapes, strict=True):
        graph.name(value, _next(name), shape)
