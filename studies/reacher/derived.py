"""What `fixedweight` derives from the simulator, as it is, and how long that takes."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from fixedweight import Learner, derive, simulated
from studies.protocol import series
from studies.reacher.simulate import INPUTS, simulate


def derived(seed: int) -> tuple[Learner, dict[str, float]]:
    """The learner of `fixedweight derive --simulator studies/reacher/simulate.py:simulate --seed`,
    and the processor seconds of simulation and of training."""
    began = time.process_time()
    family = simulated(simulate, seed=seed)
    simulation = time.process_time() - began
    learner = derive(family, seed=seed)
    took = time.process_time() - began
    return learner, {
        "arms": len(family.tasks),
        "simulation": round(simulation, 1),
        "training": round(took - simulation, 1),
    }


def predict(learner: Learner, frame: pd.DataFrame) -> np.ndarray:
    """Each target of `frame`, predicted before it is learned."""
    predictions = np.empty(len(frame))
    for at, rows in series(frame, "task"):
        foreseen, _ = learner.unroll(
            rows[list(INPUTS)].to_numpy()[None], rows["target"].to_numpy()[None, :, None]
        )
        predictions[at] = foreseen[0, :, 0]
    return predictions
