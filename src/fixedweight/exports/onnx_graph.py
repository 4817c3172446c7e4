"""From a traced step to nodes of ONNX: whole arrays, with streams side by side in a leading axis.

The step is traced for one stream. Here a value that depends on the stream has one axis more, the
first; parameters and constants have not. Broadcasting is left to the nodes that do it by themselves
and written out only before those that do not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fixedweight.kernels.lower import PROBED, SAME, Equation, Flat, NotCompiled, unit_table

ELEMENTWISE = {
    "add": "Add", "add_any": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg",
    "max": "Max", "min": "Min", "abs": "Abs", "sign": "Sign", "sqrt": "Sqrt", "tanh": "Tanh",
    "logistic": "Sigmoid", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "floor": "Floor",
    "ceil": "Ceil", "pow": "Pow", "lt": "Less", "le": "LessOrEqual", "gt": "Greater",
    "ge": "GreaterOrEqual", "eq": "Equal", "and": "And", "or": "Or", "not": "Not",
}  # fmt: skip
"""Primitive -> operator."""
REDUCTIONS = {"reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin",
              "reduce_prod": "ReduceProd"}  # fmt: skip
PICKS = {"gather", "dynamic_slice", "stack", "unstack", "tile", "rev", "pad"}
"""Primitives of which each result is one of the numbers given, at a place known beforehand."""


@dataclass(frozen=True)
class Value:
    """An array of the graph, without its axis of streams if it has one (`batched`)."""

    name: str
    batched: bool
    shape: tuple[int, ...]
    """As it is, with 1 where it is still to be repeated."""


class Graph:
    """Nodes and constants as they are written, the batch taken from the array `batch_of`; all names
    begin with `prefix`."""

    def __init__(self, batch_of: str, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[Any, str] = {}
        self._batch_of, self._batch, self._prefix = batch_of, "", prefix
        self._count = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The name of a new node's one result."""
        return self.add_many(kind, 1, *inputs, **attributes)[0]

    def add_many(self, kind: str, results: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"{self._prefix}.v{self._count + i}" for i in range(results)]
        self._count += results
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names

    def name(self, value: Value, name: str, shape: tuple[int, ...]) -> None:
        """Give a value, in full, the name of a result of the graph."""
        full = self.full(value, shape, batched=True)
        self.nodes.append(helper.make_node("Identity", [full], [name], name=name))

    def tidy(self, results: Sequence[str]) -> list[onnx.TensorProto]:
        """Drop nodes that no result follows from; the constants that the others use."""
        needed, kept = set(results), []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        self.nodes = kept[::-1]
        return [tensor for name, tensor in self.initializers.items() if name in needed]

    def constant(self, value: Any) -> str:
        value = np.asarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            name = f"{self._prefix}.c{len(self._constants)}"
            self._constants[key] = name
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return self._constants[key]

    def full(self, value: Value, shape: tuple[int, ...], batched: bool | None = None) -> str:
        """The value repeated to its whole shape; with an axis of streams if `batched`."""
        batched = value.batched if batched is None else batched
        if value.shape == shape and value.batched == batched:
            return value.name
        if batched and not value.batched:
            return self.add("Expand", value.name, self._with_batch(shape))
        return self.add("Expand", value.name, self.constant(np.array([1] * batched + [*shape])))

    def _with_batch(self, shape: tuple[int, ...]) -> str:
        if not self._batch:
            self._batch = self.add("Shape", self._batch_of, start=0, end=1)
        return self.add("Concat", self._batch, self.constant(np.array(shape, np.int64)), axis=0)

    def known(self, value: np.ndarray) -> Value:
        """A constant; as one number where all are the same."""
        value = value if value.dtype == np.bool_ else value.astype(np.float32)
        if value.size > 1 and (value == value.flat[0]).all():
            return Value(self.constant(value.flat[0]), False, (1,) * value.ndim)
        return Value(self.constant(value), False, value.shape)


def walk(graph: Graph, flat: Flat, inputs: Sequence[Value]) -> list[Value]:
    """Append what a step computes from `inputs`; its results.

    Raises:
        NotCompiled: naming the construct that cannot be written.
    """
    env: dict[int, Value] = dict(zip(flat.inputs, inputs, strict=True))

    def read(atom: int | np.ndarray) -> Value:
        return graph.known(atom) if isinstance(atom, np.ndarray) else env[atom]

    for equation in flat.equations:
        results = _written(graph, equation, [read(atom) for atom in equation.inputs])
        env.update(zip(equation.outputs, results, strict=True))
    return [read(atom) for atom in flat.outputs]


def _written(graph: Graph, equation: Equation, values: list[Value]) -> list[Value]:
    name, params = equation.name, equation.params
    shapes = [tuple(aval.shape) for aval in equation.avals]
    results = shapes[len(values) :]
    batched = any(value.batched for value in values)
    more = int(batched)

    def whole(i: int = 0) -> str:
        return graph.full(values[i], shapes[i], batched)

    def one(result: str) -> list[Value]:
        return [Value(result, batched, results[0])]

    if all(0 in shape for shape in results):
        return [graph.known(np.zeros(shape, np.float32)) for shape in results]
    if (made := _elementwise(graph, equation, values)) is not None:
        return [made]
    if name in SAME:
        return list(values)
    if name == "broadcast_in_dim":
        return [_broadcast(graph, values[0], results[0], params["broadcast_dimensions"])]
    if name in ("reshape", "squeeze", "expand_dims"):
        return one(_reshaped(graph, whole(), batched, results[0]))
    if name == "transpose":
        order = [*range(more), *(axis + more for axis in params["permutation"])]
        return one(graph.add("Transpose", whole(), perm=order))
    if name == "slice":
        axes = [axis + more for axis in range(len(shapes[0]))]
        cuts = params["start_indices"], params["limit_indices"], axes
        steps = params["strides"] or (1,) * len(axes)
        return one(
            graph.add("Slice", whole(), *(graph.constant(_int64(c)) for c in (*cuts, steps)))
        )
    if name == "split":
        sizes = graph.constant(_int64(params["sizes"]))
        parts = graph.add_many("Split", len(results), whole(), sizes, axis=params["axis"] + more)
        return [Value(part, batched, shape) for part, shape in zip(parts, results, strict=True)]
    if name == "concatenate":
        parts = [whole(i) for i in range(len(values)) if 0 not in shapes[i]]
        return one(graph.add("Concat", *parts, axis=params["dimension"] + more))
    if name in REDUCTIONS:
        axes = graph.constant(_int64([axis + more for axis in params["axes"]]))
        return one(graph.add(REDUCTIONS[name], whole(), axes, keepdims=0))
    if name == "dot_general":
        operands = [graph.full(v, shape) for v, shape in zip(values, shapes, strict=False)]
        return one(_product(graph, values, operands, shapes, params["dimension_numbers"]))
    if name in PICKS and (picked := _picked(graph, equation, values, shapes)) is not None:
        return picked
    if name in PROBED:
        return [_probed(graph, equation, values, shapes)]
    raise NotCompiled(f"the operation {name!r}")


def _elementwise(graph: Graph, equation: Equation, values: list[Value]) -> Value | None:
    name, names = equation.name, [value.name for value in values]
    one = graph.constant(np.float32(1.0))
    if name in ELEMENTWISE:
        result = graph.add(ELEMENTWISE[name], *names)
    elif name == "square":
        result = graph.add("Mul", names[0], names[0])
    elif name == "integer_pow":
        power = graph.constant(np.float32(equation.params["y"]))
        square = equation.params["y"] == 2
        result = graph.add("Mul", names[0], names[0]) if square else graph.add(
            "Pow", names[0], power
        )  # fmt: skip
    elif name == "rsqrt":
        result = graph.add("Reciprocal", graph.add("Sqrt", names[0]))
    elif name == "exp2":
        result = graph.add("Pow", graph.constant(np.float32(2.0)), names[0])
    elif name == "log1p":
        result = graph.add("Log", graph.add("Add", one, names[0]))
    elif name == "expm1":
        result = graph.add("Sub", graph.add("Exp", names[0]), one)
    elif name == "erfc":
        result = graph.add("Sub", one, graph.add("Erf", names[0]))
    elif name == "one_minus_square":  # of tanh, in JAX 0.12
        result = graph.add("Sub", one, graph.add("Mul", names[0], names[0]))
    elif name == "ne":
        result = graph.add("Not", graph.add("Equal", *names))
    elif name == "is_finite":
        beyond = [graph.add(kind, names[0]) for kind in ("IsNaN", "IsInf")]
        result = graph.add("Not", graph.add("Or", *beyond))
    elif name == "clamp":
        result = graph.add("Min", graph.add("Max", names[1], names[0]), names[2])
    elif name == "select_n" and len(values) == 3:
        result = graph.add("Where", names[0], names[2], names[1])
    elif name == "convert_element_type" and equation.avals[0].dtype == np.bool_:
        if equation.avals[-1].dtype != np.float32:
            raise NotCompiled(f"a conversion to {equation.avals[-1].dtype}")
        result = graph.add("Cast", names[0], to=TensorProto.FLOAT)
    elif name == "convert_element_type" and equation.avals[-1].dtype != np.float32:
        raise NotCompiled(f"a conversion to {equation.avals[-1].dtype}")
    else:
        return None
    shape = np.broadcast_shapes(*(value.shape for value in values))
    return Value(result, any(value.batched for value in values), shape)


def _broadcast(graph: Graph, value: Value, shape: tuple[int, ...], axes: Sequence[int]) -> Value:
    """The value with axes of size 1 where it is to be repeated."""
    thin = [1] * len(shape)
    for axis, size in zip(axes, value.shape, strict=True):
        thin[axis] = size
    if not value.batched and not value.shape and tuple(thin) != shape:
        return Value(value.name, False, tuple(thin))
    if tuple(thin) == value.shape:
        return value
    return Value(_reshaped(graph, value.name, value.batched, thin), value.batched, tuple(thin))


def _reshaped(graph: Graph, name: str, batched: bool, shape: Sequence[Any]) -> str:
    """0 keeps the axis of streams as it is."""
    return graph.add("Reshape", name, graph.constant(_int64([0] * batched + [*shape])))


def _product(
    graph: Graph, values: list[Value], operands: list[str], shapes: list[Any], numbers: Any
) -> str:
    (first, second), (along, other) = numbers
    a, b = values
    ranks = len(shapes[0]), len(shapes[1])
    plain = not b.batched and ranks[1] == 2 and not along
    if plain and (tuple(first), tuple(second)) == ((ranks[0] - 1,), (0,)):
        return graph.add("MatMul", *operands)
    letters = iter("abcdefghijklmnopqrstuvwxy")
    left = [next(letters) for _ in range(ranks[0])]
    right = [""] * ranks[1]
    for i, j in zip((*first, *along), (*second, *other), strict=True):
        right[j] = left[i]
    right = [letter or next(letters) for letter in right]
    result = [left[i] for i in along]
    result += [letter for i, letter in enumerate(left) if i not in (*first, *along)]
    result += [letter for j, letter in enumerate(right) if j not in (*second, *other)]
    sides = ["z" * v.batched + "".join(s) for v, s in ((a, left), (b, right))]
    batch = "z" * (a.batched or b.batched)
    return graph.add("Einsum", *operands, equation=f"{','.join(sides)}->{batch}{''.join(result)}")


def _picked(
    graph: Graph, equation: Equation, values: list[Value], shapes: list[Any]
) -> list[Value] | None:
    """What is taken from known places; None where that is not all, or the places are not known."""
    known = range(1, len(values)) if equation.name in PROBED else ()
    if any(not isinstance(equation.inputs[i], np.ndarray) for i in known):
        return None
    given = [i for i in range(len(values)) if i not in known]
    sizes = [int(np.prod(shapes[i], dtype=int)) for i in given]
    firsts = np.cumsum([0, *sizes])
    ids: list[Any] = [np.asarray(atom) for atom in equation.inputs]
    for i, first, size in zip(given, firsts, sizes, strict=False):
        ids[i] = np.arange(first, first + size, dtype=np.int32).reshape(shapes[i])
    taken = _evaluated(lambda: equation.bind(*ids, **equation.params))
    if any((part < 0).any() for part in taken):
        return None  # out of bounds
    batched = any(value.batched for value in values)
    rows = [
        _reshaped(graph, graph.full(values[i], shapes[i], batched), batched, [size])
        for i, size in zip(given, sizes, strict=True)
    ]
    row = rows[0] if len(rows) == 1 else graph.add("Concat", *rows, axis=int(batched))
    found = []
    for part in taken:
        places = graph.constant(part.reshape(-1).astype(np.int64))
        chosen = graph.add("Gather", row, places, axis=int(batched))
        found.append(Value(_reshaped(graph, chosen, batched, part.shape), batched, part.shape))
    return found


def _probed(graph: Graph, equation: Equation, values: list[Value], shapes: list[Any]) -> Value:
    """A linear primitive as the matrix that it is."""
    atoms = equation.inputs
    varying = [i for i, atom in enumerate(atoms) if not isinstance(atom, np.ndarray)]
    known = [np.asarray(a) if isinstance(a, np.ndarray) else None for a in atoms]
    base = None
    if equation.name.startswith("scatter") and varying == [0, 2]:
        base, varying = values[0], [2]
        known[0] = np.zeros(shapes[0], np.float32)
    if len(varying) != 1:
        raise NotCompiled(f"the operation {equation.name!r} with indices that vary")
    (which,) = varying
    value, shape = values[which], shapes[which]
    table = unit_table(equation, known, shape)
    row = _reshaped(graph, graph.full(value, shape), value.batched, [table.shape[1]])
    result = graph.add("MatMul", row, graph.constant(table.T.astype(np.float32)))
    made = Value(
        _reshaped(graph, result, value.batched, shapes[-1]), value.batched, tuple(shapes[-1])
    )
    if base is None:
        return made
    return Value(graph.add("Add", base.name, made.name), base.batched or made.batched, made.shape)


def _evaluated(call: Callable[[], Any]) -> list[np.ndarray]:
    import jax

    with jax.ensure_compile_time_eval():
        results = call()
    return [np.asarray(r) for r in (results if isinstance(results, list | tuple) else [results])]


def _int64(values: Sequence[Any]) -> np.ndarray:
    return np.asarray(values, dtype=np.int64)
