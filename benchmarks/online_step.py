"""Time of one predict and learn at use, with NumPy alone.

    python -m benchmarks.online_step

Each line is the median over rounds, with the fastest and slowest, of one example's time. The ratio
is to the bare step of the same network on ready-made arrays, measured in turn in the same rounds:
what the estimator adds in checks and bookkeeping.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from fixedweight import LSTM1997, Learner, Network, OnlineEstimator
from fixedweight.networks import LeastSquaresMemory
from fixedweight.scaling import identity_scaling

ROUNDS, EXAMPLES = 30, 300


def learner(network: Network) -> Learner:
    params = network.init_params(np.random.default_rng(0))
    return Learner(network, params, identity_scaling(2, 1), input_names=("x1", "x2"))


def per_example(work: Callable[[], object]) -> float:
    """Microseconds of one call."""
    began = time.perf_counter()
    for _ in range(EXAMPLES):
        work()
    return (time.perf_counter() - began) / EXAMPLES * 1e6


def main() -> None:
    for name, network in {
        "6 cells + 6 standard": LSTM1997(),
        "12 + 6, second layer 40": LSTM1997(blocks=12, second=40),
        "least-squares memory of 8 features": LeastSquaresMemory(heads=1),
    }.items():
        model = learner(network)
        estimator = OnlineEstimator(model)
        state = model.initial_state()
        x = np.zeros(3, dtype=np.float32)

        def bare() -> None:
            network.step(model.params, state, x, np)  # noqa: B023

        def online() -> None:
            estimator.predict_one((0.0, 1.0))  # noqa: B023
            estimator.learn_one((0.0, 1.0), 1.0)  # noqa: B023

        bare(), online()
        times = [(per_example(bare), per_example(online)) for _ in range(ROUNDS)]
        for label, values in zip(
            ("network.step", "predict + learn"), zip(*times, strict=True), strict=True
        ):
            print(
                f"{name}: {label} {statistics.median(values):.1f} us "
                f"[{min(values):.1f}, {max(values):.1f}]"
            )
        ratios = [b / a for a, b in times]
        print(
            f"{name}: ratio {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        )


if __name__ == "__main__":
    main()
