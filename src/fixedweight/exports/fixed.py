"""C99 in whole numbers, for processors without floating point."""

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.exports.c import advance, filled, identifier, indented, template
from fixedweight.learner import Learner, as_floats

if TYPE_CHECKING:
    from fixedweight.exports.ranges import Scalars
    from fixedweight.exports.whole_numbers import Scales, WholeNumbers

FUNCTIONS = {
    "v_max": "static V v_max(V a, V b) { return a > b ? a : b; }",
    "v_min": "static V v_min(V a, V b) { return a < b ? a : b; }",
    "v_abs": "static V v_abs(V a) { return a < 0 ? -a : a; }",
    "v_within": "static V v_within(V a, V b) { return a > b ? b : a < -b ? -b : a; }",
    "v_tanh": """/* tanh(a / 65536) * 32768: the nearest of a table, corrected by a series */
static V v_tanh(V a)
{
    V size = a < 0 ? -a : a, at, from, t, slope, first;
    if (size > 524288) size = 524288;
    at = (size + 2048) >> 12;
    from = size - at * 4096;
    t = table_of_tanh[at];
    slope = 32768 - ((t * t) >> 15);
    first = (slope * from) >> 15;
    t += v_down(first - ((((t * first) >> 15) * from) >> 16), 1);
    return v_cut(a < 0 ? -t : t);
}""",
}
MOST_ROW = 2.0**29
"""No offset, and no input at which a scaled one is cut off, is a larger whole number."""


def to_fixed(
    learner: Learner, name: str = "learner", *, bits: int = 16, streams: Any | None = None
) -> dict[str, str]:
    """A learner as C99 in whole numbers: file name -> text of NAME.h and NAME.c.

    State and signals have 16 bits, weights `bits`, sums 32. Each number's power of two comes from
    the largest it becomes on streams; what grows larger later is cut off, and never wraps around.

    Args:
        name: a C identifier, before all that the header declares.
        bits: of a weight, 8 or 16.
        streams: (inputs [batch, time, input], targets [batch, time, target], NaN where unknown) as
            those to come. By default random functions and noise, on the learner's own scale.

    Raises:
        InputError: a name that is no identifier, other bits, streams of another shape, or a step
            that whole numbers of 16 bits cannot do; the message names the operation.
        MissingExtraError: the extra `train` is not installed.
    """
    require("jax", "train")
    from fixedweight.exports.ranges import likely_streams, scalars, told_rows
    from fixedweight.exports.whole_numbers import Scales, WholeNumbers

    identifier(name)
    if bits not in (8, 16):
        raise InputError(f"Expected weights of 8 or 16 bits, got {bits}.")
    step = scalars(learner)
    x, y = likely_streams(learner) if streams is None else streams
    x = as_floats("inputs", x, (None, None, learner.input_size))
    y = as_floats("targets", y, (*x.shape[:2], learner.target_size), missing=True)
    scales = Scales(step, told_rows(learner, x, y))
    words = _words(step, scales, WholeNumbers(step, scales, bits), name, bits)
    return {f"{name}.{kind}": filled(template(f"fixed.{kind}"), words) for kind in ("h", "c")}


def _words(
    step: "Scalars", scales: "Scales", code: "WholeNumbers", name: str, bits: int
) -> dict[str, str]:
    from fixedweight.exports.in_place import in_place
    from fixedweight.exports.whole_numbers import MOST

    learner, scaling = step.learner, step.learner.scaling
    n, targets = learner.input_size, learner.target_size
    columns = [
        *zip(scaling.input_offset, scaling.input_scale, strict=True),
        *zip(scaling.target_offset, scaling.target_scale, strict=True),
    ]
    given, found = scales.exponents[step.row][: len(columns)], scales.exponents[step.prediction]
    coarsest = np.minimum(given, np.concatenate([given[:n], found]))
    rows = [_scaled_by(*column, int(e), int(least)) for column, e, least in
            zip(columns, given, coarsest, strict=True)]  # fmt: skip
    ins = [bits for bits, _ in rows]
    back = [_raw_by(*column, int(e), bits) for column, e, bits in
            zip(columns[n:], found, ins[n:], strict=True)]  # fmt: skip
    begin = learner.initial_state()
    start = np.concatenate([np.zeros(0), *(begin[k].reshape(-1) for k in sorted(begin))])
    start = np.clip(np.rint(start * 2.0 ** scales.exponents[step.before]), -MOST, MOST)
    used = set(re.findall(r"\bv_\w+", code.body))
    functions = [text for function, text in FUNCTIONS.items() if function in used]
    if "v_tanh" in used:
        steps = np.minimum(MOST, np.rint(32768 * np.tanh(np.arange(129) / 16)))
        functions.insert(0, table("table_of_tanh", steps, 16))
    state_bits = [*scales.exponents[step.before], *scales.exponents[step.row[n:]]]
    state_bits = [0] * (not start.size) + state_bits
    arrived = min(MOST, 2 ** int(scales.exponents[step.row[-1]]))
    return {
        "NAME": name,
        "UPPER": name.upper(),
        "NETWORK": type(learner.network).__name__,
        "INPUTS": str(n),
        "TARGETS": str(targets),
        "TOLD": str(targets + int(learner.flagged)),
        "STATE": str(max(1, start.size)),
        "FLAGGED": str(int(learner.flagged)),
        "ARRIVED": str(arrived),
        "INPUT_NAMES": ", ".join(learner.input_names) or "in order",
        "INPUT_BITS": f"({', '.join(map(str, ins[:n]))})",
        "TARGET_BITS": f"({', '.join(map(str, ins[n:]))})",
        "IN_BITS": ", ".join(map(str, ins[:n])),
        "STATE_BITS": ", ".join(map(str, state_bits)),
        "OUT_BITS": ", ".join(map(str, ins[n:])),
        "FUNCTIONS": "\n".join(functions),
        "P": table("P", np.array(code.weights.values), bits) if code.weights.values else "",
        "U": table("U", np.array(code.downs.values), 8) if code.downs.values else "",
        "K": table("K", np.array(code.constants.values), 16) if code.constants.values else "",
        "BEGIN": table("begin", start if start.size else np.zeros(1), 16),
        "IN": _triples("scale_in", [row for _, row in rows]),
        "OUT": _triples("scale_out", back),
        "SCRATCH": f"int16_t M[{code.scratch}];" if code.scratch else "",
        "UNUSED": " ".join(f"(void){a};" for a in "XS" if f"{a}[" not in code.body),
        "BODY": indented(code.body),
        "ADVANCE": advance(in_place(code), "int16_t", str(max(1, start.size))),
    }


def _scaled_by(
    offset: float, scale: float, exponent: int, coarsest: int
) -> tuple[int, tuple[int, int, int]]:
    """Bits of a raw number, and how one is scaled: offset, bits it loses, multiplier of 2^-14.

    A scaled number has `exponent`, and `coarsest` where it is a prediction.
    """
    reach = scale * 2.0 ** (15 - exponent)
    most = max(16, math.ceil(16 - math.log2(reach)))
    largest = max(scale * 2.0 ** (15 - coarsest), abs(offset))
    bits = min(most, math.floor(math.log2(MOST_ROW / largest)))
    down = max(0, math.ceil(math.log2(reach * 2.0**bits / 32768) - 1e-9))
    times = 2.0 ** (exponent - bits + down) / scale
    if times >= 2.0:
        raise InputError(
            f"Expected a column that varies on the scale of its size, got a spread of {scale} "
            f"around {offset}. Subtract a constant from it first."
        )
    return bits, (round(offset * 2.0**bits), down, min(32767, round(times * 2**14)))


def _raw_by(offset: float, scale: float, exponent: int, bits: int) -> tuple[int, int, int]:
    """How a raw number is had from a scaled one: offset, bits it loses, multiplier."""
    times = scale * 2.0 ** (bits - exponent)
    down = min(30, max(0, 14 - math.floor(math.log2(times))))
    return round(offset * 2.0**bits), down, round(times * 2**down)


def table(name: str, values: np.ndarray, bits: int) -> str:
    """A constant array of whole numbers in C."""
    numbers = [str(int(value)) for value in values]
    lines = [", ".join(numbers[i : i + 16]) for i in range(0, len(numbers), 16)]
    head = f"static const int{bits}_t {name}[{len(numbers)}] = "
    return head + "{\n    " + ",\n    ".join(lines) + "\n};"


def _triples(name: str, rows: list[tuple[int, int, int]]) -> str:
    text = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in rows)
    return f"static const int32_t {name}[{len(rows)}][3] = {{{text}}};"
