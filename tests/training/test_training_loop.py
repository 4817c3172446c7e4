"""The compiled inner loop against the same updates written out by hand."""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fixedweight.families import Boolean, Late, Missing, Simulator, Switching
from fixedweight.families.wrappers import Wrapper
from fixedweight.gradients import GRADIENTS
from fixedweight.learner import Learner
from fixedweight.networks import LSTM1997
from fixedweight.training import Schedule, Stage, fit_network, online_descent
from fixedweight.training.loop import (
    init_seeds,
    make_advance,
    make_optimizer,
    make_validate,
    seen,
)

STAGE = Stage(length=4, batch=3, updates=1)


def sines():
    """A family whose scaling is not the identity."""
    return Simulator(
        draw=lambda key: 5.0 + jax.random.normal(key),
        compute=lambda task, x: task * jnp.sin(2.0 * x[0]),
        inputs=lambda key, task, length: 3.0 + jax.random.normal(key, (length, 1)),
        length=5,
    )


@dataclass(frozen=True)
class Spoilt(Wrapper):
    """No target from the third on is told or counts, and `junk` stands in their place."""

    junk: float = 0.0

    def change(self, key, stream):
        good = jnp.arange(stream.inputs.shape[1]) < 2
        return stream._replace(
            targets=jnp.where(good[:, None], stream.targets, self.junk),
            revealed=stream.revealed & good,
            scored=stream.scored & good,
        )


def setup(family, network, stage, optimizer, seeds=1, gradient="bptt"):
    """(advance, state, keys) of a stage."""
    network = fit_network(family, network)
    advance = make_advance(
        network, GRADIENTS[gradient](network), optimizer, family, family.scaling(), stage
    )
    keys = jax.random.split(jax.random.key(3), seeds)
    return advance, init_seeds(network, optimizer, 0, seeds), keys


def by_hand(family, network, params, key, stage, rate):
    """Gradient descent on one draw, every step of the network spelled out: (params, loss)."""
    network = fit_network(family, network)
    scaling, delay = family.scaling(), family.delay
    stream = jax.tree.map(np.asarray, family.sample(key, stage.batch, stage.windows * stage.length))
    x = (stream.inputs - scaling.input_offset) / np.array(scaling.input_scale)
    y = (stream.targets - scaling.target_offset) / np.array(scaling.target_scale)
    seen = []
    for t in range(x.shape[1]):
        source = t - 1 - delay
        told = stream.revealed[:, source, None] if source >= 0 else np.zeros((stage.batch, 1), bool)
        parts = [x[:, t], np.where(told, y[:, max(source, 0)], 0.0)]
        seen.append(np.concatenate([*parts, told] if family.flagged else parts, axis=1))

    def loss(params, state, begin):
        total = 0.0
        for t in range(begin, begin + stage.length):
            state, prediction = network.step(params, state, jnp.asarray(seen[t], jnp.float32), jnp)
            total += jnp.sum(stream.scored[:, t, None] * (prediction - y[:, t]) ** 2)
        return total / stream.scored[:, begin : begin + stage.length].sum(), state

    state = network.init_state(params, (stage.batch,), jnp)
    losses = []
    for window in range(stage.windows):
        gradient = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=2)
        (error, state), slope = gradient(params, state, window * stage.length)
        params = {name: value - rate * slope[name] for name, value in params.items()}
        losses.append(error)
    return params, np.mean(losses)


@pytest.mark.parametrize(
    ("family", "stage"),
    [
        (Boolean(inputs=1, length=6), STAGE),
        (Late(Missing(Boolean(1, 6), share=0.4), steps=1), Stage(3, 4, 2, windows=2)),
        (sines(), STAGE),
    ],
    ids=["boolean", "late, missing, two windows", "scaled"],
)
def test_a_draw_is_gradient_descent_written_out(family, stage, tiny):
    advance, state, keys = setup(family, tiny.elman(), stage, optax.sgd(0.3))
    new, loss = advance(state, keys, 7, 1)
    params = {name: value[0] for name, value in state.params.items()}
    key = jax.random.fold_in(keys[0], 7)
    expected, expected_loss = by_hand(family, tiny.elman(), params, key, stage, 0.3)
    np.testing.assert_allclose(loss[0], expected_loss, rtol=1e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(new.params[name][0], value, rtol=1e-5, atol=1e-6)
        assert np.abs(value - params[name]).max() > 1e-3


@pytest.mark.parametrize("gradient", ["traces1997", "rtrl"])
@pytest.mark.parametrize("kernels", ["1", "0"])
def test_online_descent_is_gradient_descent_written_out(gradient, kernels, tiny, monkeypatch):
    """An update after each example, in a kernel of its own and without; the network's memory is
    all of its state, so that both gradients reach back to the beginning of the stream."""
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", kernels)
    schedule = online_descent(6, 12, 0.2)
    assert schedule.plain_descent
    (stage,), rate = schedule.stages, schedule.rates[0]
    family = Missing(Boolean(1, 6), share=0.4)
    network = fit_network(family, tiny.elman())
    optimizer = make_optimizer(schedule)
    advance = make_advance(
        network, GRADIENTS[gradient](network), optimizer, family, family.scaling(), stage, rate
    )
    state = init_seeds(network, optimizer, 0, 3, (1.0, 0.5, 2.0))
    keys = jax.random.split(jax.random.key(3), 3)
    new, losses = advance(state, keys, 4, 2)
    for i, multiple in enumerate((1.0, 0.5, 2.0)):
        params, total = {name: value[i] for name, value in state.params.items()}, 0.0
        for draw in (4, 5):
            stream = family.sample(jax.random.fold_in(keys[i], draw), 1, 6)
            x, y, weights = (v[0] for v in seen(stream, family, family.scaling()))
            params, error = online_by_hand(network, params, x, y, weights, multiple * rate)
            total += error / 12
        np.testing.assert_allclose(losses[i], total, rtol=1e-4)
        for name, value in params.items():
            np.testing.assert_allclose(new.params[name][i], value, rtol=1e-4, atol=1e-6)
            assert np.abs(value - state.params[name][i]).max() > 1e-3


def online_by_hand(network, params, x, y, weights, rate):
    """One stream, the influence of the weights on the state whole: (params, sum of errors)."""
    state = network.init_state(params, (), jnp)
    influence = {name: jnp.zeros((network.hidden, *v.shape)) for name, v in params.items()}
    total = 0.0
    for t in range(len(x)):

        def error(params, h, t=t):
            new, prediction = network.step(params, {"h": h}, x[t], jnp)
            return weights[t] * jnp.sum((prediction - y[t]) ** 2), new["h"]

        (value, h), (direct, back) = jax.value_and_grad(error, (0, 1), has_aux=True)(
            params, state["h"]
        )
        by_parameter, by_state = jax.jacobian(lambda *at: error(*at)[1], (0, 1))(params, state["h"])
        slope = {k: direct[k] + jnp.tensordot(back, influence[k], 1) for k in params}
        influence = {k: by_parameter[k] + jnp.tensordot(by_state, influence[k], 1) for k in params}
        params = {k: params[k] - rate * slope[k] for k in params}
        state, total = {"h": h}, total + value
    return params, total


def test_a_schedule_that_bends_or_clips_is_no_plain_descent():
    plain = online_descent(6, 12, 0.2)
    changes = {"optimizer": "adam", "warmup": 1, "final": 0.5, "clip": 1.0, "weight_decay": 0.1}
    for name, value in changes.items():
        assert not replace(plain, **{name: value}).plain_descent


def test_the_optimiser_is_adam_clipped_warmed_up_and_cooled_down(x64):
    schedule = Schedule(
        (Stage(5, 2, 13), Stage(6, 2, 20)),
        learning_rate=0.05,
        warmup=2,
        final=0.1,
        clip=0.7,
        weight_decay=0.2,
    )
    optimizer = make_optimizer(schedule)
    rng = np.random.default_rng(0)
    params = {"a": rng.normal(size=3), "b": rng.normal(size=(2, 2))}
    got = jax.tree.map(jnp.asarray, params)
    state = optimizer.init(got)
    update = jax.jit(optimizer.update)
    m = v = dict.fromkeys(params, 0.0)
    rates = []
    for count in range(schedule.updates + 2):
        scale = (0.1, 3.0)[count % 2]
        gradient = {name: scale * rng.normal(size=p.shape) for name, p in params.items()}
        changes, state = update(gradient, state, got)
        got = optax.apply_updates(got, changes)
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        gradient = {name: g * min(1.0, 0.7 / norm) for name, g in gradient.items()}
        m = {name: 0.9 * m[name] + 0.1 * g for name, g in gradient.items()}
        v = {name: 0.99 * v[name] + 0.01 * g**2 for name, g in gradient.items()}
        rates.append(rate_after(count))
        for name, p in params.items():
            step = m[name] / (1 - 0.9 ** (count + 1))
            step = step / (np.sqrt(v[name] / (1 - 0.99 ** (count + 1))) + 1e-8)
            params[name] = p - rates[-1] * (step + 0.2 * p)
            np.testing.assert_allclose(got[name], params[name], rtol=1e-6)
    assert rates[0] == 0.0
    assert max(rates) == rates[2] == 0.05
    assert rates[33] == rates[34] == pytest.approx(0.005)


def rate_after(count, peak=0.05, warmup=2, updates=33, final=0.1):
    if count < warmup:
        return peak * count / warmup
    part = min(1.0, (count - warmup) / (updates - warmup))
    return peak * (final + (1 - final) * 0.5 * (1 + np.cos(np.pi * part)))


def test_a_run_in_pieces_is_the_run_in_one_and_is_compiled_once(tiny):
    stage = Stage(length=4, batch=3, updates=10)
    advance, begin, keys = setup(tiny.family, tiny.elman(), stage, optax.adam(0.1), seeds=2)
    whole, loss = advance(begin, keys, 0, 5)
    state, losses = begin, []
    for first, draws in ((0, 1), (1, 3), (4, 1)):
        state, part = advance(state, keys, first, draws)
        losses.append(draws * part)
        # as after a checkpoint
        state = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), state)
    jax.tree.map(np.testing.assert_array_equal, state, whole)
    np.testing.assert_allclose(sum(losses) / 5, loss, rtol=1e-5)
    assert not np.array_equal(whole.params["w"], begin.params["w"])
    assert advance._cache_size() == 1


def test_a_run_compiles_each_stage_once(tiny, run_module, monkeypatch, small_chunks):
    made = []

    def keep(make):
        def made_and_kept(*given):
            made.append(make(*given))
            return made[-1]

        return made_and_kept

    monkeypatch.setattr(run_module, "make_advance", keep(run_module.make_advance))
    monkeypatch.setattr(run_module, "make_validate", keep(run_module.make_validate))
    chunks = []
    tiny.derive(on_progress=chunks.append)
    assert len(chunks) > len(made) == 1 + len(tiny.schedule.stages)
    assert [compiled._cache_size() for compiled in made] == [1] * len(made)


def test_seeds_side_by_side_are_seeds_one_by_one(tiny):
    stage = Stage(length=4, batch=3, updates=10, windows=2)
    advance, state, keys = setup(tiny.family, tiny.elman(), stage, optax.adam(0.1), seeds=3)
    together, losses = advance(state, keys, 2, 3)
    for i in range(3):
        one = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], state)
        alone, loss = advance(one, keys[i : i + 1], 2, 3)
        np.testing.assert_allclose(loss[0], losses[i], rtol=1e-5)
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[0], b[i], rtol=1e-4, atol=1e-5),
            alone,
            together,
        )
    assert len({float(loss) for loss in losses}) == 3


def test_a_seeds_first_weights_depend_on_its_number_alone(tiny):
    optimizer = optax.adam(0.1)
    four = init_seeds(tiny.elman(), optimizer, 8, 4)
    one = init_seeds(tiny.elman(), optimizer, 8, 1)
    np.testing.assert_array_equal(four.params["w"][0], one.params["w"][0])
    assert len({np.asarray(w).tobytes() for w in four.params["w"]}) == 4
    other = init_seeds(tiny.elman(), optimizer, 9, 4)
    assert not np.isin(np.asarray(other.params["w"]), np.asarray(four.params["w"])).any()
    assert four.params["w"].dtype == jnp.float32
    assert np.isinf(four.best_error).all()


def test_what_does_not_count_does_not_matter(tiny):
    results = []
    for family in (Spoilt(tiny.family), Spoilt(tiny.family, junk=1e4), tiny.family):
        advance, state, keys = setup(family, tiny.elman(), STAGE, optax.sgd(0.3))
        state, loss = advance(state, keys, 0, 3)
        network = fit_network(family, tiny.elman())
        stream = family.sample(jax.random.key(1), 5, 4)
        _, error = make_validate(network, family, family.scaling(), stream)(state)
        results.append(jax.tree.map(np.asarray, (state.params, loss, error)))
    jax.tree.map(np.testing.assert_array_equal, results[0], results[1])
    assert not np.allclose(results[0][1], results[2][1])


@pytest.mark.parametrize("hazard", [None, 0.0, 0.6])
def test_a_stage_sets_the_pace_of_switches(hazard, tiny):
    family = Switching(tiny.family, every=2)
    meant = {None: family, 0.0: tiny.family, 0.6: Switching(tiny.family, hazard=0.6)}
    stage = partial(replace, STAGE)
    results = []
    for drawn_from, given in ((family, stage(hazard=hazard)), (meant[hazard], stage())):
        advance, state, keys = setup(drawn_from, tiny.elman(), given, optax.sgd(0.3))
        results.append(advance(state, keys, 0, 2)[0].params["w"])
    np.testing.assert_array_equal(*results)
    if hazard is not None:
        advance, state, keys = setup(family, tiny.elman(), stage(), optax.sgd(0.3))
        assert not np.array_equal(advance(state, keys, 0, 2)[0].params["w"], results[0])


def after(family, gradient, stage, network):
    """A weight matrix after the updates of one draw."""
    advance, state, keys = setup(family, network, stage, optax.sgd(5.0), gradient=gradient)
    return np.asarray(advance(state, keys, 0, 1)[0].params["w_first"])


def test_the_truncated_gradient_is_used(tiny):
    network, stage = LSTM1997(blocks=1, hidden=1), Stage(length=6, batch=4, updates=1)
    results = [after(tiny.family, name, stage, network) for name in ("bptt", "truncated1997")]
    assert not np.allclose(*results)


def test_an_update_after_each_example_cuts_no_gradient_that_goes_forward(tiny):
    """Three windows of one example: the truncated gradient ends with each, its traces do not."""
    network = LSTM1997(blocks=1, hidden=1)
    whole, online = Stage(3, 4, 1), Stage(1, 4, 3, windows=3)
    one, other = (after(tiny.family, n, whole, network) for n in ("truncated1997", "traces1997"))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    cut, carried = (after(tiny.family, n, online, network) for n in ("truncated1997", "traces1997"))
    assert not np.allclose(cut, carried)


def test_validation_keeps_each_seeds_best(tiny):
    network = fit_network(tiny.family, tiny.elman())
    stream = tiny.family.sample(jax.random.key(1), 20, 6)
    validate = make_validate(network, tiny.family, tiny.family.scaling(), stream)
    optimizer = optax.adam(0.1)
    first, second = (init_seeds(network, optimizer, seed, 4) for seed in (0, 1))
    state, before = validate(first)
    worse = {name: value.at[3].set(jnp.nan) for name, value in second.params.items()}
    state, after = validate(state._replace(params=worse))
    for i in range(4):
        params = {name: np.asarray(value[i]) for name, value in first.params.items()}
        learner = Learner(network, params, tiny.family.scaling())
        predictions, _ = learner.unroll(stream.inputs, stream.targets)
        by_hand = np.mean((predictions - np.asarray(stream.targets)) ** 2)
        np.testing.assert_allclose(before[i], by_hand, rtol=1e-5)
    assert after[3] == np.inf
    better = np.asarray(after < before)
    assert 0 < better.sum() < 4
    np.testing.assert_array_equal(state.best_error, np.minimum(before, after))
    for i in range(4):
        kept = (second if better[i] else first).params
        for name, value in state.best.items():
            np.testing.assert_array_equal(value[i], kept[name][i])
    jax.tree.map(np.testing.assert_array_equal, state.params, worse)
    assert validate._cache_size() == 1


def test_the_validation_error_is_that_of_scaled_targets(tiny):
    scaling = replace(tiny.family.scaling(), target_offset=(0.5,), target_scale=(2.0,))
    network = fit_network(tiny.family, tiny.elman())
    state = init_seeds(network, optax.adam(0.1), 0, 1)
    state = state._replace(params={name: 0.0 * value for name, value in state.params.items()})
    stream = tiny.family.sample(jax.random.key(1), 20, 6)
    _, error = make_validate(network, tiny.family, scaling, stream)(state)
    # every output is 1/2; a target of 0 is -1/4, a target of 1 is 1/4
    by_hand = np.mean((0.5 - np.where(np.asarray(stream.targets) == 1.0, 0.25, -0.25)) ** 2)
    np.testing.assert_allclose(error, by_hand, rtol=1e-5)
