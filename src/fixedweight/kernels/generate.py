"""The C source of a step's kernel: forward, and forward with its pullback."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from math import prod
from typing import Any, Literal

import jax
import numpy as np

from fixedweight.kernels.emit import Function
from fixedweight.kernels.lower import NotCompiled, Outer, lower
from fixedweight.kernels.places import Constants, Stores, location
from fixedweight.kernels.program import LANE, UNIFORM, Map, Program, Sum, closure

CHEAP = {"add", "sub", "mul", "neg", "select", "copy", "max", "min", "abs", "square",
         "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}  # fmt: skip
"""Operations done again on the way back rather than remembered."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Leaves:
    """The shapes of a step's arrays for one stream, in the order of their pytrees' leaves."""

    params: tuple[Shape, ...]
    state: tuple[Shape, ...]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


Step = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]
"""(params, state, inputs) -> (new state, outputs), all lists of arrays of one stream."""


@dataclass(frozen=True)
class Source:
    """A kernel's C, and what one example of a stream costs in a pullback."""

    text: str
    multiply_adds: int
    """In sums of products: forward, back, and for the gradient of the weights."""
    functions: dict[str, int]
    """Evaluations of tanh, exp and the like, by name."""


@dataclass(frozen=True)
class Vectors:
    """What the processor computes with."""

    width: int
    """Streams to a vector."""
    registers: int = 32
    """Vectors that it holds."""

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of the outer products whose sums are kept in registers."""
        return (2, 6) if self.registers < 32 else (4, 6)


Pull = Literal["nothing", "params", "inputs"]
"""How far a pullback goes: nowhere, to the parameters and the state before, or to the inputs too.
"""


def generate(step: Step, leaves: Leaves, vectors: Vectors, pull: Pull) -> Source:
    """C for the step.

    Raises:
        NotCompiled: the step uses something that kernels do not know, named in the message.
    """
    program = Program()
    spec = {
        name: [jax.ShapeDtypeStruct(shape, np.float32) for shape in getattr(leaves, name)]
        for name in ("params", "state", "inputs", "outputs")
    }

    def whole(params: Any, state: Any, inputs: Any, d_state: Any, d_outputs: Any) -> Any:
        if pull == "nothing":
            return step(params, state, inputs)
        results, back = jax.vjp(step, params, state, inputs)
        return results, back((d_state, d_outputs))

    arguments = (spec["params"], spec["state"], spec["inputs"], spec["state"], spec["outputs"])
    jaxpr = jax.make_jaxpr(whole)(*arguments)
    args: list[list[np.ndarray]] = []
    for i, group in enumerate(arguments):
        args.append([program.new(leaf.shape, UNIFORM if i == 0 else LANE) for leaf in group])
    counts = [len(leaves.state), len(leaves.outputs), len(leaves.params), len(leaves.state)]
    if pull == "nothing":
        counts[2:] = 0, 0
    ends = np.cumsum(counts)
    results = lower(
        program, jaxpr, [ids for group in args for ids in group], range(int(ends[1]), int(ends[2]))
    )
    new_state, outputs, d_params, d_state, d_inputs = (
        results[a:b] for a, b in zip([0, *ends], [*ends, len(results)], strict=True)
    )
    if pull == "params":
        d_inputs = []
    return _Assembly(
        program, leaves, vectors, args, args[3] + args[4], new_state, outputs, d_params, d_state,
        d_inputs,
    ).source  # fmt: skip


def _join(ids: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *(np.asarray(v).reshape(-1) for v in ids)])


class _Assembly:
    """Assembles the functions of one kernel around a shared set of places."""

    def __init__(
        self, program: Program, leaves: Leaves, vectors: Vectors, args: Any, cotangents: Any,
        new_state: Any, outputs: Any, d_params: Any, d_state: Any, d_inputs: Any,
    ) -> None:  # fmt: skip
        self.program, self.leaves, self.vectors = program, leaves, vectors
        self.constants = Constants()
        self.jobs: list[tuple[int, int, int, int, np.ndarray]] = []
        self.records = 0
        self.record = Stores()
        direct, owners = self._gradients(d_params)
        statements = program.statements
        size = len(program.kinds)
        kinds = program.kinds
        back = np.zeros(size, dtype=bool)
        """Ids that depend on a cotangent."""
        back[_join(cotangents)] = True
        for statement in statements:
            back[statement.out] = np.any(
                [back[a].reshape(len(a), -1).any(axis=1) for a in statement.args], axis=0
            )
        uniform = [s for s in statements if kinds[s.out[0]] == UNIFORM]
        lane = [s for s in statements if kinds[s.out[0]] == LANE]
        params, state, inputs, d_new, d_out = (_join(group) for group in args)
        new, out = _join(new_state), _join(outputs)
        d_old, d_in = _join(d_state), _join(d_inputs)

        # uniform values, computed once a call
        where = np.full(size, -1, dtype=np.int64)
        where[params] = location("P", np.arange(params.size))
        computed = _join([s.out for s in uniform])
        prologue = Function(program, uniform, where, Stores.of((computed, "U")), self.constants)
        where[computed] = location("U", np.arange(computed.size))
        where[inputs] = location("X", np.arange(inputs.size))
        where[state] = location("S", np.arange(state.size))

        # what the way back needs of the way forth is done again if cheap, else put on the tape;
        # a new state is remembered anyway, as the state before the next step
        front = [s for s in lane if not back[s.out[0]]]
        remembered = np.zeros(size, dtype=bool)
        remembered[new] = ~back[new] & (kinds[new] == LANE)
        again = [s for s in lane if back[s.out[0]] or (isinstance(s, Map) and s.op in CHEAP)]
        again = [s.restrict(keep) for s in again if (keep := ~remembered[s.out]).any()]
        recorded = np.array(list(self.record.places), dtype=np.int64)
        backward, needed = closure(again, _join([d_old, d_in, direct, recorded]), size)
        made = where >= 0
        made[_join([s.out for s in backward] + [d_new, d_out])] = True
        tape = np.flatnonzero(needed & ~made & ~remembered & (kinds == LANE))

        results = (new, "N"), (out, "DY")
        plain, _ = closure(front, _join([new, out]), size)
        forward = Function(program, plain, where, Stores.of(*results), self.constants)
        taping, _ = closure(front, _join([new, out, tape]), size)
        stores = Stores.of(*results, (tape, "T"))
        taped = Function(program, taping, where, stores, self.constants)

        moved = remembered[new] & (where[new] < 0)
        where[new[moved]] = location("N", np.flatnonzero(moved))
        where[tape] = location("T", np.arange(tape.size))
        where[d_new] = location("DN", np.arange(d_new.size))
        where[d_out] = location("DY", np.arange(d_out.size))
        self.record.add(d_old, "DS")
        self.record.add(d_in, "DX")
        self.record.add(direct, "A")
        pulled = Function(program, backward, where, self.record, self.constants)

        self.sizes = {
            "WIDTH": vectors.width, "NP": params.size, "NU": computed.size, "NX": inputs.size,
            "NS": state.size, "NY": out.size, "NT": tape.size, "NR": self.records,
            "NA": direct.size,
            "NM": max(f.scratch for f in (prologue, forward, taped, pulled)),
        }  # fmt: skip
        outer = sum(row_count * columns for _, row_count, _, columns, _ in self.jobs)
        done = [*taping, *backward]
        functions: dict[str, int] = {}
        for s in done:
            if isinstance(s, Map) and s.op not in CHEAP:
                functions[s.op] = functions.get(s.op, 0) + s.out.size
        self.source = Source(
            self._assemble(prologue, forward, taped, pulled, owners),
            outer + sum(s.args[0].size for s in done if len(s.args) == 2 and isinstance(s, Sum)),
            functions,
        )

    def _gradients(self, d_params: Any) -> tuple[np.ndarray, np.ndarray]:
        """Plan each parameter's gradient: outer products by job, the rest summed step by step.

        Returns the ids summed directly and the parameters they belong to.
        """
        program = self.program
        ids: list[np.ndarray] = []
        owners: list[np.ndarray] = []
        first = 0
        for value, shape in zip(d_params, self.leaves.params, strict=bool(d_params)):
            n = prod(shape)
            owner = np.arange(first, first + n)
            first += n
            for a, b in value.terms if isinstance(value, Outer) else [(value, None)]:
                a = a.reshape(-1)
                b = None if b is None else b.reshape(-1)
                if b is not None and not self._job(a, b, owner):
                    a, b = program.map("mul", a, b).reshape(-1), None
                if b is None:
                    keep = ~program.is_constant(a, 0.0)
                    if (program.kind(a[keep]) != LANE).any():
                        raise NotCompiled("a gradient that does not depend on the stream")
                    ids.append(a[keep])
                    owners.append(owner[keep])
        return _join(ids), _join(owners)

    def _job(self, a: np.ndarray, b: np.ndarray, owner: np.ndarray) -> bool:
        """Plan sum over steps of a b as an outer product of all a with all b, if it is one."""
        program = self.program
        keep = ~(program.is_constant(a, 0.0) | program.is_constant(b, 0.0))
        a, b, owner = a[keep], b[keep], owner[keep]
        if not a.size:
            return True
        rows, row = np.unique(a, return_inverse=True)
        columns, column = np.unique(b, return_inverse=True)
        if a.size < 0.7 * rows.size * columns.size:
            return False
        if self.padded(columns.size, rows.size) < self.padded(rows.size, columns.size):
            rows, columns, row, column = columns, rows, column, row
        table = np.full((rows.size, columns.size), -1)
        if len(set(zip(row.tolist(), column.tolist(), strict=True))) < a.size:
            return False
        table[row, column] = owner
        offsets = []
        for ids, tile in zip((rows, columns), self.vectors.tile, strict=True):
            lanes = ids.copy()
            fixed = program.kind(ids) != LANE
            if fixed.any():  # the record holds lanes only
                lanes[fixed] = program.new((int(fixed.sum()),), LANE)
                program.statements.append(Map("copy", lanes[fixed], (ids[fixed],)))
            self.record.add(lanes, "R", self.records)
            offsets.append(self.records)
            self.records += -(-ids.size // tile) * tile
        self.jobs.append((offsets[0], rows.size, offsets[1], columns.size, table))
        return True

    def padded(self, rows: int, columns: int) -> int:
        """Numbers of an outer product in whole tiles."""
        tall, wide = self.vectors.tile
        return -(-rows // tall) * tall * (-(-columns // wide) * wide)

    def _assemble(
        self, prologue: Function, forward: Function, taped: Function, pulled: Function,
        owners: np.ndarray,
    ) -> str:  # fmt: skip
        runtime = resources.files("fixedweight.kernels") / "runtime"
        lines = [f"#define {name} {value}" for name, value in self.sizes.items()]
        lines.append((runtime / "vector.h").read_text())
        lines.append(_table("float", "K", self.constants.values, "{!r}f"))
        const, lanes = "const float *restrict", "V *restrict"
        head = f"{const} P, {const} U, const {lanes} X, const {lanes} S, {lanes} N, {lanes} M"
        lines += [
            f"static void prologue({const} P, float *restrict U, {lanes} M) {{\n"
            + prologue.body.replace("STORE(SPLAT(", "STORE_FIRST((") + "\n}",
            f"static void forward({head}, {lanes} DY) {{\n{forward.body}\n}}",
            f"static void taped({head}, {lanes} DY, {lanes} T) {{\n"
            + (taped.body if self.sizes["NT"] else "forward(P, U, X, S, N, M, DY);") + "\n}",
            f"static void pulled({head.replace(f'{lanes} N', f'const {lanes} N')}, "
            f"const {lanes} T, const {lanes} DN, const {lanes} DY, {lanes} DS, {lanes} DX, "
            f"{lanes} R, {lanes} A) {{\n{pulled.body}\n}}",
        ]  # fmt: skip
        acc, jobs, owner_of = 0, [], []
        for row, rows, column, columns, table in self.jobs:
            jobs.append(f"{{{row}, {rows}, {column}, {columns}, {acc}, {len(owner_of)}}}")
            acc += self.padded(rows, columns)
            owner_of += table.reshape(-1).tolist()
        lines += [
            f"#define NJ {len(jobs)}",
            f"#define NG {acc}",
            "#define ROWS {}\n#define COLUMNS {}".format(*self.vectors.tile),
            "struct job { int row, rows, column, columns, sum, owner; };",
            f"static const struct job jobs[] = {{{', '.join(jobs) or '{0}'}}};",
            _table("int", "owner_of", owner_of, "{}"),
            _table("int", "direct_owner", owners.tolist(), "{}"),
        ]
        for name in ("params", "state", "inputs", "outputs"):
            shapes = getattr(self.leaves, name)
            lines.append(_table("int", f"{name}_sizes", [prod(s) for s in shapes], "{}"))
            lines.append(f"#define N_{name.upper()} {len(shapes)}")
        lines.append(f"#define FIRST_INPUT_RANK {len(self.leaves.inputs[0])}")
        lines.append((runtime / "sequence.h").read_text())
        lines.append((runtime / "xla.h").read_text())
        return "\n".join(lines)


def _table(kind: str, name: str, values: Sequence[Any], form: str) -> str:
    body = ", ".join(_number(form, value) for value in values) or "0"
    return f"static const {kind} {name}[] = {{{body}}};"


def _number(form: str, value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "NAN" if np.isnan(value) else ("INFINITY" if value > 0 else "-INFINITY")
    return form.format(float(np.float32(value)) if isinstance(value, float) else value)
