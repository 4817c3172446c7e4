"""Section 2: meta-learning by evolution, against gradient descent at equal network evaluations."""

from fixedweight.parts.part import Part
from fixedweight.reproduce.evolution.measured import cells
from fixedweight.reproduce.evolution.shown import draw, text

PART = Part(
    "evolution",
    "Section 2: meta-learning by evolution, against gradient descent at equal evaluations.",
    cells,
    text,
    draw,
)
