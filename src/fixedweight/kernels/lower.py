"""From a traced step (a jaxpr) to a program."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from fixedweight.kernels.program import Ids, Program

CALLS = {
    "jit", "pjit", "closed_call", "core_call", "remat", "checkpoint", "custom_jvp_call",
    "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin",
}  # fmt: skip
"""Primitives that only wrap another jaxpr."""

ELEMENTWISE = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg",
    "max": "max", "min": "min", "abs": "abs", "sign": "sign", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "square": "square", "tanh": "tanh", "logistic": "logistic", "exp": "exp", "exp2": "exp2",
    "log": "log", "log1p": "log1p", "expm1": "expm1", "sin": "sin", "cos": "cos", "tan": "tan",
    "asin": "asin", "acos": "acos", "atan": "atan", "atan2": "atan2", "sinh": "sinh",
    "cosh": "cosh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "erf": "erf",
    "erfc": "erfc", "lgamma": "lgamma", "pow": "pow", "cbrt": "cbrt", "floor": "floor",
    "ceil": "ceil", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne",
    "and": "and", "or": "or", "not": "not", "is_finite": "is_finite",
}  # fmt: skip
"""Primitive -> operation of the runtime, applied number by number."""

SAME = {"copy", "copy_p", "optimization_barrier", "convert_element_type", "reduce_precision",
        "stop_gradient", "name"}  # fmt: skip
PROBED = {"gather", "scatter-add", "scatter_add", "cumsum", "dynamic_slice",
          "reduce_window_sum"}  # fmt: skip
"""Linear in the first argument that varies, with 0 and 1 as coefficients: known by trial."""
PICKS = {"gather", "dynamic_slice"}
"""Of these, those that only pick where the places are known and within bounds."""


class NotCompiled(Exception):  # noqa: N818 - a reason, not a fault
    """A construct of a step that kernels do not know; the scan is used instead."""


class Outer:
    """A sum of products whose only use is a parameter's gradient: left to a matrix product over
    all steps. Each term is (a, b), of equal shape, or (a, None)."""

    def __init__(self, terms: list[tuple[Ids, Ids | None]]) -> None:
        self.terms = terms

    def moved(self, move: Callable[[Ids], Ids]) -> "Outer":
        return Outer([(move(a), None if b is None else move(b)) for a, b in self.terms])


Value = Ids | Outer


def lower(
    program: Program, jaxpr: core.ClosedJaxpr, args: Sequence[Ids], gradients: range
) -> list[Value]:
    """Append what the jaxpr computes from `args`; its results by id.

    Results at the positions `gradients` may come as `Outer`.

    Raises:
        NotCompiled: naming the construct.
    """
    flat = flatten(jaxpr)
    deferred = _only_for_gradients(flat, gradients)
    env: dict[int, Value] = dict(zip(flat.inputs, args, strict=True))
    for equation in flat.equations:
        values = [program.constant(v) if isinstance(v, np.ndarray) else env[v] for v in
                  equation.inputs]  # fmt: skip
        results = _equation(program, equation, values, equation.outputs[0] in deferred)
        env.update(zip(equation.outputs, results, strict=True))
    return [program.constant(v) if isinstance(v, np.ndarray) else env[v] for v in flat.outputs]


class Equation:
    def __init__(self, name: str, bind: Any, params: Any, inputs: Any, outputs: Any, avals: Any):
        self.name, self.bind, self.params = name, bind, params
        self.inputs: list[int | np.ndarray] = inputs
        self.outputs: list[int] = outputs
        self.avals = avals
        """Of the inputs, then of the outputs."""


class Flat:
    """A jaxpr with every call written out; variables are numbers, known values arrays."""

    def __init__(self) -> None:
        self.inputs: list[int] = []
        self.equations: list[Equation] = []
        self.outputs: list[int | np.ndarray] = []
        self.count = 0

    def fresh(self) -> int:
        self.count += 1
        return self.count


def flatten(closed: core.ClosedJaxpr) -> Flat:
    """Every call written out, and what follows from known values alone worked out."""
    flat = Flat()
    flat.inputs = [flat.fresh() for _ in closed.jaxpr.invars]
    flat.outputs = _inline(flat, closed.jaxpr, closed.consts, flat.inputs)
    return flat


def _inline(flat: Flat, jaxpr: Any, consts: Any, args: Sequence[Any]) -> list[Any]:
    env: dict[Any, Any] = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    env |= dict(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return np.asarray(atom.val) if isinstance(atom, core.Literal) else env[atom]

    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        name = eqn.primitive.name
        if name in CALLS:
            inner = next(
                eqn.params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in eqn.params
            )
            body, constants = (
                (inner.jaxpr, inner.consts) if isinstance(inner, core.ClosedJaxpr) else (inner, ())
            )
            outputs = _inline(flat, body, constants, inputs)
        elif name == "cond" and isinstance(inputs[0], np.ndarray):
            branch = eqn.params["branches"][int(inputs[0])]
            outputs = _inline(flat, branch.jaxpr, branch.consts, inputs[1:])
        elif all(isinstance(value, np.ndarray) for value in inputs):
            with jax.ensure_compile_time_eval():
                result = eqn.primitive.bind(*inputs, **eqn.params)
            results = result if eqn.primitive.multiple_results else [result]
            outputs = [np.asarray(value) for value in results]
        else:
            outputs = [flat.fresh() for _ in eqn.outvars]
            avals = [atom.aval for atom in (*eqn.invars, *eqn.outvars)]
            flat.equations.append(
                Equation(name, eqn.primitive.bind, eqn.params, inputs, outputs, avals)
            )
        env.update(zip(eqn.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


_LINEAR_MOVES = {"reshape", "squeeze", "expand_dims", "transpose", "pad", "add_any"}


def _only_for_gradients(flat: Flat, gradients: range) -> set[int]:
    """Variables that end in gradients of parameters alone, by moves and sums."""
    users: dict[int, list[Equation | None]] = {}
    for equation in flat.equations:
        for v in equation.inputs:
            if not isinstance(v, np.ndarray):
                users.setdefault(v, []).append(equation)
    results = [(i, v) for i, v in enumerate(flat.outputs) if not isinstance(v, np.ndarray)]
    for i, v in results:
        if i not in gradients:
            users.setdefault(v, []).append(None)
    found = {v for i, v in results if i in gradients and not users.get(v)}
    for equation in reversed(flat.equations):
        for v in equation.outputs:
            using = users.get(v, [])
            if using and all(
                user is not None
                and user.name in _LINEAR_MOVES
                and user.outputs[0] in found
                and (user.name != "pad" or user.inputs[0] == v)
                for user in using
            ):
                found.add(v)
    return found


def _equation(
    program: Program, equation: Equation, values: list[Value], deferred: bool
) -> list[Value]:
    name, params = equation.name, equation.params
    if any(isinstance(value, Outer) for value in values):
        if name == "add_any":
            terms = [
                term
                for value in values
                for term in (value.terms if isinstance(value, Outer) else [(value, None)])
            ]
            return [Outer(terms)]
        first, rest = values[0], values[1:]
        assert isinstance(first, Outer), name
        return [first.moved(lambda ids: _move(program, equation, [ids, *rest])[0])]
    ids: list[Ids] = values  # pyright: ignore[reportAssignmentType]
    if deferred and name == "mul":
        shape = equation.avals[-1].shape
        a, b = (np.broadcast_to(v, shape) for v in ids)
        return [Outer([(a, b)])]
    if name == "dot_general":
        return [_dot(program, ids, params, deferred)]
    if name in ELEMENTWISE:
        return [program.map(ELEMENTWISE[name], *ids)]
    if name == "one_minus_square":  # of tanh, in JAX 0.12
        one = np.broadcast_to(program.constant(1.0), ids[0].shape)
        return [program.map("sub", one, program.map("mul", ids[0], ids[0]))]
    if name == "integer_pow":
        return [_power(program, ids[0], params["y"])]
    if name == "select_n" and len(ids) == 3:
        if program.is_constant(ids[0]).all():
            return [np.where(program.value(ids[0]) != 0, ids[2], ids[1])]
        return [program.map("select", *ids)]
    if name == "clamp":
        return [program.map("min", program.map("max", ids[1], ids[0]), ids[2])]
    if name in ("convert_element_type",) and not _convertible(equation):
        raise NotCompiled(f"a conversion to {params['new_dtype']}")
    if name in SAME:
        return [*ids]
    if name in ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod"):
        axes = params["axes"]
        kept = [a for a in range(ids[0].ndim) if a not in axes]
        shape = [ids[0].shape[a] for a in kept]
        flat = np.transpose(ids[0], [*kept, *axes]).reshape(
            *shape, int(np.prod([ids[0].shape[a] for a in axes], dtype=int))
        )
        return [program.sum(name.removeprefix("reduce_"), flat)]
    if name in PROBED:
        picked = _picked(program, equation, ids) if name in PICKS else None
        return [_probe(program, equation, ids) if picked is None else picked]
    return [*_move(program, equation, ids)]


def _convertible(equation: Equation) -> bool:
    new = equation.avals[-1].dtype
    return new == np.float32 or (new == np.bool_ and equation.avals[0].dtype == np.bool_)


def _move(program: Program, equation: Equation, values: list[Any]) -> list[Ids]:
    """Primitives that only move numbers, on their ids."""
    name, params, ids = equation.name, equation.params, values
    if name == "reshape":
        return [ids[0].reshape(params["new_sizes"])]
    if name in ("squeeze", "expand_dims"):
        return [ids[0].reshape(equation.avals[-1].shape)]
    if name == "broadcast_in_dim":
        shape = [1] * len(params["shape"])
        for axis, target in enumerate(params["broadcast_dimensions"]):
            shape[target] = ids[0].shape[axis]
        return [np.broadcast_to(ids[0].reshape(shape), params["shape"])]
    if name == "transpose":
        return [ids[0].transpose(params["permutation"])]
    if name == "slice":
        strides = params["strides"] or (1,) * ids[0].ndim
        cuts = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
        return [ids[0][tuple(slice(a, b, s) for a, b, s in cuts)]]
    if name == "split":
        cuts = np.cumsum(params["sizes"])[:-1]
        return list(np.split(ids[0], cuts, axis=params["axis"]))
    if name == "concatenate":
        return [np.concatenate(ids, axis=params["dimension"])]
    if name in ("stack", "unstack", "tile", "rev"):
        with jax.ensure_compile_time_eval():
            moved = equation.bind(*(ids_.astype(np.int32) for ids_ in ids), **params)
        return [
            np.asarray(m, dtype=np.int64)
            for m in (moved if isinstance(moved, list | tuple) else [moved])
        ]
    if name == "pad":
        return [_pad(ids[0], params["padding_config"], ids[1])]
    raise NotCompiled(f"the operation {name!r}")


def _pad(ids: Ids, config: Sequence[Any], fill: Ids) -> Ids:
    for axis, edges in enumerate(config):
        low, high, between = map(int, edges)
        n = ids.shape[axis]
        spread = n + max(0, n - 1) * between
        at = np.arange(low, low + spread, between + 1)
        inside = (at >= 0) & (at < low + spread + high)
        shape = list(ids.shape)
        shape[axis] = low + spread + high
        wider = np.full(shape, int(fill), dtype=np.int64)
        np.moveaxis(wider, axis, 0)[at[inside]] = np.moveaxis(ids, axis, 0)[inside]
        ids = wider
    return ids


def _dot(program: Program, ids: list[Ids], params: Any, deferred: bool) -> Value:
    (ca, cb), (ba, bb) = params["dimension_numbers"]
    a, b = ids
    fa = [i for i in range(a.ndim) if i not in (*ca, *ba)]
    fb = [i for i in range(b.ndim) if i not in (*cb, *bb)]
    batch = [a.shape[i] for i in ba]
    rows, columns = [a.shape[i] for i in fa], [b.shape[i] for i in fb]
    depth = int(np.prod([a.shape[i] for i in ca], dtype=int))
    m, n = int(np.prod(rows, dtype=int)), int(np.prod(columns, dtype=int))
    a = a.transpose([*ba, *fa, *ca]).reshape(int(np.prod(batch, dtype=int)), m, 1, depth)
    b = b.transpose([*bb, *fb, *cb]).reshape(int(np.prod(batch, dtype=int)), 1, n, depth)
    shape = (len(a), m, n, depth)
    a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
    result = (*batch, *rows, *columns)
    if deferred and depth <= 16:
        return Outer([(a[..., k].reshape(result), b[..., k].reshape(result)) for k in range(depth)])
    return program.sum("sum", a, b).reshape(result)


def _power(program: Program, x: Ids, y: int) -> Ids:
    if y < 0:
        return program.map("div", np.broadcast_to(program.constant(1.0), x.shape),
                           _power(program, x, -y))  # fmt: skip
    if y == 0:
        return np.broadcast_to(program.constant(1.0), x.shape)
    half = x if y == 1 else _power(program, x, y // 2)
    if y == 1:
        return x
    square = program.map("mul", half, half)
    return program.map("mul", square, x) if y % 2 else square


def _picked(program: Program, equation: Equation, ids: list[Ids]) -> Ids | None:
    """What is taken from the first argument at known places; None where that is not all."""
    if not all(program.is_constant(where).all() for where in ids[1:]):
        return None
    known = [
        program.value(where).astype(aval.dtype)
        for where, aval in zip(ids[1:], equation.avals[1:], strict=False)
    ]
    with jax.ensure_compile_time_eval():
        taken = np.asarray(equation.bind(ids[0].astype(np.int32), *known, **equation.params))
    return taken.astype(np.int64) if (taken >= 0).all() else None  # out of bounds: below 0


def _probe(program: Program, equation: Equation, ids: list[Ids]) -> Ids:
    """A linear primitive with known indices, by what it does to each unit vector."""
    varying = [i for i, value in enumerate(ids) if not program.is_constant(value).all()]
    if equation.name.startswith("scatter") and varying[-1] == 2 and len(varying) == 2:
        base = ids[0]
        zeros = [np.broadcast_to(program.constant(0.0), base.shape), ids[1], ids[2]]
        return program.map("add", base, _probe(program, equation, zeros))
    if len(varying) != 1:
        raise NotCompiled(f"the operation {equation.name!r} with indices that vary")
    (which,) = varying
    known = [
        None if i == which else program.value(value).astype(equation.avals[i].dtype)
        for i, value in enumerate(ids)
    ]
    x = ids[which]
    table = unit_table(equation, known, x.shape)
    width = max(1, int(table.sum(axis=1).max()))
    zero = int(program.constant(0.0))
    terms = np.full((len(table), width), zero, dtype=np.int64)
    for row, used in enumerate(table):
        found = x.reshape(-1)[used > 0]
        terms[row, : len(found)] = found
    shape = equation.avals[-1].shape
    result = terms[:, 0]
    for k in range(1, width):
        result = program.map("add", result, terms[:, k])
    return result.reshape(shape)


def unit_table(
    equation: Equation, known: list[np.ndarray | None], shape: tuple[int, ...]
) -> np.ndarray:
    """A linear primitive as a matrix of zeros and ones [results, numbers of the None in `known`].

    Raises:
        NotCompiled: it is no such matrix, or too large to be tried out.
    """
    size = int(np.prod(shape, dtype=int))
    if size > 4096:
        raise NotCompiled(f"the operation {equation.name!r} on more than 4096 numbers")

    def apply(unit: Any) -> Any:
        arguments = [unit if value is None else value for value in known]
        return equation.bind(*arguments, **equation.params)

    with jax.ensure_compile_time_eval():
        eye = np.eye(size, dtype=np.float32).reshape(size, *shape)
        table = np.asarray(jax.vmap(apply)(eye))
    table = table.reshape(size, -1).T
    if not np.isin(table, (0.0, 1.0)).all():
        raise NotCompiled(f"the operation {equation.name!r} with these coefficients")
    return table
