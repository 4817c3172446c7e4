"""Filters fitted to the tasks of a table: the most probable weights of a `KalmanMemory`.

The likelihood is that of the forecasts, each made before its target is told; the hyper-prior keeps
curves smooth and effects moderate, so that six tasks are enough. Many fits run side by side: one
for each candidate and each set of tasks that it may see.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from fixedweight import kernels
from fixedweight.networks import KalmanMemory, Params, State, initial_state

STEPS = 240
MOST_ROUNDS = 8
GAIN = 1.0
"""Rounds of so many steps go on while the log probability of one of the fits rises by more."""
RATE = 0.05
OFF = -12.0
"""The log of a standard deviation that is as good as none."""


class Candidate(NamedTuple):
    """A structure: what may differ between tasks, and how."""

    features: int
    """Random effects: a constant, then so many less one free curves."""
    rough: float
    """How far such a curve may bend from one ramp to the next, in the targets' spread."""
    level: bool = True
    """Whether tasks have a level that comes and goes."""
    velocity: bool = False
    """Whether the level has a velocity of its own."""


CANDIDATES = (
    Candidate(1, 0.02),
    Candidate(1, 0.02, velocity=True),
    Candidate(2, 0.02),
    Candidate(3, 0.05),
    Candidate(3, 0.2),
    Candidate(4, 0.2),
)


class Examples(NamedTuple):
    """Series on the scale of the network, with all of them that no fitted weight changes."""

    basis: Float[Array, "task time basis"]
    """Of the inputs: where the ramps stand is not fitted."""
    moved: Float[Array, "task time part"]
    """What the gap before each example is the weighted sum of; 0 before the first."""
    targets: Float[Array, "task time"]
    known: Float[Array, "task time"]
    """1 where there is a target, else 0."""


def examples(
    network: KalmanMemory,
    knots: dict[str, Any],
    inputs: Float[np.ndarray, "task time input"],
    targets: Float[np.ndarray, "task time"],
    known: Bool[np.ndarray, "task time"],
) -> Examples:
    """Series as a filter with these ramps sees them.

    Args:
        knots: "begin" and "slope" of the ramps.
    """
    place = {name: jnp.asarray(value, jnp.float32) for name, value in knots.items()}
    x = jnp.asarray(inputs, jnp.float32)
    old = jnp.concatenate([x[:, :1], x[:, :-1]], axis=1)
    moved = network.moved(place, old, x, jnp).at[:, 0].set(0.0)
    told = jnp.asarray(targets, jnp.float32), jnp.asarray(known, jnp.float32)
    return Examples(network.basis(place, x, jnp), moved, *told)


def surprise(
    network: KalmanMemory, params: Params, state: State, example: tuple[Array, ...]
) -> tuple[State, tuple[Array, Array]]:
    """One example of streams side by side: the state after it, and the forecast of its target with
    the forecast's variance. On a stream's first one the state begins anew.

    Args:
        params: those of the dynamics and of the noise.
        example: m, s [stream, 1] and key [stream, latent] of its inputs, the gap before it, its
            target, whether that is known and whether the example is the first [stream, 1], the last
            two 0 or 1.
    """
    mean, scale, key, gap, y, known, first = example
    fresh = initial_state(network, params, (len(mean),), jnp)
    state = {name: jnp.where(first > 0.5, fresh[name], state[name]) for name in state}
    state = state | network.advance(params, state, gap, jnp)
    seen = mean, scale, key[:, None]
    forecast, variance = network.foresee(params, state, seen, jnp)
    new = network.learn(params, state | {"evidence": mean}, seen, y, jnp)
    state = {name: jnp.where(known > 0.5, new[name], state[name]) for name in state}
    return state, (forecast[:, 0], variance[:, 0])


DYNAMICS = ("start", "spread", "rate", "drift", "noise")
"""The weights that a filter needs beside what it reads of an example."""


def forecasts(
    network: KalmanMemory, params: Params, data: Examples
) -> tuple[Float[Array, "task time"], Float[Array, "task time"]]:
    """The forecast of each target and its variance, of one filter."""
    mean, scale, key = network.read(params, data.basis, jnp)
    count, time = data.targets.shape
    first = jnp.broadcast_to(jnp.arange(time) < 1, (count, time))[..., None].astype(jnp.float32)
    gap = network.paced(params, data.moved, jnp)
    told = data.targets[..., None], data.known[..., None], first
    along = (mean, scale, key[:, :, 0], gap, *told)
    state = {
        "mean": jnp.zeros((count, network.latent)),
        "covariance": jnp.zeros((count, network.latent**2)),
    }
    step = partial(surprise, network)
    own = {name: params[name] for name in DYNAMICS}
    done = kernels.unroll(step, own, state, along)
    if done is not None:
        return done[1]
    by_time = jax.tree.map(lambda part: jnp.moveaxis(part, 1, 0), along)
    _, found = jax.lax.scan(partial(step, own), state, by_time)
    return found[0].T, found[1].T


def unlikelihood(
    network: KalmanMemory, params: Params, data: Examples, weights: Float[Array, " task"]
) -> Float[Array, ""]:
    """Minus the log likelihood of the tasks, each as often as it weighs."""
    mean, variance = forecasts(network, params, data)
    each = 0.5 * (jnp.log(2 * jnp.pi * variance) + (data.targets - mean) ** 2 / variance)
    return jnp.sum(weights[:, None] * data.known * each)


class HyperPrior(NamedTuple):
    """Independent normal distributions of weights; where the spread is 0 a weight stays."""

    centre: Params
    spread: Params
    bend: Params
    """Spread of the difference of neighbouring ramps, by basis function; 0 where there is none."""


def hyper_prior(
    network: KalmanMemory, candidate: Candidate, knots: dict[str, np.ndarray], varies: np.ndarray
) -> HyperPrior:
    """What is thought of the weights of one filter before the tasks are seen.

    Args:
        knots: "begin" and "slope" of the ramps.
        varies: [input] whether it changes within tasks.
    """
    n, j, b, d = network.example_size, network.knots, network.basis_size, network.features
    pairs = b - 1 - n * j
    real = (knots["slope"] > 0).astype(float)  # ramps that are there
    ramps = real.reshape(-1)
    inner = np.repeat(varies, j) * ramps

    def column(one: float, ramp: np.ndarray, pair: float) -> np.ndarray:
        return np.concatenate([[one], ramp, np.full(pairs, pair)])

    size = 1.0 / np.maximum(real.sum(axis=1), 1.0) ** 0.5
    each = np.repeat(size, j)
    centre = {name: np.zeros_like(value) for name, value in
              network.init_params(np.random.default_rng(0)).items()}  # fmt: skip
    spread = {name: np.zeros_like(value) for name, value in centre.items()}
    bend = {name: np.zeros_like(centre[name]) for name in ("mean", "scale", "feature")}
    centre["begin"], centre["slope"] = knots["begin"], knots["slope"]
    spread["mean"][:, 0] = column(2.0, 2.0 * each * ramps, 0.5)
    spread["scale"][:, 0] = column(0.0, 0.5 * each * ramps, 0.1)
    bend["mean"][:, 0] = column(0.0, 0.7 * each, 0.0)
    bend["scale"][:, 0] = column(0.0, 0.1 * each, 0.0)
    on = np.arange(d) < candidate.features
    for k in range(d):
        free = k > 0 and on[k]
        spread["feature"][:, k] = column(1.0 * on[k], 0.7 * each * inner * free, 0.1 * free)
        bend["feature"][:, k] = column(0.0, candidate.rough * np.ones(n * j), 0.0)
    centre["drift"][:] = np.where(on, -7.0, 2 * OFF)
    spread["drift"][:] = np.where(on, 1.5, 0.0)
    centre["gap"][0], spread["gap"][0] = -1.0, 1.0
    centre["gap"][1:], spread["gap"][1:] = -2.0, 1.5
    still = np.concatenate([[False], ~varies, ~varies])
    centre["gap"][still], spread["gap"][still] = OFF, 0.0
    for k, there in enumerate((candidate.level, candidate.velocity)):
        for name, at, width in (("start", -1.5, 1.0), ("spread", -1.5, 1.0)):
            centre[name][k], spread[name][k] = (at - k, width) if there else (OFF, 0.0)
        centre["rate"][k], spread["rate"][k] = -1.5, 1.5 * there
    centre["noise"][:], spread["noise"][:] = -4.0, 1.0
    centre["low"][:], centre["high"][:], centre["temper"][:] = -1e3, 1e3, 1.0
    return HyperPrior(centre, spread, bend)


def begin(network: KalmanMemory, prior: HyperPrior, data: Examples, weights: Array) -> Params:
    """Where a fit starts: the pooled curve by ridge regression, small random effects."""
    params = {name: jnp.asarray(value, jnp.float32) for name, value in prior.centre.items()}
    z, w = data.basis, weights[:, None] * data.known
    gram = jnp.einsum("nt,ntb,ntc->bc", w, z, z) / 0.1
    right = jnp.einsum("nt,ntb,nt->b", w, z, data.targets) / 0.1
    precision = jnp.where(prior.spread["mean"][:, 0] > 0, prior.spread["mean"][:, 0], 1e-4) ** -2.0
    params["mean"] = jnp.linalg.solve(gram + jnp.diag(precision), right)[:, None]
    n, j, d = network.example_size, network.knots, network.features
    u = (jnp.arange(j) + 0.5) / j * 2 - 1
    curves = jnp.zeros((network.basis_size, d))
    for k in range(d):
        slope = k * u ** max(k - 1, 0) * 2 / j  # of u^k, ramp by ramp
        ramps = jnp.tile(slope, n) if k else jnp.zeros(n * j)
        one = 1.0 if k == 0 else (-1.0) ** k
        full = jnp.concatenate([jnp.array([one]), ramps, jnp.zeros(network.basis_size - 1 - n * j)])
        curves = curves.at[:, k].set(0.3 / (1 + k) * full)
    params["feature"] = jnp.where(prior.spread["feature"] > 0, curves, 0.0)
    return params


def improbability(network: KalmanMemory, prior: HyperPrior, params: Params) -> Array:
    """Minus the log of the hyper-prior, up to a constant."""
    total = jnp.float32(0.0)
    for name, value in params.items():
        sd = prior.spread[name]
        z = (value - prior.centre[name]) / jnp.where(sd > 0, sd, 1.0)
        total += 0.5 * jnp.sum(jnp.where(sd > 0, z, 0.0) ** 2)
    n, j = network.example_size, network.knots
    real = (params["slope"] > 0).astype(jnp.float32)
    for name, sd in prior.bend.items():
        shape = (n, j, -1)
        value = params[name][1 : 1 + n * j].reshape(shape)
        width = sd[1 : 1 + n * j].reshape(shape)
        there = (real[:, 1:] * real[:, :-1])[..., None] * (width[:, 1:] > 0)
        change = jnp.diff(value, axis=1) / jnp.where(width[:, 1:] > 0, width[:, 1:], 1.0)
        total += 0.5 * jnp.sum(there * change**2)
    return total


def fit_many(
    network: KalmanMemory,
    priors: HyperPrior,
    data: Examples,
    weights: Float[Array, "fit task"],
) -> tuple[Params, Array, Array, int]:
    """The most probable weights of each fit, its forecasts with variances [fit, task, time], and
    how many steps that took.

    Rounds of `STEPS` steps, each at half the rate of the one before, for as long as they bring
    something: where there is next to no noise, one is not enough.

    Args:
        network: of one filter.
        priors: with a leading axis of fits.
        weights: 1 for the tasks that a fit may see, 0 for others.
    """
    params, cost = _begun(network, priors, data, weights)
    rounds, gained = 0, True
    while gained and rounds < MOST_ROUNDS:
        before, rate = cost, RATE * 0.5**rounds
        params, cost = _further(network, params, cost, priors, data, weights, rate)
        rounds, gained = rounds + 1, bool((before - cost > GAIN).any())
    return params, *_foreseen(network, params, data), rounds * STEPS


@partial(jax.jit, static_argnames="network")
def _begun(
    network: KalmanMemory, priors: HyperPrior, data: Examples, weights: Array
) -> tuple[Params, Array]:
    """Where each fit starts, and minus the log probability there."""

    def one(prior: HyperPrior, weight: Array):
        params = begin(network, prior, data, weight)
        return params, _cost(network, prior, data, weight, params)

    return jax.vmap(one)(priors, weights)


@partial(jax.jit, static_argnames="network")
def _further(
    network: KalmanMemory,
    params: Params,
    cost: Array,
    priors: HyperPrior,
    data: Examples,
    weights: Array,
    rate: Array | float,
) -> tuple[Params, Array]:
    """Each fit after another round, unless that has made it worse; minus its log probability."""
    course = optax.warmup_cosine_decay_schedule(0.0, 1.0, 20, STEPS, 0.01)
    optimizer = optax.chain(
        optax.scale_by_adam(b1=0.9, b2=0.98), optax.scale_by_learning_rate(course)
    )

    def one(old: Params, before: Array, prior: HyperPrior, weight: Array):
        seen = jnp.maximum(jnp.sum(weight[:, None] * data.known), 1.0)

        def body(_, carry):
            params, state = carry
            unlikely = jax.grad(unlikelihood, 1)(network, params, data, weight)
            improbable = jax.grad(partial(improbability, network, prior))(params)
            slope = {
                name: jnp.where(
                    prior.spread[name] > 0, jnp.nan_to_num(unlikely[name] + g) / seen, 0.0
                )
                for name, g in improbable.items()
            }
            change, state = optimizer.update(slope, state)
            change = jax.tree.map(lambda each: rate * each, change)
            return optax.apply_updates(params, change), state

        new, _ = jax.lax.fori_loop(0, STEPS, body, (old, optimizer.init(old)))
        after = _cost(network, prior, data, weight, new)
        better = jnp.isfinite(after) & ~(after >= before)  # where it began may not be finite
        kept = {name: jnp.where(better, value, old[name]) for name, value in new.items()}
        return kept, jnp.where(better, after, before)

    return jax.vmap(one)(params, cost, priors, weights)


def _cost(
    network: KalmanMemory, prior: HyperPrior, data: Examples, weight: Array, params: Params
) -> Array:
    return unlikelihood(network, params, data, weight) + improbability(network, prior, params)


@partial(jax.jit, static_argnames="network")
def _foreseen(network: KalmanMemory, params: Params, data: Examples) -> tuple[Array, Array]:
    return jax.vmap(lambda one: forecasts(network, one, data))(params)
