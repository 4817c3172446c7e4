"""Networks that say how sure they are: each wraps a network and is one.

The prediction is the mean, as ever. What surrounds it stands in the state, in the part `spread`:
the logarithm of a standard deviation, or quantiles. So whatever runs a network, the estimators and
every export among them, runs these, and finds the spread where it finds the state.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar, Literal

import numpy as np

from fixedweight.errors import InputError, NetworkError
from fixedweight.networks.network import Params, State, logistic, softplus
from fixedweight.networks.presented import Presented

LEAST, MOST = -7.0, 2.0
"""Bounds of the logarithm of a spread, on the scale of the targets a network sees."""
TWICE = (0.375, math.log(2.0))
"""log N(z; 0, 2) - log N(z; 0, 1) = 0.375 z^2 - log 2."""
LARGEST = 4.0
"""More standard deviations than that count as so many: one outlier alone is no alarm."""
SMALL = 1e-3
"""The least that calibration makes of a spread."""
UNTOLD = 30.0
"""As the logarithm of a standard deviation: of what was never predicted."""


@dataclass(frozen=True, kw_only=True)
class Uncertain(Presented):
    """What both share: further outputs of the network within, which has no target told for them.

    Raises:
        NetworkError: an uncertain network within, or a state with parts of the names used here.
    """

    numbers: ClassVar[int]
    """Numbers of spread for each of a target."""
    parts: ClassVar[frozenset[str]] = frozenset({"spread"})
    """The parts of the state that are the wrapper's own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.network, Uncertain):
            raise NetworkError("Expected a network that says once how sure it is, got it twice.")

    @property
    def shown(self) -> int:
        return self.input_size + self.numbers * self.target_size

    @property
    def asked(self) -> int:
        return (1 + self.numbers) * self.target_size

    @property
    def units(self) -> Literal["logistic", "linear"]:
        return "linear"

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        state = super().init_state(params, batch, xp)
        if taken := self.parts & set(state):
            raise NetworkError(
                f"Expected no part {sorted(taken)} in the state of {type(self.network).__name__}: "
                f"{type(self).__name__} keeps its own there. Give it another name."
            )
        return {**state, "spread": xp.zeros((*batch, self.numbers * self.target_size))}

    def answer(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any, Any]:
        """The step of the network within: its new state, the mean, and its further outputs."""
        end = self.data + self.target_size
        nothing = xp.zeros_like(inputs[..., :1])
        nothing = xp.concatenate([nothing] * (self.numbers * self.target_size), axis=-1)
        told = xp.concatenate([inputs[..., :end], nothing, inputs[..., end:]], axis=-1)
        within = {name: part for name, part in state.items() if name not in self.parts}
        new, output = self.network.step(params, within, told, xp)
        mean = output[..., : self.target_size]
        if self.output == "logistic":
            mean = logistic(mean, xp)
        return new, mean, output[..., self.target_size :]

    @abstractmethod
    def interval(self, mean: Any, spread: Any, coverage: float) -> tuple[Any, Any]:
        """The ends between which a target lies with a chance of `coverage`, each [..., target].

        Raises:
            InputError: a coverage that this network cannot give.
        """

    @abstractmethod
    def calibrated(self, params: Params, away: np.ndarray, spread: np.ndarray) -> Params:
        """Parameters under which held-out targets lie in the intervals as often as they should.

        Args:
            params: of the trained network.
            away: [row, target] held-out targets less their predictions.
            spread: [row, numbers * target] that came with these.
        """


@dataclass(frozen=True, kw_only=True)
class Gaussian(Uncertain):
    """A network that predicts a normal distribution, and sounds an alarm.

        mean, s = the outputs within,   log sd = s between bounds + c

    trained by the negative log-likelihood; held-out tasks then set c by how far intervals are off.
    `spread` is log sd. Each target told has a z = (y - mean) / sd, and the state has `strange`, a
    cumulative sum (Page 1954) of the log-likelihood ratio of twice the deviation to the one
    stated, summed over the numbers of a target:

        strange <- max(0, strange + a (0.375 min(z^2, 16) - log 2))

    a is set so that it passes 1 in one stream of the family in a hundred.

    Raises:
        NetworkError: an uncertain network within.
    """

    numbers: ClassVar[int] = 1
    parts: ClassVar[frozenset[str]] = frozenset({"spread", "foreseen", "strange"})

    def init_params(self, rng: np.random.Generator) -> Params:
        own = {
            "sd_shift": rng.uniform(-0.1, 0.1, self.target_size),
            "alarm": rng.uniform(0.9, 1.1, 1),
        }
        return {**super().init_params(rng), **own}

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        state, queue = super().init_state(params, batch, xp), (1 + self.delay) * self.target_size
        never = xp.zeros((*batch, 2 * queue)) + xp.asarray(
            np.tile(np.repeat([0.0, UNTOLD], self.target_size), 1 + self.delay)
        )
        return {**state, "foreseen": never, "strange": xp.zeros((*batch, 1))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        m, waiting = self.target_size, state["foreseen"]
        told = inputs[..., self.data : self.data + m]
        z = (told - waiting[..., :m]) * xp.exp(-waiting[..., m : 2 * m])
        gain = TWICE[0] * xp.minimum(z * z, LARGEST**2) - TWICE[1]
        gain = params["alarm"] * xp.sum(gain, axis=-1, keepdims=True)
        if self.flagged:
            gain = inputs[..., -1:] * gain
        new, mean, further = self.answer(params, state, inputs, xp)
        spread = bounded(further, xp) + params["sd_shift"]
        own = {
            "spread": spread,
            "foreseen": xp.concatenate([waiting[..., 2 * m :], mean, spread], axis=-1),
            "strange": xp.maximum(state["strange"] + gain, 0.0),
        }
        return {**new, **own}, mean

    def error(self, state: State, output: Any, target: Any, xp: Any) -> Any:
        z = (target - output) * xp.exp(-state["spread"])
        return xp.sum(0.5 * z * z + state["spread"], axis=-1)

    def interval(self, mean: Any, spread: Any, coverage: float) -> tuple[Any, Any]:
        half = NormalDist().inv_cdf(0.5 + 0.5 * coverage) * np.exp(spread)
        return mean - half, mean + half

    def calibrated(self, params: Params, away: np.ndarray, spread: np.ndarray) -> Params:
        z = np.abs(away) / np.exp(spread)
        factor = np.quantile(z, 0.9, axis=0) / NormalDist().inv_cdf(0.95)
        return {**params, "sd_shift": params["sd_shift"] + np.log(np.maximum(factor, SMALL))}


LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, kw_only=True)
class Quantiles(Uncertain):
    """A network that predicts the 5, 25, 50, 75 and 95 % quantiles beside the mean.

        q50 = mean + s,   q75 = q50 + f exp(u),   q95 = q75 + g exp(v),   and so downwards

    trained by the squared error of the mean and the pinball losses of the quantiles (Koenker and
    Bassett 1978). Held-out tasks then set f and g. `spread` holds the quantiles less the mean, by
    level.

    Raises:
        NetworkError: an uncertain network within.
    """

    numbers: ClassVar[int] = len(LEVELS)

    def init_params(self, rng: np.random.Generator) -> Params:
        own = {"widths": rng.uniform(0.9, 1.1, (4, self.target_size))}
        return {**super().init_params(rng), **own}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        new, mean, further = self.answer(params, state, inputs, xp)
        m = self.target_size
        middle = further[..., :m]
        steps = (
            params["widths"][i] * xp.exp(bounded(further[..., (i + 1) * m : (i + 2) * m], xp))
            for i in range(4)
        )
        lower, low, high, higher = steps
        by_level = (middle - low - lower, middle - low, middle, middle + high)
        spread = xp.concatenate([*by_level, middle + high + higher], axis=-1)
        return {**new, "spread": spread}, mean

    def error(self, state: State, output: Any, target: Any, xp: Any) -> Any:
        m = self.target_size
        total = (target - output) ** 2
        for i, level in enumerate(LEVELS):
            over = target - output - state["spread"][..., i * m : (i + 1) * m]
            total = total + xp.maximum(level * over, (level - 1.0) * over)
        return xp.sum(total, axis=-1)

    def interval(self, mean: Any, spread: Any, coverage: float) -> tuple[Any, Any]:
        ends = [round(0.5 - 0.5 * coverage, 6), round(0.5 + 0.5 * coverage, 6)]
        if not set(ends) <= set(LEVELS):
            raise InputError(
                f"Expected a coverage of 0.9 or 0.5 of a learner of quantiles, got {coverage}. "
                "A learner derived with Gaussian gives any."
            )
        by_level = _by_level(spread)
        low, high = (mean + by_level[..., LEVELS.index(end), :] for end in ends)
        return low, high

    def calibrated(self, params: Params, away: np.ndarray, spread: np.ndarray) -> Params:
        by_level, old = _by_level(spread), np.asarray(params["widths"])
        apart = np.diff(by_level, axis=-2)
        widths = np.ones_like(old)
        for side, inner, outer in ((-1.0, 1, 0), (1.0, 2, 3)):
            left = side * (away - by_level[..., 2, :])
            for i, level in ((inner, LEVELS[3]), (outer, LEVELS[4])):
                unit = apart[..., i, :] / old[i]
                widths[i] = np.maximum(np.quantile(left / unit, level, axis=0), SMALL)
                left = left - widths[i] * unit
        return {**params, "widths": widths}


def bounded(x: Any, xp: Any) -> Any:
    """Between bounds, with a slope everywhere."""
    x = LEAST + softplus(x - LEAST, xp)
    return MOST - softplus(MOST - x, xp)


def _by_level(spread: np.ndarray) -> np.ndarray:
    """[..., level * target] as [..., level, target]."""
    return spread.reshape((*spread.shape[:-1], len(LEVELS), -1))
