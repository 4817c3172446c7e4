"""What `fixedweight` derives from the simulator, as it is, and how long that takes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from fixedweight import Gaussian, Learner, derive_seeds, simulated
from fixedweight.training import default_network
from studies.protocol import series
from studies.reacher.simulate import INPUTS, simulate


def derived(spread: bool, checkpoint: Path) -> tuple[list[Learner], dict[str, float]]:
    """The networks that `fixedweight derive --simulator studies/reacher/simulate.py:simulate`
    trains side by side, of which it keeps the first; processor seconds of simulation and training
    (since the checkpoint, where there was one).

    Args:
        spread: whether they say how sure they are (`--spread gaussian`).
        checkpoint: where a run that was stopped goes on from.
    """
    began = time.process_time()
    family = simulated(simulate)
    simulation = time.process_time() - began
    network = default_network(family)
    learners = derive_seeds(family, Gaussian(network) if spread else network, checkpoint=checkpoint)
    training = time.process_time() - began - simulation
    learners.sort(key=lambda learner: learner.card["derivation"]["validation_error"])
    seconds = {"simulation": round(simulation, 1), "training": round(training, 1)}
    return learners, {"arms": len(family.tasks), **seconds}


def predict(learner: Learner, frame: pd.DataFrame) -> np.ndarray:
    """Each target of `frame`, predicted before it is learned."""
    predictions = np.empty(len(frame))
    for at, rows in series(frame, "task"):
        foreseen, _ = learner.unroll(
            rows[list(INPUTS)].to_numpy()[None], rows["target"].to_numpy()[None, :, None]
        )
        predictions[at] = foreseen[0, :, 0]
    return predictions
