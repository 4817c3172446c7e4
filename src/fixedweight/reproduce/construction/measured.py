"""What is measured of the construction itself: deviation, price, robustness, growth."""

from typing import Any

import jax
import numpy as np

from fixedweight.construction import (
    SHARP,
    WIDE,
    CompiledNetwork,
    Fitter,
    SigmoidProduct,
    Stack,
    certificate,
    compile_rule,
    rules,
)
from fixedweight.construction.certificate import predictions
from fixedweight.construction.reference import run
from fixedweight.families import Semilinear
from fixedweight.parts.part import Record, Work

STACK = Stack((2, 3, 1), output="logistic")
RULE = rules.backpropagation(4.0)
"""What all but the certificates and the growth is measured on: it learns semi-linear functions."""


def certified(name: str, quick: bool, work: Work) -> Record:
    """Every stage beside the reference learner, on semi-linear functions."""
    found = certificate(
        STACK,
        rules.RULES[name](),
        family=Semilinear(),
        tasks=2 if quick else 5,
        steps=100 if quick else 1000,
    )
    rows = [{"stage": row.stage, "deviation": row.deviation, **row.counts} for row in found.rows]
    return {"rule": name, "tasks": found.tasks, "steps": found.steps, "rows": rows}


def product(quick: bool, work: Work) -> Record:
    """Deviation of stage 4 by the reach of its sigmoids, and the slope before rounding."""
    x, y = _streams(2 if quick else 5, 64)
    expected = _reference(x, y)
    reaches = np.geomspace(1e-5, 1.0, 11 if quick else 21)
    record: Record = {"reach": reaches.tolist()}
    for name, b0 in (("wide", WIDE), ("sharp", SHARP)):
        networks = [
            compile_rule(STACK, RULE, 4, product=SigmoidProduct(float(reach), b0))
            for reach in reaches
        ]
        found = np.array([np.abs(predictions(n, x, y) - expected).max() for n in networks])
        best = int(np.argmin(found))
        falling = slice(best + 2, len(reaches) - (1 if quick else 4))
        slope = np.polyfit(np.log(reaches[falling]), np.log(found[falling]), 1)[0]
        record[name] = {"deviation": found.tolist(), "slope": float(slope)}
    return record


def fit(quick: bool, work: Work) -> Record:
    """The approximated form of stage 2: error of the fit and deviation, by neurons."""
    x, y = _streams(2 if quick else 5, 64)
    expected = _reference(x, y)
    record: Record = {"neurons": [4, 16] if quick else [2, 4, 8, 16, 32, 64, 128]}
    record |= {"error": [], "deviation": [], "units": []}
    for neurons in record["neurons"]:
        fitter = Fitter(neurons)
        network = compile_rule(STACK, RULE, 2, fitter=fitter)
        record["error"].append(max(fit.error for fit in fitter.fits.values()))
        record["deviation"].append(float(np.abs(predictions(network, x, y) - expected).max()))
        record["units"].append(network.graph.counts()["units"])
    return record


def noise(quick: bool, work: Work) -> Record:
    """Mean squared error under noise on the weights, w (1 + level n), n standard normal: on the
    storage loops' self-weights alone, and on all the others."""
    x, y = _streams(16 if quick else 64, 64)
    forms = {
        "2": compile_rule(STACK, RULE, 2),
        "3": compile_rule(STACK, RULE, 3),
        "4, reach 1": compile_rule(STACK, RULE, 4, product=SigmoidProduct(1.0)),
        "4, reach 0.1": compile_rule(STACK, RULE, 4, product=SigmoidProduct(0.1)),
        "4, reach 0.01": compile_rule(STACK, RULE, 4, product=SigmoidProduct(0.01)),
    }
    levels = np.geomspace(1e-9, 0.1, 5 if quick else 17)
    draws = 2 if quick else 8
    record: Record = {"level": levels.tolist(), "stages": {}}
    for stage, network in forms.items():
        work.say(f"noise {stage}")
        params = network.init_params(np.random.default_rng(0))
        clean = _error(network, params, x, y)
        curves = {
            group: [_noisy(network, params, group, level, draws, x, y) for level in levels]
            for group in ("loops", "weights")
        }
        record["stages"][stage] = {
            "clean": clean,
            **curves,
            "tolerance": {
                group: _tolerance(levels, np.array(curve), 1.1 * clean)
                for group, curve in curves.items()
            },
        }
    record["by_length"] = _by_length(forms["3"], quick, draws)
    return record


def _by_length(network: CompiledNetwork, quick: bool, draws: int) -> dict[str, list[Any]]:
    """The tolerance of stage 3's storage loops by the length of the task."""
    lengths = [16, 64] if quick else [16, 64, 256, 1024]
    levels = np.geomspace(1e-4, 1.0, 9)
    params = network.init_params(np.random.default_rng(0))
    found = []
    for length in lengths:
        x, y = _streams(8, length)
        errors = np.array(
            [_noisy(network, params, "loops", level, draws, x, y) for level in levels]
        )
        found.append(_tolerance(levels, errors, 1.1 * _error(network, params, x, y)))
    return {"steps": lengths, "tolerance": found}


def growth(quick: bool, work: Work) -> Record:
    """Units and weights by the number of synapses, with the exponent of a power law."""
    sizes = [2, 4] if quick else [2, 4, 8, 16, 32]
    cases = {
        "lms, n-1": (lambda n: Stack((n, 1)), rules.lms()),
        "backpropagation, n-4-1": (lambda n: Stack((n, 4, 1)), rules.backpropagation()),
        "recursive_least_squares, n-1": (
            lambda n: Stack((n, 1)),
            rules.recursive_least_squares(),
        ),
    }
    found: dict[str, Any] = {}
    for name, (stack, rule) in cases.items():
        synapses = [stack(n).synapses for n in sizes]
        found[name] = {"synapses": synapses}
        for stage in (3, 4):
            counts = [compile_rule(stack(n), rule, stage).graph.counts() for n in sizes]
            one: dict[str, Any] = {}
            for what in ("units", "weights"):
                one[what] = [count[what] for count in counts]
                logs = np.log(synapses[-2:]), np.log(one[what][-2:])
                one[f"{what} exponent"] = float(np.polyfit(*logs, 1)[0])
            found[name][str(stage)] = one
    return {"cases": found}


def _streams(tasks: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    stream = Semilinear().sample(jax.random.key(1), tasks, steps)
    return np.asarray(stream.inputs, np.float64), np.asarray(stream.targets, np.float64)


def _reference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    start = STACK.initial_weights()
    return np.stack([run(STACK, RULE, start, *task) for task in zip(x, y, strict=True)])


def _error(network: CompiledNetwork, params: Any, x: np.ndarray, y: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(((predictions(network, x, y, params) - y) ** 2).mean())


def _noisy(
    network: CompiledNetwork,
    params: Any,
    group: str,
    level: float,
    draws: int,
    x: np.ndarray,
    y: np.ndarray,
) -> float:
    """The median error over draws of noise on one group of the parameters."""
    errors = []
    for draw in range(draws):
        n = np.random.default_rng(draw).normal(size=params[group].shape)
        noisy = {**params, group: params[group] * (1.0 + level * n)}
        errors.append(_error(network, noisy, x, y))
    return float(np.median(np.nan_to_num(errors, nan=1.0)))


def _tolerance(levels: np.ndarray, errors: np.ndarray, most: float) -> float | None:
    """The level at which the error first rises above `most`, between levels in logarithms."""
    over = np.flatnonzero(errors > most)
    if not len(over) or over[0] == 0:
        return None
    i = over[0]
    share = (np.log(most) - np.log(errors[i - 1])) / (np.log(errors[i]) - np.log(errors[i - 1]))
    return float(levels[i - 1] * (levels[i] / levels[i - 1]) ** share)
