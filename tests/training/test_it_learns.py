"""Training does what it is for: what comes out learns tasks that it has never seen."""

import numpy as np

from fixedweight.families import Boolean
from fixedweight.networks import LSTM1997
from fixedweight.oracles import boolean_floor
from fixedweight.training import Schedule, Stage, derive


def test_one_bit_functions_are_learned_nearly_as_well_as_can_be():
    """On streams of 5 examples it finds out that it can remember; it is judged on 12."""
    family = Boolean(inputs=1, length=12)
    schedule = Schedule((Stage(5, 32, 500), Stage(12, 32, 100)), learning_rate=0.1, warmup=20)
    learner = derive(family, LSTM1997(), schedule=schedule, seeds=2)
    rng = np.random.default_rng(1)
    tables = rng.integers(0, 2, (2000, 2)).astype(float)
    x = rng.integers(0, 2, (2000, 12))
    y = np.take_along_axis(tables, x, axis=1)[..., None]
    predictions, _ = learner.unroll(x[..., None], y)
    error = ((predictions - y) ** 2).mean(axis=(0, 2))
    # 0.25 for each of the two inputs when it is new: 0.0417 in the mean
    assert error.mean() < 1.3 * boolean_floor(1, 12).mean()
    assert error[6:].max() < 0.03
