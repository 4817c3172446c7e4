"""Targets of several numbers, each foreseen by itself."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from fixedweight.families import Stream
from fixedweight.oracles.oracle import Kind, Oracle


@dataclass(frozen=True, eq=False)
class EachTarget(Oracle):
    """One oracle of targets of one number, put to each number of larger ones in turn.

    Args:
        oracle: what foresees one number; all have the same prior.
    """

    oracle: Oracle
    kind: Kind = field(default="bound from above", kw_only=True)
    note: str = field(default="Each number of a target foreseen by itself.", kw_only=True)

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time target"]:
        numbers = np.split(np.asarray(stream.targets), stream.targets.shape[-1], axis=-1)
        found = [self.oracle.predict(stream._replace(targets=number)) for number in numbers]
        return np.concatenate(found, axis=-1)
