"""The paper, part by part: each measured by one command, beside the paper's own figures."""

from fixedweight.parts import Part
from fixedweight.reproduce import (
    ablations,
    comparison,
    construction,
    evolution,
    figure3,
    inputs,
    probing,
    table1,
)

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        construction.PART,
        table1.PART,
        figure3.PART,
        inputs.PART,
        comparison.PART,
        ablations.PART,
        probing.PART,
        evolution.PART,
    )
}
"""By the name that `fixedweight reproduce` takes, in the paper's order."""

__all__ = ["PARTS"]
