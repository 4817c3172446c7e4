"""A family from a user's two functions, and what is refused before training on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.errors import FamilyError
from fixedweight.families import Simulator, check_family

pytestmark = pytest.mark.usefixtures("quick_compile")


def gain(key):
    return jax.random.uniform(key, (), minval=1.0, maxval=2.0)


def made(kind=Simulator, **config):
    given = {"draw": gain, "compute": lambda task, x: task * x[0], "length": 6, **config}
    return kind(**given)


def draw(family):
    return jax.jit(lambda key: family.sample(key, 300, 6))(jax.random.key(9))


def test_targets_are_computed_from_the_task_and_the_inputs():
    family = made(
        inputs=lambda key, task, length: 5.0 + task * jax.random.normal(key, (length, 2)),
        compute=lambda task, x: jnp.array([task * x[0], x[1] - 3.0]),
        size=2,
        targets=2,
    )
    check_family(family)
    stream = draw(family)
    w, x = np.asarray(stream.tasks), np.asarray(stream.inputs)
    expected = np.stack([w * x[..., 0], x[..., 1] - 3.0], axis=-1)
    np.testing.assert_allclose(stream.targets, expected, rtol=1e-6)
    assert 4.0 < x.mean() < 6.0
    assert family.describe() == {
        "family": "simulator",
        "size": 2,
        "targets": 2,
        "length": 6,
        "label": "simulator",
    }


def test_is_put_on_a_common_scale():
    family = made(compute=lambda task, x: 100.0 + 20.0 * task * x[0])
    scaling = family.scaling()
    stream = draw(family)
    scaled = np.asarray(scaling.scale_targets(stream.targets))
    assert abs(scaled.mean()) < 0.1
    assert scaled.std() == pytest.approx(1.0, abs=0.1)
    assert scaling == family.scaling()


@pytest.mark.parametrize("kind", [int, bool])
def test_whole_numbers_as_inputs_do_not_round_the_targets(kind):
    family = made(
        inputs=lambda key, task, length: jax.random.bernoulli(key, 0.5, (length, 1)).astype(kind),
        compute=lambda task, x: task / 4.0 + x[0],
    )
    stream = draw(family)
    expected = np.asarray(stream.tasks)[..., None] / 4.0 + np.asarray(stream.inputs)
    np.testing.assert_allclose(stream.targets, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": 0}, "size of at least 1 for a simulator, got 0"),
        ({"targets": 0}, "targets of at least 1 for a simulator, got 0"),
        ({"length": 1}, "at least 2 examples of a task, got length=1"),
    ],
)
def test_refuses_impossible_sizes(config, message):
    with pytest.raises(FamilyError, match=message):
        made(**config)


def branching(task, x):
    return x[0] if task > 1.5 else -x[0]


calls = []


def counting(task, x):
    calls.append(0)
    return task * x[0] + 0.1 * len(calls)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"compute": lambda task, x: task * x[:, None]}, r"`compute` for one.*got shape \(1, 1\)"),
        (
            {"compute": lambda task, x: jnp.stack([x[0], task])},
            r"a scalar or shape \(1,\) from.*got shape \(2,\).*set `targets`",
        ),
        ({"targets": 2}, r"shape \(2,\) from the simulator's `compute`.*got shape \(\)"),
        (
            {"inputs": lambda key, task, length: jax.random.normal(key, (length, 3)), "size": 2},
            r"inputs of shape \(6, 2\).*got \(6, 3\). Set `size`",
        ),
        (
            {"inputs": lambda key, task, length: jax.random.normal(key, (length,))},
            r"inputs of shape \(6, 1\).*got \(6,\)",
        ),
        ({"compute": branching}, r"(?s)raised TracerBool.*without Python branches on values"),
        ({"compute": lambda task, x: task["gain"] * x[0]}, "'simulator' to draw.*raised"),
        (
            {"draw": lambda key: jnp.float32(np.random.default_rng().normal())},
            "to depend on its key alone.*Draw every random number from the key",
        ),
        (
            {"compute": lambda task, x: task * x[0] + np.random.default_rng().normal()},
            "to depend on its key alone",
        ),
        ({"compute": counting}, "to depend on its key alone.*keep no state between calls"),
        ({"compute": lambda task, x: jnp.log(x[0])}, r"finite targets.*NaN.* of 96 examples"),
        ({"compute": lambda task, x: jnp.float32(jnp.inf) * task}, r"infinite.* 96 of 96"),
        (
            {"inputs": lambda key, task, length: jnp.full((length, 1), jnp.nan)},
            "finite inputs from 'simulator'",
        ),
        ({"compute": lambda task, x: 4.0}, "targets that vary, got 4 .*nothing to learn"),
    ],
)
def test_refuses_what_cannot_be_trained_on(config, message):
    with pytest.raises(FamilyError, match=message):
        check_family(made(**config))


def test_refuses_what_differs_once_compiled():
    class Sly(Simulator):
        def sample(self, key, batch, length):
            stream = super().sample(key, batch, length)
            compiled = isinstance(key, jax.core.Tracer)
            return stream._replace(targets=1.0 - stream.targets) if compiled else stream

    with pytest.raises(FamilyError, match=r"values change when compiled by jax\.jit"):
        check_family(made(Sly))


def test_refuses_what_only_fails_once_compiled():
    class Stubborn(Simulator):
        def sample(self, key, batch, length):
            if jax.random.uniform(key) > 2.0:
                raise AssertionError
            return super().sample(key, batch, length)

    with pytest.raises(FamilyError, match=r"(?s)under jax\.jit.*without Python branches on values"):
        check_family(made(Stubborn))


def test_parameters_that_are_not_used_may_be_nan():
    family = made(
        draw=lambda key: {"gain": gain(key), "unused": jnp.float32(jnp.nan)},
        compute=lambda task, x: task["gain"] * x[0],
    )
    check_family(family)
