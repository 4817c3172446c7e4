"""fixedweight show"""

from pathlib import Path
from typing import Annotated

import typer

from fixedweight.cli.console import console, print_card
from fixedweight.errors import LearnerFileError
from fixedweight.learners import load


def show(
    learner: Annotated[Path, typer.Argument(help="a learner file, or the name of one that ships")],
) -> None:
    """Say what a learner is, how it was derived and how good it is."""
    loaded = load(learner)
    try:
        print_card(loaded.card)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise LearnerFileError(
            f"Expected a card as `fixedweight derive` writes it in {str(learner)!r}, but "
            f"{type(error).__name__}: {error}. The learner itself is whole and can be run."
        ) from error
    bytes_state = sum(part.nbytes for part in loaded.initial_state().values())
    late = f", targets {loaded.delay} steps late" if loaded.delay else ""
    console.print(
        f"\ninputs {', '.join(loaded.input_names)}; target {', '.join(loaded.target_names)}{late}; "
        f"{bytes_state} bytes of memory a stream"
    )
