"""The online estimator with its step compiled: the same learner, in a microsecond or two."""

import ctypes
import struct
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

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
        super().__init__(learner)

    def reset(self) -> "CompiledEstimator":
        super().reset()
        self._code.estimator_reset(self._at)
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
        self._show(x)
        if self._code.estimator_predict(self._at):
            raise too_large("inputs", self._inputs(x))
        found = self._pack_y.unpack_from(self._memory, self._found_at)
        return found[0] if len(found) == 1 else np.array(found, dtype=np.float32)

    def learn_one(self, x: Inputs, y: Target) -> None:
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
        pointers = x.ctypes.data, predictions.ctypes.data
        done = self._code.estimator_predict_many(self._at, *pointers, len(x))
        if done < len(x):
            raise too_large("inputs", x[done])
        return predictions

    def learn_many(self, inputs: Any, targets: Any) -> np.ndarray:
        x = as_floats("inputs", inputs, (None, self.learner.input_size))
        y = target_rows(targets, len(x), self.learner.target_size)
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        predictions, before = np.empty_like(y), bytes(self._memory)
        pointers = (array.ctypes.data for array in (x, y, predictions))
        done = self._code.estimator_learn_many(self._at, *pointers, len(x))
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


def _with_state(learner: Learner, state: dict[str, np.ndarray]) -> CompiledEstimator:
    estimator = CompiledEstimator(learner)
    estimator.set_state(state)
    return estimator


def _library(learner: Learner) -> ctypes.CDLL:
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
    return code
