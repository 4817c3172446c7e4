"""A training run between its chunks: what is at work, when to look, what to keep."""

import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.families import Stream, Table, TaskFamily, innermost
from fixedweight.gradients import Gradient
from fixedweight.networks import Hypotheses, Network, Params
from fixedweight.training.begin import hypotheses_from
from fixedweight.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from fixedweight.training.loop import (
    TrainState,
    begun_from,
    init_seeds,
    make_advance,
    make_optimizer,
    make_validate,
)
from fixedweight.training.schedule import Schedule, Stage

CHUNK = 4_000_000
"""Example-steps, over all seeds, between two looks at the validation error."""
MOST_CHUNK_DRAWS = 500
FROM_TABLE = 25
"""The same where tasks to choose by are a table's: few tasks are soon known by heart."""
VALIDATION_STREAMS = 256
CHECKPOINT_SECONDS = 2.0
"""At most so much training is lost when the machine fails; Ctrl-C loses no whole chunk."""


class Progress(NamedTuple):
    """What is known after each chunk of updates."""

    update: int
    updates: int
    steps_per_second: float
    """Example-steps per second, all seeds together, over the last chunk."""
    loss: np.ndarray
    """[network] mean squared error of the last chunk's training streams, scaled targets."""
    error: np.ndarray
    """[seed] validation error, scaled targets; of a seed's rivals the lowest."""
    best: float
    """The lowest validation error of any seed so far."""
    seconds_left: float


class Run:
    """A training run: its state between chunks, in memory and on disk."""

    def __init__(
        self,
        family: TaskFamily,
        network: Network,
        gradient: Gradient,
        schedule: Schedule,
        seeds: int,
        seed: int,
        path: Path | None,
        plan: dict[str, Any],
        start: Params | None = None,
    ) -> None:
        self.family, self.network, self.schedule = family.part("train"), network, schedule
        self.gradient = gradient
        self.seeds, self.path = seeds, path
        few = isinstance(innermost(family.part("validation")), Table)
        self.most = min(FROM_TABLE, MOST_CHUNK_DRAWS) if few else MOST_CHUNK_DRAWS
        self.scaling = family.scaling()
        self.optimizer = make_optimizer(schedule)
        self.plain = schedule.rates[0] if schedule.plain_descent else None
        train_key, validation_key = jax.random.split(jax.random.key(seed))
        self.rows = list(range(seeds * schedule.stages[0].rivals))
        """The networks at work, by number; a seed's rivals follow each other."""
        self.keys = jax.random.split(train_key, len(self.rows))
        held_out = validation_stream(family, validation_key)
        length = min(family.examples, 32)
        probe = jax.jit(lambda key: self.family.sample(key, 16, length))(jax.random.key(0))
        self.plan = fingerprint(plan, (astuple(self.scaling), held_out, probe))
        self.validate = make_validate(network, family, self.scaling, held_out)
        draw = None
        if isinstance(network, Hypotheses) and start is None:
            draw = partial(hypotheses_from, network, self.family)
        self.state = init_seeds(network, self.optimizer, seed, len(self.rows), schedule.rates, draw)
        if start is not None:
            self.state = begun_from(self.state, start)
            self.state, _ = self.validate(self.state)
        self.done, self.seconds = 0, 0.0
        self.unsaved: tuple[TrainState, dict[str, Any]] | None = None
        self.saved = time.monotonic()
        self.history: list[list[Any]] = []
        """[update, median training loss, validation error of each seed] by chunk."""
        if path and path.exists():
            self.state, header = load_checkpoint(path, self.plan, self._rows_of)
            self.done, self.seconds = header["done"], header["seconds"]
            self.history, self.rows = header["history"], header["rows"]

    def go(self, on_progress: Callable[[Progress], None]) -> bool:
        """Train to the end; True if stopped early by Ctrl-C after at least one chunk."""
        try:
            end = 0
            for number, stage in enumerate(self.schedule.stages):
                begin, end = end, end + stage.updates
                if self.done < end:
                    self.select(stage.rivals)
                    self._stage(number, stage, begin, on_progress)
        except KeyboardInterrupt:
            if not self.history:
                raise
            return True
        finally:
            self._save()
        return False

    def select(self, rivals: int) -> None:
        """Of each seed's networks let only so many go on: those with the lowest errors."""
        errors = np.asarray(self.state.best_error).reshape(self.seeds, -1)
        if errors.shape[1] == rivals:
            return
        best = np.sort(np.argsort(errors, axis=1, kind="stable")[:, :rivals], axis=1)
        chosen = (best + errors.shape[1] * np.arange(self.seeds)[:, None]).ravel()
        self.state = jax.tree.map(lambda leaf: leaf[chosen], self.state)
        self.rows = [self.rows[i] for i in chosen]

    def _rows_of(self, header: dict[str, Any]) -> TrainState:
        """A state of as many networks as a checkpoint with this header has."""
        return jax.tree.map(lambda leaf: leaf[: len(header["rows"])], self.state)

    def _save(self) -> None:
        """Write what the last whole chunk came to, unless it is written."""
        if self.path and self.unsaved:
            save_checkpoint(self.path, self.plan, *self.unsaved)
            self.unsaved, self.saved = None, time.monotonic()

    def _stage(
        self, number: int, stage: Stage, begin: int, on_progress: Callable[[Progress], None]
    ) -> None:
        advance = make_advance(
            self.network, self.gradient, self.optimizer, self.family, self.scaling, stage,
            self.plain,
        )  # fmt: skip
        rows = np.asarray(self.rows)
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(self.keys[rows], number)
        first = (self.done - begin) // stage.windows
        for draws in _chunks(stage, len(rows), first, self.most):
            started = time.monotonic()
            state, loss = advance(self.state, keys, first, draws)
            self.state, error = self.validate(state)
            loss = np.asarray(loss)
            error = np.asarray(error).reshape(self.seeds, stage.rivals).min(axis=1)
            took = time.monotonic() - started
            first += draws
            self.done = min(begin + first * stage.windows, begin + stage.updates)
            self.seconds += took
            self.history.append([self.done, plain(np.median(loss)), *plain(error)])
            header = {
                "done": self.done,
                "seconds": self.seconds,
                "rows": self.rows,
                "history": [*self.history],
            }
            self.unsaved = (self.state, header)
            if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
                self._save()
            rate = len(rows) * draws * stage.windows * stage.batch * stage.length / took
            on_progress(
                Progress(
                    update=self.done,
                    updates=self.schedule.updates,
                    steps_per_second=rate,
                    loss=loss,
                    error=error,
                    best=float(np.min(np.asarray(self.state.best_error))),
                    seconds_left=self._steps_left() / rate,
                )
            )

    def _steps_left(self) -> float:
        """Example-steps still to do, all seeds together."""
        left, end = 0.0, 0
        for stage in self.schedule.stages:
            end += stage.updates
            updates = min(max(0, end - self.done), stage.updates)
            left += self.seeds * stage.rivals * updates * stage.batch * stage.length
        return left


def validation_stream(family: TaskFamily, key: PRNGKeyArray) -> Stream:
    """Held-out tasks to choose by: a smaller form of what a learner is judged on."""
    part = family.part("validation")

    def draw(key: PRNGKeyArray) -> Stream:
        if part.switches:
            return part.sample(key, VALIDATION_STREAMS // 16, 16 * part.examples)
        return part.judge(key, VALIDATION_STREAMS)

    return jax.jit(draw)(key)


def _chunks(stage: Stage, seeds: int, first: int, most: int) -> Iterator[int]:
    """Draws per chunk, from draw `first` on; the cuts do not depend on where a run began."""
    cost = seeds * stage.batch * stage.length * stage.windows
    size = max(1, min(most, CHUNK // cost))
    draws = -(-stage.updates // stage.windows)
    while first < draws:
        yield min(size, draws - first)
        first += size


def plain(values: Any) -> Any:
    """Numbers for JSON: rounded to 6 digits, None where not finite."""
    if np.ndim(values):
        return [plain(value) for value in np.asarray(values)]
    return float(f"{float(values):.6g}") if np.isfinite(values) else None
