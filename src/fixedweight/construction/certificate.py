"""How far compiled networks stray from the learner they were made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fixedweight.construction.compile import compile_rule
from fixedweight.construction.compiled import CompiledNetwork
from fixedweight.construction.fit import Fitter
from fixedweight.construction.product import SigmoidProduct
from fixedweight.construction.reference import run
from fixedweight.construction.rules import Rule
from fixedweight.construction.stack import Stack
from fixedweight.errors import InputError
from fixedweight.networks import Params, initial_state


@dataclass(frozen=True)
class Row:
    """One stage of the construction."""

    stage: str
    deviation: float
    """Largest |prediction - reference's prediction|, over all tasks, steps and targets."""
    counts: dict[str, int]
    """`Graph.counts`; of the reference, its units and weights."""


@dataclass(frozen=True)
class Certificate:
    """What was compiled, on what it was tried, and what came out by stage."""

    rule: str
    sizes: tuple[int, ...]
    tasks: int
    steps: int
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        lines = [
            f"{self.rule} on a {sizes} stack: {self.tasks} random tasks, {self.steps} steps each",
            f"{'stage':<38}{'deviation':>10}{'units':>7}{'weights':>9}{'signals':>9}",
        ]
        for row in self.rows:
            numbers = [row.counts[name] for name in ("units", "weights", "signals")]
            lines.append(
                f"{row.stage:<38}{row.deviation:>10.1e}"
                f"{numbers[0]:>7}{numbers[1]:>9}{numbers[2]:>9}"
            )
        return "\n".join(lines)


def certificate(
    stack: Stack,
    rule: Rule,
    *,
    tasks: int = 10,
    steps: int = 1000,
    family: Any = None,
    seed: int = 0,
    weights: list[np.ndarray] | None = None,
    product: SigmoidProduct | None = None,
    neurons: int = 64,
) -> Certificate:
    """Compile every stage and run it beside the reference learner, in double precision.

    Args:
        stack, rule, weights, product: as for `compile_rule`.
        tasks, steps: how many random tasks, and examples of each.
        family: a `fixedweight` family to draw tasks from (needs JAX); by default a task is a stack
            like this one with weights uniform in [-1, 1], and inputs are uniform in [-1, 1].
        seed: of tasks and examples.
        neurons: of each net by which the approximated form of stage 2 fits the rule.

    Raises:
        NetworkError: as `compile_rule`.
        InputError: no tasks or steps, a family of other sizes, or a reference learner that does not
            stay finite.
    """
    x, y = _drawn(stack, tasks, steps, family, seed)
    start = stack.initial_weights() if weights is None else weights
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        expected = np.stack([run(stack, rule, start, *task) for task in zip(x, y, strict=True)])
    if not np.isfinite(expected).all():
        raise InputError(
            f"Expected the rule {rule.name!r} to stay finite on this stack, but it diverges "
            "without any compiling. Use a lower rate."
        )
    fitter = Fitter(neurons)
    forms = {
        "2  rule by units, exact": compile_rule(stack, rule, 2, weights=start),
        f"2  rule fitted, {neurons} neurons a function": compile_rule(
            stack, rule, 2, weights=start, fitter=fitter
        ),
        "3  synapses are Pi units": compile_rule(stack, rule, 3, weights=start),
        "4  Pi units by logistic units": compile_rule(
            stack, rule, 4, weights=start, product=product
        ),
    }
    units = sum(n for n, _ in stack.shapes)
    conventional = {"units": units, "weights": stack.synapses, "signals": 0}
    rows = [Row("1  network and rule", 0.0, conventional)]
    for stage, network in forms.items():
        deviation = float(np.abs(predictions(network, x, y) - expected).max())
        rows.append(Row(stage, deviation, network.graph.counts()))
    return Certificate(rule.name, stack.sizes, tasks, steps, tuple(rows))


def predictions(
    network: CompiledNetwork,
    inputs: np.ndarray,
    targets: np.ndarray,
    params: Params | None = None,
) -> np.ndarray:
    """What a compiled network predicts, each target before it is told, in double precision.

    Args:
        inputs: [task, time, input]; targets: [task, time, target].
        params: others than the compiled ones.

    Returns:
        The predictions [task, time, target].
    """
    if params is None:
        params = network.init_params(np.random.default_rng(0))
    later = np.concatenate([np.zeros_like(targets[:, :1]), targets[:, :-1]], axis=1)
    told = targets if network.told == "now" else later
    examples = np.concatenate([inputs, told], axis=-1)
    state = initial_state(network, params, inputs.shape[:1], np)
    found = np.empty(targets.shape)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for t in range(inputs.shape[1]):
            state, found[:, t] = network.step(params, state, examples[:, t], np)
    return found


def _drawn(
    stack: Stack, tasks: int, steps: int, family: Any, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets [task, time, ...] in float64."""
    if tasks < 1 or steps < 1:
        raise InputError(f"Expected at least one task and step, got {tasks} and {steps}.")
    sizes = (stack.sizes[0], stack.sizes[-1])
    if family is not None:
        if (family.input_size, family.target_size) != sizes:
            raise InputError(
                f"Expected a family of {sizes[0]} inputs and {sizes[1]} targets, as the stack has, "
                f"got {family.input_size} and {family.target_size}."
            )
        import jax

        stream = family.sample(jax.random.key(seed), tasks, steps)
        return np.asarray(stream.inputs, np.float64), np.asarray(stream.targets, np.float64)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, (tasks, steps, sizes[0]))
    teachers = [[rng.uniform(-1.0, 1.0, shape) for shape in stack.shapes] for _ in range(tasks)]
    y = [[stack.forward(w, row)[-1] for row in task] for w, task in zip(teachers, x, strict=True)]
    return x, np.array(y)
