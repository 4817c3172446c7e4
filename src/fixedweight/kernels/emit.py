"""From statements to a C function over vectors of lanes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fixedweight.kernels.program import CONSTANT, Map, Program, Statement, Sum

TILE = 12
"""Sums kept in registers at once; AVX-512 has 32."""

SPACES = ("P", "U", "K", "X", "S", "N", "T", "M", "DN", "DY", "DS", "DX", "R", "A")
"""Arrays of a step by name: parameters, uniforms, constants; inputs, state before and after, tape,
scratch; cotangents of the state after, the outputs, the state before and the inputs; records for
the matrix products of the parameters' gradient, and gradients summed directly."""

SCALAR = {"P", "U", "K"}
_SHIFT = 40
_OFFSET = (1 << _SHIFT) - 1


def space_of(place: int) -> str:
    """The array of a place."""
    return SPACES[int(place) >> _SHIFT] if place >= 0 else ""


def offset_of(place: int) -> int:
    """Where in its array a place is."""
    return int(place) & _OFFSET


def location(space: str, offset: int | np.ndarray) -> np.ndarray:
    """A place in an array as one number, so that runs of places are arithmetic progressions."""
    return np.asarray((SPACES.index(space) << _SHIFT) + np.asarray(offset, dtype=np.int64))


@dataclass
class Stores:
    """Where results must go: id -> places. Ids of lanes may be read back from all but A."""

    places: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, *groups: tuple[np.ndarray, str]) -> "Stores":
        stores = cls()
        for ids, space in groups:
            stores.add(ids, space)
        return stores

    def add(self, ids: np.ndarray, space: str, first: int = 0) -> None:
        flat = ids.reshape(-1)
        for i, place in zip(flat, location(space, first + np.arange(flat.size)), strict=True):
            self.places.setdefault(int(i), []).append(int(place))


@dataclass
class Constants:
    """A table of constants that loops step through, K by name."""

    space: str = "K"
    values: list[float] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)

    def place(self, values: np.ndarray) -> np.ndarray:
        key = values.tobytes()
        if key not in self.known:
            self.known[key] = len(self.values)
            self.values.extend(values.tolist())
        return location(self.space, self.known[key] + np.arange(values.size))


class Function:
    """The body of one C function: statements fused into loops, each result put in its place."""

    def __init__(
        self,
        program: Program,
        statements: Sequence[Statement],
        given: np.ndarray,
        stores: Stores,
        constants: Constants,
    ) -> None:
        """`given`: the place of each id that is there when the function begins, else -1."""
        self.constants = constants
        self.kinds = program.kinds
        self.values = program.values
        self.where = given.copy()
        self.stores = stores
        self.group_of = np.full(given.size, -1, dtype=np.int64)
        self.groups = self._group(statements)
        self.scratch = 0
        self._place()
        lines = [line for i in range(len(self.groups)) for line in self._emit(i)]
        self.body = "\n".join([*lines, *self._copies()])

    def _group(self, statements: Sequence[Statement]) -> list[list[Statement]]:
        """Elementwise statements of equal length that follow each other, number by number."""
        groups: list[list[Statement]] = []
        for statement in statements:
            flat = np.concatenate([arg.reshape(-1) for arg in statement.args])
            last = int(self.group_of[flat].max(initial=-1))
            at = last + 1
            n = len(statement.out)
            if isinstance(statement, Map):
                if last >= 0 and self._aligned(statement, last, groups[last]):
                    at = last
                while at < len(groups) and not self._same_length(groups[at], n):
                    at += 1
            else:
                at = len(groups)
            if at == len(groups):
                groups.append([])
            groups[at].append(statement)
            self.group_of[statement.out] = at
        return groups

    @staticmethod
    def _same_length(group: list[Statement], n: int) -> bool:
        return isinstance(group[0], Map) and len(group[0].out) == n

    def _aligned(self, statement: Map, group: int, members: list[Statement]) -> bool:
        if not self._same_length(members, len(statement.out)):
            return False
        results = {int(member.out[0]): member.out for member in members}
        return all(
            np.all(self.group_of[arg] != group)
            or np.array_equal(arg, results.get(int(arg[0]), arg[:0]))
            for arg in statement.args
        )

    def _place(self) -> None:
        """A place for each result that is read outside its loop or stored."""
        outside = np.zeros(len(self.where), dtype=bool)
        last = np.full(len(self.where), -1, dtype=np.int64)  # group that reads it
        for number, group in enumerate(self.groups):
            for statement in group:
                for arg in statement.args:
                    flat = arg.reshape(-1)
                    outside[flat[self.group_of[flat] != number]] = True
                    last[flat] = number
        last[list(self.stores.places)] = len(self.groups)  # by copies, at the end
        for i, places in self.stores.places.items():
            readable = [place for place in places if place >> _SHIFT != SPACES.index("A")]
            if self.group_of[i] >= 0 and readable:
                self.where[i] = readable[0]
            elif self.group_of[i] >= 0:
                outside[i] = True
            elif self.group_of[i] < 0 and self.where[i] < 0 and self.kinds[i] != CONSTANT:
                raise AssertionError(f"id {i} is neither computed nor given")
        live: list[tuple[int, int, int]] = []  # scratch in use: first, end, last group that reads
        for number, group in enumerate(self.groups):
            live = [block for block in live if block[2] >= number]
            overwritten: set[int] = set()
            for at, statement in enumerate(group):
                ids = statement.out[self.where[statement.out] < 0]
                if not outside[ids].any():
                    continue  # of a row that is read in part all is stored: one loop
                whole = ids.size == len(statement.out)
                places = self._read_out(number, at, last, overwritten) if whole else None
                if places is None:
                    places = _room(live, ids.size) + np.arange(ids.size)
                    live.append((int(places[0]), int(places[-1]) + 1, int(last[ids].max())))
                else:
                    read = zip(places.tolist(), last[ids].tolist(), strict=True)
                    live += [(place, place + 1, until) for place, until in read]
                self.where[ids] = location("M", places)
                self.scratch = max(self.scratch, int(places.max()) + 1)

    def _read_out(
        self, number: int, at: int, last: np.ndarray, taken: set[int]
    ) -> np.ndarray | None:
        """Places in scratch of a row of numbers that this statement of a loop, or one before it,
        is the last to read, number by number: the results can take its place. So a diagonal to
        which something is added stays where it was in its matrix."""
        group = self.groups[number]
        if not isinstance(group[0], Map):
            return None
        columns = [(i, arg) for i, member in enumerate(group) for arg in member.args]
        for i, row in columns:
            places = self.where[row]
            spoken_for = taken | set(places.tolist())
            if i > at or (places >> _SHIFT != SPACES.index("M")).any():
                continue
            if (last[row] != number).any() or len(spoken_for) < row.size + len(taken):
                continue
            mine = np.zeros(len(self.where), dtype=bool)
            mine[row] = True
            users = [(j, other) for j, other in columns if mine[other].any()]
            if all(j <= at and np.array_equal(other, row) for j, other in users):
                taken |= spoken_for
                return places & _OFFSET
        return None

    def column(self, ids: np.ndarray) -> np.ndarray:
        """The places of ids, constants put in the table."""
        constant = self.kinds[ids] == CONSTANT
        if constant.any():
            places = self.where[ids]
            places[constant] = self.constants.place(self.values[ids[constant]])
            return places
        return self.where[ids]

    def literal(self, value: float) -> str:
        """A number that is the same in all of a loop."""
        return f"SPLAT({_literal(value)})"

    def call(self, statement: Statement, args: list[str]) -> str:
        """An elementwise operation as an expression of its arguments."""
        return _call(statement.op, args)

    def _emit(self, number: int) -> list[str]:
        group = self.groups[number]
        if isinstance(group[0], Sum):
            return self.reduction(group[0])
        n = len(group[0].out)
        columns: list[np.ndarray] = []
        lines: list[str] = []
        names: dict[int, str] = {}  # first id of a result -> register

        def use(places: np.ndarray) -> str:
            columns.append(places)
            return f"@{len(columns) - 1}@"

        for count, statement in enumerate(group):
            args = []
            for arg in statement.args:
                if self.group_of[arg[0]] == number:
                    args.append(names[int(arg[0])])
                elif (self.kinds[arg] == CONSTANT).all() and np.all(arg == arg[0]):
                    args.append(self.literal(float(self.values[arg[0]])))
                else:
                    args.append(use(self.column(arg)))
            register = f"r{count}"
            names[int(statement.out[0])] = register
            lines.append(f"V {register} = {self.call(statement, args)};")
            if (self.where[statement.out] >= 0).any():
                lines.append(f"STORE({use(self.settled(statement.out))}, {register});")
        out: list[str] = []
        table = np.stack(columns) if columns else np.zeros((0, n), dtype=np.int64)
        for start, shape, strides in nests(table):
            text = [_fill(line, table[:, start], strides) for line in lines]
            out += _loop(text, shape)
        return out

    def _copies(self) -> list[str]:
        """What is stored in a second place, was computed elsewhere, or is added up."""
        pairs = [
            (i, place)
            for i, places in self.stores.places.items()
            for place in places
            if place != self.where[i] and place >> _SHIFT != SPACES.index("A")
        ]
        sums = [
            (i, place)
            for i, places in self.stores.places.items()
            for place in places
            if place >> _SHIFT == SPACES.index("A")
        ]
        lines = []
        for chosen, macro in ((pairs, "STORE"), (sums, "ADD")):
            if not chosen:
                continue
            chosen.sort(key=lambda pair: pair[1])
            ids = np.array([i for i, _ in chosen])
            table = np.stack([np.array([place for _, place in chosen]), self.column(ids)])
            for start, shape, strides in nests(table):
                text = _fill(f"{macro}(@0@, @1@);", table[:, start], strides)
                lines += _loop([text], shape)
        return lines

    def reduction(self, statement: Sum) -> list[str]:
        n, depth = statement.args[0].shape
        out = self.settled(statement.out)
        args = [self.column(arg.reshape(-1)).reshape(n, depth) for arg in statement.args]
        if len(args) == 2 and all(place >> _SHIFT in _SCALAR_SPACES for place in args[0][:, 0]):
            args = args[::-1]  # the operand of lanes first
        lines: list[str] = []
        start = 0
        table = np.concatenate([out[:, None], *args], axis=1)
        steps = np.diff(table, axis=0)
        while start < n:
            end = start + 1
            while (
                end < n
                and np.array_equal(steps[end - 1], steps[start])
                and np.array_equal(table[end] >> _SHIFT, table[start] >> _SHIFT)
            ):
                end += 1
            stride = steps[start] if end > start + 1 else np.zeros(table.shape[1], np.int64)
            by_arg = np.split(stride[1:], len(args))
            if any(np.any(s != s[0]) for s in by_arg):
                end, by_arg = start + 1, [np.zeros(1, np.int64)] * len(args)
            rows = [arg[start] for arg in args]
            lines += _tiles(statement.op, rows, [int(s[0]) for s in by_arg],
                            int(out[start]), int(stride[0]), end - start)  # fmt: skip
            start = end
        return lines

    def settled(self, ids: np.ndarray) -> np.ndarray:
        """The places of results, scratch for those that have none."""
        missing = ids[self.where[ids] < 0]
        self.where[missing] = location("M", self.scratch + np.arange(missing.size))
        self.scratch += missing.size
        return self.where[ids]


def _room(live: list[tuple[int, int, int]], size: int) -> int:
    """The first place where so many numbers fit between what is in use."""
    at = 0
    for first, end, _ in sorted(live):
        if first - at >= size:
            break
        at = max(at, end)
    return at


_SCALAR_SPACES = {SPACES.index(name) for name in SCALAR}


def nests(table: np.ndarray) -> list[tuple[int, tuple[int, int], np.ndarray]]:
    """Cut columns [operand, n] into loops: (start, (outer, inner), strides [operand, 2])."""
    m, n = table.shape
    if m == 0:
        return [(0, (1, n), np.zeros((0, 2), dtype=np.int64))]
    steps = np.diff(table, axis=1)
    spaces = table >> _SHIFT
    cuts = []  # maximal runs
    start = 0
    while start < n:
        end = start + 1
        while (
            end < n
            and np.array_equal(steps[:, end - 1], steps[:, start])
            and np.array_equal(spaces[:, end], spaces[:, start])
        ):
            end += 1
        cuts.append((start, end - start))
        start = end
    found = []
    i = 0
    while i < len(cuts):
        start, length = cuts[i]
        inner = steps[:, start] if length > 1 else np.zeros(m, dtype=np.int64)
        j, outer = i + 1, np.zeros(m, dtype=np.int64)
        while j < len(cuts) and cuts[j][1] == length:
            begin = cuts[j][0]
            if length > 1 and not np.array_equal(steps[:, begin], inner):
                break
            jump = table[:, begin] - table[:, cuts[j - 1][0]]
            if not np.array_equal(spaces[:, begin], spaces[:, start]):
                break
            if j == i + 1:
                outer = jump
            elif not np.array_equal(jump, outer):
                break
            j += 1
        found.append((start, (j - i, length), np.stack([outer, inner], axis=1)))
        i = j
    return found


def _loop(lines: list[str], shape: tuple[int, int]) -> list[str]:
    outer, inner = shape
    head = "{"
    if outer > 1:
        head = f"for (int j = 0; j < {outer}; j++) " + head
    if inner > 1:
        head += f" for (int k = 0; k < {inner}; k++) {{"
    return [head, *("  " + line for line in lines), "}" + "}" * (inner > 1)]


def _fill(line: str, bases: np.ndarray, strides: np.ndarray) -> str:
    """Put array accesses in the place of the numbered marks."""
    parts = line.split("@")
    for p in range(1, len(parts), 2):
        i = int(parts[p])
        parts[p] = place_text(int(bases[i]), [("j", int(strides[i, 0])), ("k", int(strides[i, 1]))])
    return "".join(parts)


def place_text(base: int, strides: list[tuple[str, int]]) -> str:
    """A place and its steps by loop as C."""
    space, offset = SPACES[base >> _SHIFT], base & _OFFSET
    index = str(offset)
    for name, stride in strides:
        if stride:
            index += f" + {name}" if stride == 1 else f" + {name} * {stride}"
    return f"{space}[{index}]" if space not in SCALAR else f"SPLAT({space}[{index}])"


def _tiles(
    op: str, rows: list[np.ndarray], strides: list[int], out: int, step: int, n: int
) -> list[str]:
    """Sums for n results, `TILE` at a time in registers, each source read once a tile."""
    tiles = -(-n // TILE)
    size = -(-n // tiles)
    whole, rest = divmod(n, size)
    lines = []
    if whole:
        lines += _tile(op, rows, strides, out, step, size, whole)
    if rest:
        done = whole * size
        moved = [row + done * s for row, s in zip(rows, strides, strict=True)]
        lines += _tile(op, moved, strides, out + done * step, step, rest, 1)
    return lines


def _tile(
    op: str, rows: list[np.ndarray], strides: list[int], out: int, step: int, size: int, count: int
) -> list[str]:
    lines = [f"for (int j = 0; j < {count}; j++) {{" if count > 1 else "{"]
    begin = {"sum": "0.0f", "prod": "1.0f", "max": "-INFINITY", "min": "INFINITY"}[op]
    # few sums: several chains each, so that additions need not wait for one another
    chains = 4 if size == 1 and op == "sum" else 2 if size <= 4 and op == "sum" else 1
    names = [f"a{i}" + (f"_{c}" if chains > 1 else "") for i in range(size) for c in range(chains)]
    lines.append("  V " + ", ".join(f"{name} = SPLAT({begin})" for name in names) + ";")
    for start, (outer, inner), steps in nests(np.stack(rows)):
        for o in range(outer):
            bases = [int(row[start]) + o * int(steps[r, 0]) for r, row in enumerate(rows)]
            groups = inner // chains
            if groups:
                jump = [(int(s), int(s) * chains) for s in steps[:, 1]]
                body = [
                    line
                    for c in range(chains)
                    for line in _products(
                        op, [b + c * s for b, (s, _) in zip(bases, jump, strict=True)],
                        [s for _, s in jump], strides, size, c if chains > 1 else None, count > 1,
                    )
                ]  # fmt: skip
                lines += [f"  for (int k = 0; k < {groups}; k++) {{", *body, "  }"]
            for left in range(groups * chains, inner):
                moved = [b + left * int(steps[r, 1]) for r, b in enumerate(bases)]
                chain = left % chains if chains > 1 else None
                lines += [
                    "  {",
                    *_products(op, moved, [0] * len(rows), strides, size, chain, count > 1),
                    "  }",
                ]
    for i in range(size):
        total = f"a{i}" if chains == 1 else " + ".join(f"a{i}_{c}" for c in range(chains))
        place = place_text(out + i * step, [("j", size * step)] if count > 1 else [])
        lines.append(f"  STORE({place}, {total});")
    return [*lines, "}"]


def _products(
    op: str, bases: list[int], along: list[int], strides: list[int], size: int, chain: int | None,
    tiled: bool,
) -> list[str]:  # fmt: skip
    lines = []
    shared = len(bases) == 2 and strides[0] == 0 and size > 1

    def read(r: int, i: int) -> str:
        return place_text(
            bases[r] + i * strides[r], [("k", along[r]), ("j", size * strides[r] * tiled)]
        )

    if shared:
        lines.append(f"    V s = {read(0, 0)};")
    for i in range(size):
        name = f"a{i}" if chain is None else f"a{i}_{chain}"
        if len(bases) == 2:
            first = "s" if shared else read(0, i)
            lines.append(f"    {name} += {first} * {read(1, i)};")
        elif op == "sum":
            lines.append(f"    {name} += {read(0, i)};")
        elif op == "prod":
            lines.append(f"    {name} *= {read(0, i)};")
        else:
            lines.append(f"    {name} = {_call(op, [name, read(0, i)])};")
    if chain is not None and shared:
        lines = ["    {", *lines, "    }"]
    return lines


_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def _call(op: str, args: list[str]) -> str:
    if op in _INFIX:
        return f"{args[0]} {_INFIX[op]} {args[1]}"
    if op == "neg":
        return f"-{args[0]}"
    if op == "copy":
        return args[0]
    return f"v_{op}({', '.join(args)})"


def _literal(value: float) -> str:
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{float(np.float32(value))!r}f"
