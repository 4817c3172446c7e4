"""Quadratic functions of n inputs (paper, section 4; n = 2 there)."""

from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import check_length
from fixedweight.families.linear_family import LinearFamily, Prior

LOW, HIGH = 0.2, 0.8
DRAWS = 32768
"""Tasks from which the prior of functions scaled one by one is measured."""


def monomials(inputs: int) -> tuple[tuple[int, ...], ...]:
    """The exponent sets of a quadratic: () is 1, (i,) is x_i, (i, j) is x_i x_j."""
    return tuple(
        subset
        for order in (2, 1, 0)
        for subset in combinations_with_replacement(range(inputs), order)
    )


@dataclass(frozen=True)
class Quadratic(LinearFamily):
    """q(x) = sum of all products of at most two inputs, coefficients and x uniform in [-1, 1].

    The paper scales targets to [0.2, 0.8] and leaves open how. `scale="task"`: each function's own
    minimum and maximum over the cube go to 0.2 and 0.8 (the reading that fits the paper's figures);
    `scale="global"`: the worst case, |q| <= number of coefficients, does; `scale="none"`: as drawn.

    A task is the coefficients *after* scaling, in the order of `monomials`, so that in every case
    the target is linear in the task.

    Raises:
        FamilyError: no inputs, an unknown scale, or `scale="task"` with more than 6 inputs (its
            exact range is found on all 3^n faces of the cube).
    """

    inputs: int = 2
    scale: Literal["task", "global", "none"] = "task"
    length: int = 60
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.scale not in ("task", "global", "none"):
            raise FamilyError(f"Expected scale 'task', 'global' or 'none', got {self.scale!r}.")
        most = 6 if self.scale == "task" else 30
        if not 1 <= self.inputs <= most:
            raise FamilyError(
                f"Expected 1 to {most} inputs with scale={self.scale!r}, got {self.inputs}."
            )

    @property
    def name(self) -> str:
        return "quadratic"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    @property
    def unit_targets(self) -> bool:
        return self.scale != "none"

    def draw_task(self, key: PRNGKeyArray) -> Float[Array, " coefficient"]:
        size = len(monomials(self.inputs))
        raw = jax.random.uniform(key, (size,), minval=-1.0, maxval=1.0)
        if self.scale == "none":
            return raw
        if self.scale == "global":
            low, high = jnp.float32(-size), jnp.float32(size)
        else:
            low, high = self._range(raw)
        gain = (HIGH - LOW) / (high - low)
        constant = jnp.zeros(size).at[-1].set(1.0)
        return gain * (raw - low * constant) + LOW * constant

    def features(self, x: Float[Array, " input"]) -> Float[Array, " coefficient"]:
        """The values of `monomials` at x: the target is linear in these."""
        return jnp.stack([jnp.prod(x[jnp.array(m, dtype=int)]) for m in monomials(self.inputs)])

    def prior(self) -> Prior:
        """The moments of the scaled coefficients.

        As drawn these are independent with mean 0 and variance 1/3, and `scale="global"` is one
        affine map of them. For `scale="task"` the moments are measured over `DRAWS` tasks and their
        mirror images 1 - y, which are as likely: so the mean is 1/2 for every x.
        """
        if self.scale == "task":
            return _measured(self.inputs)
        gain, offset = affine_scale(self)
        constant = np.array([not subset for subset in monomials(self.inputs)])
        return Prior(offset * constant, gain**2 / 3 * np.eye(len(constant)))

    def _range(
        self, task: Float[Array, " coefficient"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The exact minimum and maximum of the function over the cube [-1, 1]^n.

        Either lies at a stationary point of q restricted to some face of the cube (each input at
        -1, at +1 or free). A stationary point outside its face is clipped into the cube, where it
        is still a value that q takes.
        """
        n = self.inputs
        hessian = jnp.zeros((n, n))
        gradient = jnp.zeros(n)
        for value, m in zip(task, monomials(n), strict=True):
            if len(m) == 2:
                hessian = hessian.at[m[0], m[1]].add(value).at[m[1], m[0]].add(value)
            elif len(m) == 1:
                gradient = gradient.at[m[0]].add(value)
        sides = np.array(list(product((-1.0, 0.0, 1.0), repeat=n)))

        def stationary(side: Float[Array, " input"]) -> Float[Array, " input"]:
            free = side == 0.0
            system = jnp.where(free[:, None] & free[None, :], hessian, 0.0)
            system = jnp.where(jnp.diag(~free), 1.0, system)
            right = jnp.where(free, -(gradient + hessian @ side), side)
            point = jnp.linalg.solve(system, right)
            return jnp.clip(jnp.nan_to_num(point), -1.0, 1.0)

        points = jax.vmap(stationary)(jnp.asarray(sides, dtype=jnp.float32))
        values = jax.vmap(lambda x: jnp.sum(task * self.features(x)))(points)
        return jnp.min(values), jnp.max(values)


def affine_scale(family: Quadratic) -> tuple[float, float]:
    """gain and offset of y = gain q + offset, for scales that are the same for every task."""
    if family.scale == "none":
        return 1.0, 0.0
    size = len(monomials(family.inputs))
    return (HIGH - LOW) / (2 * size), (HIGH + LOW) / 2


@cache
def _measured(inputs: int) -> Prior:
    family = Quadratic(inputs, "task")
    keys = jax.random.split(jax.random.key(20010701), DRAWS)
    tasks = np.asarray(jax.jit(jax.vmap(family.draw_task))(keys), dtype=np.float64)
    mean = np.array([0.0 if subset else (HIGH + LOW) / 2 for subset in monomials(inputs)])
    return Prior(mean, (tasks - mean).T @ (tasks - mean) / len(tasks))
