"""Time of one predict and learn at use, from Python.

    python -m benchmarks.online_step

Each line is the median over rounds, with the fastest and slowest, of one example's time: the bare
step of the network in NumPy, the estimator around it, the estimator whose step is compiled, and
River's linear regression on inputs of the same two names. All are measured in turn in the same
rounds, and the ratios are to the compiled estimator.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from river import linear_model

from fixedweight import LSTM, LSTM1997, CompiledEstimator, Learner, Network, OnlineEstimator
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


def both(model: object, x: object) -> Callable[[], None]:
    """Predict, then learn."""
    predict, learn = model.predict_one, model.learn_one  # type: ignore[attr-defined]

    def work() -> None:
        predict(x)
        learn(x, 1.0)

    return work


def main() -> None:
    named, state = {"x1": 0.0, "x2": 1.0}, None
    for name, network in {
        "LSTM1997, 6 + 6": LSTM1997(),
        "LSTM1997, 12 + 6, second layer 40": LSTM1997(blocks=12, second=40),
        "LSTM, 12": LSTM(hidden=12),
        "LeastSquaresMemory, 8 features": LeastSquaresMemory(heads=1),
    }.items():
        model = learner(network)
        state, x = model.initial_state(), np.zeros(3, dtype=np.float32)
        works = {
            "network.step in NumPy": lambda: network.step(model.params, state, x, np),  # noqa: B023
            "OnlineEstimator": both(OnlineEstimator(model), [0.0, 1.0]),
            "CompiledEstimator": both(CompiledEstimator(model), [0.0, 1.0]),
            "CompiledEstimator, inputs as a tuple": both(CompiledEstimator(model), (0.0, 1.0)),
            "CompiledEstimator, inputs by name": both(CompiledEstimator(model), named),
            "River LinearRegression": both(linear_model.LinearRegression(), named),
        }
        for work in works.values():
            work()
        rounds = [
            {label: per_example(work) for label, work in works.items()} for _ in range(ROUNDS)
        ]
        for label in works:
            times = [taken[label] for taken in rounds]
            ratio = statistics.median(taken[label] / taken["CompiledEstimator"] for taken in rounds)
            print(
                f"{name}: {label} {statistics.median(times):.2f} us "
                f"[{min(times):.2f}, {max(times):.2f}], {ratio:.2f} x"
            )


if __name__ == "__main__":
    main()
