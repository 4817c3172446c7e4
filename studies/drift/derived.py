"""What `fixedweight` derives for the streams of the study, which it never sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fixedweight import Learner, Noisy, derive_seeds
from fixedweight.families import TaskFamily
from fixedweight.networks import Hypotheses, LeastSquaresMemory, Network
from fixedweight.training import fit_network
from fixedweight.training.begin import first_params
from studies.drift import family
from studies.drift.streams import Streams


class Plan(NamedTuple):
    """A family, a network for it (the default one where none is named), and for which streams."""

    family: Callable[[], TaskFamily]
    network: Network | None
    boolean: bool = False
    effort: float = 1.0
    """Times the usual number of updates; 0 for a network of hypotheses as it begins."""


def noisy() -> TaskFamily:
    """Recurring concepts with 5 % of the labels flipped."""
    return Noisy(family.concepts(), flip=0.05)


BANK = Hypotheses()
FEW = Hypotheses(hypotheses=32, free=1, features=4)
"""The Boolean maps are all known: there is nothing to learn freely."""
PLANS = {
    # the first of each kind of streams is what `derive` makes with nothing set
    "hypotheses": Plan(family.concepts, None),
    "hypotheses, as they begin": Plan(family.concepts, BANK, effort=0.0),
    "hypotheses, derived with 5 % flipped": Plan(noisy, BANK),
    "hypotheses without STAGGER's": Plan(family.without_stagger, BANK),
    "hypotheses without STAGGER's, as they begin": Plan(family.without_stagger, BANK, effort=0.0),
    "least-squares memory": Plan(
        family.concepts, LeastSquaresMemory(heads=2, features=24), effort=0.2
    ),
    "least-squares memory, Boolean": Plan(family.boolean_maps, None, boolean=True),
    "hypotheses, Boolean": Plan(family.boolean_maps, FEW, boolean=True),
    "hypotheses, Boolean, as they begin": Plan(family.boolean_maps, FEW, boolean=True, effort=0.0),
}


def learners(name: str, seeds: int, kept: Path) -> list[Learner]:
    """One a seed; derived anew unless the folder has them all."""
    plan = PLANS[name]
    slug = "".join(c if c.isalnum() else "-" for c in name)
    paths = [kept / f"{slug}-{seed}.safetensors" for seed in range(seeds)]
    if not all(path.is_file() for path in paths):
        kept.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        if isinstance(plan.network, Hypotheses) and not plan.effort:
            found = [begun(plan.family(), plan.network, seed) for seed in range(seeds)]
        else:
            found = derive_seeds(plan.family(), plan.network, effort=plan.effort, seeds=seeds)
        print(f"{name}, {seeds} seeds: {time.perf_counter() - began:.0f} s", flush=True)
        for path, learner in zip(paths, found, strict=True):
            learner.save(path)
    return [Learner.load(path) for path in paths]


def begun(family: TaskFamily, network: Network, seed: int = 0) -> Learner:
    """A learner whose hypotheses are tasks that the family draws, before any gradient descent."""
    network = fit_network(family, network)
    params = first_params(network, family, np.random.default_rng((seed, 0)))
    return Learner(
        network=network,
        params={name: np.asarray(value, dtype=np.float32) for name, value in params.items()},
        scaling=family.scaling(),
        delay=family.delay,
        flagged=family.flagged,
        input_names=family.input_names,
        target_names=family.target_names,
        card={"family": family.describe()},
    )


def predict(learner: Learner, streams: Streams) -> np.ndarray:
    """The chance of 1 [stream, time], each before its target is told."""
    foreseen, _ = learner.unroll(streams.inputs, streams.targets[..., None])
    return foreseen[..., 0]
