"""The evolution of learning rules (Chalmers 1990), the meta-learning that the paper starts from.

D. J. Chalmers, "The Evolution of Learning: An Experiment in Genetic Connectionism", Connectionist
Models Summer School, 1990; genome, tasks and settings as M. Mitchell gives them in An Introduction
to Genetic Algorithms, section 2.3. With input a, output o, target t and weight w of a link, a rule
changes the weights of a single-layer network after each example by

    dw = k0 (k1 w + k2 a + k3 o + k4 t + k5 w a + k6 w o + k7 w t + k8 a o + k9 a t + k10 o t)

and the delta rule is k9 = -k8, all else 0. A genome is 35 bits: 5 for k0, 3 for each other one.

Neither source says what the error is, in which range weights begin, or what keeps a bad rule's
weights finite. Here: the mean absolute error (a fitness near 50 % of random rules and 98 % of the
delta rule fit no other), uniform in [-1, 1], and a limit of 20.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

BITS = 35
MOST_INPUTS = 7
EXAMPLES = 12
EPOCHS = 10
MOST_WEIGHT = 20.0
DELTA_RULE = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -4.0, 4.0, 0.0)
"""k0 to k10 of the delta rule with the rate 4."""


class RuleTasks(NamedTuple):
    """Linearly separable mappings of 2 to 7 Boolean inputs."""

    inputs: Float[Array, "task example input"]
    """Unused inputs are 0; the last is the bias, always 1."""
    targets: Float[Array, "task example"]
    """0 or 1."""


def decode(genome: Bool[Array, "*member bit"]) -> Float[Array, "*member k"]:
    """k0 to k10 of genomes.

    The first bit of each number is its sign, 1 for plus; the others spell n, highest bit first.
    |k0| = 2^(n - 9), |k1| to |k10| = 2^(n - 1), and 0 where n = 0.
    """
    scale = _number(genome[..., :5], shift=9)
    rest = genome[..., 5:].reshape(*genome.shape[:-1], 10, 3)
    return jnp.concatenate([scale[..., None], _number(rest, shift=1)], axis=-1)


def _number(bits: Array, shift: int) -> Array:
    powers = 2 ** jnp.arange(bits.shape[-1] - 2, -1, -1)
    n = jnp.sum(bits[..., 1:] * powers, axis=-1)
    size = jnp.where(n == 0, 0.0, jnp.exp2(n - shift * jnp.ones(())))
    return jnp.where(bits[..., 0], size, -size)


def draw_tasks(key: PRNGKeyArray, count: int) -> RuleTasks:
    """Random half-spaces, each with twelve random examples, both answers among them.

    The number of inputs is uniform in 2 to 7, normals are Gaussian, thresholds uniform between the
    lowest and the highest value of the examples.
    """

    def one(key: PRNGKeyArray) -> tuple[Array, Array]:
        size_key, normal_key, input_key, threshold_key = jax.random.split(key, 4)
        used = jnp.arange(MOST_INPUTS) < jax.random.randint(size_key, (), 2, MOST_INPUTS + 1)
        x = jax.random.bernoulli(input_key, 0.5, (EXAMPLES, MOST_INPUTS)) * used
        value = x @ jax.random.normal(normal_key, (MOST_INPUTS,))
        low, high = jnp.min(value), jnp.max(value)
        above = value > low + jax.random.uniform(threshold_key) * (high - low)
        return jnp.concatenate([x, jnp.ones((EXAMPLES, 1))], axis=1), above.astype(jnp.float32)

    return RuleTasks(*jax.vmap(one)(jax.random.split(key, count)))


def learn(
    rule: Float[Array, " k"],
    weights: Float[Array, " input"],
    inputs: Float[Array, "example input"],
    targets: Float[Array, " example"],
) -> Float[Array, " input"]:
    """The weights after `EPOCHS` passes over the examples, changed by the rule after each."""
    k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10 = rule

    def example(w: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        a, t = now
        o = jax.nn.sigmoid(a @ w)
        change = (
            (k1 + k5 * a + k6 * o + k7 * t) * w
            + (k2 + k8 * o + k9 * t) * a
            + (k3 * o + k4 * t + k10 * o * t)
        )
        return jnp.clip(w + k0 * change, -MOST_WEIGHT, MOST_WEIGHT), None

    def epoch(w: Array, _: Any) -> tuple[Array, None]:
        return jax.lax.scan(example, w, (inputs, targets))

    return jax.lax.scan(epoch, weights, length=EPOCHS)[0]


def rule_fitness(
    key: PRNGKeyArray, rules: Float[Array, "member k"], tasks: RuleTasks
) -> Float[Array, " member"]:
    """1 - mean over tasks and examples of |target - output| after learning, for each rule.

    All rules start from the same random weights.
    """
    begin = jax.random.uniform(
        key, (tasks.inputs.shape[0], tasks.inputs.shape[2]), minval=-1.0, maxval=1.0
    )

    def one(rule: Array, weights: Array, inputs: Array, targets: Array) -> Array:
        outputs = jax.nn.sigmoid(inputs @ learn(rule, weights, inputs, targets))
        return 1.0 - jnp.mean(jnp.abs(targets - outputs))

    on_tasks = jax.vmap(one, in_axes=(None, 0, 0, 0))
    by_task = jax.vmap(on_tasks, in_axes=(0, None, None, None))(rules, begin, *tasks)
    return jnp.mean(by_task, axis=1)
