"""fixedweight leaderboard"""

from pathlib import Path
from typing import Annotated

import typer

from fixedweight.cli.console import console
from fixedweight.cli.programs import keep_programs
from fixedweight.errors import InputError, require


def leaderboard(
    families: Annotated[
        list[str] | None, typer.Argument(help="families to judge on; all", show_default=False)
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(help="networks, and rivals of other libraries, to judge; all"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="rough, in minutes")] = False,
    show: Annotated[bool, typer.Option("--show", help="print what is stored")] = False,
    folder: Annotated[Path, typer.Option(help="where results are kept")] = Path("leaderboard"),
    against: Annotated[
        Path | None, typer.Option(help="an earlier folder: say what has moved since")
    ] = None,
) -> None:
    """Judge networks, and what other libraries have, against the best possible learners.

    Writes FAMILY.json (the data), FAMILY.md and FAMILY.png. Ctrl-C loses at most the cell at work;
    the same command goes on. Delete FAMILY.json to measure a family again.
    """
    require("jax", "train")
    keep_programs()
    from fixedweight.evaluation.rivals import LIBRARIES, RIVALS
    from fixedweight.leaderboard import FAMILIES, NETWORKS, board, changes, part
    from fixedweight.parts import load, measure, results_folder, shown

    judged = (*NETWORKS, *RIVALS)
    for what, given, known in (("families", families, FAMILIES), ("networks", network, judged)):
        if unknown := [name for name in given or () if name not in known]:
            raise InputError(f"Expected {what} among {', '.join(known)}, got {', '.join(unknown)}.")
    chosen = [part(name) for name in families or FAMILIES]
    if not show:
        if set(network or RIVALS) & set(RIVALS):
            for library in LIBRARIES:  # before hours of work, not after
                require(library, "leaderboard")
        results_folder(folder)
        for one in chosen:
            with console.status("") as status:
                measure(one, folder, quick, status.update, console.print, network)
    found = {one.name: load(one, folder, quick) for one in chosen}
    found = {name: records for name, records in found.items() if records}
    for one in chosen:
        if one.name in found:
            console.print(one.title, style="bold")
            print(shown(one, folder, quick), end="\n\n")
    print(board(found) if found else f"Nothing measured yet in {folder}: fixedweight leaderboard")
    if against is not None:
        before = {one.name: load(one, against, quick) for one in chosen}
        moved = changes(before, found)
        print("\n".join(["", f"Against {against}:", *(moved or ["nothing has moved"])]))
