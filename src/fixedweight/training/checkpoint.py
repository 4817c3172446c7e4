"""A training run on disk: what is needed to go on to the result of an uninterrupted run."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fixedweight import files
from fixedweight.errors import LearnerFileError

KIND = "fixedweight checkpoint"


def fingerprint(plan: Any, draws: Any) -> str:
    """A digest of everything that determines a run, so that only the same run is resumed.

    `draws` is a pytree of what the family draws: of a table or a simulator the plan has no more
    than names.
    """
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=repr).encode())
    for leaf in jax.tree.leaves(draws):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, plan: str, state: Any, header: dict[str, Any]) -> None:
    """Write the state, any pytree of arrays, with a JSON header."""
    leaves = jax.tree.leaves(state)
    arrays = {f"leaf{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    files.write(path, KIND, arrays, {"plan": plan, **header})


def load_checkpoint(
    path: Path, plan: str, like: Callable[[dict[str, Any]], Any]
) -> tuple[Any, dict[str, Any]]:
    """The state, in the structure and the shapes that `like` makes of the header, and the header.

    Raises:
        LearnerFileError: the file is damaged or belongs to a run with other settings.
    """
    arrays, header = files.read(path, KIND, finite=False)
    if header.get("plan") != plan:
        raise LearnerFileError(
            f"Expected the checkpoint {str(path)!r} of this very run, got one of a run with other "
            "settings. Use the same settings, another name, or delete it."
        )
    leaves, structure = jax.tree.flatten(like(header))
    got = [arrays[name] for name in sorted(arrays)]
    wanted = [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves]
    if [(leaf.shape, leaf.dtype) for leaf in got] != wanted:
        raise LearnerFileError(f"Expected a whole checkpoint at {str(path)!r}; its arrays differ.")
    return jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in got]), header
