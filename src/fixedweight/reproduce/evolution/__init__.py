"""Section 2: meta-learning by evolution, against gradient descent at equal network evaluations."""

from fixedweight.reproduce.evolution.measured import cells
from fixedweight.reproduce.evolution.shown import draw, text
from fixedweight.reproduce.part import Part

PART = Part(
    "evolution",
    "Section 2: meta-learning by evolution, against gradient descent at equal evaluations.",
    cells,
    text,
    draw,
)
