"""A network whose step is a Bayes filter over tasks that it knows or has learned, and their return.

For labels under drift: a concept that comes back is found again in a few examples. Its hypotheses
are learned, from tasks of the family on.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.known_tasks import known_tasks
from fixedweight.networks.memory import dot, recall
from fixedweight.networks.network import Params, State, Tasks, eye, logistic, softmax, softplus
from fixedweight.networks.paired import Paired, queued
from fixedweight.networks.simple import affine, uniform

MIDDLE = {
    **{"hazard": -4.0, "kept": 7.0, "fresh": 3.0, "noise": -4.0, "fade": 4.0},
    **{"free_noise": -2.0, "forget": -7.0},
}
"""Where these parameters begin, in log-odds or logarithms; the networks' own are added."""
LEAST_FLIP = 1e-4
"""The least chance that a target in [0, 1] is told the other way round: nothing is ruled out."""
UNSURE = 0.03
"""What a free hypothesis foresees of a target in [0, 1] is no nearer to an end than this."""
FLOOR = 1e-4
"""The least variance of noise, of scaled targets."""
LEAK = 1e-5
"""The least that a free hypothesis forgets in a step of its own, so that rounding cannot add up."""
TINY = 1e-20
"""Added where weights could all be rounded to 0."""
DRAWS = 12
"""Tasks to begin at, times the fixed hypotheses."""
FREE = 0.1
"""The prior chance of a task that is none of the fixed hypotheses, at first."""
COMMON = 256
"""Inputs at which tasks are compared."""
WILD = 1e3
"""Scaled inputs and targets are cut off here, so that their squares stay finite."""


@dataclass(frozen=True, kw_only=True)
class Hypotheses(Paired):
    """Weighs functions of the inputs by how well they have foreseen the targets told.

    With z(x) = [x tanh(x W + b)], a fixed hypothesis k foresees f_k(x) = g(z(x) V_k + c_k), g the
    logistic function for targets in [0, 1] and the identity otherwise. A free one is learned along
    the stream: it keeps the mean M and covariance P of a Bayesian linear model on features
    k(x) = tanh(x U + u) tanh(x T + t), to which an example counts as much as the hypothesis weighs.
    Each head is a filter over all of them,

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

    presentable: ClassVar[bool] = False
    hypotheses: int = 512
    """Fixed ones."""
    free: int = 4
    heads: int = 2
    hidden: int = 12
    features: int = 20
    """Of a free hypothesis."""

    def __post_init__(self) -> None:
        super().__post_init__()
        names = ("hypotheses", "free", "heads", "hidden", "features")
        sizes = {name: getattr(self, name) for name in names}
        if min(sizes.values()) < 1:
            raise NetworkError(f"Expected sizes of at least 1, got {sizes}.")

    @property
    def together(self) -> int:
        return self.hypotheses + self.free

    def init_params(self, rng: np.random.Generator) -> Params:
        n, heads = self.example_size, self.heads

        def spread(most: float) -> np.ndarray:
            """About evenly from -most to most over the heads."""
            middle = np.linspace(-most, most, heads + 2)[1:-1]
            return middle + rng.uniform(-0.1, 0.1, heads)

        return {
            **uniform(rng, "hidden", n, self.hidden, 2.0),
            **uniform(rng, "hypothesis", n + self.hidden, self.hypotheses * self.target_size, 4.0),
            **uniform(rng, "key", n, self.features, 2.0),
            **uniform(rng, "key_gate", n, self.features, 2.0),
            "prior": rng.uniform(-0.1, 0.1, self.together),
            "hazard": spread(1.5),
            "kept": spread(0.5),
            "fresh": spread(1.5),
            "noise": spread(2.0),
            "fade": spread(0.5),
            "weight": rng.uniform(-0.1, 0.1, heads),
            "free_noise": rng.uniform(-0.1, 0.1, 1),
            "forget": rng.uniform(-0.1, 0.1, 1),
        }

    def first_params(self, rng: np.random.Generator, tasks: Tasks) -> Params:
        """Weights whose fixed hypotheses are the most frequent of many tasks, fitted on the
        network's own basis, each of a prior chance by its share."""
        params = self.init_params(rng)
        inputs, targets, scored = tasks(DRAWS * self.hypotheses)
        x = inputs[..., : self.example_size].astype(np.float64)

        def basis(x: np.ndarray) -> np.ndarray:
            hidden = np.tanh(affine(x, params, "hidden"))
            return np.concatenate([x, hidden, np.ones_like(x[..., :1])], axis=-1)

        common = basis(x[rng.permutation(len(x))[:COMMON], 0])
        chosen, chance = known_tasks(
            *(basis(x), targets, scored, common, self.hypotheses),
            logistic=self.output == "logistic",
        )
        flat = np.moveaxis(chosen, 0, 1).reshape(common.shape[-1], -1)
        params["w_hypothesis"], params["b_hypothesis"] = flat[:-1], flat[-1]
        # each free one half as likely as the one before, so that they are not taken up together
        free = 0.5 ** np.arange(self.free)
        params["prior"] = np.log(np.concatenate([(1.0 - FREE) * chance, FREE * free / free.sum()]))
        return params

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        weight = self._prior(params, xp) + xp.zeros((self.heads, 1), dtype=params["prior"].dtype)
        covariance = np.tile(np.eye(self.features).reshape(-1), self.free)
        return {
            "foreseen": self.waiting(batch, self.hypotheses * self.target_size, xp),
            "keys": self.waiting(batch, self.features, xp),
            "shown": xp.zeros((*batch, 1)),
            "weight": xp.zeros((*batch, weight.size)) + weight.reshape(-1),
            "past": xp.zeros((*batch, weight.size)),
            "evidence": xp.zeros((*batch, self.heads)),
            "mean": xp.zeros((*batch, self.free * self.target_size * self.features)),
            "covariance": xp.zeros((*batch, covariance.size)) + xp.asarray(covariance),
        }

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        inputs = xp.minimum(xp.maximum(inputs, -WILD), WILD)
        x = inputs[..., : self.example_size]
        learned = self._learn(params, state, inputs, xp)
        basis = xp.concatenate([x, xp.tanh(affine(x, params, "hidden"))], axis=-1)
        fixed = affine(basis, params, "hypothesis")
        if self.output == "logistic":
            fixed = logistic(fixed, xp)
        key = xp.tanh(affine(x, params, "key")) * xp.tanh(affine(x, params, "key_gate"))
        free, _ = self._free(learned, key, xp)
        foreseen = xp.concatenate([self._by_target(fixed), free], axis=-2)
        by_head = self._by_head(learned["weight"]) @ foreseen  # [..., head, target]
        if self.output == "logistic":
            noise = self._flip(params, xp)[:, None]
            by_head = by_head + noise * (1.0 - 2.0 * by_head)
        share = softmax(learned["evidence"] + params["weight"], xp)
        output = (share[..., None, :] @ by_head)[..., 0, :]
        waiting = {
            "foreseen": queued(state["foreseen"], fixed, xp),
            "keys": queued(state["keys"], key, xp),
            "shown": xp.minimum(state["shown"] + 1.0, self.delay + 1.0),
        }
        return learned | waiting, self.squash(output, xp)

    def squash(self, values: Any, xp: Any) -> Any:
        return xp.minimum(xp.maximum(values, 0.0), 1.0) if self.output == "logistic" else values

    def _learn(self, params: Params, state: State, inputs: Any, xp: Any) -> State:
        """The filters after the target told now, and after the switch that may follow it."""
        n, targets = self.example_size, self.target_size
        told = inputs[..., n : n + targets]
        key = state["keys"][..., : self.features]
        fixed = self._by_target(state["foreseen"][..., : self.hypotheses * targets])
        free, variance = self._free(state, key, xp)
        foreseen = xp.concatenate([fixed, free], axis=-2)
        doubt = xp.concatenate([0.0 * fixed[..., 0], variance], axis=-1)
        likelihood, scale = self._likelihood(params, foreseen, doubt, told, xp)
        weight = self._by_head(state["weight"]) * likelihood
        total = TINY + weight.sum(axis=-1, keepdims=True)
        weight = weight / total
        share = softmax(state["evidence"] + params["weight"], xp)
        own = (share[..., None, :] @ weight[..., self.hypotheses :])[..., 0, :]
        kept = logistic(self._at(params, "kept"), xp)[:, None]
        past = kept * self._by_head(state["past"]) + weight
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
            **self._refined(params, state, key, told, own, xp),
        }
        come = state["shown"] > self.delay + 0.5
        if self.flagged:
            come = come & (inputs[..., -1:] > 0.5)
        return {name: xp.where(come, part, state[name]) for name, part in new.items()}

    def _free(self, state: State, key: Any, xp: Any) -> tuple[Any, Any]:
        """What the free hypotheses foresee [..., free, target], and their variances [..., free]."""
        mean, covariance = self._models(state)
        variance = dot(recall(covariance, key[..., None, :]), key[..., None, :])
        variance = xp.maximum(variance, 0.0)
        foreseen = recall(mean, key[..., None, :])
        if self.output == "logistic":  # shrunk to the middle by how little is known
            foreseen = 0.5 + foreseen / xp.sqrt(1.0 + variance)[..., None]
            foreseen = xp.minimum(xp.maximum(foreseen, UNSURE), 1.0 - UNSURE)
        return foreseen, variance

    def _refined(
        self, params: Params, state: State, key: Any, told: Any, own: Any, xp: Any
    ) -> State:
        """The free hypotheses after an example that counts `own` [..., free] to them."""
        mean, covariance = self._models(state)
        forget = LEAK + logistic(self._at(params, "forget"), xp)
        keep = (1.0 - forget * own)[..., None, None]
        prior = xp.asarray(eye(self.features, str(key.dtype)))
        covariance, mean = keep * covariance + (1.0 - keep) * prior, keep * mean
        spread = recall(covariance, key[..., None, :])
        noise = FLOOR + softplus(self._at(params, "free_noise"), xp)
        certain = xp.maximum(dot(spread, key[..., None, :]), 0.0)
        gain = own[..., None] * spread / (own * certain + noise)[..., None]
        middle = 0.5 if self.output == "logistic" else 0.0
        error = (told - middle)[..., None, :] - recall(mean, key[..., None, :])
        mean = mean + error[..., None] * gain[..., None, :]
        covariance = covariance - gain[..., None] * spread[..., None, :]
        return {
            "mean": mean.reshape(state["mean"].shape),
            "covariance": covariance.reshape(state["covariance"].shape),
        }

    def _likelihood(
        self, params: Params, foreseen: Any, doubt: Any, told: Any, xp: Any
    ) -> tuple[Any, Any]:
        """Of a target told [..., target], by head and hypothesis, times exp(-scale), and scale
        [..., head]."""
        told = told[..., None, :]
        if self.output == "logistic":
            told = xp.minimum(xp.maximum(told, 0.0), 1.0)
            agreed = foreseen * told + (1.0 - foreseen) * (1.0 - told)
            flip = self._flip(params, xp)[:, None, None]
            agreed = agreed[..., None, :, :] * (1.0 - 2.0 * flip) + flip
            return agreed.prod(axis=-1), 0.0 * agreed[..., 0, 0]
        error = told - foreseen
        squared = (error * error).sum(axis=-1)[..., None, :]
        noise = FLOOR + xp.exp(self._at(params, "noise"))[:, None]
        variance = noise + doubt[..., None, :]
        log = -0.5 * (squared / variance + self.target_size * xp.log(variance))
        scale = log.max(axis=-1, keepdims=True)
        return xp.exp(log - scale), scale[..., 0]

    def _flip(self, params: Params, xp: Any) -> Any:
        """The chance [head] that a target in [0, 1] is told the other way round."""
        return LEAST_FLIP + (0.5 - LEAST_FLIP) * logistic(self._at(params, "noise"), xp)

    def _at(self, params: Params, name: str) -> Any:
        return params[name] + MIDDLE[name]

    def _prior(self, params: Params, xp: Any) -> Any:
        return softmax(params["prior"], xp)

    def _by_head(self, flat: Any) -> Any:
        return flat.reshape((*flat.shape[:-1], self.heads, self.together))

    def _by_target(self, flat: Any) -> Any:
        return flat.reshape((*flat.shape[:-1], self.hypotheses, self.target_size))

    def _models(self, state: State) -> tuple[Any, Any]:
        """Means [..., free, target, feature] and covariances [..., free, feature, feature]."""
        mean, covariance, n = state["mean"], state["covariance"], self.features
        return (
            mean.reshape((*mean.shape[:-1], self.free, self.target_size, n)),
            covariance.reshape((*covariance.shape[:-1], self.free, n, n)),
        )
