"""The C source of a step's kernel: forward, and forward with its pullback."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from math import prod
from typing import Any, Literal

import jax
import numpy as np

from fixedweight.kernels.emit import Function
from fixedweight.kernels.loops import table
from fixedweight.kernels.lower import lower
from fixedweight.kernels.places import Constants, Stores, location
from fixedweight.kernels.program import LANE, UNIFORM, Map, Program, Sum, closure, joined
from fixedweight.kernels.sums import Sums, Vectors

CHEAP = frozenset(
    {"add", "sub", "mul", "neg", "select", "copy", "max", "min", "abs", "square",
     "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}
)  # fmt: skip
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


class _Assembly:
    """Assembles the functions of one kernel around a shared set of places."""

    def __init__(
        self, program: Program, leaves: Leaves, vectors: Vectors, args: Any, cotangents: Any,
        new_state: Any, outputs: Any, d_params: Any, d_state: Any, d_inputs: Any,
    ) -> None:  # fmt: skip
        self.program, self.leaves, self.vectors = program, leaves, vectors
        self.constants = Constants()
        sums = Sums(program, vectors, leaves.params, d_params)
        statements = program.statements
        size = len(program.kinds)
        kinds = program.kinds
        back = np.zeros(size, dtype=bool)
        """Ids that depend on a cotangent."""
        back[joined(cotangents)] = True
        for statement in statements:
            back[statement.out] = np.any(
                [back[a].reshape(len(a), -1).any(axis=1) for a in statement.args], axis=0
            )
        uniform = [s for s in statements if kinds[s.out[0]] == UNIFORM]
        lane = [s for s in statements if kinds[s.out[0]] == LANE]
        params, state, inputs, d_new, d_out = (joined(group) for group in args)
        new, out = joined(new_state), joined(outputs)
        d_old, d_in = joined(d_state), joined(d_inputs)

        # uniform values, computed once a call
        where = np.full(size, -1, dtype=np.int64)
        where[params] = location("P", np.arange(params.size))
        computed = joined([s.out for s in uniform])
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
        backward, needed = closure(again, joined([d_old, d_in, sums.needed]), size)
        made = where >= 0
        made[joined([s.out for s in backward] + [d_new, d_out])] = True
        tape = np.flatnonzero(needed & ~made & ~remembered & (kinds == LANE))

        results = (new, "N"), (out, "DY")
        plain, _ = closure(front, joined([new, out]), size)
        forward = Function(program, plain, where, Stores.of(*results), self.constants, CHEAP)
        taping, _ = closure(front, joined([new, out, tape]), size)
        stores = Stores.of(*results, (tape, "T"))
        taped = Function(program, taping, where, stores, self.constants, CHEAP)

        moved = remembered[new] & (where[new] < 0)
        where[new[moved]] = location("N", np.flatnonzero(moved))
        where[tape] = location("T", np.arange(tape.size))
        where[d_new] = location("DN", np.arange(d_new.size))
        where[d_out] = location("DY", np.arange(d_out.size))
        stores = Stores.of((d_old, "DS"), (d_in, "DX"), (sums.direct, "A"))
        records = sums.record(where, stores)
        pulled = Function(program, backward, where, stores, self.constants, CHEAP)

        self.sizes = {
            "WIDTH": vectors.width, "NP": params.size, "NU": computed.size, "NX": inputs.size,
            "NS": state.size, "NY": out.size, "NT": tape.size, "NR": records,
            "NA": sums.direct.size,
            "NM": max(f.scratch for f in (prologue, forward, taped, pulled)),
        }  # fmt: skip
        done = [*taping, *backward]
        pairs = [s.args[0].size for s in done if isinstance(s, Sum) and len(s.args) == 2]
        functions: dict[str, int] = {}
        for s in done:
            if isinstance(s, Map) and s.op not in CHEAP:
                functions[s.op] = functions.get(s.op, 0) + s.out.size
        self.source = Source(
            self._assemble(prologue, forward, taped, pulled, sums),
            sum(pairs) + sums.multiply_adds,
            functions,
        )

    def _assemble(
        self, prologue: Function, forward: Function, taped: Function, pulled: Function, sums: Sums
    ) -> str:  # fmt: skip
        runtime = resources.files("fixedweight.kernels") / "runtime"
        lines = [f"#define {name} {value}" for name, value in self.sizes.items()]
        lines.append((runtime / "vector.h").read_text())
        lines.append(table("float", "K", self.constants.values, "{!r}f"))
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
        lines += sums.tables()
        for name in ("params", "state", "inputs", "outputs"):
            shapes = getattr(self.leaves, name)
            lines.append(table("int", f"{name}_sizes", [prod(s) for s in shapes], "{}"))
            lines.append(f"#define N_{name.upper()} {len(shapes)}")
        lines.append(f"#define FIRST_INPUT_RANK {len(self.leaves.inputs[0])}")
        lines.append((runtime / "sequence.h").read_text())
        lines.append((runtime / "xla.h").read_text())
        return "\n".join(lines)
