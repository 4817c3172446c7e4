"""Section 5: how do the derived learners work? Three claims of the paper, each held to controls."""

from functools import partial

from fixedweight.parts.part import Cell, Part
from fixedweight.reproduce.probing.drawn import draw
from fixedweight.reproduce.probing.measured import LEARNERS, measure
from fixedweight.reproduce.probing.shown import text


def cells(quick: bool) -> dict[str, Cell]:
    return {name: partial(measure, name, quick) for name in LEARNERS}


PART = Part(
    name="probing",
    title="Section 5: what the learners hold in their memory cells",
    cells=cells,
    text=text,
    draw=draw,
)

__all__ = ["PART"]
