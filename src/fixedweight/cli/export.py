"""fixedweight export"""

import re
from pathlib import Path
from typing import Annotated

import typer

from fixedweight.cli.console import console
from fixedweight.errors import InputError
from fixedweight.exports import to_c, to_fixed, to_javascript, to_onnx
from fixedweight.exports.c import MOST_NAME
from fixedweight.learners import load


def export(
    learner: Annotated[Path, typer.Argument(help="a learner file, or the name of one that ships")],
    to: Annotated[str, typer.Option(help="c, javascript or onnx")] = "c",
    folder: Annotated[Path, typer.Option(help="where the files go")] = Path("."),
    name: Annotated[
        str | None, typer.Option(help="of the files; the learner's", show_default=False)
    ] = None,
    libm: Annotated[bool, typer.Option(help="whether C may use <math.h>")] = True,
    fixed: Annotated[
        int | None,
        typer.Option(help="C in whole numbers, weights of 16 or 8 bits", show_default=False),
    ] = None,
) -> None:
    """Write a learner that learns without Python: C99 (NAME.h, NAME.c), JavaScript (NAME.mjs) or
    ONNX (NAME.onnx for one step, NAME_streams.onnx for whole streams)."""
    loaded = load(learner)
    name = _identifier(learner.stem) if name is None else name
    if to not in ("c", "javascript", "onnx"):
        raise InputError(f"Expected --to c, javascript or onnx, got {to!r}.")
    if to != "c" and (fixed or not libm):
        raise InputError(f"Expected --no-libm and --fixed with C alone, got {to}.")
    files: dict[str, str | bytes]
    if fixed is not None:
        files = {**to_fixed(loaded, name, bits=fixed)}
    elif to == "c":
        files = {**to_c(loaded, name, libm=libm)}
    elif to == "javascript":
        files = {f"{name}.mjs": to_javascript(loaded)}
    else:
        files = {
            f"{name}.onnx": to_onnx(loaded),
            f"{name}_streams.onnx": to_onnx(loaded, streams=True),
        }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
            console.print(str(folder / file))
    except OSError as error:
        raise InputError(f"Expected a folder for the files, got {folder}: {error}.") from error


def _identifier(stem: str) -> str:
    """A name in C near that of a file."""
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return (name if name[:1].isalpha() else f"learner_{name}")[:MOST_NAME]
