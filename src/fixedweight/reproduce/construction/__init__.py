"""Figure 1: a network and its learning rule built into fixed weights, and then improved."""

from collections.abc import Callable
from functools import partial

from fixedweight.construction import rules
from fixedweight.parts.part import Cell, Part
from fixedweight.reproduce.construction import derived, measured
from fixedweight.reproduce.construction.show import draw, text


def cells(quick: bool) -> dict[str, Cell]:
    tried = ("lms",) if quick else tuple(rules.RULES)
    made: dict[str, Cell] = {
        f"certificate {name}": partial(measured.certified, name, quick) for name in tried
    }
    topics: dict[str, Callable[..., dict]] = {
        "product": measured.product,
        "fit": measured.fit,
        "noise": measured.noise,
        "growth": measured.growth,
    }
    made |= {name: partial(topic, quick) for name, topic in topics.items()}
    for family in ("boolean",) if quick else derived.CASES:
        for begun in ("compiled",) if quick else derived.BEGUN:
            made[f"derived {family} {begun}"] = partial(derived.derived, family, begun, quick)
    return made


PART = Part(
    name="construction",
    title="Figure 1: a learning rule built into fixed weights, and improved by gradient descent",
    cells=cells,
    text=text,
    draw=draw,
)

__all__ = ["PART"]
