"""The compiled inner loop: many updates of many seeds, with no Python between them."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight import kernels
from fixedweight.families import Stream, TaskFamily, network_inputs
from fixedweight.gradients import Gradient, OneExample, errors, weighted_mean
from fixedweight.networks import Network, Params, initial_state
from fixedweight.scaling import Scaling
from fixedweight.training.schedule import Schedule, Stage
from fixedweight.training.soap import refresh, scale_by_soap

REFRESH = 10
"""Updates between two looks at the optimiser's bases."""


class TrainState(NamedTuple):
    """One seed's run; with many seeds every leaf has a leading axis of seeds."""

    params: Params
    optimizer: Any
    best: Params
    """The parameters with the lowest validation error so far."""
    best_error: Float[Array, ""]
    rate: Float[Array, ""]
    """Its learning rate as a multiple of the schedule's first."""


def make_optimizer(schedule: Schedule) -> optax.GradientTransformation:
    warmup = min(schedule.warmup, max(1, schedule.updates // 10))
    rate = optax.warmup_cosine_decay_schedule(
        0.0,
        schedule.rates[0],
        warmup,
        max(schedule.updates, warmup + 1),
        schedule.rates[0] * schedule.final,
    )
    direction = {
        "soap": scale_by_soap(b1=0.9, b2=0.99),
        "adam": optax.scale_by_adam(b1=0.9, b2=0.99),
        "sgd": optax.identity(),
    }[schedule.optimizer]
    return optax.chain(
        optax.clip_by_global_norm(schedule.clip),
        direction,
        optax.add_decayed_weights(schedule.weight_decay),
        optax.scale_by_learning_rate(rate),
    )


def init_seeds(
    network: Network,
    optimizer: optax.GradientTransformation,
    seed: int,
    seeds: int,
    rates: tuple[float, ...] = (1.0,),
    draw: Callable[[np.random.Generator], Params] | None = None,
) -> TrainState:
    """Independent random parameters for each seed, stacked; seed i depends on (seed, i) alone, and
    learns at the (i modulo their number)th of the rates, as multiples of the first. `draw` makes
    them, the network by default."""
    draw = draw or network.init_params

    def one(i: int) -> TrainState:
        params = {
            name: jnp.asarray(value, dtype=jnp.float32)
            for name, value in draw(np.random.default_rng((seed, i))).items()
        }
        rate = jnp.float32(rates[i % len(rates)] / rates[0])
        return TrainState(params, optimizer.init(params), params, jnp.float32(jnp.inf), rate)

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[one(i) for i in range(seeds)])


def begun_from(state: TrainState, start: Params) -> TrainState:
    """Every seed's run with these parameters in place of its random ones."""
    params = {
        name: jnp.broadcast_to(jnp.asarray(start[name], value.dtype), value.shape)
        for name, value in state.params.items()
    }
    return state._replace(params=params, best=params)


def seen(
    stream: Stream, family: TaskFamily, scaling: Scaling
) -> tuple[Float[Array, "b t i"], Float[Array, "b t o"], Float[Array, "b t"]]:
    """A stream as the network and its loss see it: scaled inputs, scaled targets, weights."""
    scaled = stream._replace(
        inputs=scaling.scale_inputs(stream.inputs), targets=scaling.scale_targets(stream.targets)
    )
    inputs = network_inputs(scaled, family.delay, family.flagged)
    return inputs, scaled.targets, scaled.scored.astype(inputs.dtype)


Advance = Callable[[TrainState, PRNGKeyArray, Any, Any], tuple[TrainState, Float[Array, " seed"]]]
"""(state of all seeds, keys [seed], first draw, draws) -> (state, mean loss by seed)."""


def make_advance(
    network: Network,
    gradient: Gradient,
    optimizer: optax.GradientTransformation,
    family: TaskFamily,
    scaling: Scaling,
    stage: Stage,
    plain: float | None = None,
) -> Advance:
    """Compile the updates of a stage. Draw i of a seed depends on its key and i alone, so that a
    run in pieces equals a run in one.

    Args:
        plain: the learning rate, if an update is the gradient times it and the optimiser adds
            nothing to that.
    """
    if stage.hazard is not None:
        family = family.at_pace(stage.hazard)
    by_example = None
    if plain is not None and gradient.one_example and stage.length == stage.batch == 1:
        by_example = partial(_descend, gradient.one_example, plain)

    def split(values: Array) -> Array:
        """[batch, windows * length, ...] -> [windows, batch, length, ...]"""
        shape = (stage.batch, stage.windows, stage.length, *values.shape[2:])
        return jnp.moveaxis(values.reshape(shape), 1, 0)

    def window(rate: Array, carry: Any, data: Any) -> Any:
        params, optimizer_state, carried = carry
        (loss, carried), gradients = gradient.window(params, carried, *data)
        updates, optimizer_state = optimizer.update(gradients, optimizer_state, params)
        updates = jax.tree.map(lambda update: rate * update, updates)
        return (optax.apply_updates(params, updates), optimizer_state, carried), loss

    def descend(state: TrainState, carried: Any, data: Any) -> tuple[Params, Array] | None:
        """An update after each example in one kernel: (parameters after, losses)."""
        if by_example is None:
            return None
        alone = jax.tree.map(lambda leaf: leaf[None], (state.params, state.rate))
        done = kernels.run(by_example, (*alone, carried), data)
        return done and (jax.tree.map(lambda leaf: leaf[0], done[0][0]), done[1])

    def draw(
        key: PRNGKeyArray, i: Array, so_far: tuple[TrainState, Float[Array, ""]]
    ) -> tuple[TrainState, Float[Array, ""]]:
        state, total = so_far
        stream = family.sample(
            jax.random.fold_in(key, i), stage.batch, stage.length * stage.windows
        )
        data = seen(stream, family, scaling)
        begin = initial_state(network, state.params, (stage.batch,), jnp)
        begin = gradient.begin(state.params, begin)
        if done := descend(state, begin, data):
            return state._replace(params=done[0]), total + jnp.mean(done[1])
        # by the number of the draw, the same for all seeds: under vmap a condition that differed
        # between them would be worked out every time
        fresh = jax.lax.cond(
            i % max(1, REFRESH // stage.windows) == 0, refresh, lambda old: old, state.optimizer
        )
        data = jax.tree.map(split, data)
        carry = (state.params, fresh, begin)
        if stage.windows == 1:  # a scan would copy the data
            only = jax.tree.map(lambda values: values[0], data)
            (params, optimizer_state, _), losses = window(state.rate, carry, only)
        else:
            along = partial(window, state.rate)
            (params, optimizer_state, _), losses = jax.lax.scan(along, carry, data)
        return state._replace(params=params, optimizer=optimizer_state), total + jnp.mean(losses)

    def one(
        state: TrainState, key: PRNGKeyArray, first: Array, draws: Array
    ) -> tuple[TrainState, Float[Array, ""]]:
        start = (state, jnp.float32(0.0))
        body = partial(draw, key)
        state, total = jax.lax.fori_loop(first, first + draws, body, start)
        return state, total / draws

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None, None)))


def _descend(
    gradient: OneExample, rate: float, _: Any, state: tuple[Params, Array, Any], example: Any
) -> tuple[tuple[Params, Array, Any], Array]:
    """Online descent of streams side by side, each with its own parameters, as one step of its own:
    (parameters, multiple of the rate, what the gradient carries) -> the same after an example."""

    def one(params: Params, multiple: Array, carried: Any, example: Any) -> Any:
        carried, (error, slopes) = gradient(params, carried, example)
        step = rate * multiple
        params = jax.tree.map(lambda value, slope: value - step * slope, params, slopes)
        return (params, multiple, carried), error

    return jax.vmap(one)(*state, example)


Validate = Callable[[TrainState], tuple[TrainState, Float[Array, " seed"]]]


def make_validate(
    network: Network, family: TaskFamily, scaling: Scaling, stream: Stream
) -> Validate:
    """Compile the error on held-out streams, with each seed's best parameters kept.

    The error is the one that training makes small, of scaled targets.
    """
    inputs, targets, weights = seen(stream, family, scaling)

    def one(state: TrainState) -> tuple[TrainState, Float[Array, ""]]:
        begin = initial_state(network, state.params, (inputs.shape[0],), jnp)
        error = weighted_mean(errors(network, state.params, begin, inputs, targets), weights)
        error = jnp.where(jnp.isfinite(error), error, jnp.inf)
        better = error < state.best_error
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state.params, state.best)
        return state._replace(best=best, best_error=jnp.minimum(error, state.best_error)), error

    return jax.jit(jax.vmap(one))
