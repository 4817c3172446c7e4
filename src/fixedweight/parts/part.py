"""What one command measures, cut into cells that are measured one by one and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from fixedweight.families import TaskFamily
from fixedweight.learner import Learner
from fixedweight.networks import Network
from fixedweight.training import derive_seeds

Record = dict[str, Any]
"""What a cell measured, as plain values for JSON."""


class Work(NamedTuple):
    """What a cell is given to work with."""

    say: Callable[[str], None]
    """Shows one line of progress, in place of the line before."""
    checkpoint: Path
    """A file for `derive_seeds` to resume from; deleted once the cell is measured."""

    def derive_seeds(
        self, family: TaskFamily, network: Network | None = None, **settings: Any
    ) -> list[Learner]:
        """`fixedweight.derive_seeds` with progress and checkpoint; Ctrl-C ends the cell."""
        learners = derive_seeds(
            family,
            network,
            checkpoint=self.checkpoint,
            on_progress=lambda p: self.say(
                f"update {p.update}/{p.updates}, {p.steps_per_second / 1e6:.2f} M example-steps/s, "
                f"best {p.best:.3g}, {p.seconds_left:.0f} s left"
            ),
            **settings,
        )
        if learners[0].card["derivation"]["stopped_early"]:
            raise KeyboardInterrupt
        return learners


Cell = Callable[[Work], Record]


@dataclass(frozen=True)
class Part:
    """One part: what is measured, and how it is shown.

    A cell is minutes of work at the most where that can be: what is measured is kept from cell to
    cell, and a run that was stopped goes on with the first cell that is missing.
    """

    name: str
    title: str
    """What it says, in one sentence."""
    cells: Callable[[bool], dict[str, Cell]]
    """quick -> the cells by permanent id; `quick` asks for the same, rougher, in a minute."""
    text: Callable[[dict[str, Record]], str]
    """The records by cell, as Markdown; cells may be missing."""
    draw: Callable[[dict[str, Record], Figure], None]
    """The same as a figure; cells may be missing."""
    command: str = "fixedweight reproduce"
    """The command that measures it, which takes its name."""
