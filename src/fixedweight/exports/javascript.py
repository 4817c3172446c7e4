"""JavaScript: one module that learns on its own, in a browser or in Node."""

import json
import re
from collections.abc import Iterable
from importlib import resources

import numpy as np

from fixedweight.errors import InputError
from fixedweight.exports.c import NEEDS, PLAIN, filled, indented, number, parameters
from fixedweight.exports.traced import trace
from fixedweight.learner import Learner

MATH = {
    name: f"Math.{name}"
    for name in (
        *("sqrt", "tanh", "exp", "log", "log1p", "expm1", "sin", "cos", "tan", "asin", "acos"),
        *("atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "pow", "cbrt", "floor"),
        "ceil",
    )
} | {"exp2": "a => 2 ** a"}
"""Operation -> function of JavaScript's mathematical library."""


def to_javascript(learner: Learner) -> str:
    """A learner as the text of a JavaScript module, whose default export is its class.

    Raises:
        InputError: a step that cannot be written out.
    """
    traced = trace(learner)
    used = set(traced.functions)
    for name, needed in NEEDS.items():
        used |= needed if name in used else set()
    if unknown := used - set(MATH) - set(PLAIN):
        raise InputError(
            f"Expected a network of functions that JavaScript has, got {', '.join(sorted(unknown))}"
            " in its step."
        )
    functions = [f"const v_{name} = {MATH[name]};" for name in MATH if name in used]
    functions += [
        f"const v_{name} = ({parameters(text).replace('float ', '')}) => {_script(text)};"
        for name, text in PLAIN.items()
        if name in used
    ]
    words = {
        "NETWORK": type(learner.network).__name__,
        "INPUTS": str(learner.input_size),
        "TARGETS": str(learner.target_size),
        "TOLD": str(traced.told_size),
        "FLAGGED": json.dumps(learner.flagged),
        "INPUT_NAMES": json.dumps(list(learner.input_names)),
        "SCRATCH": str(traced.scratch),
        "FUNCTIONS": "\n".join(functions),
        "P": _array(traced.params),
        "K": _array(traced.constants),
        "BEGIN": _array(traced.begin),
        "OFFSET": _array(learner.scaling.target_offset),
        "SCALE": _array(learner.scaling.target_scale),
        "BODY": indented(_script(traced.body)),
    }
    folder = resources.files("fixedweight.exports") / "runtime"
    return filled((folder / "learner.mjs.txt").read_text(), words)


def _script(text: str) -> str:
    """What C and JavaScript do not share: types, and how the same number is written."""
    text = re.sub(r"\(float\)\(([^()]*)\)", r"Number(\1)", text)
    text = re.sub(r"\b(?:V|int) (?=\w+ =)", "let ", text)
    text = re.sub(r"(?<=[\d.])f\b", "", text)
    text = text.replace("INFINITY", "Infinity").replace("NAN", "NaN").replace("DY[", "Y[")
    text = re.sub(r"STORE\((.*), (.*)\);", r"\1 = \2;", text)
    return re.sub(r"SPLAT\(([^()]*)\)", r"\1", text)


def _array(values: Iterable[float | np.floating]) -> str:
    numbers = [number(value) for value in values]
    lines = [", ".join(numbers[i : i + 8]) for i in range(0, len(numbers), 8)]
    return "Float32Array.of(" + ",\n  ".join(lines) + ")"
