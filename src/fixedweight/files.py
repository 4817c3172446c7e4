"""Files that are read with suspicion and written so that none is ever half there.

Every file of this package is safetensors: raw arrays behind a JSON header, never pickle.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fixedweight.errors import LearnerFileError

MOST_BYTES = 256 * 2**20
"""Larger files are refused unread; learners take kilobytes."""
MOST_HEADER_BYTES = 16 * 2**20


def write(
    path: str | Path, kind: str, arrays: dict[str, np.ndarray], header: dict[str, Any]
) -> None:
    """Write to a temporary name beside `path`, then rename: readers see the old file or the new."""
    path = Path(path)
    content = save(
        {name: np.asarray(value, order="C") for name, value in arrays.items()},
        metadata={"kind": kind, "header": json.dumps(header, allow_nan=False)},
    )
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read(
    path: str | Path, kind: str, *, finite: bool = True
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the header of a file of this kind; `finite`: every number must be.

    Raises:
        LearnerFileError: no such file, too large, cut short, damaged, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise LearnerFileError(f"Expected a {kind} file at {str(path)!r}, but there is none.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise LearnerFileError(
            f"Expected a {kind} file of at most {MOST_BYTES} bytes, got {size} at {str(path)!r}."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, kind, error) from error
    metadata = _metadata(path, content, kind)
    if metadata.get("kind") != kind:
        raise LearnerFileError(
            f"Expected a {kind} file, got kind {metadata.get('kind')!r} at {str(path)!r}."
        )
    try:
        arrays = load(content)
        header = json.loads(metadata["header"])
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, kind, error) from error
    if not isinstance(header, dict):
        raise _damaged(path, kind, "its header is not an object")
    for name, value in arrays.items():
        if finite and value.dtype.kind == "f" and not np.isfinite(value).all():
            raise _damaged(path, kind, f"array {name!r} has values that are not finite")
    return arrays, header


def _metadata(path: Path, content: bytes, kind: str) -> dict[str, str]:
    """The header of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, MOST_HEADER_BYTES):
        raise _damaged(path, kind, "it is cut short or not a safetensors file")
    try:
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (AttributeError, ValueError, RecursionError) as error:
        raise _damaged(path, kind, error) from error
    return metadata if isinstance(metadata, dict) else {}


def _damaged(path: Path, kind: str, why: object) -> LearnerFileError:
    return LearnerFileError(f"Expected a whole {kind} file at {str(path)!r}, but {why}.")
