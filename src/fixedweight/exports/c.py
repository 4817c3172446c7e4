"""C99: a header and a source that learn on their own, on a microcontroller too."""

import re
from importlib import resources

import numpy as np

from fixedweight.errors import InputError
from fixedweight.exports.traced import Traced, trace
from fixedweight.learner import Learner
from fixedweight.networks import Uncertain

LIBM = {
    name: f"{name}f"
    for name in (
        *("sqrt", "tanh", "exp", "exp2", "log", "log1p", "expm1", "sin", "cos", "tan", "asin"),
        *("acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc"),
        *("lgamma", "pow", "cbrt", "floor", "ceil"),
    )
}
"""Operation -> function of C's mathematical library."""
PLAIN = {
    "max": "a > b || a != a ? a : b",
    "min": "a < b || a != a ? a : b",
    "abs": "a < 0.0f ? -a : a",
    "sign": "a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : a",
    "square": "a * a",
    "rsqrt": "1.0f / v_sqrt(a)",
    "logistic": "0.5f + 0.5f * v_tanh(0.5f * a)",
    "lt": "(float)(a < b)",
    "le": "(float)(a <= b)",
    "gt": "(float)(a > b)",
    "ge": "(float)(a >= b)",
    "eq": "(float)(a == b)",
    "ne": "(float)(a != b)",
    "and": "a * b",
    "or": "a > b ? a : b",
    "not": "1.0f - a",
    "is_finite": "(float)(a - a == 0.0f)",
    "select": "a != 0.0f ? c : b",
}
"""Operation -> the same as an expression of a, b and c."""
NEEDS = {"rsqrt": {"sqrt"}, "logistic": {"tanh"}}
OWN: dict[str, set[str]] = {
    "sqrt": set(),
    "exp": set(),
    "tanh": {"exp"},
    "log": set(),
    "log1p": {"log"},
}
"""What `runtime/no_libm.h` has, and what of it each needs."""
MOST_NAME = 40


def to_c(learner: Learner, name: str = "learner", *, libm: bool = True) -> dict[str, str]:
    """A learner as C99: file name -> text of NAME.h and NAME.c.

    The source allocates nothing and includes nothing but <math.h>. All that changes is in a struct
    of the caller's, of a few hundred bytes; further memory is on the stack, while a function runs.

    Args:
        name: a C identifier, before all that the header declares.
        libm: False to do without the mathematical library too.

    Raises:
        InputError: a name that is no identifier, or a step that cannot be written out.
    """
    identifier(name)
    words = _words(trace(learner), name, libm)
    return {f"{name}.{kind}": filled(template(f"learner.{kind}"), words) for kind in ("h", "c")}


def to_estimator(learner: Learner, most_scaled: float) -> str:
    """The same in one file, with what `CompiledEstimator` calls; targets beyond `most_scaled`, as
    scaled for the network, are refused."""
    words = {**_words(trace(learner), "own", True), "MOST_SCALED": number(most_scaled)}
    header, source, shell = (
        filled(template(file), words) for file in ("learner.h", "learner.c", "estimator.c")
    )
    return source.replace('#include "own.h"', header) + shell


def identifier(name: str) -> None:
    """Refuse what is no identifier of C."""
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{MOST_NAME - 1}}}", name):
        raise InputError(
            f"Expected a C identifier of at most {MOST_NAME} letters, digits and _, got {name!r}."
        )


def template(name: str) -> str:
    """A text of `runtime`, with @WORD@ where something is to be filled in."""
    return (resources.files("fixedweight.exports") / "runtime" / f"{name}.txt").read_text()


def _words(traced: Traced, name: str, libm: bool) -> dict[str, str]:
    learner = traced.learner
    uses = [f"(void){array};" for array in "XS" if f"{array}[" not in traced.body]
    return {
        **_helpers(traced, libm),
        "NAME": name,
        "UPPER": name.upper(),
        "INPUTS": str(learner.input_size),
        "TARGETS": str(learner.target_size),
        "TOLD": str(traced.told_size),
        "STATE": str(max(1, traced.begin.size)),
        "PLACES": _places(learner, name),
        "FLAGGED": str(int(learner.flagged)),
        "INPUT_NAMES": ", ".join(learner.input_names) or "in order",
        "NETWORK": type(learner.network).__name__,
        "P": _table("P", traced.params),
        "K": _table("K", traced.constants) if traced.constants.size else "",
        "BEGIN": _table("begin", traced.begin if traced.begin.size else np.zeros(1, np.float32)),
        "OFFSET": _table("target_offset", np.asarray(learner.scaling.target_offset, np.float32)),
        "SCALE": _table("target_scale", np.asarray(learner.scaling.target_scale, np.float32)),
        "SCRATCH": f"float M[{traced.scratch}];" if traced.scratch else "",
        "UNUSED": " ".join(uses),
        "BODY": indented(traced.body),
        "ADVANCE": advance(traced.in_place, "float", str(max(1, traced.begin.size))),
    }


def _places(learner: Learner, name: str) -> str:
    """Where in the state a learner that predicts a spread keeps it, and its alarm, if any."""
    if not isinstance(learner.network, Uncertain):
        return ""
    begin, first, places = learner.initial_state(), 0, {}
    for part in sorted(begin):
        places[part], first = first, first + begin[part].size
    scale = ", ".join(f"{value:.7g}" for value in learner.scaling.target_scale)
    spread = "log standard deviation" if "strange" in places else "quantiles - prediction"
    lines = [
        f"/* After {name}_advance the state holds, from here on, the spread of the prediction:",
        f"   {spread}, where a target counts in {scale}. */",
        f"#define {name.upper()}_SPREAD {places['spread']}",
    ]
    if "strange" in places:
        lines += [
            "/* and here how unlike its family the stream is; above 1 is an alarm. */",
            f"#define {name.upper()}_STRANGE {places['strange']}",
        ]
    return "\n".join([*lines, ""])


def advance(in_place: bool, number: str, size: str) -> str:
    """Going on to the next example: over the state, where that can be."""
    if in_place:
        return "    look(learner, inputs, learner->state, prediction);"
    return (
        f"    {number} state[{size}];\n    int i;\n    look(learner, inputs, state, prediction);\n"
        f"    for (i = 0; i < {size}; i++) learner->state[i] = state[i];"
    )


def _helpers(traced: Traced, libm: bool) -> dict[str, str]:
    used = set(traced.functions)
    for name, needed in NEEDS.items():
        used |= needed if name in used else set()
    mathematical = used & set(LIBM)
    if libm:
        text = [
            f"#define v_{name}({_arguments(name)}) {LIBM[name]}({_arguments(name)})"
            for name in sorted(mathematical)
        ]
        beyond = "INFINITY" in traced.body
        include = "#include <math.h>\n" if mathematical or beyond else ""
    else:
        if unknown := mathematical - set(OWN):
            raise InputError(
                "Expected a network that does without the mathematical library, got "
                f"{', '.join(sorted(unknown))} in its step. Leave the library in."
            )
        mathematical |= set().union(*(OWN[name] for name in mathematical))
        text = [_own(name) for name in OWN if name in mathematical]
        include = "#include <stdint.h>\n#include <string.h>\n" if mathematical else ""
        if "INFINITY" in traced.body:
            include += (
                "#define INFINITY 3.402823466e38f /* where a greatest number is begun from */\n"
            )
    text += [
        f"static float v_{name}({parameters(PLAIN[name])}) {{ return {PLAIN[name]}; }}"
        for name in PLAIN
        if name in used
    ]
    return {"INCLUDE": include, "FUNCTIONS": "\n".join(text)}


def _own(name: str) -> str:
    text = (resources.files("fixedweight.exports") / "runtime" / "no_libm.h").read_text()
    begin = text.index(f"static float v_{name}(")
    return text[begin : text.index("\n}\n", begin) + 2]


def _arguments(name: str) -> str:
    return "a, b" if name in ("atan2", "pow") else "a"


def parameters(expression: str) -> str:
    names = [name for name in "abc" if re.search(rf"\b{name}\b", expression)]
    return ", ".join(f"float {name}" for name in names)


def _table(name: str, values: np.ndarray) -> str:
    numbers = [f"{number(value)}f" for value in values]
    lines = [", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
    return f"static const float {name}[{len(numbers)}] = {{\n    " + ",\n    ".join(lines) + "\n};"


def number(value: float | np.floating) -> str:
    """The shortest text from which the same float32 is read."""
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return text if "e" in text else f"{text}.0"


def indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.splitlines())


def filled(text: str, words: dict[str, str]) -> str:
    """The text with each @WORD@ in its place."""
    filled = re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], text)
    return re.sub(r"\n{3,}", "\n\n", filled)
