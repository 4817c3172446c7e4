"""Refuse a family that cannot be trained on, before any long work starts."""

import jax
import numpy as np

from fixedweight.errors import FamilyError
from fixedweight.families.stream import Stream
from fixedweight.families.task_family import TaskFamily

REMEDY = "Write it with jax.numpy and jax.random, without Python branches on values."


def check_family(family: TaskFamily) -> None:
    """Draw from a family once, compiled and not, and refuse what cannot be trained on.

    Raises:
        FamilyError: a draw fails under `jit`, has the wrong shape, is not finite, differs between
            two draws from one key or between compiled and plain, or its targets are constant.
    """
    key = jax.random.key(0)
    batch, length = 16, min(family.examples, 32)
    try:
        plain = family.sample(key, batch, length)
    except FamilyError:
        raise
    except Exception as error:
        remedy = f" {REMEDY}" if isinstance(error, jax.errors.JAXTypeError) else ""
        raise FamilyError(
            f"Expected {family.name!r} to draw {batch} streams of {length} examples, "
            f"but it raised {type(error).__name__}: {error}{remedy}"
        ) from error
    _check_values(family, plain, batch, length)
    try:
        compiled = jax.jit(lambda key: family.sample(key, batch, length))(key)
    except Exception as error:
        raise FamilyError(
            f"Expected {family.name!r} to draw its streams under jax.jit, but it raised "
            f"{type(error).__name__}: {error} {REMEDY}"
        ) from error
    for what, other in (
        ("compiled by jax.jit", compiled),
        ("drawn again from the same key", family.sample(key, batch, length)),
    ):
        close = jax.tree.map(
            lambda a, b: (
                a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)
            ),
            plain,
            other,
        )
        if not all(jax.tree.leaves(close)):
            raise FamilyError(
                f"Expected {family.name!r} to depend on its key alone, but its values change when "
                f"{what}. Draw every random number from the key with jax.random, and keep no "
                "state between calls."
            )


def _check_values(family: TaskFamily, stream: Stream, batch: int, length: int) -> None:
    expected = {
        "inputs": (stream.inputs, (batch, length, family.input_size)),
        "targets": (stream.targets, (batch, length, family.target_size)),
    }
    for what, (values, shape) in expected.items():
        if values.shape != shape:
            raise FamilyError(
                f"Expected {what} of shape {shape} (streams, examples, numbers) from "
                f"{family.name!r}, got {values.shape}."
            )
        used = np.asarray(values)[np.asarray(stream.scored)]
        if not np.isfinite(used).all():
            bad = int((~np.isfinite(used)).any(axis=-1).sum())
            raise FamilyError(
                f"Expected finite {what} from {family.name!r}, got NaN or infinite values in "
                f"{bad} of {len(used)} examples."
            )
    scored = np.asarray(stream.targets)[np.asarray(stream.scored)]
    if len(scored) and np.ptp(scored, axis=0).max() <= 1e-9 * max(1.0, np.abs(scored).max()):
        raise FamilyError(
            f"Expected targets that vary, got {scored.flat[0]:g} for every example of "
            f"{family.name!r}: there is nothing to learn."
        )
