"""What is measured: evolved learning rules, and weights by evolution and by gradient."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.evolution import (
    BITS,
    DELTA_RULE,
    decode,
    descend,
    draw_tasks,
    evolve,
    evolve_bits,
    population_errors,
    rule_fitness,
)
from fixedweight.families import Boolean, Semilinear, Stream, TaskFamily
from fixedweight.networks import LSTM1997, Elman, Network, Params, parameter_count
from fixedweight.oracles import oracle_for
from fixedweight.parts.part import Cell, Record, Work
from fixedweight.training import fit_network
from fixedweight.training.loop import seen

BATCH = 64
"""Streams of an update."""
MEMBERS, COMMON = 64, 16
"""Of a generation, and the streams on which they are all judged. With 64 streams both strategies
came less far on the same budget."""
BUDGET = 1_500_000
"""Forward passes over one stream, or what costs as much, that a run may spend."""
LENGTH = 20
SEEDS = 3
JUDGED = 1000
"""Streams to choose steps by, and as many others to report the error on."""
ENVIRONMENTS = (1, 2, 5, 10, 20)
"""How many tasks learning rules evolve on."""
RULE_RUNS = 10
UNSEEN = 300
"""Tasks on which evolved rules are tried that none of them evolved on."""


class Method(NamedTuple):
    """A way to shape weights, and what it may spend."""

    run: Callable[..., Params]
    name: str
    steps: tuple[float, ...]
    """The sizes of step that are tried; the one with the lowest error is kept."""
    members: int
    batch: int
    """Streams that each member goes through in one update or generation."""
    cost: int
    """What an evaluation costs, a forward pass being 1. A pass back costs about two."""

    @property
    def evaluations(self) -> int:
        """Evaluations of the network in one update or generation: a stream gone through once."""
        return self.members * self.batch

    def looks(self, spent: list[int]) -> list[int]:
        """The updates or generations that may be done for so many forward passes."""
        return [forward // (self.evaluations * self.cost) for forward in spent]


_evolve = partial(evolve, population=MEMBERS)
METHODS: dict[str, Method] = {
    "SOAP": Method(descend, "soap", (0.01, 0.03, 0.1), 1, BATCH, 3),
    "Adam": Method(descend, "adam", (0.01, 0.03, 0.1), 1, BATCH, 3),
    "Sep-CMA-ES": Method(_evolve, "sep_cma_es", (0.1, 0.3, 1.0), MEMBERS, COMMON, 1),
    "OpenAI-ES": Method(_evolve, "open_es", (0.1, 0.3, 1.0), MEMBERS, COMMON, 1),
}
FAMILIES: dict[str, TaskFamily] = {
    "boolean": Boolean(length=LENGTH),
    "semilinear": Semilinear(length=LENGTH),
}
NETWORKS: dict[str, Network] = {
    **{f"LSTM {n}+{n}": LSTM1997(blocks=n, hidden=n) for n in (3, 6, 12, 24)},
    "Elman 18": Elman(hidden=18),
}
SIZES = ("LSTM 3+3", "LSTM 6+6", "LSTM 12+12", "LSTM 24+24")
PAIRS = (
    ("boolean", "LSTM 6+6"),
    ("boolean", "Elman 18"),
    ("semilinear", "LSTM 6+6"),
    ("semilinear", "Elman 18"),
)
"""Family and network whose error is shown against the budget."""


def cells(quick: bool) -> dict[str, Cell]:
    environments = (1, 20) if quick else ENVIRONMENTS
    pairs = PAIRS[:1] if quick else (*PAIRS, *(("boolean", n) for n in SIZES if n != "LSTM 6+6"))
    methods = ("SOAP", "Sep-CMA-ES") if quick else METHODS
    return {
        **{f"rules/{n}": partial(_rules, n, quick) for n in environments},
        **{
            f"{family}/{network}/{method}": partial(_weights, family, network, method, quick)
            for family, network in pairs
            for method in methods
        },
    }


def _rules(tasks: int, quick: bool, work: Work) -> Record:
    """Evolve rules on so many tasks, and try the best of each run on tasks never seen."""
    runs, generations = (3, 60) if quick else (RULE_RUNS, 1000)
    work.say(f"{runs} runs of {generations} generations")

    @jax.jit
    @jax.vmap
    def evolved(key: PRNGKeyArray) -> tuple[Array, Array]:
        environment, search = jax.random.split(key)
        seen_tasks = draw_tasks(environment, tasks)
        found = evolve_bits(
            search,
            lambda key, members: rule_fitness(key, decode(members), seen_tasks),
            BITS,
            generations=generations,
        )
        return decode(found.best), found.fitness

    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), tasks), runs)
    rules, course = evolved(keys)
    unseen = draw_tasks(jax.random.key(1), UNSEEN)
    tried = jnp.concatenate([rules, jnp.asarray([DELTA_RULE])])
    test = jax.jit(rule_fitness)(jax.random.key(2), tried, unseen)
    shown = sorted({*np.geomspace(1, generations, 40).astype(int).tolist()})
    return {
        "rules": [[float(k) for k in rule] for rule in np.asarray(rules)],
        "generations": shown,
        "course": [_plain(course[:, g - 1]) for g in shown],
        "fitness": _plain(course[:, -1]),
        "unseen": _plain(test[:-1]),
        "delta_rule": _plain(test[-1:])[0],
    }


def _weights(family_name: str, network_name: str, method_name: str, quick: bool, work: Work) -> Any:
    """Shape a network with each step, and follow the error of the best step's runs."""
    family, network = FAMILIES[family_name], NETWORKS[network_name]
    method = METHODS[method_name]
    budget, seeds, steps = BUDGET, SEEDS, method.steps
    if quick:
        budget, seeds, steps = budget // 30, 2, steps[1:2]
    spent = np.geomspace(budget / 200, budget, 12).astype(int).tolist()
    looks = method.looks(spent)
    choose, report = (_draw(family, seed) for seed in (1, 2))
    judge = errors_on(family, network)
    best, tries = None, []
    for step in steps:
        work.say(f"step {step:g}")
        found = method.run(
            family, network, method.name, step=step, looks=looks, batch=method.batch, seeds=seeds
        )
        errors = judge(found, choose)[-1]
        tries.append({"step": step, "errors": _plain(errors)})
        if best is None or np.median(errors) < best[0]:
            best = np.median(errors), step, found
    assert best is not None  # there is at least one step
    oracle = oracle_for(family)
    assert oracle is not None  # both families have one
    known = jax.tree.map(np.asarray, report)
    floor = (oracle.predict(known) - known.targets) ** 2
    return {
        "weights": parameter_count(jax.tree.map(lambda leaf: leaf[0, 0], best[2])),
        "floor": float(floor.sum(axis=-1).mean()),
        "forward": [n * method.evaluations * method.cost for n in looks],
        "evaluations": [n * method.evaluations for n in looks],
        "tries": tries,
        "step": best[1],
        "errors": [_plain(row) for row in judge(best[2], report)],
    }


def _draw(family: TaskFamily, seed: int) -> Stream:
    key = jax.random.fold_in(jax.random.key(seed), 0xE50)
    return jax.jit(lambda key: family.sample(key, JUDGED, family.examples))(key)


def errors_on(
    family: TaskFamily, network: Network
) -> Callable[[Params, Stream], Float[np.ndarray, "look seed"]]:
    """(weights [look, seed, ...], streams) -> the mean squared errors.

    Weights that are not finite count as 1, the most that can be lost: targets and outputs are in
    [0, 1].
    """
    network = fit_network(family, network)

    @jax.jit
    def judge(params: Params, stream: Stream) -> Array:
        given = seen(stream, family, family.scaling())
        return jax.vmap(lambda members: population_errors(network, members, *given))(params)

    return lambda params, stream: np.nan_to_num(judge(params, stream), nan=1.0)


def _plain(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64)]
