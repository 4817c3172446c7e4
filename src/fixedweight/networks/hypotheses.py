"""A network whose step is a Bayes filter over tasks that it knows, and that may come back.

Any family whose tasks are well covered by some hundreds of functions has such a filter; its
hypotheses are learned. `fixedweight.training` begins them at tasks that the family draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Params, State, logistic
from fixedweight.networks.paired import Paired, queued
from fixedweight.networks.simple import affine, uniform

LEAST_FLIP = 1e-4
"""The least chance that a target in [0, 1] is told the other way round: nothing is ruled out."""
MIDDLE = {"hazard": -4.0, "kept": 7.0, "fresh": 3.0, "noise": -4.0, "fade": 4.0}
"""Where these parameters begin, in log-odds or logarithms; the networks' own are added."""
FLOOR = 1e-4
"""The least variance of noise, of scaled targets."""
TINY = 1e-20
"""Added where weights could all be rounded to 0."""
WILD = 1e3
"""Scaled inputs and targets are cut off here, so that their squares stay finite."""


@dataclass(frozen=True, kw_only=True)
class Hypotheses(Paired):
    """Weighs functions of the inputs by how well they have foreseen the targets told.

    With z(x) = [x tanh(x W + b)], hypothesis k foresees f_k(x) = g(z(x) V_k + c_k), g the logistic
    function for targets in [0, 1] and the identity otherwise. Each head is a filter over them,

        w_k <- w_k P(y | f_k(x)) / sum                             (learn)
        r_k <- q r_k + w_k                                         (remember)
        w_k <- (1 - h) w_k + h (r_k + n p_k) / (sum_k r_k + n)     (a switch, perhaps)
        m = sum_k w_k f_k(x)                                       (predict)

    where h is the chance of a switch and p the prior. A switch leads to one of the tasks of the
    stream so far, by how long each has lasted, or to any other: mixing past posteriors (Bousquet
    and Warmuth, JMLR 3:363, 2002). Heads differ in h, q, n and their noise: targets in [0, 1] are
    flipped by chance e, P = (1 - e) f + e (1 - f) for y = 1; others are Gaussian. The output is the
    mean of the heads' m by the softmax of their log evidence, which fades, plus a learned weight.

    Raises:
        NetworkError: a size that is not positive.
    """

    hypotheses: int = 512
    heads: int = 2
    hidden: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("hypotheses", "heads", "hidden")}
        if min(sizes.values()) < 1:
            raise NetworkError(f"Expected sizes of at least 1, got {sizes}.")

    def init_params(self, rng: np.random.Generator) -> Params:
        count, heads = self.hypotheses, self.heads
        basis = self.example_size + self.hidden

        def spread(most: float) -> np.ndarray:
            """About evenly from -most to most over the heads."""
            middle = np.linspace(-most, most, heads + 2)[1:-1]
            return middle + rng.uniform(-0.1, 0.1, heads)

        return {
            **uniform(rng, "hidden", self.example_size, self.hidden, 2.0),
            **uniform(rng, "hypothesis", basis, count * self.target_size, 4.0),
            "prior": rng.uniform(-0.1, 0.1, count),
            "hazard": spread(1.5),
            "kept": spread(0.5),
            "fresh": spread(1.5),
            "noise": spread(2.0),
            "fade": spread(0.5),
            "weight": rng.uniform(-0.1, 0.1, heads),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        weight = self._prior(params, xp) + xp.zeros((self.heads, 1), dtype=params["prior"].dtype)
        return {
            "foreseen": self.waiting(batch, self.hypotheses * self.target_size, xp),
            "shown": xp.zeros((*batch, 1)),
            "weight": xp.zeros((*batch, weight.size)) + weight.reshape(-1),
            "past": xp.zeros((*batch, weight.size)),
            "evidence": xp.zeros((*batch, self.heads)),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        inputs = xp.minimum(xp.maximum(inputs, -WILD), WILD)
        x = inputs[..., : self.example_size]
        learned = self._learn(params, state, inputs, xp)
        basis = xp.concatenate([x, xp.tanh(affine(x, params, "hidden"))], axis=-1)
        foreseen = affine(basis, params, "hypothesis")
        if self.output == "logistic":
            foreseen = logistic(foreseen, xp)
        by_target = foreseen.reshape((*x.shape[:-1], self.hypotheses, self.target_size))
        by_head = self._by_head(learned["weight"]) @ by_target  # [..., head, target]
        if self.output == "logistic":
            noise = self._flip(params, xp)[:, None]
            by_head = by_head + noise * (1.0 - 2.0 * by_head)
        score = learned["evidence"] + params["weight"]
        share = xp.exp(score - score.max(axis=-1, keepdims=True))
        share = share / share.sum(axis=-1, keepdims=True)
        output = (share[..., None, :] @ by_head)[..., 0, :]
        waiting = {
            "foreseen": queued(state["foreseen"], foreseen, xp),
            "shown": xp.minimum(state["shown"] + 1.0, self.delay + 1.0),
        }
        return learned | waiting, self.squash(output, xp)

    def squash(self, values: Any, xp: Any) -> Any:
        return xp.minimum(xp.maximum(values, 0.0), 1.0) if self.output == "logistic" else values

    def _learn(self, params: Params, state: State, inputs: Any, xp: Any) -> State:
        """The filters after the target told now, and after the switch that may follow it."""
        n, targets = self.example_size, self.target_size
        told = inputs[..., None, n : n + targets]
        foreseen = state["foreseen"][..., : self.hypotheses * targets]
        foreseen = foreseen.reshape((*foreseen.shape[:-1], self.hypotheses, targets))
        likelihood, scale = self._likelihood(params, foreseen, told, xp)
        weight = self._by_head(state["weight"]) * likelihood
        total = TINY + weight.sum(axis=-1, keepdims=True)
        weight = weight / total
        past = (
            logistic(self._at(params, "kept"), xp)[:, None] * self._by_head(state["past"]) + weight
        )
        fresh = xp.exp(self._at(params, "fresh"))[:, None]
        mixed = past + fresh * self._prior(params, xp)
        mixed = mixed / (past.sum(axis=-1, keepdims=True) + fresh)
        hazard = logistic(self._at(params, "hazard"), xp)[:, None]
        weight = weight + hazard * (mixed - weight)
        surprise = -xp.log(total[..., 0]) - scale
        fade = logistic(self._at(params, "fade"), xp)
        new = {
            "weight": weight.reshape(state["weight"].shape),
            "past": past.reshape(state["past"].shape),
            "evidence": fade * state["evidence"] - surprise,
        }
        come = state["shown"] > self.delay + 0.5
        if self.flagged:
            come = come & (inputs[..., -1:] > 0.5)
        return {name: xp.where(come, part, state[name]) for name, part in new.items()}

    def _likelihood(self, params: Params, foreseen: Any, told: Any, xp: Any) -> tuple[Any, Any]:
        """Of a target told [..., 1, target], by head and hypothesis, times exp(-scale), and scale
        [..., head]."""
        if self.output == "logistic":
            told = xp.minimum(xp.maximum(told, 0.0), 1.0)
            agreed = foreseen * told + (1.0 - foreseen) * (1.0 - told)
            flip = self._flip(params, xp)[:, None, None]
            agreed = agreed[..., None, :, :] * (1.0 - 2.0 * flip) + flip
            return agreed.prod(axis=-1), 0.0 * agreed[..., 0, 0]
        error = told - foreseen
        squared = (error * error).sum(axis=-1)
        least = squared.min(axis=-1, keepdims=True)
        variance = FLOOR + xp.exp(self._at(params, "noise"))
        likelihood = xp.exp(-0.5 * (squared - least)[..., None, :] / variance[:, None])
        scale = -0.5 * (least / variance + self.target_size * xp.log(variance))
        return likelihood, scale

    def _flip(self, params: Params, xp: Any) -> Any:
        """The chance [head] that a target in [0, 1] is told the other way round."""
        return LEAST_FLIP + (0.5 - LEAST_FLIP) * logistic(self._at(params, "noise"), xp)

    def _at(self, params: Params, name: str) -> Any:
        return params[name] + MIDDLE[name]

    def _prior(self, params: Params, xp: Any) -> Any:
        score = params["prior"]
        share = xp.exp(score - score.max(axis=-1, keepdims=True))
        return share / share.sum(axis=-1, keepdims=True)

    def _by_head(self, flat: Any) -> Any:
        return flat.reshape((*flat.shape[:-1], self.heads, self.hypotheses))
