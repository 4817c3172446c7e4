"""One example of a learner as plain arithmetic: what every export is written from.

The network's one step is traced, with the scaling around it, into loops over flat arrays. Their
text is what C and JavaScript share; a few words differ, and each export supplies its own.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fixedweight.errors import InputError, require
from fixedweight.learner import Learner


@dataclass(frozen=True, eq=False)
class Traced:
    """A step over flat arrays, named as its text names them: P parameters, K further constants,
    X inputs and what was told, S the state before, N the state after, M scratch, DY predictions."""

    learner: Learner
    body: str
    """Loops of C, with V for a number, SPLAT around what is the same for all streams, and STORE."""
    params: np.ndarray
    constants: np.ndarray
    begin: np.ndarray
    """The state before any example."""
    scratch: int
    in_place: bool
    """Whether N may be S."""

    @property
    def told_size(self) -> int:
        """Numbers of the supplementary input: the target told and the flag, if any."""
        return self.learner.target_size + int(self.learner.flagged)

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions that the body calls, without their `v_`."""
        return frozenset(re.findall(r"\bv_(\w+)\(", self.body))


def trace(learner: Learner) -> Traced:
    """Trace a learner's step in raw units.

    Raises:
        InputError: the step uses a construct that cannot be written out; the message names it.
        MissingExtraError: the extra `train` is not installed.
    """
    require("jax", "train")
    from fixedweight.exports.in_place import in_place
    from fixedweight.kernels.emit import Function
    from fixedweight.kernels.places import Constants, Stores, location
    from fixedweight.kernels.program import LANE, Program, closure

    begin = learner.initial_state()
    program = Program()
    params = [program.new(learner.params[name].shape, LANE) for name in sorted(learner.params)]
    state, row, new, output = lowered(learner, program, params)
    size = len(program.kinds)
    where = np.full(size, -1, dtype=np.int64)
    for ids, space in ((flat_ids(params), "P"), (state, "S"), (row, "X")):
        where[ids] = location(space, np.arange(ids.size))
    statements, _ = closure(program.statements, np.concatenate([new, output]), size)
    constants = Constants()
    function = Function(
        program, statements, where, Stores.of((new, "N"), (output, "DY")), constants
    )
    return Traced(
        learner,
        function.body,
        _numbers([learner.params[name] for name in sorted(learner.params)]),
        np.asarray(constants.values, dtype=np.float32),
        _numbers([begin[part] for part in sorted(begin)]),
        function.scratch,
        in_place(function),
    )


def lowered(
    learner: Learner, program: Any, params: list[np.ndarray], *, raw: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Append a learner's step to a program, its parameters given by id in the order of their names.

    Returns:
        The ids of the state before, of inputs and what was told, of the state after, and of the
        prediction, each flat.

    Raises:
        InputError: as in `trace`.
    """
    from fixedweight.kernels import NotCompiled
    from fixedweight.kernels.lower import lower
    from fixedweight.kernels.program import LANE

    traced, (_, parts, (seen,)) = step_of(learner, raw=raw)
    state, row = [program.new(shape, LANE) for shape in parts], program.new(seen, LANE)
    try:
        results = lower(program, traced, [*params, *state, row], range(0))
    except NotCompiled as reason:
        raise refused(learner, reason) from None
    return flat_ids(state), row, flat_ids(results[:-1]), flat_ids(results[-1:])


def step_of(learner: Learner, *, raw: bool = True) -> tuple[Any, list[list[tuple[int, ...]]]]:
    """One stream's step as a jaxpr, and the shapes of its arguments: parameters and parts of the
    state in the order of their names, then inputs and what was told in one row. Its results are the
    parts of the new state and the prediction. Inputs and prediction are in raw units, or as scaled
    for the network."""
    jax = require("jax", "train")
    import jax.numpy as jnp

    network, scaling = learner.network, learner.scaling
    names, begin = sorted(learner.params), learner.initial_state()
    parts = sorted(begin)

    def step(params: list[Any], state: list[Any], seen: Any) -> tuple[list[Any], Any]:
        x, told = jnp.split(seen, [learner.input_size])
        inputs = jnp.concatenate([scaling.scale_inputs(x) if raw else x, told])
        given = (dict(zip(names, params, strict=True)), dict(zip(parts, state, strict=True)))
        new, output = network.step(*given, inputs, jnp)
        output = scaling.unscale_targets(output) if raw else output
        return [new[part] for part in parts], output

    seen = (learner.input_size + learner.target_size + int(learner.flagged),)
    shapes = [
        [learner.params[name].shape for name in names],
        [begin[part].shape for part in parts],
        [seen],
    ]
    params, state, (row,) = (
        [jax.ShapeDtypeStruct(shape, np.float32) for shape in group] for group in shapes
    )
    return jax.make_jaxpr(step)(params, state, row), shapes


def refused(learner: Learner, reason: Exception) -> InputError:
    """What a user is told of a step that cannot be written out."""
    return InputError(
        f"Expected a network that can be exported, but the step of {type(learner.network).__name__}"
        f" uses {reason}."
    )


def flat_ids(ids: list[Any]) -> np.ndarray:
    """Arrays of ids in one row."""
    return np.concatenate([np.zeros(0, np.int64), *(np.asarray(v).reshape(-1) for v in ids)])


def _numbers(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(a.reshape(-1) for a in arrays)])
