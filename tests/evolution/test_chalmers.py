"""Chalmers's genome, tasks and rules, against hand-worked cases and plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.evolution import BITS, DELTA_RULE, decode, draw_tasks, learn, rule_fitness
from fixedweight.evolution.chalmers import EPOCHS, MOST_WEIGHT

pytestmark = pytest.mark.usefixtures("quick_compile")


def bits(text):
    return np.array([c == "1" for c in text.replace(" ", "")])


def test_the_sizes_of_a_genome_add_up():
    assert BITS == 5 + 10 * 3


@pytest.mark.parametrize(
    ("genome", "numbers"),
    [
        ("0" * 35, [0.0] * 11),
        # 1 1001: + 2^(9 - 9); 1 11: + 2^2; 0 11: - 2^2; the delta rule with the rate 4
        ("11001" + "000" * 7 + "011 111 000", DELTA_RULE),
        # 0 0001: - 2^(1 - 9); 1 01: + 1; 0 10: - 2; the figure's own words
        ("00001" + "101 010" + "000" * 8, [-1 / 256, 1.0, -2.0] + [0.0] * 8),
        # 1 1111: + 2^6, the largest; a sign bit alone is 0
        ("11111" + "100" * 9 + "111", [64.0] + [0.0] * 9 + [4.0]),
    ],
)
def test_genomes_worked_by_hand(genome, numbers):
    np.testing.assert_array_equal(jax.jit(decode)(bits(genome)), numbers)


def test_every_genome_of_a_batch_is_decoded_as_it_is_alone():
    genomes = jax.random.bernoulli(jax.random.key(0), 0.5, (20, BITS))
    together = decode(genomes)
    assert together.shape == (20, 11)
    one = jax.jit(decode)
    for genome, numbers in zip(genomes, together, strict=True):
        np.testing.assert_array_equal(one(genome), numbers)


def test_tasks_are_separable_and_have_both_answers():
    inputs, targets = jax.jit(draw_tasks, static_argnums=1)(jax.random.key(1), 24)
    assert inputs.shape == (24, 12, 8)
    assert targets.shape == (24, 12)
    np.testing.assert_array_equal(inputs[..., -1], 1.0)
    sizes = np.asarray([(x[:, :7].any(axis=0) * np.arange(1, 8)).max() for x in inputs])
    assert set(sizes.tolist()) == {2, 3, 4, 5, 6, 7}
    for x, t in zip(np.asarray(inputs), np.asarray(targets), strict=True):
        assert set(t.tolist()) == {0.0, 1.0}
        # the perceptron converges on separable examples alone (Rosenblatt)
        w = np.zeros(8)
        for _ in range(3000):
            wrong = [(a, y) for a, y in zip(x, t, strict=True) if (a @ w > 0) != (y > 0)]
            if not wrong:
                break
            w += (2 * wrong[0][1] - 1) * wrong[0][0]
        assert not wrong


def numpy_learn(k, w, inputs, targets):
    """The rule as it is printed, link by link."""
    w = np.array(w, dtype=np.float64)
    for _ in range(EPOCHS):
        for a, t in zip(inputs, targets, strict=True):
            o = 1.0 / (1.0 + np.exp(-(a @ w)))
            for i in range(len(w)):
                change = k[0] * (
                    k[1] * w[i] + k[2] * a[i] + k[3] * o + k[4] * t + k[5] * w[i] * a[i]
                    + k[6] * w[i] * o + k[7] * w[i] * t + k[8] * a[i] * o + k[9] * a[i] * t
                    + k[10] * o * t
                )  # fmt: skip
                w[i] = min(max(w[i] + change, -MOST_WEIGHT), MOST_WEIGHT)
    return w


@pytest.fixture
def tasks(x64):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), draw_tasks(jax.random.key(2), 6))


def test_learning_equals_a_plain_loop(tasks):
    rng = np.random.default_rng(3)
    rules = [np.asarray(DELTA_RULE), *(0.2 * rng.normal(size=(4, 11)))]
    learned = jax.jit(learn)
    for rule, x, t in zip(rules, *(np.asarray(part) for part in tasks), strict=False):
        w = rng.uniform(-1, 1, 8)
        np.testing.assert_allclose(learned(rule, w, x, t), numpy_learn(rule, w, x, t), rtol=1e-9)


def test_the_fitness_of_the_delta_rule_equals_a_plain_loop(tasks):
    key = jax.random.key(4)
    rules = jnp.asarray([DELTA_RULE, (0.0,) * 11])
    begin = np.asarray(jax.random.uniform(key, (6, 8), minval=-1.0, maxval=1.0))
    expected = []
    for rule in np.asarray(rules):
        errors = []
        for w, x, t in zip(begin, *(np.asarray(part) for part in tasks), strict=True):
            outputs = 1.0 / (1.0 + np.exp(-(x @ numpy_learn(rule, w, x, t))))
            errors.append(np.abs(t - outputs).mean())
        expected.append(1.0 - np.mean(errors))
    np.testing.assert_allclose(jax.jit(rule_fitness)(key, rules, tasks), expected, rtol=1e-9)
    assert expected[0] > 0.95 > 0.6 > expected[1]
