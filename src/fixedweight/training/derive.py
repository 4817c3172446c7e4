"""derive(): from a family of problems to a learner for it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from fixedweight.errors import InputError, NetworkError
from fixedweight.families import Stream, Table, TaskFamily, check_family, innermost
from fixedweight.gradients import Gradient, gradient_for
from fixedweight.learner import Learner
from fixedweight.networks import (
    LSTM1997,
    Hypotheses,
    LeastSquaresMemory,
    Network,
    Params,
    check_network,
    parameter_count,
)
from fixedweight.scaling import Scaling, identity_scaling
from fixedweight.training.begin import hypotheses_from
from fixedweight.training.calibrate import calibrated
from fixedweight.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from fixedweight.training.loop import (
    TrainState,
    begun_from,
    init_seeds,
    make_advance,
    make_optimizer,
    make_validate,
)
from fixedweight.training.schedule import Schedule, Stage, default_schedule

CHUNK = 4_000_000
"""Example-steps, over all seeds, between two looks at the validation error."""
MOST_CHUNK_DRAWS = 500
FROM_TABLE = 25
"""The same where tasks to choose by are a table's: few tasks are soon known by heart."""
VALIDATION_STREAMS = 256
CALIBRATION = 0xCA11
"""Folded into the seed for the streams on which intervals are calibrated."""
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


def derive(family: TaskFamily, network: Network | None = None, **settings: Any) -> Learner:
    """Derive a learner: shape a network's weights over many tasks until it learns new ones itself.

    Of the seeds that `derive_seeds` trains, the one with the lowest error on held-out tasks.
    Arguments and errors are those of `derive_seeds`. `fixedweight.evaluation.evaluate` says how
    good the learner is.
    """
    learners = derive_seeds(family, network, **settings)
    return min(learners, key=lambda learner: learner.card["derivation"]["validation_error"])


def derive_seeds(
    family: TaskFamily,
    network: Network | None = None,
    *,
    gradient: str = "bptt",
    schedule: Schedule | None = None,
    start: Params | None = None,
    effort: float = 1.0,
    seeds: int = 4,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Learner]:
    """Train several networks side by side, each from its own random weights, on its own tasks.

    Each is returned as it was when its error on held-out tasks was lowest. Ctrl-C ends training
    early and returns what there is.

    Args:
        family: what to learn to learn.
        network: what learns; `default_network` by default, or for the gradients of 1997 its LSTM.
            Its input and output sizes and output units are set to fit the family.
        gradient: a name in `fixedweight.gradients.GRADIENTS`, or "tbptt:STEPS".
        schedule: the stages of training; one that suits the family by default.
        start: weights that all networks begin from, instead of random ones; kept where no later
            ones have a lower error on held-out tasks.
        effort: times the schedule's number of updates.
        seeds: how many networks.
        seed: of everything random, 0 to 2^32 - 1. Same seed, same machine: same learners.
        checkpoint: a file to write every few seconds, and to resume from if it is there. It is
            deleted once training is complete.
        on_progress: called after each chunk.

    Returns:
        A learner a seed, in order, without those whose error was never finite.

    Raises:
        FamilyError: the family cannot be trained on.
        NetworkError: the network does not keep to the protocol, or no seed stayed finite.
        InputError: an argument that makes no sense, or `start` not the network's own weights.
        LearnerFileError: the checkpoint is damaged or of another run.
    """
    if network is None:
        network = LSTM1997() if gradient.endswith("1997") else default_network(family)
    network = fit_network(family, network)
    schedule = (schedule or default_schedule(family, network)).scaled(effort)
    _check_arguments(seeds, seed, network)
    algorithm = gradient_for(network, gradient)
    if start is not None:
        _check_start(network, start)
    check_family(family.part("train"))
    path = Path(checkpoint) if checkpoint else None
    if path and not path.parent.is_dir():
        raise InputError(f"Expected a folder for the checkpoint, but {path.parent} is none.")
    plan = {
        "family": family.describe(),
        "network": network.config(),
        "gradient": gradient,
        "schedule": schedule.plain(),
        "seeds": seeds,
        "seed": seed,
    }
    if start is not None:
        plan["start"] = fingerprint({}, start)
    run = _Run(family, network, algorithm, schedule, seeds, seed, path, plan, start)
    stopped = run.go(on_progress)
    run.select(1)  # a run stopped early may still have rivals
    card = {
        "family": family.describe(),
        "derivation": {
            **plan,
            "updates": run.done,
            "stopped_early": stopped,
            "seconds": round(run.seconds, 1),
            "validation_by_seed": _plain(run.state.best_error),
            "history": run.history,
        },
    }
    learners = [
        calibrated(learner, family, jax.random.fold_in(jax.random.key(seed), CALIBRATION))
        for learner in _learners(run.state, network, family, run.scaling, card)
    ]
    if path and not stopped:
        path.unlink(missing_ok=True)
    return learners


def default_network(family: TaskFamily) -> Network:
    """The network that stands first on the leaderboard: a least-squares memory.

    It has features enough for a quadratic of up to five inputs, and for a linear function of more;
    a second head where tasks switch, and where targets lie in [0, 1], which may be linear in
    features themselves or in their log-odds.
    """
    n = family.input_size
    quadratic = (n + 1) * (n + 2) // 2
    features = max(8, n + 4, min(24, quadratic + 2))
    heads = 2 if family.switches or family.unit_targets else 1
    return LeastSquaresMemory(heads=heads, features=features)


class _Run:
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
            self.history.append([self.done, _plain(np.median(loss)), *_plain(error)])
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


def fit_network(family: TaskFamily, network: Network) -> Network:
    """The network with inputs, outputs and output units that fit the family."""
    plain = family.scaling() == identity_scaling(family.input_size, family.target_size)
    return network.fitted(
        input_size=family.network_input_size,
        target_size=family.target_size,
        output="logistic" if family.unit_targets and plain else "linear",
        delay=family.delay,
        flagged=family.flagged,
    )


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


def _learners(
    state: TrainState, network: Network, family: TaskFamily, scaling: Scaling, card: dict[str, Any]
) -> list[Learner]:
    learners = []
    for i, error in enumerate(np.asarray(state.best_error)):
        if not np.isfinite(error):
            continue
        params = {name: np.asarray(value[i]) for name, value in state.best.items()}
        derivation = {
            **card["derivation"],
            "kept_seed": i,
            "validation_error": float(error),
            "weights": parameter_count(params),
        }
        learners.append(
            Learner(
                network=network,
                params=params,
                scaling=scaling,
                delay=family.delay,
                flagged=family.flagged,
                input_names=family.input_names,
                columns=family.encoding,
                target_names=family.target_names,
                card={**card, "derivation": derivation},
            )
        )
    if not learners:
        raise NetworkError(
            "Expected at least one seed to stay finite in training, but none did. "
            "Use a lower learning rate."
        )
    return learners


def _check_arguments(seeds: int, seed: int, network: Network) -> None:
    if not 1 <= seeds <= 1024:
        raise InputError(f"Expected 1 to 1024 seeds, got {seeds}.")
    if not 0 <= seed < 2**32:
        raise InputError(f"Expected a seed from 0 to 2**32 - 1, got {seed}.")
    check_network(network)


def _check_start(network: Network, start: Params) -> None:
    wanted = {k: np.shape(v) for k, v in network.init_params(np.random.default_rng(0)).items()}
    got = {name: np.shape(value) for name, value in start.items()}
    if got != wanted:
        raise InputError(f"Expected a start of weights {wanted}, got {got}.")


def _plain(values: Any) -> Any:
    """Numbers for JSON: rounded to 6 digits, None where not finite."""
    if np.ndim(values):
        return [_plain(value) for value in np.asarray(values)]
    return float(f"{float(values):.6g}") if np.isfinite(values) else None
