"""A step as straight-line arithmetic on single numbers: what a kernel computes.

Every number that a step handles has an id. Moving numbers about (slices, concatenations,
transposes) is done on arrays of ids and costs nothing; arithmetic becomes statements between ids.
An id is a constant, uniform (the same for all streams: a parameter and what follows from it), or
different in every lane, a lane being a stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Ids = np.ndarray
"""An int64 array of ids, in the shape of the array it stands for."""

CONSTANT, UNIFORM, LANE = 0, 1, 2


@dataclass(frozen=True)
class Map:
    """out[k] = op(args[0][k], args[1][k], ...), all flat."""

    op: str
    out: Ids
    args: tuple[Ids, ...]

    def restrict(self, keep: np.ndarray) -> "Map":
        return Map(self.op, self.out[keep], tuple(arg[keep] for arg in self.args))


@dataclass(frozen=True)
class Sum:
    """out[n] = sum over k of a[n, k] b[n, k]; where b is None, the op over k of a[n, k]."""

    op: str
    out: Ids
    args: tuple[Ids, ...]

    def restrict(self, keep: np.ndarray) -> "Sum":
        return Sum(self.op, self.out[keep], tuple(arg[keep] for arg in self.args))


Statement = Map | Sum


@dataclass
class Program:
    """Statements in order, each id assigned once."""

    statements: list[Statement] = field(default_factory=list)
    _kinds: np.ndarray = field(default_factory=lambda: np.empty(1024, np.int8))
    _values: np.ndarray = field(default_factory=lambda: np.empty(1024))
    _size: int = 0
    _constants: dict[tuple[float, bool], int] = field(default_factory=dict)
    _known: dict[Any, Ids] = field(default_factory=dict)

    @property
    def kinds(self) -> np.ndarray:
        """By id."""
        return self._kinds[: self._size]

    @property
    def values(self) -> np.ndarray:
        """Constants by id; NaN for other ids until `kinds` says so."""
        return self._values[: self._size]

    def new(self, shape: tuple[int, ...], kind: int) -> Ids:
        """Fresh ids, contiguous."""
        first, self._size = self._size, self._size + int(np.prod(shape, dtype=int))
        while self._size > len(self._kinds):
            self._kinds = np.concatenate([self._kinds, np.empty_like(self._kinds)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._kinds[first : self._size] = kind
        self._values[first : self._size] = np.nan
        return np.arange(first, self._size).reshape(shape)

    def constant(self, value: Any) -> Ids:
        """The ids of known numbers."""
        flat = [float(v) for v in np.asarray(value).reshape(-1)]
        ids = np.empty(len(flat), dtype=np.int64)
        for i, v in enumerate(flat):
            key = (v, bool(np.signbit(v)))
            if v != v or key not in self._constants:
                fresh = int(self.new((1,), CONSTANT)[0])
                self.values[fresh] = v
                self._constants[key] = fresh
            ids[i] = self._constants[key]
        return ids.reshape(np.shape(value))

    def kind(self, ids: Ids) -> np.ndarray:
        return self.kinds[ids]

    def value(self, ids: Ids) -> np.ndarray:
        """The numbers of constant ids."""
        return self.values[ids]

    def is_constant(self, ids: Ids, value: float | None = None) -> np.ndarray:
        constant = self.kind(ids) == CONSTANT
        return constant if value is None else constant & (self.value(ids) == value)

    def map(self, op: str, *args: Ids) -> Ids:
        """Append an elementwise operation; sums and products with 0 and 1 cost nothing."""
        shape = np.broadcast_shapes(*(arg.shape for arg in args))
        flat = tuple(np.broadcast_to(arg, shape).reshape(-1) for arg in args)
        out = np.full(flat[0].shape, -1, dtype=np.int64)
        if op == "add":
            self._alias(out, self.is_constant(flat[0], 0.0), flat[1])
            self._alias(out, self.is_constant(flat[1], 0.0), flat[0])
        elif op == "sub":
            self._alias(out, self.is_constant(flat[1], 0.0), flat[0])
        elif op == "mul":
            zero = self.constant(0.0)
            for one, other in (flat, flat[::-1]):
                self._alias(out, self.is_constant(one, 1.0), other)
                self._alias(out, self.is_constant(one, 0.0), np.broadcast_to(zero, out.shape))
        elif op == "div":
            self._alias(out, self.is_constant(flat[1], 1.0), flat[0])
        elif op == "neg":
            self._alias(out, self.is_constant(flat[0], 0.0), flat[0])
        todo = out < 0
        if todo.any():
            out[todo] = self._append(Map, op, tuple(arg[todo] for arg in flat))
        return out.reshape(shape)

    def sum(self, op: str, *args: Ids) -> Ids:
        """Append a reduction over the last axis: of a product if two arguments are given."""
        shape = args[0].shape[:-1]
        n = int(np.prod(shape, dtype=int))
        if n == 0:
            return np.zeros(shape, dtype=np.int64)
        flat = tuple(arg.reshape(n, arg.shape[-1]) for arg in args)
        if op == "sum":
            useful = ~np.all(np.any([self.is_constant(a, 0.0) for a in flat], axis=0), axis=0)
            flat = tuple(arg[:, useful] for arg in flat)
        if flat[0].shape[1] == 0:
            return np.broadcast_to(self.constant({"sum": 0.0, "prod": 1.0}[op]), shape)
        if flat[0].shape[1] == 1:
            if len(flat) == 1:
                return flat[0][:, 0].reshape(shape)
            return self.map("mul", flat[0][:, 0], flat[1][:, 0]).reshape(shape)
        return self._append(Sum, op, flat).reshape(shape)

    def _alias(self, out: Ids, where: np.ndarray, value: Ids) -> None:
        where = where & (out < 0)
        out[where] = value[where]

    def _append(self, make: type[Map] | type[Sum], op: str, args: tuple[Ids, ...]) -> Ids:
        key = (op, *((*arg.shape, arg.tobytes()) for arg in args))
        if key not in self._known:
            lane = any((self.kind(arg) == LANE).any() for arg in args)
            out = self.new((len(args[0]),), LANE if lane else UNIFORM)
            self.statements.append(make(op, out, args))
            self._known[key] = out
        return self._known[key]


def closure(
    statements: Sequence[Statement], wanted: Ids, size: int
) -> tuple[list[Statement], np.ndarray]:
    """The statements, cut to the elements, that `wanted` follows from; and all ids they touch."""
    needed = np.zeros(size, dtype=bool)
    needed[wanted] = True
    kept: list[Statement] = []
    for statement in reversed(statements):
        keep = needed[statement.out]
        if keep.any():
            cut = statement.restrict(keep)
            kept.append(cut)
            for arg in cut.args:
                needed[arg.reshape(-1)] = True
    return kept[::-1], needed


def joined(ids: Sequence[Any]) -> Ids:
    """All ids of several arrays, flat."""
    return np.concatenate([np.zeros(0, np.int64), *(np.asarray(v).reshape(-1) for v in ids)])
