"""A step on single numbers, run in NumPy to see how large each of them becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import InputError
from fixedweight.exports.traced import flat_ids, lowered
from fixedweight.kernels.program import CONSTANT, LANE, Map, Program, Statement, closure
from fixedweight.learner import Learner

OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("square", "sqrt", "tanh", "exp", "log", "log1p",
       "expm1", "sin", "cos", "sign", "abs", "floor", "ceil")},
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "max": np.maximum, "min": np.minimum, "copy": np.positive, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.multiply, "or": np.maximum, "not": lambda a: 1.0 - a,
    "rsqrt": lambda a: 1.0 / np.sqrt(a), "logistic": lambda a: 0.5 + 0.5 * np.tanh(0.5 * a),
    "select": lambda a, b, c: np.where(a != 0.0, c, b),
}  # fmt: skip
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scalars:
    """A learner's step as statements between numbers by id; its parameters are constants, and
    inputs and predictions as scaled for the network."""

    learner: Learner
    program: Program
    statements: list[Statement]
    before: np.ndarray
    """Ids of the state before a step, in the order of its parts' names."""
    row: np.ndarray
    """Ids of inputs and what was told."""
    after: np.ndarray
    prediction: np.ndarray
    values: np.ndarray
    """Constants by id, NaN elsewhere."""

    def run(
        self,
        rows: np.ndarray,
        rounded: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The step along streams side by side.

        Args:
            rows: [batch, time, input + told], scaled.
            rounded: (ids, values [ids, batch]) -> the values as they are kept, after each
                statement; as they are by default.

        Returns:
            The largest magnitude of each id, and predictions [batch, time, target], scaled.
        """
        keep = rounded or (lambda ids, values: values)
        values = np.repeat(np.nan_to_num(self.values)[:, None], len(rows), axis=1)
        begin = self.learner.initial_state()
        state = np.concatenate([np.zeros(0), *(begin[name].reshape(-1) for name in sorted(begin))])
        state = np.repeat(state[:, None], len(rows), axis=1)
        largest, found = np.zeros(len(values)), []
        for t in range(rows.shape[1]):
            values[self.before] = state
            values[self.row] = keep(self.row, rows[:, t].T)
            for statement in self.statements:
                with np.errstate(all="ignore"):
                    values[statement.out] = keep(statement.out, worked_out(statement, values))
            state = values[self.after]
            largest = np.maximum(largest, np.abs(values).max(axis=1))
            found.append(values[self.prediction].T)
        return largest, np.stack(found, axis=1)


def worked_out(statement: Statement, values: np.ndarray) -> np.ndarray:
    """A statement's results [out, batch] from values [ids, batch]."""
    args = [values[arg] for arg in statement.args]
    if isinstance(statement, Map):
        if statement.op not in OPERATIONS:
            raise InputError(f"Expected operations that can be run in NumPy, got {statement.op!r}.")
        return np.asarray(OPERATIONS[statement.op](*args), dtype=np.float64)
    product = args[0] if len(args) == 1 else args[0] * args[1]
    return REDUCTIONS[statement.op](product, axis=1)


def scalars(learner: Learner) -> Scalars:
    """A learner's step, what follows from its parameters alone worked out.

    Raises:
        InputError: the step uses a construct that cannot be written out.
    """
    program = Program()
    params = [program.constant(learner.params[name]) for name in sorted(learner.params)]
    before, row, after, prediction = lowered(learner, program, params, raw=False)
    known = [*np.flatnonzero(program.kind(np.arange(len(program.kinds))) == CONSTANT)]
    results = [after, prediction]
    for ids in results:
        fixed = program.kind(ids) != LANE
        if fixed.any():
            ids[fixed] = program.map("copy", ids[fixed])
    size = len(program.kinds)
    values = np.full((size, 1), np.nan)
    values[known, 0] = program.values[known]
    statements, _ = closure(program.statements, flat_ids(results), size)
    changing = []
    for statement in statements:
        fixed = program.kind(statement.out) != LANE
        if fixed.all() and statement.op != "copy":
            values[statement.out] = worked_out(statement, values)
        else:
            changing.append(statement)
    for i in np.flatnonzero(~np.isnan(values[:, 0])):
        program.kinds[i], program.values[i] = CONSTANT, float(values[i, 0])
    return Scalars(learner, program, changing, before, row, after, prediction, values[:, 0])


def told_rows(learner: Learner, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What the network receives along streams: [batch, time, input + told], scaled.

    Args:
        inputs: [batch, time, input]; targets: [batch, time, target], NaN where unknown.
    """
    known = np.asarray(np.isfinite(targets).all(axis=-1))[..., None]
    told = learner.supplement(np.where(known, targets, 0.0), np.asarray(known, np.float32))
    later = np.concatenate([np.zeros_like(told[:, :1]), told[:, :-1]], axis=1)
    return np.concatenate([learner.scaling.scale_inputs(inputs), later], axis=-1)


def likely_streams(learner: Learner) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [64, 200, input] and targets [64, 200, target] on the learner's own scale, for where
    none are given: half of the streams follow a random function, half are noise."""
    rng = np.random.default_rng(0)
    shape, n = (64, 200), learner.input_size
    x = rng.uniform(-1.8, 1.8, (*shape, n))
    x[::4] = np.sign(x[::4])
    w = rng.normal(size=(64, n + 1, learner.target_size))
    z = 2.0 * (np.einsum("bti,bik->btk", x, w[:, :n]) / n**0.5 + w[:, None, n])
    z[1::2] = rng.normal(0.0, 2.0, z[1::2].shape)
    if getattr(learner.network, "output", "linear") == "logistic":
        y = 1.0 / (1.0 + np.exp(-2.0 * z))  # in the targets' own unit, as the network has it
        y[::4] = np.round(y[::4])
    else:
        y = learner.scaling.unscale_targets(np.clip(z, -2.5, 2.5))
    return learner.scaling.unscale_inputs(x), y
