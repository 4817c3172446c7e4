"""A network's generated C as CUDA, a stream to a thread: what a fused kernel on a GPU would gain.

A measurement, not part of the package: the statements are those that `fixedweight.kernels` writes
for the CPU, here of single numbers instead of vectors and with loops over units unrolled, so that
a stream's state stays in a thread's registers.
"""

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight.kernels.generate import Leaves, Source, generate
from fixedweight.kernels.sums import Vectors
from fixedweight.networks import Network, initial_state

HERE = Path(__file__).parent


def source(network: Network) -> Source:
    """The C of a network's error and its gradient, one stream to a vector."""
    params = {
        name: np.asarray(value, np.float32)
        for name, value in network.init_params(np.random.default_rng(0)).items()
    }
    state = initial_state(network, params, (1,), np)
    trees = jax.tree.structure(params), jax.tree.structure(state)

    def step(params: Any, state: Any, example: Any) -> tuple[list[Any], list[Any]]:
        x, target = (value[None] for value in example)
        before = jax.tree.unflatten(trees[1], [part[None] for part in state])
        new, output = network.step(jax.tree.unflatten(trees[0], params), before, x, jnp)
        error = network.error(new, output, target, jnp)
        return [part[0] for part in jax.tree.leaves(new)], [error[0]]

    leaves = Leaves(
        tuple(np.shape(value) for value in jax.tree.leaves(params)),
        tuple(np.shape(part)[1:] for part in jax.tree.leaves(state)),
        ((network.input_size,), (network.target_size,)),
        ((),),
    )
    return generate(step, leaves, Vectors(1, kept=False), "params")


def cuda(text: str, threads: int, unroll: int = 0) -> str:
    """CUDA of a kernel's C: its own driver and functions of one number in the place of the CPU's.

    Args:
        threads: streams to a block.
        unroll: turns of a loop over units written out; 0 for all. Where it is not all, what the
            loops index lies in a thread's local memory.
    """
    runtime = resources.files("fixedweight.kernels") / "runtime"
    vector, sequence = ((runtime / name).read_text() for name in ("vector.h", "sequence.h"))
    head, rest = text.split(vector)
    steps = rest.split(sequence)[0]
    steps = steps.replace("static const ", "static __device__ const ")
    steps = steps.replace("static void ", "static __device__ __forceinline__ void ")
    steps = re.sub(r"(?:const )?V \*restrict T\b", "const Along T", steps)
    steps = re.sub(r"V \*restrict R\b", "const Beside R", steps)
    how = f"unroll {unroll}" if unroll else "unroll"
    steps = steps.replace("for (int ", f'_Pragma("{how}") for (int ')
    steps = re.sub(r"static __device__ const int (\w+_sizes)", r"static constexpr int \1", steps)
    lane, streams = ((HERE / name).read_text() for name in ("lane.cuh", "streams.cuh"))
    each = "".join(_each(text, name) for name in ("state", "inputs", "outputs"))
    tanh = vector[vector.index("INLINE V v_tanh(") :].split("\n}\n")[0] + "\n}\n"
    return f"#define THREADS {threads}\n{head}{lane}{tanh}{each}{steps}{streams}"


def _each(text: str, name: str) -> str:
    """A macro that does the same with every number of a stream's arrays of that name."""
    found = re.search(rf"int {name}_sizes\[\] = {{(.*?)}}", text)
    assert found
    leaves = [int(size) for size in found[1].split(",")]
    numbers = [(leaf, k, size) for leaf, size in enumerate(leaves) for k in range(size)]
    calls = " ".join(f"do_({n}, {', '.join(map(str, of))})" for n, of in enumerate(numbers))
    return f"#define EACH_{name.upper().removesuffix('S')}(do_) {calls}\n"


def sizes(text: str) -> dict[str, int]:
    """The sizes that a kernel's C defines by name."""
    return {name: int(n) for name, n in re.findall(r"#define (N\w+) (\d+)", text)}


def shared_bytes(text: str, threads: int) -> int:
    """Memory that a block's threads share: the weights and one step's records."""
    n = sizes(text)
    return 4 * ((n["NP"] + 3) // 4 * 4 + (n["NU"] + 3) // 4 * 4 + n["NR"] * (threads + 4))


@cache
def prepared(text: str, threads: int, unroll: int = 0) -> tuple[Any, Any]:
    """(pullback, collect): a kernel's C compiled for the card at hand."""
    import cupy

    module = cupy.RawModule(
        code=cuda(text, threads, unroll), options=("--std=c++17",), backend="nvrtc"
    )
    return module.get_function("pullback"), module.get_function("collect")


def _on_card(values: Any) -> Any:
    """An array of JAX or NumPy as one of CuPy, without a copy where it is on the card."""
    import cupy

    try:
        return cupy.from_dlpack(jax.block_until_ready(values))
    except Exception:  # what can be shared differs by version; only the start depends on it
        return cupy.asarray(np.asarray(values))


class Fused:
    """The error and gradient of streams, with a leading axis of seeds, by one launch."""

    def __init__(self, network: Network, arguments: Any, threads: int, unroll: int = 0) -> None:
        import cupy

        text = source(network).text
        n = sizes(text)
        params, state, inputs, targets, weights = arguments
        leaves = [*jax.tree.leaves(params), *jax.tree.leaves(state), inputs, targets, weights]
        arrays = [_on_card(leaf) for leaf in leaves]
        states = [cupy.zeros_like(a) for a in arrays[n["N_PARAMS"] :][: n["N_STATE"]]]
        seeds, batch, length = weights.shape
        blocks = -(-batch // threads)
        self.errors = cupy.full((seeds, batch, length), np.nan, np.float32)
        self.gradients = [cupy.full_like(a, np.nan) for a in arrays[: n["N_PARAMS"]]]
        after, d_old = ([cupy.empty_like(part) for part in states] for _ in range(2))
        tape = cupy.empty(seeds * length * (n["NS"] + n["NT"]) * blocks * threads, np.float32)
        partial = cupy.empty(seeds * blocks * n["NP"], np.float32)

        def pointers(values: list[Any]) -> Any:
            return cupy.asarray(np.array([v.data.ptr for v in values], np.uint64))

        into = pointers([*arrays, *states])
        out = pointers([self.errors, *after, *d_old])
        gradients = pointers(self.gradients)
        self.kept = arrays, states, after, d_old, tape, partial
        self.pullback, collect = prepared(text, threads, unroll)
        shared = shared_bytes(text, threads)
        self.pullback.max_dynamic_shared_size_bytes = shared

        def run() -> None:
            self.pullback(
                (blocks, seeds), (threads,),
                (into, out, tape, partial, np.int32(batch), np.int32(length)), shared_mem=shared,
            )  # fmt: skip
            collect(
                (-(-n["NP"] // 128), seeds), (128,), (partial, gradients, np.int32(blocks))
            )  # fmt: skip

        self.run = run
