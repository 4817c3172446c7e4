"""How C reads: loops over places that lie evenly, sums in registers, expressions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fixedweight.kernels.places import OFFSET, SCALAR, SHIFT, SPACES

TILE = 12
"""Sums kept in registers at once; AVX-512 has 32."""


def nests(table: np.ndarray) -> list[tuple[int, tuple[int, int], np.ndarray]]:
    """Cut columns [operand, n] into loops: (start, (outer, inner), strides [operand, 2])."""
    m, n = table.shape
    if m == 0:
        return [(0, (1, n), np.zeros((0, 2), dtype=np.int64))]
    steps = np.diff(table, axis=1)
    spaces = table >> SHIFT
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


def loop(lines: list[str], shape: tuple[int, int]) -> list[str]:
    outer, inner = shape
    head = "{"
    if outer > 1:
        head = f"for (int j = 0; j < {outer}; j++) " + head
    if inner > 1:
        head += f" for (int k = 0; k < {inner}; k++) {{"
    return [head, *("  " + line for line in lines), "}" + "}" * (inner > 1)]


def filled(line: str, bases: np.ndarray, strides: np.ndarray) -> str:
    """Put array accesses in the place of the numbered marks."""
    parts = line.split("@")
    for p in range(1, len(parts), 2):
        i = int(parts[p])
        parts[p] = place_text(int(bases[i]), [("j", int(strides[i, 0])), ("k", int(strides[i, 1]))])
    return "".join(parts)


def place_text(base: int, strides: list[tuple[str, int]]) -> str:
    """A place and its steps by loop as C."""
    space, offset = SPACES[base >> SHIFT], base & OFFSET
    index = str(offset)
    for name, stride in strides:
        if stride:
            index += f" + {name}" if stride == 1 else f" + {name} * {stride}"
    return f"{space}[{index}]" if space not in SCALAR else f"SPLAT({space}[{index}])"


def tiles(
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
            lines.append(f"    {name} = {expression(op, [name, read(0, i)])};")
    if chain is not None and shared:
        lines = ["    {", *lines, "    }"]
    return lines


_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def expression(op: str, args: list[str]) -> str:
    if op in _INFIX:
        return f"{args[0]} {_INFIX[op]} {args[1]}"
    if op == "neg":
        return f"-{args[0]}"
    if op == "copy":
        return args[0]
    return f"v_{op}({', '.join(args)})"


def literal(value: float) -> str:
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{float(np.float32(value))!r}f"


def table(kind: str, name: str, values: Sequence[Any], form: str) -> str:
    """An array of constants."""
    body = ", ".join(_number(form, value) for value in values) or "0"
    return f"static const {kind} {name}[] = {{{body}}};"


def _number(form: str, value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "NAN" if np.isnan(value) else ("INFINITY" if value > 0 else "-INFINITY")
    return form.format(float(np.float32(value)) if isinstance(value, float) else value)
