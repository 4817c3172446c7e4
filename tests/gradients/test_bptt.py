"""Full backpropagation through time against finite differences of the NumPy forward pass."""

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fixedweight.gradients import GRADIENTS, bptt, squared_error, unroll
from fixedweight.networks import LSTM1997, Network, initial_state

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, TIME = 3, 8


@dataclass(frozen=True)
class Gated(Network):
    """A cell of a user's own, with two parts of state that feed each other."""

    memory = frozenset({"kept"})
    hidden: int = 3

    def init_params(self, rng):
        sources = self.input_size + 2 * self.hidden
        return {
            "w": rng.normal(0.0, 0.8, (sources, 2 * self.hidden)),
            "v": rng.normal(0.0, 1.0, (self.hidden, self.target_size)),
        }

    def init_state(self, params, batch, xp):
        return {"kept": xp.zeros((*batch, self.hidden)), "seen": xp.zeros((*batch, self.hidden))}

    def step(self, params, state, inputs, xp):
        net = xp.concatenate([inputs, state["kept"], state["seen"]], axis=-1) @ params["w"]
        gate, value = xp.tanh(net[..., : self.hidden]), xp.tanh(net[..., self.hidden :])
        kept = state["kept"] + gate * value
        return {"kept": kept, "seen": gate}, self.squash(kept @ params["v"], xp)


NETWORKS = [
    LSTM1997(input_size=2, target_size=2, blocks=2, block_size=2, hidden=1, output="linear"),
    LSTM1997(input_size=2, target_size=2, blocks=2, hidden=1, second=2, gate_sources=False),
    Gated(input_size=2, target_size=2),
]
every_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: type(n).__name__)


@cache
def compiled(name, network):
    return jax.jit(GRADIENTS[name](network))


def problem(network, seed=0):
    """(params, state, inputs, targets, weights) in float64, nothing zero but some weights."""
    rng = np.random.default_rng(seed)
    scale = 8.0 if isinstance(network, LSTM1997) else 1.0
    params = {name: scale * value for name, value in network.init_params(rng).items()}
    state = initial_state(network, params, (BATCH,), np)
    state = {name: rng.normal(0.0, 0.3, part.shape) for name, part in state.items()}
    inputs = rng.normal(size=(BATCH, TIME, network.input_size))
    targets = rng.uniform(size=(BATCH, TIME, network.target_size))
    weights = rng.choice([0.0, 1.0, 2.5], size=(BATCH, TIME))
    return params, state, inputs, targets, weights


def numpy_loss(network, params, state, inputs, targets, weights):
    total = 0.0
    for t in range(TIME):
        state, y = network.step(params, state, inputs[:, t], np)
        total += (weights[:, t, None] * (y - targets[:, t]) ** 2).sum()
    return total / weights.sum(), state


@every_network
def test_equals_finite_differences(network, x64):
    params, *rest = problem(network)
    _, gradient = compiled("bptt", network)(params, *rest)
    assert set(gradient) == set(params)
    step = 1e-5
    for name, value in params.items():
        slopes = np.empty_like(value)
        for place in np.ndindex(value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[place] += sign * step
                ends.append(numpy_loss(network, params | {name: moved}, *rest)[0])
            slopes[place] = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(gradient[name], slopes, rtol=1e-6, atol=1e-9, err_msg=name)
        assert np.abs(slopes).max() > 1e-4


@every_network
@pytest.mark.parametrize("name", GRADIENTS)
def test_every_gradient_leaves_the_loss_and_the_state_as_they_are(network, name, x64):
    given = problem(network)
    expected_loss, expected_state = numpy_loss(network, *given)
    (loss, carried), _ = compiled(name, network)(*given)
    state = getattr(carried, "state", carried)  # forward in time there is an influence beside it
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    assert set(state) == set(expected_state)
    for part, values in expected_state.items():
        np.testing.assert_allclose(state[part], values, rtol=1e-12, atol=1e-12)


@every_network
@pytest.mark.parametrize("name", GRADIENTS)
def test_padding_adds_nothing_whatever_is_in_it(network, name, x64):
    params, state, inputs, targets, _ = problem(network)
    lengths = np.array([TIME, TIME - 3, 2])
    weights = (np.arange(TIME) < lengths[:, None]).astype(float)
    gradient = compiled(name, network)
    (loss, _), clean = gradient(params, state, inputs, targets, weights)
    padded = weights[..., None] == 0.0
    (same, _), dirty = gradient(
        params, state, np.where(padded, 37.0, inputs), np.where(padded, -1e3, targets), weights
    )
    assert loss == same
    for key in params:
        np.testing.assert_array_equal(clean[key], dirty[key])


def test_streams_of_different_length_count_by_their_steps(x64):
    network = NETWORKS[2]
    params, state, inputs, targets, _ = problem(network)
    lengths = np.array([TIME, TIME - 3, TIME - 3])
    weights = (np.arange(TIME) < lengths[:, None]).astype(float)
    _, joined = compiled("bptt", network)(params, state, inputs, targets, weights)
    gradient = jax.jit(bptt(network))
    apart = [
        gradient(
            params,
            {part: values[i : i + 1] for part, values in state.items()},
            inputs[i : i + 1, :length],
            targets[i : i + 1, :length],
            np.ones((1, length)),
        )[1]
        for i, length in enumerate(lengths)
    ]
    for key in params:
        mean = sum(n * one[key] for n, one in zip(lengths, apart, strict=True)) / lengths.sum()
        np.testing.assert_allclose(joined[key], mean, rtol=1e-10, atol=1e-13)


def test_where_nothing_counts_nothing_is_learned(x64):
    network = NETWORKS[0]
    params, state, inputs, targets, weights = problem(network)
    (loss, _), gradient = compiled("bptt", network)(params, state, inputs, targets, 0.0 * weights)
    assert loss == 0.0
    assert not any(np.any(value) for value in gradient.values())


def test_squared_error_sums_over_targets_and_averages_over_what_counts():
    predictions = jnp.array([[[1.0, 2.0], [0.0, 0.0]], [[0.0, 3.0], [9.0, 9.0]]])
    weights = jnp.array([[1.0, 3.0], [2.0, 0.0]])
    loss = squared_error(predictions, jnp.zeros((2, 2, 2)), weights)
    np.testing.assert_allclose(loss, (1 * 5.0 + 3 * 0.0 + 2 * 9.0) / 6.0, rtol=1e-6)


def test_a_stream_in_two_windows_is_the_stream_in_one(x64):
    network = NETWORKS[1]
    params, state, inputs, _, _ = jax.tree.map(jnp.asarray, problem(network))
    whole, expected = unroll(network, params, state, inputs)
    middle, first = unroll(network, params, state, inputs[:, :4])
    end, second = unroll(network, params, middle, inputs[:, 4:])
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), expected, rtol=1e-12)
    for name in whole:
        np.testing.assert_allclose(end[name], whole[name], rtol=1e-12, atol=1e-13)
