"""How results are put on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from fixedweight.report import conditions, error_rows, headline, notes

console = Console(highlight=False, markup=False, emoji=False)


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """A plain table; the first row names the columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(rows[0]):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)


def print_card(card: dict[str, Any]) -> None:
    """What a learner is, how it was derived and how good it is."""
    if "derivation" not in card:
        console.print("This learner says nothing of how it was derived.")
        return
    console.print(headline(card), style="bold")
    console.print(", ".join(conditions(card["family"])), style="dim")
    if "evaluation" not in card:
        console.print("It has not been evaluated.")
        return
    console.print()
    print_rows(error_rows(card))
    console.print()
    for note in notes(card):
        console.print(note)
