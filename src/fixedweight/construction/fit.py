"""The other form of stage 2: what a rule computes, fitted by small nets of standard neurons."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fixedweight.construction.graph import PRODUCTS
from fixedweight.construction.product import by_unit
from fixedweight.construction.rules import Rule
from fixedweight.construction.symbols import Form
from fixedweight.errors import InputError

SAMPLES = 4000


class Fitted(NamedTuple):
    """c_0 + sum of c_h tanh(v_h . u + b_h), as near to a function of u as could be had."""

    inner: np.ndarray
    """[neuron, input] v."""
    bias: np.ndarray
    outer: np.ndarray
    """[neuron] c."""
    constant: float
    error: float
    """Largest deviation found on fresh points of the box."""


@dataclass
class Fitter:
    """Replaces what a rule adds to a stored signal by a net of `neurons` tanh units.

    Only what is not linear in the signals at hand is fitted, over the box [-reach, reach] of each.
    Synapses whose sums differ in the names of the signals alone share one fit. Inner weights are
    drawn, outer ones found by least squares.

    Raises:
        InputError: no neuron, or a reach that is not positive.
    """

    neurons: int
    reach: float = 2.0
    fits: dict[str, Fitted] = field(default_factory=dict)
    """By what is fitted."""

    def __post_init__(self) -> None:
        if self.neurons < 1 or not 0 < self.reach < float("inf"):
            raise InputError(
                "Expected at least one neuron and a positive reach, got "
                f"neurons={self.neurons}, reach={self.reach}."
            )

    def rule(self, rule: Rule) -> Rule:
        """The rule with its function of the signals it is given replaced by fitted nets."""

        def update(x: Any, y: Any, delta: Any, w: Any, state: dict[str, Any]) -> Any:
            given: set[int] = set()

            def signals(values: Any) -> Any:
                found = np.empty(np.shape(values), dtype=object)
                for place in np.ndindex(found.shape):
                    value = np.asarray(values, dtype=object)[place]
                    if isinstance(value, Form) and value.terms:
                        node, factor = value.signal()
                        given.add(node)
                        value = Form(value.builder, {node: factor})
                    found[place] = value
                return found

            x, w, (y, delta) = signals(x), signals(w), signals([y, delta])
            state = {name: signals(part) for name, part in state.items()}
            builder = w.flat[0].builder
            before, builder.multiply = builder.multiply, by_unit("pi")
            new, states = rule.update(x, y, delta, w, state)
            builder.multiply = before

            def fitted(values: Any) -> Any:
                for place in np.ndindex(np.shape(values)):
                    if isinstance(values[place], Form):
                        values[place] = self.near(values[place], given)
                return values

            return fitted(new), {name: fitted(part) for name, part in states.items()}

        return replace(rule, update=update)

    def near(self, exact: Form, given: set[int]) -> Form:
        """A form of tanh units near to `exact`, which receive from the nodes `given`."""
        builder, nodes = exact.builder, exact.builder.nodes
        linear = {node: w for node, w in exact.terms.items() if _stands(nodes, node, given)}
        rest = Form(builder, {n: w for n, w in exact.terms.items() if n not in linear})
        known = Form(builder, linear, exact.constant)
        if not rest.terms:
            return known
        inputs: list[int] = []
        name = _written(nodes, rest, given, inputs)
        if name not in self.fits:
            self.fits[name] = self._fit(nodes, rest, given, inputs)
        fit = self.fits[name]
        total = known + fit.constant
        for v, b, c in zip(fit.inner, fit.bias, fit.outer, strict=True):
            net = Form(builder, dict(zip(inputs, map(float, v), strict=True)), float(b))
            total = total + net.through("tanh") * float(c)
        return total

    def _fit(self, nodes: list[Any], form: Form, given: set[int], inputs: list[int]) -> Fitted:
        rng = np.random.default_rng(0)
        size = len(inputs)
        inner = rng.normal(0.0, 0.7 / self.reach, (self.neurons, size))
        bias = rng.normal(0.0, 1.0, self.neurons)

        def drawn() -> tuple[np.ndarray, np.ndarray]:
            u = rng.uniform(-self.reach, self.reach, (SAMPLES, size))
            values = dict(zip(inputs, u.T, strict=True))
            return u, np.asarray(_value(nodes, form, values))

        def features(u: np.ndarray) -> np.ndarray:
            return np.concatenate([np.tanh(u @ inner.T + bias), np.ones((len(u), 1))], axis=1)

        u, y = drawn()
        found = np.linalg.lstsq(features(u), y, rcond=1e-12)[0]
        u, y = drawn()
        error = float(np.abs(features(u) @ found - y).max())
        return Fitted(inner, bias, found[:-1], float(found[-1]), error)


def _stands(nodes: list[Any], node: int, given: set[int]) -> bool:
    return node in given or nodes[node][0] == "one"


def _written(nodes: list[Any], form: Form, given: set[int], inputs: list[int]) -> str:
    """The form as text in which the given signals are numbered as they appear (in `inputs`)."""

    def name(node: int) -> str:
        if nodes[node][0] == "one":
            return "1"
        if node in given:
            if node not in inputs:
                inputs.append(node)
            return f"u{inputs.index(node)}"
        kind, connections = nodes[node]
        return f"{kind}({', '.join(f'{w!r} {name(s)}' for s, w in connections)})"

    terms = " + ".join(f"{w!r} {name(node)}" for node, w in sorted(form.terms.items()))
    return f"{terms} + {form.constant!r}"


def _value(nodes: list[Any], form: Form, values: dict[int, Any]) -> Any:
    """The form's value where the given signals have these values."""

    def of(node: int) -> Any:
        if node not in values:
            kind, connections = nodes[node]
            if kind == "one":
                values[node] = 1.0
                return 1.0
            weighted = [w * of(source) for source, w in connections]
            if kind in PRODUCTS:
                values[node] = weighted[0] * weighted[1]
            elif kind == "reciprocal":
                values[node] = 1.0 / sum(weighted)
            else:
                net = sum(weighted)
                values[node] = net if kind == "linear" else getattr(np, kind)(net)
        return values[node]

    return form.constant + sum(w * of(node) for node, w in form.terms.items())
