"""Watch a learner at work: its network's state after every example, beside the true task."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.errors import InputError
from fixedweight.families import Stream, TaskFamily, network_inputs
from fixedweight.learner import Learner
from fixedweight.networks import State

PROBE = 0x9B0BE
"""Folded into the seed, so that the tasks watched are never those of training or validation."""
TASKS_A_STREAM = 4
"""Watched where tasks switch within a stream."""


class Rows(NamedTuple):
    """States at one moment of many tasks."""

    values: np.ndarray
    """[row, unit] the signals asked for, side by side."""
    tasks: np.ndarray
    """[row, parameter]"""
    held_out: np.ndarray
    """[row] bool: whether the row is for judging a probe, not for fitting it."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Streams of tasks with what the network held at each step. The later half of the streams is
    held out: probes are fitted to the others and judged on these."""

    signals: dict[str, np.ndarray]
    """Part of the network's state -> [batch, time, unit], after the step."""
    tasks: np.ndarray
    """[batch, time, parameter] the true parameters of the task in force."""
    example: np.ndarray
    """[batch, time] examples of that task whose targets are told: 0 at its first step."""
    memory: tuple[str, ...]
    """The signals that a network names as its memory; all of them if it names none."""

    @property
    def examples(self) -> int:
        """Examples of a task that at least half of the streams come to."""
        return int(np.median(self.example.max(axis=1))) + 1

    @property
    def held_out(self) -> np.ndarray:
        """[batch] bool."""
        return np.arange(len(self.example)) >= len(self.example) // 2

    def names(self, signals: Sequence[str]) -> list[str]:
        """Of every unit of these signals, such as "cells[0]"."""
        return [f"{name}[{i}]" for name in signals for i in range(self.signals[name].shape[-1])]

    def chosen(self, signals: Sequence[str] | None) -> tuple[str, ...]:
        """The signals asked for, the memory by default.

        Raises:
            InputError: the network has no such signal.
        """
        unknown = [name for name in signals or () if name not in self.signals]
        if unknown:
            raise InputError(f"Expected signals among {list(self.signals)}, got {unknown}.")
        return tuple(signals) if signals else self.memory

    def after(self, examples: int | None, signals: Sequence[str] | None = None) -> Rows:
        """The states after so many told examples of a task (the last moment by default).

        Raises:
            InputError: no such signal, or too few tasks that come so far.
        """
        examples = self.examples - 1 if examples is None else examples
        where = self.example == examples
        held_out = np.broadcast_to(self.held_out[:, None], where.shape)[where]
        if min(held_out.sum(), (~held_out).sum()) < 2:
            raise InputError(
                f"Expected states after a number of examples below {self.examples} in at least 4 "
                f"streams, got examples={examples} in {int(where.sum())} places."
            )
        values = [self.signals[name][where] for name in self.chosen(signals)]
        return Rows(np.concatenate(values, axis=-1), self.tasks[where], held_out)


def record(
    learner: Learner,
    family: TaskFamily,
    *,
    streams: int = 1000,
    length: int | None = None,
    seed: int = 0,
) -> Recording:
    """Let a learner learn new tasks of a family and keep its state at every step.

    Args:
        learner: any; its network's state may have any parts.
        family: whose streams carry the true parameters of their tasks.
        streams: half of them to fit probes to, half to judge them on.
        length: examples in a stream; by default those of one task, or of four where tasks switch.
        seed: of the tasks.

    Raises:
        InputError: fewer than 4 streams, tasks without numbers, or a learner of another family.
    """
    if streams < 4:
        raise InputError(
            f"Expected at least 4 streams to fit probes and judge them, got {streams}."
        )
    if (learner.input_size, learner.target_size) != (family.input_size, family.target_size):
        raise InputError(
            f"Expected a learner of {family.input_size} inputs and {family.target_size} targets as "
            f"the family has, got {learner.input_size} and {learner.target_size}."
        )
    length = length or family.examples * (TASKS_A_STREAM if family.switches else 1)
    key = jax.random.fold_in(jax.random.key(seed), PROBE)
    stream = _sample(family.part("test"), key, streams, length)
    return Recording(
        _states(learner, stream),
        _numbers(stream.tasks, streams, length),
        np.asarray(stream.example),
        tuple(sorted(learner.network.memory)) or tuple(learner.initial_state()),
    )


def untrained(learner: Learner, seed: int = 0) -> Learner:
    """The same network with the random weights that training begins from: a control."""
    return replace(learner, params=learner.network.init_params(np.random.default_rng(seed)))


def shuffled(recording: Recording, seed: int = 0) -> Recording:
    """The same states beside the tasks of other streams: a control that leaves chance alone."""
    order = np.random.default_rng(seed).permutation(len(recording.tasks))
    return replace(recording, tasks=recording.tasks[order])


@partial(jax.jit, static_argnums=(0, 2, 3))
def _sample(family: TaskFamily, key: PRNGKeyArray, streams: int, length: int) -> Stream:
    """Compiled once for all learners of a family."""
    return family.sample(key, streams, length)


def _states(learner: Learner, stream: Stream) -> dict[str, np.ndarray]:
    scaled = stream._replace(
        inputs=learner.scaling.scale_inputs(stream.inputs),
        targets=learner.scaling.scale_targets(stream.targets),
    )
    inputs = np.asarray(network_inputs(scaled, learner.delay, learner.flagged), dtype=np.float32)
    batch, length = inputs.shape[:2]
    state: State = learner.initial_state((batch,))
    signals = {
        name: np.empty((batch, length, part[0].size), dtype=np.float32)
        for name, part in state.items()
    }
    for t in range(length):
        state, _ = learner.network.step(learner.params, state, inputs[:, t], np)
        for name, part in state.items():
            signals[name][:, t] = part.reshape(batch, -1)
    return signals


def _numbers(tasks: Any, batch: int, length: int) -> np.ndarray:
    leaves = [np.asarray(leaf).reshape(batch, length, -1) for leaf in jax.tree.leaves(tasks)]
    if not leaves or any(leaf.dtype.kind not in "fiub" for leaf in leaves):
        raise InputError("Expected a family whose streams carry the parameters of their tasks.")
    return np.concatenate(leaves, axis=-1).astype(np.float64)
