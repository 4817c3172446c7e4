"""Gradients carried forward in time, against backpropagation and against naive loops."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from fixedweight.errors import InputError, NetworkError
from fixedweight.gradients import (
    GRADIENTS,
    bptt,
    gradient_for,
    rtrl,
    snap1,
    tbptt,
    traces1997,
    truncated1997,
)
from fixedweight.gradients.sparse import patterns
from fixedweight.networks import (
    GRU,
    LSTM,
    LSTM1997,
    MLSTM,
    NETWORKS,
    SLSTM,
    Alternating,
    DeltaMemory,
    Elman,
    FullyRecurrent,
    GatedDeltaMemory,
    Hypotheses,
    Jordan,
    KalmanMemory,
    LeastSquaresMemory,
    Network,
    PreviousError,
    SelfReferential,
    Transformer,
    initial_state,
)

pytestmark = pytest.mark.usefixtures("quick_compile", "x64")


def reached(network):
    return patterns(network, lambda state: state).by_parameter


BATCH, TIME = 2, 9


@dataclass(frozen=True, kw_only=True)
class Elementwise(Network):
    """A user's own cell whose units feed none but themselves."""

    hidden: int = 3

    def init_params(self, rng):
        return {
            "decay": rng.uniform(0.2, 0.9, self.hidden),
            "w": rng.normal(0.0, 1.0, (self.input_size, self.hidden)),
            "v": rng.normal(0.0, 1.0, (self.hidden, self.target_size)),
        }

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, self.hidden))}

    def step(self, params, state, inputs, xp):
        h = xp.tanh(params["decay"] * state["h"] + inputs @ params["w"])
        return {"h": h}, self.squash(h @ params["v"], xp)


SIZES = {"input_size": 2, "target_size": 2}
OF_KIND = {
    "LSTM1997": LSTM1997(**SIZES, blocks=2, hidden=2),
    "Elman": Elman(**SIZES, hidden=4),
    "Jordan": Jordan(**SIZES, hidden=4),
    "FullyRecurrent": FullyRecurrent(**SIZES, hidden=4),
    "LSTM": LSTM(**SIZES, hidden=3),
    "GRU": GRU(**SIZES, hidden=3),
    "SLSTM": SLSTM(**SIZES, hidden=2),
    "MLSTM": MLSTM(**SIZES, hidden=2, features=2),
    "SelfReferential": SelfReferential(**SIZES, hidden=2),
    "Transformer": Transformer(
        **(SIZES | {"input_size": 3}), context=3, hidden=4, heads=2, layers=1
    ),
    **{
        kind.__name__: kind(**(SIZES | {"input_size": 3}), heads=1, features=2, hidden=2, control=1)
        for kind in (DeltaMemory, GatedDeltaMemory, LeastSquaresMemory)
    },
    "Hypotheses": Hypotheses(
        **(SIZES | {"input_size": 3}), hypotheses=3, free=1, features=2, heads=1, hidden=2
    ),
    "KalmanMemory": KalmanMemory(**(SIZES | {"input_size": 3}), heads=1, features=1, knots=2),
    "PreviousError": PreviousError(GRU(hidden=2), **(SIZES | {"input_size": 3})),
    "Alternating": Alternating(Elman(hidden=2), **(SIZES | {"input_size": 3})),
}
NETS = {
    **{name: OF_KIND.get(name) or kind(**SIZES) for name, kind in NETWORKS.items()},
    "four-layers": LSTM1997(**SIZES, blocks=1, block_size=2, hidden=1, second=2),
    "own": Elementwise(**SIZES),
}
every_network = pytest.mark.parametrize("network", NETS.values(), ids=NETS)


def problem(network, time=TIME, seed=0):
    rng = np.random.default_rng(seed)
    scale = 6.0 if isinstance(network, LSTM1997) else 1.5
    params = {k: jnp.asarray(scale * v) for k, v in network.init_params(rng).items()}
    state = initial_state(network, params, (BATCH,), jnp)
    inputs = jnp.asarray(rng.normal(size=(BATCH, time, network.input_size)))
    targets = jnp.asarray(rng.uniform(size=(BATCH, time, network.target_size)))
    weights = jnp.asarray(rng.integers(0, 3, (BATCH, time)).astype(float))
    return params, state, inputs, targets, weights


def in_windows(gradient, cuts, params, state, inputs, targets, weights):
    """The gradients of successive windows, weighted so that they add up to the stream's."""
    carried, total = gradient.begin(params, state), 0.0
    window = jax.jit(gradient.window)
    summed = jax.tree.map(jnp.zeros_like, params)
    for a, b in zip((0, *cuts), (*cuts, TIME), strict=True):
        part = (inputs[:, a:b], targets[:, a:b], weights[:, a:b])
        (loss, carried), found = window(params, carried, *part)
        share = max(float(part[2].sum()), 1.0) / float(weights.sum())
        total += share * float(loss)
        summed = jax.tree.map(lambda s, f, share=share: s + share * f, summed, found)
    return total, summed


def assert_same(got, expected, tolerance=1e-10):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=tolerance, atol=tolerance)


@every_network
def test_rtrl_is_bptt(network):
    given = problem(network)
    (loss, state), expected = jax.jit(bptt(network))(*given)
    (own_loss, carried), got = jax.jit(rtrl(network))(*given)
    assert float(own_loss) == pytest.approx(float(loss), abs=1e-12)
    assert_same(got, expected)
    assert_same(carried.state, state)
    assert max(float(jnp.abs(g).max()) for g in got.values()) > 1e-4


@every_network
def test_rtrl_over_windows_is_bptt_over_the_stream(network):
    given = problem(network)
    (loss, _), expected = jax.jit(bptt(network))(*given)
    total, got = in_windows(rtrl(network), (1, 2, 6), *given)
    assert total == pytest.approx(float(loss), abs=1e-12)
    assert_same(got, expected)


MEMORIES = {name: network for name, network in NETS.items() if network.memory}


@dataclass(frozen=True, kw_only=True)
class Mixed(Elementwise):
    """A user's own cell whose memory feeds itself crosswise."""

    memory = frozenset({"h"})

    def step(self, params, state, inputs, xp):
        h = state["h"]
        h = xp.tanh(params["decay"] * h + xp.roll(h, 1, axis=-1) + inputs @ params["w"])
        return {"h": h}, self.squash(h @ params["v"], xp)


@dataclass(frozen=True, kw_only=True)
class Register(Mixed):
    """A user's own cell that hands what it sees on from unit to unit, so that units share pullbacks
    though a weight reaches one through the other."""

    def step(self, params, state, inputs, xp):
        seen = xp.tanh(inputs @ params["w"])[..., :1]
        h = xp.concatenate([seen, state["h"][..., :-1]], axis=-1)
        return {"h": h}, self.squash(h @ params["v"], xp)


MEMORIES["crosswise"] = Mixed(**SIZES)
MEMORIES["register"] = Register(**SIZES)


def test_traces_are_as_many_as_the_weights_or_fewer():
    network = LSTM1997()
    params, *_ = problem(network)
    state = initial_state(network, params, (1,), jnp)
    carried = traces1997(network).begin(params, state)
    assert carried.influence.shape == (1, 1, sum(np.size(v) for v in params.values()))


@pytest.mark.parametrize("network", MEMORIES.values(), ids=MEMORIES)
def test_traces_are_the_truncated_gradient_however_the_stream_is_cut(network):
    given = problem(network)
    (loss, _), expected = jax.jit(truncated1997(network))(*given)
    for cuts in ((), (1, 5)):
        total, got = in_windows(traces1997(network), cuts, *given)
        assert total == pytest.approx(float(loss), abs=1e-12)
        assert_same(got, expected)


def naive_snap1(network, params, state, inputs, targets, weights):
    """The definition, with whole Jacobians: J <- pattern * (F_s J + F_p), for one stream."""
    flat, whole = ravel_pytree(params)
    s, as_state = ravel_pytree(state)
    pattern = reached(network)

    def new(p, s, x):
        return ravel_pytree(network.step(whole(p), as_state(s), x, jnp)[0])[0]

    def error(p, s, x, y):
        state, output = network.step(whole(p), as_state(s), x, jnp)
        return network.error(state, output, y, jnp)

    influence, gradient = np.zeros(pattern.shape), np.zeros(flat.size)
    slopes = jax.jit(jax.jacrev(new, (0, 1)))
    of_error = jax.jit(jax.grad(error, (0, 1)))
    for x, y, weight in zip(inputs, targets, weights, strict=True):
        by_p, by_s = of_error(flat, s, x, y)
        gradient += weight * (by_p + by_s @ influence)
        f_p, f_s = slopes(flat, s, x)
        influence = np.where(pattern, f_s @ influence + f_p, 0.0)
        s = new(flat, s, x)
    return whole(jnp.asarray(gradient))


@every_network
def test_snap1_is_its_definition(network):
    params, state, inputs, targets, weights = problem(network, time=5)
    _, got = jax.jit(snap1(network))(params, state, inputs, targets, weights)
    expected = jax.tree.map(jnp.zeros_like, params)
    for b in range(BATCH):
        one = {name: part[b] for name, part in state.items()}
        share = weights[b] / weights.sum()
        naive = naive_snap1(network, params, one, inputs[b], targets[b], share)
        expected = jax.tree.map(jnp.add, expected, naive)
    assert_same(got, expected)


def test_snap1_is_exact_where_units_feed_themselves_alone():
    given = problem(NETS["own"])
    assert_same(snap1(NETS["own"])(*given)[1], bptt(NETS["own"])(*given)[1])


def test_snap1_is_not_exact_where_units_feed_each_other():
    given = problem(NETS["Elman"])
    one, other = snap1(NETS["Elman"])(*given)[1], bptt(NETS["Elman"])(*given)[1]
    assert float(jnp.abs(one["w_hidden"] - other["w_hidden"]).max()) > 1e-4


def test_a_weight_of_an_elman_network_reaches_its_own_unit():
    network = NETS["Elman"]
    reach = reached(network)
    assert reach.shape == (4, sum(np.size(v) for v in problem(network)[0].values()))
    params = {k: np.zeros(np.shape(v), int) for k, v in problem(network)[0].items()}
    params["w_hidden"][:] = params["b_hidden"][:] = 1 + np.arange(4)
    owner = np.asarray(ravel_pytree(params)[0])
    np.testing.assert_array_equal(reach, owner == 1 + np.arange(4)[:, None])


@pytest.mark.parametrize("steps", [1, 4, TIME, 100])
def test_tbptt_is_bptt_of_the_pieces(steps):
    network = NETS["four-layers"]
    given = problem(network)
    (loss, state), got = jax.jit(partial(tbptt, steps=steps)(network))(*given)
    cuts = range(steps, TIME, steps)
    total, expected = in_windows(bptt(network), tuple(cuts), *given)
    assert float(loss) == pytest.approx(total, abs=1e-12)
    assert_same(got, expected, 1e-12)
    assert_same(state, bptt(network)(*given)[0][1])


def test_steps_that_do_not_count_have_no_gradient():
    for name in GRADIENTS:
        params, state, inputs, targets, weights = problem(NETS["LSTM1997"])
        (loss, _), got = gradient_for(NETS["LSTM1997"], name)(
            params, state, inputs, targets, 0.0 * weights
        )
        assert float(loss) == 0.0
        assert all(not value.any() for value in got.values())


def test_a_network_without_memory_has_no_traces():
    with pytest.raises(NetworkError, match="names its memory"):
        traces1997(Elman())


@pytest.mark.parametrize("name", ["bppt", "tbptt:", "tbptt:x", "tbptt:0", "rtrl:3"])
def test_an_unknown_algorithm_is_refused(name):
    with pytest.raises(InputError):
        gradient_for(Elman(), name)


def test_the_number_of_steps_is_part_of_the_name():
    given = problem(NETS["GRU"])
    one = gradient_for(NETS["GRU"], "tbptt:3")(*given)[1]
    assert_same(one, tbptt(NETS["GRU"], 3)(*given)[1], 0.0)
