"""The compiler: a conventional network and its learning rule become a network of fixed weights.

What the reference learner does, on numbers, is done once on symbols (`symbols.Form`), with signals
in the place of weights. What the symbols leave behind is the graph.

    stage 2   the target of this step:  predict with the stored weights, then learn
    stage 3   the target of the step before, with inputs and activities delayed to meet it: learn,
    and 4     then predict with the weights just learned

so that the prediction of step t comes, in all of them, from the weights that the reference learner
has after t examples.
"""

from typing import Any

import numpy as np

from fixedweight.construction.compiled import CompiledNetwork
from fixedweight.construction.fit import Fitter
from fixedweight.construction.graph import Loop
from fixedweight.construction.product import SigmoidProduct, by_unit
from fixedweight.construction.reference import Memory, begin, learn
from fixedweight.construction.rules import Rule
from fixedweight.construction.stack import Stack
from fixedweight.construction.symbols import Builder, Form
from fixedweight.errors import FixedWeightError, NetworkError


def compile_rule(
    stack: Stack,
    rule: Rule,
    stage: int = 3,
    *,
    weights: list[np.ndarray] | None = None,
    product: SigmoidProduct | None = None,
    fitter: Fitter | None = None,
) -> CompiledNetwork:
    """A network with fixed weights that learns as the stack does by its rule (paper, Figure 1).

    Args:
        stack: the conventional network.
        rule: how it learns.
        stage: 2, 3 or 4, as in the paper's figure.
        weights: before the first example, [unit, source] by layer; `stack.initial_weights()` by
            default.
        product: how stage 4 multiplies.
        fitter: fits what the rule adds to the weights by small nets, rather than computing it.

    Raises:
        NetworkError: no such stage, weights that do not fit, or a rule that cannot be traced: it
            branches, calls a function that no unit computes, or returns other shapes.
    """
    if stage not in (2, 3, 4):
        raise NetworkError(f"Expected stage 2, 3 or 4 (1 is the reference), got {stage!r}.")
    start = begin(stack, rule, stack.initial_weights() if weights is None else weights)
    changed = _changed_by_nothing(stack, rule, start)
    traced = rule if fitter is None else fitter.rule(rule)
    products = (product or SigmoidProduct()) if stage == 4 else by_unit("pi")
    builder = Builder(products)
    inputs, targets = stack.sizes[0], stack.sizes[-1]
    x = _array([builder.leaf("input", i) for i in range(inputs)], builder)
    target = _array([builder.leaf("input", inputs + j) for j in range(targets)], builder)
    stored = _signals(start, builder)
    if stage == 2:
        builder.multiply = by_unit("synapse")
        activity = stack.forward(stored.weights, x)
        builder.multiply = products
        held: list[Form] = []
        new = _learned(stack, traced, stored, activity, target, builder)
        loops = _loops(new, stored, start, builder)[1]
    else:
        sizes = [stack.shapes[0][1] - stack.bias, *stack.sizes[1:]]
        ends = np.cumsum(sizes)
        late = [builder.leaf("delay", d) for d in range(ends[-1])]
        before = [_array(late[end - n : end], builder) for n, end in zip(sizes, ends, strict=True)]
        new = _learned(stack, traced, stored, before, target, builder)
        begun = builder.leaf("delay", len(late))
        new = _gated(new, stored, changed, begun)
        learned, loops = _loops(new, stored, start, builder)
        activity = stack.forward(learned.weights, x)
        held = [*np.concatenate(activity), builder.one]
    graph = builder.graph(inputs + targets, held, loops, list(activity[-1]))
    return CompiledNetwork(
        graph=graph,
        input_size=inputs + targets,
        target_size=targets,
        output=stack.output,
        told="now" if stage == 2 else "next",
    )


def _learned(
    stack: Stack, rule: Rule, stored: Memory, activity: list[Any], target: Any, builder: Builder
) -> Memory:
    """The rule, on symbols."""
    try:
        new = learn(stack, rule, stored, activity, target)
        return _mapped(new, lambda part: _array(part, builder))
    except FixedWeightError:
        raise
    except (TypeError, AttributeError, ValueError) as error:
        raise NetworkError(
            f"Expected the rule {rule.name!r} to use sums, products, quotients, whole powers and "
            f"functions that units compute, but tracing it raised {type(error).__name__}: {error}"
        ) from error


def _changed_by_nothing(stack: Stack, rule: Rule, start: Memory) -> Memory:
    """What of the memory the first step, which comes before any example, would change: bools.

    Raises:
        NetworkError: the rule gives no finite numbers for an example of zeros, or other shapes.
    """
    sizes = [stack.shapes[0][1] - stack.bias, *stack.sizes[1:]]
    with np.errstate(all="ignore"):
        after = learn(stack, rule, start, [np.zeros(n) for n in sizes], np.zeros(sizes[-1]))
    old, new = _flat(start), _flat(after)
    if [(k, v.shape) for k, v in old] != [(k, np.shape(v)) for k, v in new]:
        raise NetworkError(
            f"Expected the rule {rule.name!r} to return weights and state of the names and shapes "
            f"it was given, {[(k, v.shape) for k, v in old]}, got "
            f"{[(k, np.shape(v)) for k, v in new]}."
        )
    if not all(np.isfinite(value).all() for _, value in new):
        raise NetworkError(
            f"Expected the rule {rule.name!r} to give finite numbers for an example of zeros, "
            "which is what it sees before the first. Add a small constant where it divides."
        )
    changed = iter([a != b for (_, a), (_, b) in zip(old, new, strict=True)])
    return _mapped(start, lambda part: next(changed))


def _gated(new: Memory, stored: Memory, changed: Memory, begun: Form) -> Memory:
    """old + begun (new - old) for the signals that would change before the first example."""
    olds, gates = iter(_flat(stored)), iter(_flat(changed))

    def gate(part: Any) -> Any:
        (_, old), (_, gated) = next(olds), next(gates)
        for place in np.ndindex(part.shape):
            if gated[place]:
                part[place] = old[place] + begun * (part[place] - old[place])
        return part

    return _mapped(new, gate)


def _signals(start: Memory, builder: Builder) -> Memory:
    """Every number of a memory as a stored signal."""
    count = iter(range(sum(value.size for _, value in _flat(start))))

    def stored(part: Any) -> Any:
        leaves = [builder.leaf("stored", next(count)) for _ in range(part.size)]
        return _array(leaves, builder).reshape(part.shape)

    return _mapped(start, stored)


def _loops(
    new: Memory, stored: Memory, start: Memory, builder: Builder
) -> tuple[Memory, list[Loop]]:
    """A storage loop for every number of the memory: their new signals, and the loops."""
    olds, starts = iter(_flat(stored)), iter(_flat(start))
    loops: list[Loop] = []

    def looped(part: Any) -> Any:
        (label, old), (_, begin) = next(olds), next(starts)
        found = np.empty(part.shape, dtype=object)
        for place in np.ndindex(part.shape):
            found[place] = loop = builder.loop(part[place], old[place])
            index = ",".join(map(str, place))
            loops.append(Loop(loop.signal()[0], float(begin[place]), f"{label}[{index}]"))
        return found

    return _mapped(new, looped), loops


def _flat(memory: Memory) -> list[tuple[str, Any]]:
    """(label, array): the weights of every layer, then what the rule remembers."""
    parts = [(f"w{i + 1}", w) for i, w in enumerate(memory.weights)]
    for i, layer in enumerate(memory.states):
        for j, state in enumerate(layer):
            parts += [(f"{name}{i + 1}.{j}", part) for name, part in sorted(state.items())]
    return parts


def _mapped(memory: Memory, change: Any) -> Memory:
    """The memory with every array changed, in the order of `_flat`."""
    weights = [change(w) for w in memory.weights]
    states = [
        [{name: change(part) for name, part in sorted(state.items())} for state in layer]
        for layer in memory.states
    ]
    return Memory(weights, states)


def _array(values: Any, builder: Builder) -> Any:
    """An object array of forms, numbers among them made forms."""
    values = np.asarray(values, dtype=object)
    found = np.empty(values.shape, dtype=object)
    for place in np.ndindex(values.shape):
        found[place] = builder.form(values[place])
    return found
