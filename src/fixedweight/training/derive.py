"""derive(): from a family of problems to a learner for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fixedweight.errors import InputError, NetworkError
from fixedweight.families import TaskFamily, check_family
from fixedweight.gradients import gradient_for
from fixedweight.learner import Learner
from fixedweight.networks import LSTM1997, Network, Params, check_network, parameter_count
from fixedweight.scaling import Scaling
from fixedweight.training.begin import shapes, weight_shapes
from fixedweight.training.calibrate import calibrated
from fixedweight.training.checkpoint import fingerprint
from fixedweight.training.defaults import default_network, default_schedule, fit_network
from fixedweight.training.loop import TrainState
from fixedweight.training.pace import check_minutes
from fixedweight.training.run import Progress, Run, plain
from fixedweight.training.schedule import Schedule

CALIBRATION = 0xCA11
"""Folded into the seed for the streams on which intervals are calibrated."""


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
    minutes: float | None = None,
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
        minutes: the most that training may take. Where the updates would take longer on this
            machine, by the pace of a few, there are fewer of them on the same course.
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
    _check_arguments(seeds, seed, minutes, network)
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
    if minutes is not None:
        plan["minutes"] = minutes
    run = Run(family, network, algorithm, schedule, seeds, seed, path, plan, start)
    if minutes is not None:
        run.limit(60.0 * minutes)
    stopped = run.go(on_progress)
    run.select(1)  # a run stopped early may still have rivals
    card = {
        "family": family.describe(),
        "derivation": {
            **plan,
            "schedule": run.schedule.plain(),
            "updates": run.done,
            "stopped_early": stopped,
            "seconds": round(run.seconds, 1),
            "validation_by_seed": plain(run.state.best_error),
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


def _check_arguments(seeds: int, seed: int, minutes: float | None, network: Network) -> None:
    if not 1 <= seeds <= 1024:
        raise InputError(f"Expected 1 to 1024 seeds, got {seeds}.")
    if not 0 <= seed < 2**32:
        raise InputError(f"Expected a seed from 0 to 2**32 - 1, got {seed}.")
    check_minutes(minutes)
    check_network(network)


def _check_start(network: Network, start: Params) -> None:
    wanted, got = weight_shapes(network), shapes(start)
    if got != wanted:
        raise InputError(f"Expected a start of weights {wanted}, got {got}.")
