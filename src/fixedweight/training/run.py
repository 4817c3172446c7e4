"""A training run between its chunks: what is at work, when to look, what to keep."""

import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from fixedweight.families import Stream, Table, TaskFamily, innermost
from fixedweight.gradients import Gradient
from fixedweight.networks import Network, Params, initial_state, parameter_count
from fixedweight.training import pace
from fixedweight.training.begin import first_params
from fixedweight.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from fixedweight.training.loop import (
    Advance,
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
USUAL = 4096
"""Numbers of a network, weights and state. One of more takes longer to step and is looked at more
often."""
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
        self.began = time.monotonic()
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
        draw = partial(first_params, network, self.family) if start is None else network.init_params
        self.state = init_seeds(network, self.optimizer, seed, len(self.rows), schedule.rates, draw)
        if start is not None:
            self.state = begun_from(self.state, start)
            self.state, _ = self.validate(self.state)
        size = _numbers(network, self.state.params)
        self.chunk = int(CHUNK * min(1.0, USUAL / size) ** 2)
        self.done, self.seconds, self.share = 0, 0.0, 1.0
        self.most_seconds = float("inf")
        self.unsaved: tuple[TrainState, dict[str, Any]] | None = None
        self.saved = time.monotonic()
        self.history: list[list[Any]] = []
        """[update, median training loss, validation error of each seed] by chunk."""
        if path and path.exists():
            self.state, header = load_checkpoint(path, self.plan, self._rows_of)
            self.done, self.seconds = header["done"], header["seconds"]
            self.history, self.rows = header["history"], header["rows"]
            self._shorten(header.get("share", 1.0))  # none in files of old

    def limit(self, seconds: float) -> None:
        """Take so many seconds at most, and fewer updates where all would take longer here."""
        self.most_seconds = seconds
        if not self.done:
            paces = [self._pace(number, stage) for number, stage in enumerate(self.schedule.stages)]
            self._shorten(pace.share(paces, seconds - (time.monotonic() - self.began)))

    def _shorten(self, share: float) -> None:
        self.share = share
        if share < 1.0:
            self.schedule = self.schedule.scaled(share)
            self.optimizer = make_optimizer(self.schedule)

    def _pace(self, number: int, stage: Stage) -> pace.Pace:
        rows = self.seeds * stage.rivals
        state = jax.tree.map(lambda leaf: leaf[:rows], self.state)
        advance, keys = self._compiled(stage), self._keys(number, np.arange(rows))
        draws = -(-stage.updates // stage.windows)
        looks = sum(1 for _ in _chunks(stage, rows, 0, self.chunk, self.most))
        return pace.measured(
            lambda some: advance(state, keys, 0, some), lambda: self.validate(state), draws, looks
        )

    def go(self, on_progress: Callable[[Progress], None]) -> bool:
        """Train to the end; True if stopped early by Ctrl-C after at least one chunk."""
        self.seconds += time.monotonic() - self.began
        try:
            end = 0
            for number, stage in enumerate(self.schedule.stages):
                begin, end = end, end + stage.updates
                if self.done < end and not self.late:
                    self.select(stage.rivals)
                    self._stage(number, stage, begin, on_progress)
        except KeyboardInterrupt:
            if not self.history:
                raise
            return True
        finally:
            self._save()
        return False

    @property
    def late(self) -> bool:
        """Whether the time is up; never before there is anything to keep."""
        return bool(self.history) and self.seconds > self.most_seconds

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
        advance, rows = self._compiled(stage), np.asarray(self.rows)
        keys = self._keys(number, rows)
        first = (self.done - begin) // stage.windows
        for draws in _chunks(stage, len(rows), first, self.chunk, self.most):
            if self.late:
                return
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
                "share": self.share,
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

    def _compiled(self, stage: Stage) -> Advance:
        return make_advance(
            self.network, self.gradient, self.optimizer, self.family, self.scaling, stage,
            self.plain,
        )  # fmt: skip

    def _keys(self, number: int, rows: np.ndarray) -> Key[Array, " row"]:
        """Of the networks in these rows, for the stage of this number."""
        return jax.vmap(jax.random.fold_in, in_axes=(0, None))(self.keys[rows], number)

    def _steps_left(self) -> float:
        """Example-steps still to do, all seeds together."""
        left, end = 0.0, 0
        for stage in self.schedule.stages:
            end += stage.updates
            updates = min(max(0, end - self.done), stage.updates)
            left += self.seeds * stage.rivals * updates * stage.batch * stage.length
        return left


def _numbers(network: Network, params: Params) -> int:
    """Weights and numbers of state of one of the networks whose parameters are stacked."""
    one = {name: np.asarray(value[0]) for name, value in params.items()}
    return parameter_count(one) + sum(v.size for v in initial_state(network, one, (), np).values())


def validation_stream(family: TaskFamily, key: PRNGKeyArray) -> Stream:
    """Held-out tasks to choose by: a smaller form of what a learner is judged on."""
    part = family.part("validation")

    def draw(key: PRNGKeyArray) -> Stream:
        if part.switches:
            return part.sample(key, VALIDATION_STREAMS // 16, 16 * part.examples)
        return part.judge(key, VALIDATION_STREAMS)

    return jax.jit(draw)(key)


def _chunks(stage: Stage, seeds: int, first: int, chunk: int, most: int) -> Iterator[int]:
    """Draws per chunk, from draw `first` on; the cuts do not depend on where a run began."""
    cost = seeds * stage.batch * stage.length * stage.windows
    size = max(1, min(most, chunk // cost))
    draws = -(-stage.updates // stage.windows)
    while first < draws:
        yield min(size, draws - first)
        first += size


def plain(values: Any) -> Any:
    """Numbers for JSON: rounded to 6 digits, None where not finite."""
    if np.ndim(values):
        return [plain(value) for value in np.asarray(values)]
    return float(f"{float(values):.6g}") if np.isfinite(values) else None
