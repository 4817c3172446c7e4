"""Steps of many kinds, each (params, state, inputs) -> (new state, outputs) for a batch."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight.networks import LSTM1997

CELLS: dict[str, tuple[Callable, Callable, Callable]] = {}
"""Name -> (make params from rng, make state for a batch, step); inputs have 3 numbers."""


def cell(params, state):
    def keep(step):
        CELLS[step.__name__] = (params, state, step)
        return step

    return keep


def near(rng, *shape):
    return rng.normal(0.0, 0.5, shape)


@cell(lambda rng: {"w": near(rng, 8, 5)}, lambda b: jnp.zeros((b, 5)))
def elman(params, h, x):
    h = jnp.tanh(jnp.concatenate([x, h], axis=-1) @ params["w"])
    return h, h[..., :2]


@cell(
    lambda rng: {"w": near(rng, 3, 12), "u": near(rng, 4, 12), "b": near(rng, 12)},
    lambda b: {"h": jnp.zeros((b, 4))},
)
def gru(params, state, x):
    h = state["h"]
    a, b = x @ params["w"] + params["b"], h @ params["u"]
    r, z = jax.nn.sigmoid(a[..., :4] + b[..., :4]), jax.nn.sigmoid(a[..., 4:8] + b[..., 4:8])
    n = jnp.tanh(a[..., 8:] + r * b[..., 8:])
    h = (1 - z) * n + z * h
    return {"h": h}, (h, jnp.sum(h, axis=-1))


@cell(
    lambda rng: {
        "q": near(rng, 3, 4),
        "k": near(rng, 3, 4),
        "v": near(rng, 3, 2),
        "b": near(rng, 3),
    },
    lambda b: jnp.zeros((b, 4, 2)),
)
def delta_memory(params, memory, x):
    k = jax.nn.softmax(x @ params["k"], axis=-1)
    beta = jax.nn.sigmoid(x @ params["b"])[..., None, None]
    old = jnp.einsum("...k,...kv->...v", k, memory)
    change = jnp.einsum("...k,...v->...kv", k, x @ params["v"] - old)
    memory = memory + beta * change
    return memory, jnp.einsum("...k,...kv->...v", jnp.tanh(x @ params["q"]), memory)


@cell(
    lambda rng: {"lam": near(rng, 3), "forget": near(rng, 1)},
    lambda b: (jnp.broadcast_to(jnp.eye(3), (b, 3, 3)), jnp.zeros((b, 3))),
)
def least_squares(params, state, x):
    """A recursive least-squares step with learned forgetting: divisions and matrix updates."""
    p, w = state
    p = p * (1.0 + jnp.exp(params["lam"][:, None] - 3.0) * jnp.eye(3))
    px = jnp.squeeze(p @ x[..., None], -1)
    gain = px / (jax.nn.softplus(params["forget"])[0] + jnp.sum(x * px, -1, keepdims=True))
    error = jnp.sin(x[..., :1]) - jnp.sum(w * x, -1, keepdims=True)
    w = w + gain * error
    p = p - gain[..., :, None] * px[..., None, :]
    return (p, w), error


@cell(lambda rng: {"a": near(rng, 3), "w": near(rng, 3, 3)}, lambda b: jnp.ones((b, 3)))
def odd_functions(params, s, x):
    """Functions that no built-in network uses."""
    s = 0.5 * s + jnp.log1p(jnp.abs(x * params["a"])) - jnp.sqrt(1.0 + x**2)
    y = jnp.where(s > 0, jnp.exp(-s), jnp.maximum(s, -2.0)) + x**3 / (1.0 + jnp.square(s))
    y = jnp.clip(y, -3.0, 3.0) + jax.nn.gelu(x) + jax.nn.elu(s) + jnp.cos(x) * jnp.expm1(0.1 * s)
    m = jnp.max(y, axis=-1, keepdims=True) - jnp.min(y, axis=-1, keepdims=True)
    return s, (y, m, jnp.prod(0.5 * y, axis=-1), jax.nn.logsumexp(y, axis=-1), jnp.abs(y) ** 1.5)


@cell(lambda rng: {"w": near(rng, 7, 7)}, lambda b: {"s": jnp.zeros((b, 7)), "n": jnp.zeros((b,))})
def shuffling(params, state, x):
    """Repeats, reversals, takes, triangles, stacks: numbers moved about."""
    s = state["s"]
    w = jnp.tril(params["w"]) + jnp.diag(jnp.diag(params["w"]))
    wide = jnp.concatenate([jnp.repeat(x, 2, axis=-1), x[..., :1]], axis=-1)
    s = jnp.tanh((jnp.flip(wide, -1) + jnp.take(s, jnp.array([3, 1, 1, 0, 6, 5, 2]), axis=-1)) @ w)
    grid = jnp.stack([s[..., :6], wide[..., 1:]], axis=-2).reshape(*s.shape[:-1], 3, 4)
    y = jnp.cumsum(jnp.swapaxes(grid, -1, -2), axis=-1)
    return {"s": s, "n": state["n"] + 1.0}, (y[..., 0, :], y[..., 1:3, 1], jnp.zeros_like(x))


@cell(lambda rng: {"w": near(rng, 3, 3), "unused": near(rng, 2)}, lambda b: {})
def stateless(params, state, x):
    return state, x @ params["w"]


@cell(lambda rng: {"scale": near(rng)}, lambda b: jnp.zeros((b, 1)))
def truncated(params, s, x):
    s = jax.lax.stop_gradient(s) * params["scale"] + x[..., :1]
    return s, s * params["scale"] ** 2


for _name, _config in {
    "lstm1997": {},
    "lstm1997_blocks": {"blocks": 2, "block_size": 2, "hidden": 0, "gate_sources": False},
    "lstm1997_second": {"blocks": 3, "hidden": 2, "second": 5, "target_size": 2},
}.items():
    _network = LSTM1997(**_config)
    CELLS[_name] = (
        lambda rng, network=_network: {
            name: 4.0 * value for name, value in network.init_params(rng).items()
        },
        lambda b, network=_network: network.init_state({}, (b,), jnp),
        lambda params, state, x, network=_network: network.step(params, state, x, jnp),
    )


def drawn(name: str, batch: int, length: int, seed: int = 0):
    """A cell's step with parameters, a random state and random inputs, in float32."""
    make_params, make_state, step = CELLS[name]
    rng = np.random.default_rng(seed)
    single = lambda x: jnp.asarray(x, jnp.float32)  # noqa: E731
    params = jax.tree.map(single, make_params(rng))
    state = jax.tree.map(
        lambda x: single(np.asarray(x) + rng.normal(0.0, 0.1, np.shape(x))), make_state(batch)
    )
    return step, params, state, single(rng.normal(0.0, 1.0, (batch, length, 3)))
