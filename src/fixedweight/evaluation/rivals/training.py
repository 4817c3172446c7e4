"""What a rival may know of a family beforehand: examples of training tasks, and their scale."""

from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np
from jaxtyping import Bool, Float

from fixedweight.families import TaskFamily

TASKS = 256
KEY = 0x2117A1
"""Other streams than those that learners are trained, validated or judged on."""


@dataclass(frozen=True, eq=False)
class Training:
    """Streams of one training task each."""

    inputs: Float[np.ndarray, "task time input"]
    """On the family's scale."""
    targets: Float[np.ndarray, "task time target"]
    told: Bool[np.ndarray, "task time"]

    @property
    def known(self) -> Float[np.ndarray, "example target"]:
        return self.targets[self.told]

    @property
    def spread(self) -> Float[np.ndarray, " target"]:
        """The targets' standard deviation; 1 for a constant one."""
        spread = self.known.std(axis=0)
        return np.where(spread > 0, spread, 1.0)

    @property
    def binary(self) -> bool:
        """Whether all targets are 0 or 1."""
        return bool(np.isin(self.known, (0.0, 1.0)).all())


@lru_cache(maxsize=4)
def training(family: TaskFamily) -> Training:
    """Draw the training tasks that all rivals of a family share."""
    steady = family.part("train").at_pace(0.0)
    draw = jax.jit(lambda key: steady.sample(key, TASKS, steady.examples)._replace(tasks=()))
    stream = draw(jax.random.key(KEY))
    return Training(
        np.asarray(family.scaling().scale_inputs(stream.inputs), dtype=np.float64),
        np.asarray(stream.targets, dtype=np.float64),
        np.asarray(stream.revealed),
    )
