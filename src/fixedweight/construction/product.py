"""A product of two signals: by one Pi unit, or by logistic units alone.

    a b = ((a + b)^2 - (a - b)^2) / 4

and a square from a pair of logistic units f around a point b0:

    u^2 = (f(b0 + r u) + f(b0 - r u) - 2 f(b0)) / (r^2 f''(b0)) + O(r^2 u^4 f''''(b0))

so four of them make a product, without the term 2 f(b0), with an error of order r^2. Where f'''' is
0 but f'' is not, the error is of order r^4 at no cost: `SHARP`. Below some r rounding takes over,
since the difference is divided by r^2.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

from fixedweight.construction.symbols import Form, Multiply
from fixedweight.errors import InputError

WIDE = log(2.0 + sqrt(3.0))
"""1.317: b0 where |f''| is largest, so that rounding matters least. Error of order r^2."""
SHARP = log((6.0 + sqrt(24.0)) / (6.0 - sqrt(24.0)))
"""2.292: b0 where f'''' = f' (1 - 2 f) (1 - 12 f + 12 f^2) = 0. Error of order r^4."""


def curvature(b0: float) -> float:
    """f'' = f (1 - f) (1 - 2 f) of the logistic function."""
    f = 1.0 / (1.0 + exp(-b0))
    return f * (1.0 - f) * (1.0 - 2.0 * f)


def by_unit(kind: str) -> Multiply:
    """Products by units of the kind "pi" or "synapse"; constant factors move to what follows."""

    def multiply(a: Form, b: Form) -> Form:
        (one, p), (other, q) = sorted((a.signal(), b.signal()))
        return a.builder.unit(kind, ((one, 1.0), (other, 1.0))) * (p * q)

    return multiply


@dataclass(frozen=True)
class SigmoidProduct:
    """Products by logistic units alone: four for a product, two for a square.

    Args:
        reach: r above. Smaller is nearer to the product until rounding takes over: about 0.005 in
            double precision and 0.05 in single.
        b0: where the sigmoids work.

    Raises:
        InputError: a reach that is not positive, or a b0 where the logistic function is straight.
    """

    reach: float = 0.01
    b0: float = SHARP

    def __post_init__(self) -> None:
        if not 0 < self.reach <= 10 or abs(curvature(self.b0)) < 1e-6:
            raise InputError(
                "Expected a reach above 0 and up to 10 and a b0 where the logistic function "
                f"curves, got reach={self.reach}, b0={self.b0}."
            )

    def __call__(self, a: Form, b: Form) -> Form:
        (a, p), (b, q) = _factored(a), _factored(b)
        scale = p * q / (self.reach**2 * curvature(self.b0))
        if (a.terms, a.constant) == (b.terms, b.constant):
            at_b0 = 1.0 / (1.0 + exp(-self.b0))
            return (self._pair(a) - 2.0 * at_b0) * scale
        return (self._pair(a + b) - self._pair(a - b)) * (scale / 4.0)

    def _pair(self, u: Form) -> Form:
        return (self.b0 + self.reach * u).through("logistic") + (self.b0 - self.reach * u).through(
            "logistic"
        )


def _factored(form: Form) -> tuple[Form, float]:
    """What the sigmoids see, and a factor that is left for what follows: a single signal is seen
    without its weight; a sum of more than two, which they would all receive, by a linear unit."""
    if len(form.terms) + bool(form.constant) == 2:
        return form, 1.0
    node, factor = form.signal()
    return Form(form.builder, {node: 1.0}), factor
