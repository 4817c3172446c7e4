"""Measure the cells of a part, keep what was measured, and write it as text and figure."""

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fixedweight.errors import InputError, LearnerFileError
from fixedweight.parts.part import Part, Record, Work

QUICK = "A quick run: few updates and seeds, to see that all works. Its figures say little."


def results_folder(folder: Path) -> None:
    """Make the folder where results are kept, unless it is there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Expected a folder for results, got {folder}: {error}.") from error


def results_file(part: Part, folder: Path, quick: bool) -> Path:
    return folder / f"{part.name}{'-quick' if quick else ''}.json"


def measure(
    part: Part,
    folder: Path,
    quick: bool,
    say: Callable[[str], None],
    done: Callable[[str], None],
    only: Collection[str] | None = None,
) -> None:
    """Measure the cells that are not stored yet; store each as it is done, write text and figure.

    Args:
        part, folder, quick: what to measure, and where results are kept.
        say: shows how far the cell at work is.
        done: told of each cell once it is stored.
        only: the cells to measure; all by default.

    Raises:
        LearnerFileError: the stored results are damaged.
        KeyboardInterrupt: stopped; what was measured is stored and the next run goes on from it.
    """
    path = results_file(part, folder, quick)
    stored = load(part, folder, quick)
    cells = part.cells(quick)
    for i, (name, cell) in enumerate(cells.items()):
        if name in stored or (only is not None and name not in only):
            continue
        label = f"{part.name} {i + 1}/{len(cells)} {name}"
        say(label)
        checkpoint = folder / f".{path.stem}.{name.replace(' ', '-').replace('/', '-')}.checkpoint"
        started = time.monotonic()
        record = cell(Work(lambda text, label=label: say(f"{label}: {text}"), checkpoint))
        checkpoint.unlink(missing_ok=True)
        stored[name] = {
            **record,
            "seconds": round(time.monotonic() - started, 1),
            "made_by": _made_by(part, quick),
        }
        _replace(path, json.dumps({"part": part.name, "quick": quick, "cells": stored}, indent=1))
        publish(part, folder, quick)
        done(f"{label}: {stored[name]['seconds']:.0f} s")


def publish(part: Part, folder: Path, quick: bool) -> None:
    """Write what is stored as text and as a figure.

    Raises:
        LearnerFileError: the stored results are damaged.
    """
    path = results_file(part, folder, quick)
    stored = load(part, folder, quick)
    _replace(path.with_suffix(".md"), shown(part, folder, quick) + "\n")
    figure = Figure(layout="constrained")
    part.draw({name: stored[name] for name in part.cells(quick) if name in stored}, figure)
    figure.savefig(path.with_suffix(".png"), dpi=100)


def load(part: Part, folder: Path, quick: bool) -> dict[str, Record]:
    """The stored records by cell; none where nothing was measured.

    Raises:
        LearnerFileError: the file is not what `measure` writes.
    """
    path = results_file(part, folder, quick)
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text())["cells"])
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise LearnerFileError(
            f"Expected results of `{part.command} {part.name}` at {str(path)!r}, but "
            f"{type(error).__name__}: {error}. Delete the file to measure them again."
        ) from error


def shown(part: Part, folder: Path, quick: bool) -> str:
    """The stored results as text, in the order of the cells.

    Raises:
        LearnerFileError: the stored results are damaged.
    """
    stored = load(part, folder, quick)
    ordered = {name: stored[name] for name in part.cells(quick) if name in stored}
    if not ordered:
        return f"Nothing measured yet in {folder}: {part.command} {part.name}"
    try:
        text = part.text(ordered)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise LearnerFileError(
            f"Expected whole records in {str(results_file(part, folder, quick))!r}, but "
            f"{type(error).__name__}: {error}. Delete the file to measure them again."
        ) from error
    return f"{QUICK}\n\n{text}" if quick else text


def _made_by(part: Part, quick: bool) -> dict[str, Any]:
    packages = ("fixedweight", "jax", "numpy", "optax")
    return {
        "command": f"{part.command} {part.name}{' --quick' if quick else ''}",
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)
