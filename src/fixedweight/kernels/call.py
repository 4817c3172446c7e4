"""Kernels as functions of JAX: whole streams in, whole streams out, any number of seeds at once."""

import functools
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fixedweight.kernels.build import build, registers, widest
from fixedweight.kernels.generate import Leaves, Pull, Source, generate
from fixedweight.kernels.lower import NotCompiled
from fixedweight.kernels.sums import Vectors

log = logging.getLogger("fixedweight")

MOST_STATE = 16_384
"""Numbers of one stream's state; more would take minutes to compile and not stay in a cache."""

Step = Callable[[Any, Any, Any], tuple[Any, Any]]
"""(params, state, inputs) -> (new state, outputs): pytrees of arrays of one stream."""


def unroll(step: Step, params: Any, state: Any, inputs: Any) -> tuple[Any, Any] | None:
    """The step along streams: (state after, outputs), differentiable in reverse; or None.

    Args:
        params: a pytree of arrays.
        state: a pytree of arrays [batch, ...].
        inputs: a pytree of arrays [batch, time, ...].

    Returns:
        None where there cannot be a kernel; the reason is said once in the log.
    """
    kernel = _kernel_for(step, params, state, inputs, "inputs")
    if kernel is None:
        return None

    @jax.custom_vjp
    def run(params: Any, state: Any, inputs: Any) -> Any:
        return kernel.run(params, state, inputs)

    def forth(params: Any, state: Any, inputs: Any) -> Any:
        return kernel.run(params, state, inputs), (params, state, inputs)

    def back(kept: Any, cotangents: Any) -> Any:
        _, _, *gradients = kernel.pull(*kept, *cotangents)
        return tuple(gradients)

    run.defvjp(forth, back)
    outputs, after = run(*map(jax.tree.leaves, (params, state, inputs)))
    return jax.tree.unflatten(kernel.state_tree, after), jax.tree.unflatten(
        kernel.output_tree, outputs
    )


def error_and_gradient(
    step: Step, params: Any, state: Any, inputs: Any, weights: Float[Array, "batch time"]
) -> tuple[tuple[Array, Any], Any] | None:
    """The weighted sum of the errors that a step returns, with its gradient, in one pass.

    Args:
        step: its one output is the error of that step, a number.
        weights: of each error; no gradient goes to them.

    Returns:
        ((sum, state after), gradient by parameter), or None where there cannot be a kernel.
    """
    kernel = _kernel_for(step, params, state, inputs, "params")
    if kernel is None:
        return None
    before = jax.tree.leaves(state)
    errors, after, gradient, _, _ = kernel.pull(
        jax.tree.leaves(params), before, jax.tree.leaves(inputs), [weights],
        [jnp.zeros_like(part) for part in before],
    )  # fmt: skip
    total = jnp.sum(weights * errors[0])
    return (total, jax.tree.unflatten(kernel.state_tree, after)), jax.tree.unflatten(
        jax.tree.structure(params), gradient
    )


def run(step: Step, state: Any, inputs: Any) -> tuple[Any, Any] | None:
    """A step without parameters along streams: (state after, outputs), or None; no derivative.

    Whatever differs between streams is in their states, so that under `vmap` all of all calls lie
    side by side in the lanes of the vectors.
    """
    if _kernel_for(step, (), state, inputs, "nothing") is None:
        return None

    @jax.custom_batching.custom_vmap
    def along(state: Any, inputs: Any) -> tuple[Any, Any]:
        kernel = Kernel(step, (), state, inputs, "nothing")
        outputs, after = kernel.run((), jax.tree.leaves(state), jax.tree.leaves(inputs))
        return (
            jax.tree.unflatten(kernel.state_tree, after),
            jax.tree.unflatten(kernel.output_tree, outputs),
        )

    @along.def_vmap
    def _(size: int, batched: Any, state: Any, inputs: Any) -> tuple[Any, Any]:
        def joined(value: Array, is_batched: bool) -> Array:
            value = value if is_batched else jnp.broadcast_to(value, (size, *value.shape))
            return value.reshape(-1, *value.shape[2:])

        results = along(*jax.tree.map(joined, (state, inputs), tuple(batched)))
        parted = jax.tree.map(lambda v: v.reshape(size, -1, *v.shape[1:]), results)
        return parted, jax.tree.map(lambda _: True, parted)

    return along(state, inputs)


class Kernel:
    """A step compiled for streams of given shapes; its arguments are flat lists of arrays.

    Raises:
        NotCompiled: the step or the machine is not one that kernels serve.
    """

    def __init__(self, step: Step, params: Any, state: Any, inputs: Any, pull: Pull) -> None:
        trees = tuple(jax.tree.structure(tree) for tree in (params, state, inputs))
        one = jax.tree.map(lambda x: _spec((1, *x.shape[1:])), state)
        example = jax.tree.map(lambda x: _spec((1, *x.shape[2:])), inputs)
        new, outputs = jax.eval_shape(step, params, one, example)
        if jax.tree.map(lambda x: x.shape, new) != jax.tree.map(lambda x: x.shape, one):
            raise NotCompiled("the state changes its shape")
        if any(leaf.dtype != np.float32 for leaf in jax.tree.leaves((new, outputs))):
            raise NotCompiled("numbers other than float32")
        self.state_tree, self.output_tree = trees[1], jax.tree.structure(outputs)
        streams = [
            tuple(tuple(leaf.shape[1:]) for leaf in jax.tree.leaves(tree))
            for tree in (one, example, outputs)
        ]
        if sum(prod(leaf.shape) for leaf in jax.tree.leaves(one)) > MOST_STATE:
            raise NotCompiled(f"a state of more than {MOST_STATE} numbers")
        self.leaves = Leaves(tuple(tuple(leaf.shape) for leaf in jax.tree.leaves(params)), *streams)
        self.batch, self.length = jax.tree.leaves(inputs)[0].shape[:2]
        if self.length < 1 or self.batch < 1:
            raise NotCompiled("streams without examples")
        if self.leaves.params:
            width = min(widest(), 1 << (self.batch - 1).bit_length())
        else:  # all calls may come to lie side by side; wider, a large state leaves the cache
            width = min(widest(), 8)
        self.to_inputs = pull == "inputs"
        vectors = Vectors(width, registers())
        self.source = _source(step, trees, self.leaves, vectors, pull)
        self.name = _register(self.source.text)

    def run(self, params: Sequence[Any], state: Sequence[Any], inputs: Sequence[Any]) -> Any:
        """(outputs, state after)."""
        results = [self._outputs(), self._state()]
        return self._call("forward", [*params, *state, *inputs], results)

    def pull(self, params: Any, state: Any, inputs: Any, d_outputs: Any, d_state: Any) -> Any:
        """(outputs, state after, d params, d state before, d inputs or nothing)."""
        d_inputs = [_spec((self.batch, self.length, *shape)) for shape in self.leaves.inputs]
        results = [
            self._outputs(), self._state(), [_spec(shape) for shape in self.leaves.params],
            self._state(), d_inputs if self.to_inputs else [],
        ]  # fmt: skip
        return self._call("pullback", [*params, *state, *inputs, *d_outputs, *d_state], results)

    def _call(self, kind: str, arguments: list[Any], results: list[list[Any]]) -> list[list[Any]]:
        flat, tree = jax.tree.flatten(results)
        call = jax.ffi.ffi_call(f"{self.name}_{kind}", flat, vmap_method="broadcast_all")
        return jax.tree.unflatten(tree, call(*arguments))

    def _outputs(self) -> list[Any]:
        return [_spec((self.batch, self.length, *shape)) for shape in self.leaves.outputs]

    def _state(self) -> list[Any]:
        return [_spec((self.batch, *shape)) for shape in self.leaves.state]


def _spec(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)


@functools.lru_cache(maxsize=64)
def _source(
    step: Step, trees: tuple[Any, ...], leaves: Leaves, vectors: Vectors, pull: Pull
) -> Source:
    def flat(params: Any, state: Any, inputs: Any) -> Any:
        batches = [jnp.expand_dims(x, 0) for x in state], [jnp.expand_dims(x, 0) for x in inputs]
        new, outputs = step(*map(jax.tree.unflatten, trees, (params, *batches)))
        return [x[0] for x in jax.tree.leaves(new)], [x[0] for x in jax.tree.leaves(outputs)]

    return generate(flat, leaves, vectors, pull)


_LOADED: dict[str, Any] = {}


def _register(source: str) -> str:
    """Compile, load and register with XLA once; the name to call it by."""
    name = "fixedweight_" + hashlib.sha256(source.encode()).hexdigest()[:24]
    if name not in _LOADED:
        library = build(source)
        for kind in ("forward", "pullback"):
            handler = jax.ffi.pycapsule(getattr(library, f"kernel_{kind}"))
            jax.ffi.register_ffi_target(f"{name}_{kind}", handler, platform="cpu")
        _LOADED[name] = library
    return name


def _kernel_for(step: Step, params: Any, state: Any, inputs: Any, pull: Pull) -> Kernel | None:
    """FIXEDWEIGHT_KERNELS=0 in the environment turns kernels off."""
    if os.environ.get("FIXEDWEIGHT_KERNELS") == "0" or jax.default_backend() != "cpu":
        return None
    if any(leaf.dtype != np.float32 for leaf in jax.tree.leaves((params, state, inputs))):
        return None  # float64 is asked for its precision: the scan keeps it
    try:
        return Kernel(step, params, state, inputs, pull)
    except NotCompiled as reason:
        _say(str(reason))
        return None


@functools.cache
def _say(reason: str) -> None:
    log.warning("Running without a compiled kernel, several times slower: %s.", reason)
