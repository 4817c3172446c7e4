"""Measurements cell by cell, kept as data and shown as text and figure: what the parts of the paper
and the leaderboard are made of."""

from fixedweight.parts.judged import derive_and_judge, kept, markdown, spread
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.parts.run import load, measure, publish, results_folder, shown

__all__ = [
    "Cell",
    "Part",
    "Record",
    "Work",
    "derive_and_judge",
    "kept",
    "load",
    "markdown",
    "measure",
    "publish",
    "results_folder",
    "shown",
    "spread",
]
