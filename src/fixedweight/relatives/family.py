"""Simulated relatives of a table's tasks: what its fitted filters hold possible."""

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families import Stream
from fixedweight.learner import Learner
from fixedweight.networks import KalmanMemory
from fixedweight.relatives.like_table import LikeTable
from fixedweight.scaling import Scaling


@dataclass(frozen=True, eq=False)
class Relatives(LikeTable):
    """Tasks with the inputs of the table's own and targets drawn from the fitted filters.

    A stream is drawn from one filter, by their weights. So that a network does not trust the fit
    to the letter, the standard deviations of its effects and of its noise are each multiplied by a
    number of their own for each stream, log-normal around 1. A share of the streams are training
    tasks as they are; validation and test are the table's.

    Raises:
        FamilyError: a learner that is not one of `derive_related`, or a share outside [0, 1].
    """

    learner: Learner
    """From `derive_related` on the same table."""
    own: float = 0.2
    """The share of the table's own training tasks."""
    spread: float = 0.3
    """Standard deviation of the logarithm of those numbers."""

    def __post_init__(self) -> None:
        if not isinstance(self.learner.network, KalmanMemory):
            raise FamilyError(
                "Expected a learner from derive_related, got one with "
                f"{type(self.learner.network).__name__}."
            )
        if not 0 <= self.own <= 1 or self.spread < 0:
            raise FamilyError(
                f"Expected a share in [0, 1] and a spread of at least 0, got own={self.own}, "
                f"spread={self.spread}."
            )

    @property
    def network(self) -> KalmanMemory:
        return cast(KalmanMemory, self.learner.network)

    @property
    def name(self) -> str:
        return "relatives"

    def describe(self) -> dict[str, Any]:
        own = {"own": self.own, "spread": self.spread}
        return {**self.table.describe(), "family": self.name, **own}

    def scaling(self) -> Scaling:
        return self.learner.scaling

    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        own_key, table_key, draw_key = jax.random.split(key, 3)
        stream = self.table.part("train").sample(table_key, batch, length)
        scaling = self.learner.scaling
        drawn = self.draw(draw_key, scaling.scale_inputs(stream.inputs))
        own = jax.random.bernoulli(own_key, self.own, (batch, 1, 1))
        targets = jnp.where(own, stream.targets, scaling.unscale_targets(drawn[..., None]))
        return stream._replace(targets=targets.astype(jnp.float32))

    def draw(self, key: PRNGKeyArray, x: Array) -> Array:
        """Scaled targets [stream, time] at scaled inputs [stream, time, input]."""
        keys = jax.random.split(key, 5)
        params, network = dict(self.learner.params), self.network
        batch, time = x.shape[:2]
        which = jax.random.categorical(keys[0], jnp.asarray(params["weight"]), shape=(batch,))
        lasting, noisy = jnp.exp(self.spread * jax.random.normal(keys[1], (2, batch, 1)))

        def chosen(values: Array) -> Array:
            """Of [stream, time, filter, ...] each stream's filter."""
            return jax.vmap(lambda value, i: value[:, i])(values, which)

        mean, scale, feature = map(chosen, network.seen(params, x, jnp))
        before = jnp.concatenate([x[:, :1], x[:, :-1]], axis=1)
        gap = chosen(network.gap(params, before, x, jnp)).at[:, 0].set(0.0)
        pair, each = (network.filters, 2), (network.filters, network.features)
        start, spread, rate = (
            jnp.exp(params[name].reshape(pair))[which] for name in ("start", "spread", "rate")
        )
        drift = jnp.exp(0.5 * params["drift"].reshape(each))[which]
        noise = jnp.exp(0.5 * params["noise"])[which]
        size = jnp.concatenate([jnp.ones((batch, network.features)), start], axis=-1)
        latent = lasting * size * jax.random.normal(keys[2], (batch, network.latent))
        moves = jax.random.normal(keys[3], (time, batch, network.latent))

        def step(latent: Array, now: Any) -> tuple[Array, Array]:
            gap, feature, move = now
            keep = jnp.exp(-gap[:, None] * rate)
            moved = [jnp.sqrt(gap)[:, None] * drift, spread * jnp.sqrt(1.0 - keep * keep)]
            kept = jnp.concatenate([jnp.ones_like(drift), keep], axis=-1)
            climbed = latent * kept
            climbed = climbed.at[:, -2].add(gap * latent[:, -1])
            latent = climbed + lasting * jnp.concatenate(moved, axis=-1) * move
            return latent, jnp.sum(feature * latent, axis=-1)

        _, effects = jax.lax.scan(step, latent, (gap.T, jnp.moveaxis(feature, 1, 0), moves))
        errors = noisy * noise[:, None] * jax.random.normal(keys[4], (batch, time))
        targets = mean + scale * (effects.T + errors)
        targets = jnp.clip(targets, params["low"], params["high"])
        return jnp.exp(params["unit"] * targets) if network.log else targets
