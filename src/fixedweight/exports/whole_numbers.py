"""From a step on single numbers to C on whole numbers of 16 bits.

A number is a whole number times a power of two, 2^-e. All that meet in a place of a loop have the
same e, from the largest of them on streams like those to come; what grows beyond is cut off.
Sums are taken in 32 bits, and cannot overflow: weights are as fine as leaves room for any state.
"""

import math
from collections.abc import Sequence

import numpy as np

from fixedweight.errors import InputError
from fixedweight.exports.ranges import Scalars
from fixedweight.kernels.emit import Function
from fixedweight.kernels.loops import nests, place_text
from fixedweight.kernels.places import Constants, Stores, location
from fixedweight.kernels.program import CONSTANT, Statement, Sum

MOST = 32767
ROOM = 1.25
"""How much larger than any seen a number may become."""
WEIGHTS_OF_A_SUM = 48_000
"""What the weights of one sum may add up to: times 2^15, with what rounding adds, below 2^31."""
COMPARED = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
FINEST, COARSEST = 24, -24


class Scales:
    """The power of two of each number: ids that meet in a place of a loop share it."""

    def __init__(self, step: Scalars, rows: np.ndarray) -> None:
        """`rows`: what the network receives along streams, [batch, time, input + told]."""
        size = len(step.program.kinds)
        self.kinds = step.program.kinds
        self.parent = np.arange(size)
        for statement in step.statements:
            self.join(statement.out)
            for arg in statement.args:
                self.join(arg.reshape(-1))
        for before, after in zip(step.before, step.after, strict=True):
            self.join(np.array([before, after]))
        self.root = np.array([self.find(i) for i in range(size)], dtype=np.int64)
        largest, _ = step.run(rows)
        if not np.isfinite(largest).all():
            raise InputError("Expected a step whose numbers stay finite on the streams given.")
        of_class = np.zeros(size)
        np.maximum.at(of_class, self.root, largest)
        self.exponents = np.array([exponent_for(v, MOST) for v in of_class])[self.root]

    def find(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = int(self.parent[i])
        return i

    def join(self, ids: np.ndarray) -> None:
        varying = ids[self.kinds[ids] != CONSTANT]
        for i in np.unique(varying)[1:]:
            self.parent[self.find(int(i))] = self.find(int(varying.min()))

    def of(self, ids: np.ndarray) -> int | None:
        """The exponent of ids that meet in a place; None if all are constants."""
        varying = ids[self.kinds[ids] != CONSTANT]
        return int(self.exponents[varying[0]]) if varying.size else None

    def rounded(self, ids: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Values [ids, batch] as whole numbers keep them."""
        unit = 2.0 ** self.exponents[ids][:, None]
        return np.clip(np.rint(values * unit), -MOST, MOST) / unit


def exponent_for(largest: float, most: int, room: float = ROOM) -> int:
    """The largest e at which `largest` times `room` is at most `most` + 1 times 2^-e.

    What does not go beyond 1, as gates do not, is left no room beyond 1.
    """
    if largest <= 0.0:
        return 0
    size = 1.0 if largest <= 1.0 < largest * room else largest * room
    return min(FINEST, max(COARSEST, math.floor(math.log2((most + 1) / size) + 1e-9)))


class WholeNumbers(Function):
    """The body of a step in C, on numbers of 16 bits, with weights of `bits`."""

    def __init__(self, step: Scalars, scales: Scales, bits: int) -> None:
        self.scales, self.most_weight = scales, 2 ** (bits - 1) - 1
        self.weights, self.downs = Constants(space="P"), Constants(space="U")
        program = step.program
        where = np.full(len(program.kinds), -1, dtype=np.int64)
        for ids, space in ((step.before, "S"), (step.row, "X")):
            where[ids] = location(space, np.arange(ids.size))
        stores = Stores.of((step.after, "N"), (step.prediction, "DY"))
        super().__init__(program, step.statements, where, stores, Constants())

    def column(self, ids: np.ndarray) -> np.ndarray:
        constant = self.kinds[ids] == CONSTANT
        places = self.where[ids]
        if constant.any():
            values = self.values[ids[constant]]
            exponent = self._exponent(ids)
            whole = np.clip(np.rint(values * 2.0**exponent), -MOST, MOST)
            places[constant] = self.constants.place(whole)
        return places

    def _exponent(self, ids: np.ndarray) -> int:
        found = self.scales.of(ids)
        if found is None:
            values = self.values[ids]
            found = exponent_for(float(np.abs(values).max()), MOST, 1.0)
            while found > 0 and np.all(values * 2.0**found % 2 == 0):
                found -= 1  # the same number, and smaller ones to multiply with
        return found

    def call(self, statement: Statement, args: list[str]) -> str:
        op, out = statement.op, self._exponent(statement.out)
        at = [self._exponent(arg) for arg in statement.args]
        for i, arg in enumerate(statement.args):
            if (self.kinds[arg] == CONSTANT).all() and np.all(arg == arg[0]):
                args[i] = str(int(np.rint(self.values[arg[0]] * 2.0 ** at[i])))
        args = [f"(V){arg}" if "[" in arg else arg for arg in args]
        if op == "div" and (self.kinds[statement.args[1]] == CONSTANT).all():
            op, (args[1], at[1]) = "mul", self._inverse(statement.args[1])
        if op in ("add", "sub"):
            (a, b), common = self._to_compare(args, at)
            return moved(f"({a} {'+' if op == 'add' else '-'} {b})", common, out)
        if op in ("mul", "square"):
            b, eb = (args[0], at[0]) if op == "square" else (args[1], at[1])
            if "1" in (args[0], b):  # times a power of two
                return moved(b if args[0] == "1" else args[0], at[0] + eb, out, small=True)
            return moved(f"{args[0]} * {b}", at[0] + eb, out)
        if op in ("neg", "copy"):
            return moved(f"-{args[0]}" if op == "neg" else args[0], at[0], out, small=True)
        if op == "abs":
            return moved(f"v_abs({args[0]})", at[0], out, small=True)
        if op == "tanh":
            return moved(f"v_tanh({widened(args[0], at[0])})", 15, out, small=True)
        if op == "logistic":
            whole = f"v_tanh({widened(args[0], at[0] + 1)})"
            return moved(f"((32768 + {whole}) >> 1)", 15, out, small=True)
        if op in ("max", "min"):
            a, b = (moved(x, e, out, small=True) for x, e in zip(args, at, strict=True))
            return f"v_{op}({a}, {b})"
        if op in COMPARED:
            (a, b), _ = self._to_compare(args, at)
            return f"({a} {COMPARED[op]} {b} ? {min(MOST, 2**out)} : 0)"
        if op in ("and", "or"):
            both = f"{args[0]} != 0 {'&&' if op == 'and' else '||'} {args[1]} != 0"
            return f"({both} ? {min(MOST, 2**out)} : 0)"
        if op == "not":
            return f"({args[0]} != 0 ? 0 : {min(MOST, 2**out)})"
        if op == "select":
            b, c = (moved(args[i], at[i], out, small=True) for i in (1, 2))
            return f"({args[0]} != 0 ? {c} : {b})"
        raise InputError(
            f"Expected a step that whole numbers of 16 bits can do, got {op!r} in it, which ranges "
            "over too many orders of magnitude. Export it in floating point."
        )

    def _inverse(self, ids: np.ndarray) -> tuple[str, int]:
        values = self.values[ids]
        if np.any(values != values[0]):
            raise InputError("Expected division by one number in whole numbers, got several.")
        exponent = exponent_for(abs(1.0 / float(values[0])), MOST, 1.0)
        return str(int(np.rint(2.0**exponent / values[0]))), exponent

    def _to_compare(self, args: Sequence[str], at: Sequence[int]) -> tuple[list[str], int]:
        """Two numbers times the same power of two, within 2^29 each."""
        common = min(max(at), min(at) + 14)
        return [_raised(a, common - e) if e <= common else f"v_down({a}, {e - common})"
                for a, e in zip(args, at, strict=True)], common  # fmt: skip

    def reduction(self, statement: Sum) -> list[str]:
        op, out, args = statement.op, self.settled(statement.out), list(statement.args)
        n, depth = args[0].shape
        if op == "prod" or (len(args) == 2 and op != "sum"):
            raise InputError(f"Expected sums in whole numbers, got {op!r} over an axis.")
        if len(args) == 2 and (self.kinds[args[0]] == CONSTANT).all():
            args = args[::-1]
        columns = [self.column(args[0].reshape(-1)).reshape(n, depth)]
        before, after = self._exponent(args[0].reshape(-1)), self._exponent(statement.out)
        lost, by_row = 0, np.zeros((n, 0), np.int64)
        if len(args) == 2 and (self.kinds[args[1]] == CONSTANT).all():
            places, exponents = self._weights(args[1], after - before)
            columns.append(places)
            before += int(exponents[0])
            if np.any(exponents != exponents[0]):
                by_row = self.downs.place(before - exponents[0] + exponents - after)[:, None]
        elif len(args) == 2:
            columns.append(self.column(args[1].reshape(-1)).reshape(n, depth))
            before += self._exponent(args[1].reshape(-1))
            lost = math.ceil(math.log2(depth))
        lines: list[str] = []
        table = np.concatenate([*columns, by_row, out[:, None]], axis=1)
        for start, count, by in _runs(table, len(columns), depth):
            strides = [int(by[i * depth]) for i in range(len(columns))]
            lines.append(f"for (int j = 0; j < {count}; j++) {{" if count > 1 else "{")
            begin = {"sum": "0", "max": f"-{MOST}", "min": f"{MOST}"}[op]
            lines.append(f"  V a = {begin};")
            lines += _added_up(op, [column[start] for column in columns], strides, lost)
            place = place_text(int(out[start]), [("j", int(by[-1]))])
            value = moved("a", before - lost, after)
            if by_row.size:
                down = place_text(int(by_row[start, 0]), [("j", int(by[-2]))])
                value = f"v_cut(v_down(a, {down}))"
            lines += [f"  STORE({place}, {value});", "}"]
        return lines

    def _weights(self, ids: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of a matrix of constants, and the exponent of each row: as fine as bits and
        sums allow; above `least` if they are not all the same."""
        values = np.abs(self.values[ids])
        finest = np.array([
            min(exponent_for(float(row.max()), self.most_weight, 1.0),
                math.floor(math.log2(WEIGHTS_OF_A_SUM / max(float(row.sum()), 1e-9))))
            for row in values
        ])  # fmt: skip
        if finest.min() <= least or finest.max() > least + 30:
            finest = np.full(len(values), finest.min())
        whole = np.rint(self.values[ids] * 2.0 ** finest[:, None])
        whole = np.clip(whole, -self.most_weight, self.most_weight)
        return self.weights.place(whole.reshape(-1)).reshape(ids.shape), finest


def _added_up(op: str, rows: list[np.ndarray], strides: list[int], lost: int) -> list[str]:
    """Loops that add up products, or what is in one row, in `a`."""
    lines = []
    for first, (outer, inner), steps in nests(np.stack(rows)):
        for o in range(outer):
            reads = [
                place_text(int(row[first]) + o * int(steps[r, 0]),
                           [("k", int(steps[r, 1])), ("j", strides[r])])
                for r, row in enumerate(rows)
            ]  # fmt: skip
            term = " * ".join([f"(V){reads[0]}", *reads[1:]])
            term = f"({term} >> {lost})" if lost else term
            loop = f"for (int k = 0; k < {inner}; k++) " if inner > 1 else ""
            lines.append(f"  {loop}a += {term};" if op == "sum" else
                         f"  {loop}a = v_{op}(a, {reads[0]});")  # fmt: skip
    return lines


def _runs(table: np.ndarray, parts: int, depth: int) -> list[tuple[int, int, np.ndarray]]:
    """Rows of places that follow each other by the same steps: (first, count, steps).

    In each of the first `parts` of `depth` places all go by one step.
    """
    found, start = [], 0
    steps = np.diff(table, axis=0)
    while start < len(table):
        end = start + 1
        if start < len(steps):
            by_part = steps[start, : parts * depth].reshape(parts, depth)
            while (
                (by_part == by_part[:, :1]).all()
                and end < len(table)
                and np.array_equal(steps[end - 1], steps[start])
            ):
                end += 1
        by = steps[start] if end > start + 1 else np.zeros(table.shape[1], np.int64)
        found.append((start, end - start, by))
        start = end
    return found


def moved(text: str, exponent: int, out: int, small: bool = False) -> str:
    """A number times 2^-exponent as one times 2^-out, cut off at 16 bits.

    `small` says that it has 16 bits already.
    """
    down = exponent - out
    if down > 0:
        value = f"v_down({text}, {down})" if down <= 30 else "0"
        return value if small else f"v_cut({value})"
    if down == 0:
        return text if small else f"v_cut({text})"
    whole = text if small else f"v_cut({text})"
    return f"v_cut({_raised(whole, min(15, -down))})"


def _raised(text: str, up: int) -> str:
    if text.removeprefix("-").isdigit():
        return str(int(text) * 2**up)
    return f"{text} * {2**up}" if up else text


def widened(text: str, exponent: int) -> str:
    """A number times 2^-16, in 32 bits, no further from 0 than 16."""
    if exponent >= 16:
        return f"v_down({text}, {exponent - 16})" if exponent > 16 else text
    most = 2 ** (exponent + 4)
    return _raised(f"v_within({text}, {most})" if most < MOST else text, 16 - exponent)
