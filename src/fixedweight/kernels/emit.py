"""From statements to a C function over vectors of lanes."""

from collections.abc import Sequence

import numpy as np

from fixedweight.kernels.inline import inlined
from fixedweight.kernels.loops import expression, filled, literal, loop, nests, tiles
from fixedweight.kernels.places import (
    OFFSET,
    SCALAR,
    SHIFT,
    SPACES,
    Constants,
    Stores,
    location,
    space_of,
)
from fixedweight.kernels.program import CONSTANT, Map, Program, Statement, Sum

SCALAR_SPACES = {SPACES.index(name) for name in SCALAR}


class Function:
    """The body of one C function: statements fused into loops, each result put in its place."""

    def __init__(
        self,
        program: Program,
        statements: Sequence[Statement],
        given: np.ndarray,
        stores: Stores,
        constants: Constants,
        cheap: frozenset[str] = frozenset(),
    ) -> None:
        """The function's body.

        Args:
            given: the place of each id that is there when the function begins, else -1.
            cheap: operations on what is given that are done in the loop that reads their results.
        """
        self.constants = constants
        self.kinds = program.kinds
        self.values = program.values
        self.where = given.copy()
        self.stores = stores
        self.group_of = np.full(given.size, -1, dtype=np.int64)
        stored = np.zeros(given.size, dtype=bool)
        stored[list(stores.places)] = True
        statements, self.inlined = inlined(statements, given, program.kinds, stored, cheap)
        self.groups = self._group(statements)
        self.summed = self._summed()
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

    def _summed(self) -> np.ndarray:
        """The place of the sum to which each id is added in the loop that computes it, else -1."""
        summed = np.full(len(self.where), -1, dtype=np.int64)
        sums = {
            i: [place for place in places if space_of(place) == "A"]
            for i, places in self.stores.places.items()
        }
        for group in self.groups:
            for statement in group:
                places = [sums.get(i, []) for i in statement.out.tolist()]
                if isinstance(statement, Map) and all(len(place) == 1 for place in places):
                    summed[statement.out] = [place for (place,) in places]
        return summed

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
            readable = [place for place in places if space_of(place) != "A"]
            if self.group_of[i] >= 0 and readable:
                self.where[i] = readable[0]
            elif self.group_of[i] >= 0:
                outside[i] |= self.summed[i] < 0
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
            if i > at or (places >> SHIFT != SPACES.index("M")).any():
                continue
            spoken_for = taken | set(places.tolist())
            if (last[row] != number).any() or len(spoken_for) < row.size + len(taken):
                continue
            mine = np.zeros(len(self.where), dtype=bool)
            mine[row] = True
            users = [(j, other) for j, other in columns if mine[other].any()]
            if all(j <= at and np.array_equal(other, row) for j, other in users):
                taken |= spoken_for
                return places & OFFSET
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
        return f"SPLAT({literal(value)})"

    def call(self, statement: Statement, args: list[str]) -> str:
        """An elementwise operation as an expression of its arguments."""
        return expression(statement.op, args)

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

        def operand(arg: np.ndarray) -> str:
            if self.group_of[arg[0]] == number:
                return names[int(arg[0])]
            if (self.kinds[arg] == CONSTANT).all() and np.all(arg == arg[0]):
                return self.literal(float(self.values[arg[0]]))
            if parts := self.inlined.parts(arg):
                return f"({self.call(parts[0], [operand(part) for part in parts[1]])})"
            return use(self.column(arg))

        for count, statement in enumerate(group):
            args = [operand(arg) for arg in statement.args]
            register = f"r{count}"
            names[int(statement.out[0])] = register
            lines.append(f"V {register} = {self.call(statement, args)};")
            if (self.where[statement.out] >= 0).any():
                lines.append(f"STORE({use(self.settled(statement.out))}, {register});")
            if (self.summed[statement.out] >= 0).all():
                lines.append(f"ADD({use(self.summed[statement.out])}, {register});")
        out: list[str] = []
        table = np.stack(columns) if columns else np.zeros((0, n), dtype=np.int64)
        for start, shape, strides in nests(table):
            text = [filled(line, table[:, start], strides) for line in lines]
            out += loop(text, shape)
        return out

    def _copies(self) -> list[str]:
        """What is stored in a second place, was computed elsewhere, or is added up."""
        pairs = [
            (i, place)
            for i, places in self.stores.places.items()
            for place in places
            if place != self.where[i] and space_of(place) != "A"
        ]
        sums = [
            (i, place)
            for i, places in self.stores.places.items()
            for place in places
            if space_of(place) == "A" and self.summed[i] < 0
        ]
        lines = []
        for chosen, macro in ((pairs, "STORE"), (sums, "ADD")):
            if not chosen:
                continue
            chosen.sort(key=lambda pair: pair[1])
            ids = np.array([i for i, _ in chosen])
            table = np.stack([np.array([place for _, place in chosen]), self.column(ids)])
            for start, shape, strides in nests(table):
                text = filled(f"{macro}(@0@, @1@);", table[:, start], strides)
                lines += loop([text], shape)
        return lines

    def reduction(self, statement: Sum) -> list[str]:
        n, depth = statement.args[0].shape
        out = self.settled(statement.out)
        args = [self.column(arg.reshape(-1)).reshape(n, depth) for arg in statement.args]
        if len(args) == 2 and all(place >> SHIFT in SCALAR_SPACES for place in args[0][:, 0]):
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
                and np.array_equal(table[end] >> SHIFT, table[start] >> SHIFT)
            ):
                end += 1
            stride = steps[start] if end > start + 1 else np.zeros(table.shape[1], np.int64)
            by_arg = np.split(stride[1:], len(args))
            if any(np.any(s != s[0]) for s in by_arg):
                end, by_arg = start + 1, [np.zeros(1, np.int64)] * len(args)
            rows = [arg[start] for arg in args]
            lines += tiles(statement.op, rows, [int(s[0]) for s in by_arg],
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
