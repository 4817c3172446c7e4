"""fixedweight reproduce"""

from pathlib import Path
from typing import Annotated

import typer

from fixedweight.cli.console import console
from fixedweight.cli.programs import keep_programs
from fixedweight.errors import InputError, require


def reproduce(
    parts: Annotated[
        list[str] | None, typer.Argument(help="parts of the paper; all", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="rough, in minutes")] = False,
    show: Annotated[bool, typer.Option("--show", help="print what is stored")] = False,
    folder: Annotated[Path, typer.Option(help="where results are kept")] = Path("reproduction"),
) -> None:
    """Bring back the paper of 2001, part by part, beside its own figures and the best possible.

    Writes PART.json (the data), PART.md and PART.png. Ctrl-C loses at most the cell at work; the
    same command goes on. Delete PART.json to measure a part again.
    """
    for module in ("jax", "sklearn", "evosax"):
        require(module, "reproduce")
    keep_programs()
    from fixedweight.parts import measure, results_folder, shown
    from fixedweight.reproduce import PARTS

    unknown = [name for name in parts or () if name not in PARTS]
    if unknown:
        raise InputError(f"Expected parts among {', '.join(PARTS)}, got {', '.join(unknown)}.")
    if not show:
        results_folder(folder)
    for name in parts or PARTS:
        part = PARTS[name]
        console.print(part.title, style="bold")
        if not show:
            with console.status("") as status:
                measure(part, folder, quick, status.update, console.print)
        print(shown(part, folder, quick), end="\n\n")
