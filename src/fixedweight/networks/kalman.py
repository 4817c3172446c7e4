"""A network whose step is a Kalman filter: random effects, a drifting level, and what it learned.

A mixed model with a random walk is one setting of its weights (`fixedweight.relatives` finds it
for a table), and gradient descent can go on from there.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Params, State, eye, softmax
from fixedweight.networks.paired import Paired, queued

MOST_PAIRED = 8
"""Products of two inputs are in the basis up to so many inputs."""
FLOOR = 1e-5
"""The least variance of noise, of scaled targets: rounding of single precision must not add up."""
MOST_LOG_SCALE = 2.0
"""The local scale lies between exp(-2) and exp(2)."""
WILD = 1e3
"""Scaled inputs and targets are cut off here, so that their squares stay finite."""
LEAST = 1e-12
"""What is told as less, zeros and what is below, counts as so much before a logarithm."""
MOST_EFFECT = 1e6
"""What a filter estimates is cut off here: targets that contradict each other drive it far."""
TINY = 1e-12
"""Under a root, which has no slope at 0."""
MOST_GAP = 30.0
"""The longest gap: after a longer one single precision would lose what is still known."""


@dataclass(frozen=True, kw_only=True)
class KalmanMemory(Paired):
    """Several filters side by side, weighed by how well each has foreseen the stream so far.

    With u the inputs on a warped axis and z(x) = [1, ramps of each input, u_i u_j], each filter has

        y(x) = m(x) + s(x) (f(x)' w + l + e),   m = z a,  log s = 2 tanh(z b / 2),  f = z C,
        w' N(0, I), drifting by `drift` a unit of gap,
        l <- exp(-r gap) l + gap v + noise,  v <- exp(-q gap) v + noise,   e ~ N(0, noise),

    where the gap between two examples is a weighted sum of 1 and of how far the inputs have moved.
    It keeps the posterior mean and covariance of (w, l, v). The prediction is the mean over filters
    by the softmax of their log evidence times `temper` plus `weight`, cut off at `low` and `high`,
    as are the targets told. Where `log` is set all this is of log(y) / unit.

    Raises:
        NetworkError: a size that is not positive.
    """

    heads: int = 3
    """Filters for each number of a target."""
    features: int = 3
    """Random effects of a filter: numbers in f."""
    knots: int = 8
    """Ramps for each input."""
    log: bool = False
    """Whether targets are positive, and foreseen in logarithms."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("heads", "features", "knots")}
        if min(sizes.values()) < 1:
            raise NetworkError(f"Expected sizes of at least 1, got {sizes}.")

    @property
    def filters(self) -> int:
        return self.heads * self.target_size

    @property
    def latent(self) -> int:
        """Numbers that a filter estimates: random effects, level, velocity."""
        return self.features + 2

    @property
    def basis_size(self) -> int:
        n = self.example_size
        return 1 + n * self.knots + (n * (n - 1) // 2 if n <= MOST_PAIRED else 0)

    def init_params(self, rng: np.random.Generator) -> Params:
        n, count, basis = self.example_size, self.filters, self.basis_size
        edges = np.linspace(-2.0, 2.0, self.knots + 1)
        near = 0.3 * basis**-0.5
        unit = {"unit": rng.uniform(0.9, 1.1, self.target_size)} if self.log else {}
        return unit | {
            "begin": rng.uniform(edges[:-1] - 0.1, edges[:-1] + 0.1, (n, self.knots)),
            "slope": rng.uniform(0.225 * self.knots, 0.275 * self.knots, (n, self.knots)),
            "mean": rng.uniform(-near, near, (basis, count)),
            "scale": rng.uniform(-near, near, (basis, count)),
            "feature": rng.uniform(-1.0, 1.0, (basis, count * self.features)),
            "gap": rng.uniform(-3.0, -2.0, (2 * n + 1, count)),
            "drift": rng.uniform(-7.0, -6.0, count * self.features),
            "start": rng.uniform(-2.0, -1.0, 2 * count),
            "spread": rng.uniform(-2.0, -1.0, 2 * count),
            "rate": rng.uniform(-2.0, -1.0, 2 * count),
            "noise": rng.uniform(-3.0, -2.0, count),
            "weight": rng.uniform(-0.1, 0.1, count),
            "temper": rng.uniform(0.5, 1.0, self.target_size),
            "low": rng.uniform(-7.0, -6.0, self.target_size),
            "high": rng.uniform(6.0, 7.0, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        start = xp.exp(2.0 * params["start"].reshape(self.filters, 2))
        ones = xp.ones((self.filters, self.features), dtype=start.dtype)
        variance = xp.concatenate([ones, start], axis=-1)
        covariance = variance[..., None] * xp.asarray(eye(self.latent, str(start.dtype)))
        return {
            "inputs": self.waiting(batch, self.example_size, xp),
            "shown": xp.zeros((*batch, 1)),
            "mean": xp.zeros((*batch, self.filters * self.latent)),
            "covariance": xp.zeros((*batch, covariance.size)) + covariance.reshape(-1),
            "evidence": xp.zeros((*batch, self.filters)),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        inputs = xp.minimum(xp.maximum(inputs, -WILD), WILD)
        x = inputs[..., : self.example_size]
        known = self._learn(params, state, inputs, xp)
        last = state["inputs"][..., self.delay * self.example_size :]
        gap = xp.where(state["shown"] < 0.5, 0.0, self.gap(params, last, x, xp))
        known = known | self.advance(params, known, gap, xp)
        forecast, _ = self.foresee(params, known, self.seen(params, x, xp), xp)
        output = self.weighed(params, known["evidence"], forecast, xp)
        waiting = {
            "inputs": queued(state["inputs"], x, xp),
            "shown": xp.minimum(state["shown"] + 1.0, self.delay + 1.0),
        }
        if self.log:
            output = xp.exp(params["unit"] * output)
        return known | waiting, self.squash(output, xp)

    def squash(self, values: Any, xp: Any) -> Any:
        return xp.minimum(xp.maximum(values, 0.0), 1.0) if self.output == "logistic" else values

    def weighed(self, params: Params, evidence: Any, forecast: Any, xp: Any) -> Any:
        """The filters' forecasts [..., filter] as one a target, within the bounds."""
        shape = (*forecast.shape[:-1], self.target_size, self.heads)
        by_head = evidence.reshape(shape)
        score = params["temper"][:, None] * (by_head - by_head.max(axis=-1, keepdims=True))
        score = score + params["weight"].reshape(self.target_size, self.heads)
        output = (softmax(score, xp) * forecast.reshape(shape)).sum(axis=-1)
        return xp.minimum(xp.maximum(output, params["low"]), params["high"])

    def ramps(self, params: Params, x: Any, xp: Any) -> Any:
        """Each input's way through each interval between knots, from 0 to 1: [..., input, ramp]."""
        return xp.minimum(xp.maximum((x[..., None] - params["begin"]) * params["slope"], 0.0), 1.0)

    def seen(self, params: Params, x: Any, xp: Any) -> tuple[Any, Any, Any]:
        """(m, s [..., filter], key [..., filter, latent]) of an example's inputs [..., input]."""
        return self.read(params, self.basis(params, x, xp), xp)

    def read(self, params: Params, z: Any, xp: Any) -> tuple[Any, Any, Any]:
        """The same from z [..., basis]."""
        mean = z @ params["mean"]
        scale = xp.exp(MOST_LOG_SCALE * xp.tanh((z @ params["scale"]) / MOST_LOG_SCALE))
        feature = (z @ params["feature"]).reshape((*mean.shape, self.features))
        one = xp.ones_like(mean)[..., None]
        return mean, scale, xp.concatenate([feature, one, 0.0 * one], axis=-1)

    def basis(self, params: Params, x: Any, xp: Any) -> Any:
        """z [..., basis]."""
        ramps = self.ramps(params, x, xp)
        parts = [_one(x, xp), ramps.reshape((*x.shape[:-1], self.example_size * self.knots))]
        if 2 <= self.example_size <= MOST_PAIRED:
            u = self.warped(params, ramps, xp) - 1.0
            first, second = np.triu_indices(self.example_size, 1)
            pick = eye(self.example_size, str(u.dtype))
            parts.append((u @ pick[:, first]) * (u @ pick[:, second]))
        return xp.concatenate(parts, axis=-1)

    def warped(self, params: Params, ramps: Any, xp: Any) -> Any:
        """Each input on an axis from 0 to 2 where its ramps are evenly spaced: [..., input]. Ramps
        without a slope are none."""
        slope = params["slope"]
        count = xp.where(slope > 0.0, xp.ones_like(slope), 0.0).sum(axis=-1)
        return 2.0 * ramps.sum(axis=-1) / xp.maximum(count, 1.0)

    def gap(self, params: Params, old: Any, new: Any, xp: Any) -> Any:
        """How far it is from one example's inputs to the next ones': [..., filter]."""
        return self.paced(params, self.moved(params, old, new, xp), xp)

    def moved(self, params: Params, old: Any, new: Any, xp: Any) -> Any:
        """What a gap is the weighted sum of: 1, and how far each input has moved, as it is and on
        its warped axis: [..., 1 + 2 input]."""
        ramps = self.ramps(params, new, xp) - self.ramps(params, old, xp)
        warped = self.warped(params, ramps, xp)
        return xp.concatenate([_one(new, xp), xp.abs(new - old), xp.abs(warped)], axis=-1)

    def paced(self, params: Params, moved: Any, xp: Any) -> Any:
        """The gap of each filter [..., filter]."""
        return xp.minimum(moved @ xp.exp(params["gap"]), MOST_GAP)

    def advance(self, params: Params, state: State, gap: Any, xp: Any) -> State:
        """The posterior after a gap [..., filter]."""
        gap = gap[..., None]
        rate = xp.exp(params["rate"].reshape(self.filters, 2))
        keep = xp.exp(-gap * rate)
        ones = xp.ones_like(gap) + xp.zeros((self.features,), dtype=gap.dtype)
        kept = xp.concatenate([ones, keep], axis=-1)
        drift = xp.exp(params["drift"].reshape(self.filters, self.features))
        spread = xp.exp(2.0 * params["spread"].reshape(self.filters, 2))
        added = xp.concatenate([gap * drift, spread * (1.0 - keep * keep)], axis=-1)
        mean, covariance = self._posterior(state)
        up = gap * _climb(str(gap.dtype), self.latent)
        mean = kept * mean + up * mean[..., -1:]
        rows = kept[..., None] * covariance + up[..., None] * covariance[..., -1:, :]
        covariance = rows * kept[..., None, :] + rows[..., -1:] * up[..., None, :]
        covariance = covariance + added[..., None] * eye(self.latent, str(gap.dtype))
        return {
            "mean": mean.reshape(state["mean"].shape),
            "covariance": covariance.reshape(state["covariance"].shape),
        }

    def foresee(self, params: Params, state: State, seen: Any, xp: Any) -> tuple[Any, Any]:
        """Each filter's forecast of an example and its variance, noise included: [..., filter]."""
        mean, scale, key = seen
        effects, covariance = self._posterior(state)
        variance = xp.maximum(_dot(_times(covariance, key), key), 0.0) + self._noise(params, xp)
        return mean + scale * _dot(effects, key), scale * scale * variance

    def learn(self, params: Params, state: State, seen: Any, target: Any, xp: Any) -> State:
        """The posterior and the evidence after a target [..., filter] of an example."""
        mean, scale, key = seen
        effects, covariance = self._posterior(state)
        spread = _times(covariance, key)
        certain = xp.maximum(_dot(spread, key), 0.0)
        variance = certain + self._noise(params, xp)
        # no covariance is beyond those of Cauchy and Schwarz, whatever rounding says
        own = (covariance * eye(self.latent, str(mean.dtype))).sum(axis=-1)
        most = xp.sqrt(TINY + xp.maximum(own, 0.0) * certain[..., None])
        spread = xp.minimum(xp.maximum(spread, -most), most)
        error = (target - mean) / scale - _dot(effects, key)
        gain = spread / variance[..., None]
        effects = effects + error[..., None] * gain
        effects = xp.minimum(xp.maximum(effects, -MOST_EFFECT), MOST_EFFECT)
        covariance = covariance - gain[..., None] * spread[..., None, :]
        surprise = 0.5 * (xp.log(variance) + error * error / variance) + xp.log(scale)
        return {
            "mean": effects.reshape(state["mean"].shape),
            "covariance": covariance.reshape(state["covariance"].shape),
            "evidence": state["evidence"] - surprise,
        }

    def _learn(self, params: Params, state: State, inputs: Any, xp: Any) -> State:
        n, targets = self.example_size, self.target_size
        told = inputs[..., n : n + targets]
        if self.log:
            told = xp.log(xp.maximum(told, LEAST)) / params["unit"]
        told = xp.minimum(xp.maximum(told, params["low"]), params["high"])
        told = (told[..., None] + xp.zeros((self.heads,), dtype=told.dtype)).reshape(
            (*told.shape[:-1], self.filters)
        )
        before = self.seen(params, state["inputs"][..., :n], xp)
        new = self.learn(params, state, before, told, xp)
        come = state["shown"] > self.delay + 0.5
        if self.flagged:
            come = come & (inputs[..., -1:] > 0.5)
        return {name: xp.where(come, part, state[name]) for name, part in new.items()}

    def _noise(self, params: Params, xp: Any) -> Any:
        return FLOOR + xp.exp(params["noise"])

    def _posterior(self, state: State) -> tuple[Any, Any]:
        flat, n = state["mean"], self.latent
        axes = (*flat.shape[:-1], self.filters, n)
        return flat.reshape(axes), state["covariance"].reshape((*axes, n))


@cache
def _climb(dtype: str, size: int) -> np.ndarray:
    """1 at the level, to which velocity adds."""
    climb = np.zeros(size, dtype=dtype)
    climb[-2] = 1.0
    return climb


def _one(x: Any, xp: Any) -> Any:
    """[..., 1] for any number of inputs, none included."""
    return xp.ones_like(x.sum(axis=-1, keepdims=True))


def _times(matrix: Any, vector: Any) -> Any:
    return (matrix * vector[..., None, :]).sum(axis=-1)


def _dot(one: Any, other: Any) -> Any:
    return (one * other).sum(axis=-1)
