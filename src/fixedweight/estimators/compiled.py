"""The online estimator with its step compiled: the same learner, in a microsecond or two."""

import ctypes
import functools
import math
import struct
import sys
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.estimators.online import (
    MOST_SCALED,
    Inputs,
    OnlineEstimator,
    Target,
    target_rows,
    too_large,
)
from fixedweight.learner import Learner, as_floats

Direct = Callable[..., float]
CODES: WeakKeyDictionary[Learner, ctypes.CDLL] = WeakKeyDictionary()
"""Of learners in use: a thousand estimators of one share its code, which takes a while to find."""


class CompiledEstimator(OnlineEstimator):
    """An `OnlineEstimator` whose step the machine's C compiler has compiled, from the same source
    as the export to C.

    It takes a second the first time a learner is used; what was compiled is kept and found again.
    Making one needs the extra `train` and a C compiler.

    Raises:
        InputError: there is no C compiler, or the step cannot be written out.
        MissingExtraError: the extra `train` is not installed.
    """

    def __init__(self, learner: Learner) -> None:
        self._code = _library(learner)
        n, k = learner.input_size, learner.target_size
        self._memory = ctypes.create_string_buffer(self._code.estimator_size())
        self._at = ctypes.addressof(self._memory)
        begin = learner.initial_state()
        told = k + int(learner.flagged)
        held = max(1, sum(part.size for part in begin.values()))
        floats = np.frombuffer(memoryview(self._memory), dtype=np.float32)
        self._parts, first = {}, 0
        for name in sorted(begin):
            end = first + begin[name].size
            self._parts[name] = floats[first:end].reshape(begin[name].shape)
            first = end
        self._told = floats[held : held + told]
        self._x_at, self._y_at, self._found_at = (4 * (held + told + i) for i in (0, n, n + k))
        self._pack_x, self._pack_y = struct.Struct(f"{n}f"), struct.Struct(f"{k}f")
        named = n > 1 and learner.input_names and not learner.columns
        self._pick = itemgetter(*learner.input_names) if named else None
        self._predict, self._learn_at_once = _direct(self._code, self._at, k)
        super().__init__(learner)

    def reset(self) -> "CompiledEstimator":
        self._code.estimator_reset(self._at)
        self.examples, self._ahead = 0, None
        self._state, self._supplement = self._parts, self._told
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledEstimator":
        twin = CompiledEstimator(self.learner)
        twin.set_state(self.get_state())
        return twin

    def __copy__(self) -> "CompiledEstimator":
        return self.__deepcopy__({})  # a second hand in the same memory would be no copy

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_state, (self.learner, self.get_state())

    def predict_one(self, x: Inputs) -> float | np.ndarray:
        if type(x) is list:
            found = self._predict(x)
            if found == found:
                return found
        self._show(x)
        if self._code.estimator_predict(self._at):
            raise too_large("inputs", self._inputs(x))
        found = self._pack_y.unpack_from(self._memory, self._found_at)
        return found[0] if len(found) == 1 else np.array(found, dtype=np.float32)

    def learn_one(self, x: Inputs, y: Target) -> None:
        if type(x) is list and self._learn_at_once(x, y) == 0.0:
            self.examples += 1
            return
        self._show(x)
        try:
            self._pack_y.pack_into(self._memory, self._y_at, y)
        except (struct.error, OverflowError, TypeError, ValueError):
            row = self._target(y)
            self._pack_y.pack_into(self._memory, self._y_at, *row.tolist())
        if failed := self._code.estimator_learn(self._at):
            row = self._target(y)
            raise too_large("inputs", self._inputs(x)) if failed == 1 else too_large("target", row)
        self.examples += 1

    def predict_many(self, inputs: Any) -> np.ndarray:
        x = np.ascontiguousarray(as_floats("inputs", inputs, (None, self.learner.input_size)))
        predictions = np.empty((len(x), self.learner.target_size), dtype=np.float32)
        done = self._code.estimator_predict_many(self._at, address(x), address(predictions), len(x))
        if done < len(x):
            raise too_large("inputs", x[done])
        return predictions

    def learn_many(self, inputs: Any, targets: Any) -> np.ndarray:
        x = as_floats("inputs", inputs, (None, self.learner.input_size))
        y = target_rows(targets, len(x), self.learner.target_size)
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        predictions, before = np.empty_like(y), bytes(self._memory)
        done = self._code.estimator_learn_many(
            self._at, address(x), address(y), address(predictions), len(x)
        )
        if done < len(x):
            self._memory[:] = before
            raise too_large("an example", np.concatenate([x[done], y[done]]))
        self.examples += len(x)
        return predictions

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        super().set_state(state)
        for name, part in self._parts.items():
            part[...] = self._state[name]
        self._told[...] = self._supplement
        self._state, self._supplement = self._parts, self._told
        self._code.estimator_changed(self._at)

    def _show(self, x: Inputs) -> None:
        """Put an example's inputs where the compiled step finds them."""
        kind = type(x)
        try:
            if kind is dict and self._pick:
                x = self._pick(x)
            elif kind is not tuple and kind is not list:
                x = self._inputs(x).tolist()
            self._pack_x.pack_into(self._memory, self._x_at, *x)
        except (struct.error, OverflowError, TypeError, ValueError, KeyError):  # or to be refused
            self._pack_x.pack_into(self._memory, self._x_at, *self._inputs(x).tolist())


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


MADE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
"""Of a method, its first argument and a module: a function of Python's."""
FAST_CALL = 0x80
"""CPython's METH_FASTCALL: arguments come as an array."""
NEEDED = (
    *("PyFloat_AsDouble", "PyFloat_FromDouble", "PyErr_Occurred", "PyErr_Clear"),
    *("PyLong_AsVoidPtr", "PyList_Size", "PyList_GetItem", "Py_IncRef", "Py_DecRef"),
)
"""Of CPython's stable interface, in the order of the struct in `runtime/estimator.c.txt`."""


def _direct(code: ctypes.CDLL, at: int, targets: int) -> list[Direct]:
    """`predict(inputs)` and `learn(inputs, target)` of the estimator at an address, as functions
    that Python calls itself: ctypes takes longer about a call than a small network about a step.
    Inputs are a list, and nothing else.

    What either returns is NaN where numbers are none or are refused, which nothing has changed, and
    always where a target has several numbers.
    """
    if targets > 1 or sys.implementation.name != "cpython":
        return [lambda *numbers: math.nan] * 2
    needed = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p) for name in NEEDED]
    code.estimator_python((ctypes.c_void_p * len(needed))(*needed))
    made = MADE(("PyCFunction_NewEx", ctypes.pythonapi))
    functions = (code.estimator_call_predict, code.estimator_call_learn)
    return [
        made(ctypes.addressof(_method(ctypes.cast(function, ctypes.c_void_p).value)), at, None)
        for function in functions
    ]


@functools.cache
def _method(address: int) -> _Method:
    """Kept for ever, as the code is: functions made of it refer to it until they are gone."""
    return _Method(b"estimator", address, FAST_CALL, None)


def address(array: np.ndarray) -> int:
    """Where an array's numbers are; `array.ctypes.data` takes ten times as long to say it."""
    return array.__array_interface__["data"][0]


def _with_state(learner: Learner, state: dict[str, np.ndarray]) -> CompiledEstimator:
    estimator = CompiledEstimator(learner)
    estimator.set_state(state)
    return estimator


def _library(learner: Learner) -> ctypes.CDLL:
    if learner in CODES:
        return CODES[learner]
    require("jax", "train")
    from fixedweight.exports.c import to_estimator
    from fixedweight.kernels import NotCompiled
    from fixedweight.kernels.build import build

    try:
        code = build(to_estimator(learner, MOST_SCALED))
    except NotCompiled as reason:
        raise InputError(f"Expected a step that can be compiled, but {reason}.") from None
    for name in ("reset", "changed", "predict", "learn"):
        getattr(code, f"estimator_{name}").argtypes = [ctypes.c_void_p]
    code.estimator_predict_many.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int]
    code.estimator_learn_many.argtypes = [*[ctypes.c_void_p] * 4, ctypes.c_int]
    CODES[learner] = code
    return code
