"""From the options of `fixedweight derive` to a family, and to a network that suits it."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from fixedweight.errors import FamilyError, FixedWeightError, InputError
from fixedweight.families import (
    Boolean,
    DecisionTree,
    Family,
    GaussianProcess,
    Late,
    Linear,
    LinearDynamics,
    Missing,
    Noisy,
    Quadratic,
    Recurring,
    Semilinear,
    Sinusoid,
    SparseLinear,
    Switching,
    TaskFamily,
    TwoLayer,
    simulated,
)
from fixedweight.networks import (
    LSTM1997,
    NETWORKS,
    Alternating,
    Gaussian,
    Network,
    Presented,
    PreviousError,
    Quantiles,
    Uncertain,
)
from fixedweight.training import default_network

FAMILIES: dict[str, type[Family]] = {
    "boolean": Boolean,
    "semilinear": Semilinear,
    "quadratic": Quadratic,
    "linear": Linear,
    "sparse-linear": SparseLinear,
    "two-layer": TwoLayer,
    "decision-tree": DecisionTree,
    "sinusoid": Sinusoid,
    "gaussian-process": GaussianProcess,
    "linear-dynamics": LinearDynamics,
}
REGIMES = ("reset", "continuous", "recurring")
SPREADS: dict[str, type[Uncertain]] = {"gaussian": Gaussian, "quantiles": Quantiles}
PLAIN = {name: kind for name, kind in NETWORKS.items() if not issubclass(kind, Presented)}


def named_family(
    name: str, inputs: int | None, examples: int | None, scale: str | None
) -> TaskFamily:
    """A family that comes with the package; what is not given is as usual with it."""
    if name not in FAMILIES:
        raise InputError(
            f"Expected a family among {', '.join(FAMILIES)} (or --simulator or --table), got "
            f"{name!r}."
        )
    kind = FAMILIES[name]
    asked = {"inputs": inputs, "length": examples, "scale": scale}
    settings = {option: value for option, value in asked.items() if value is not None}
    known = {field.name for field in fields(kind)}
    if unknown := [option for option in settings if option not in known]:
        raise InputError(f"Expected no --{unknown[0]} with {name!r}, which has none; leave it out.")
    return kind(**settings)


def simulator(reference: str, tasks: int | None = None, seed: int = 0) -> TaskFamily:
    """The family that `MODULE:NAME` or `FILE.py:NAME` refers to.

    A function without arguments is called for it; of one that takes a random generator, `tasks`
    series are simulated beforehand.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise InputError(f"Expected --simulator MODULE:NAME or FILE.py:NAME, got {reference!r}.")
    module = _load_module(place)
    if not hasattr(module, name):
        raise InputError(f"Expected a family named {name!r} in {place}, but it has none.")
    found = getattr(module, name)
    if not isinstance(found, TaskFamily) and callable(found):
        if _takes_one(found):
            return simulated(found, tasks, seed=seed, label=name)
        try:
            found = found()
        except FixedWeightError:
            raise
        except Exception as error:
            raise FamilyError(
                f"Expected {reference!r} to be a fixedweight family, a function that makes one "
                "without arguments, or one that simulates a task from a random generator, but "
                f"calling it raised {type(error).__name__}: {error}"
            ) from error
    if not isinstance(found, TaskFamily):
        raise FamilyError(
            f"Expected a fixedweight family (a Simulator, say) as {reference!r}, got "
            f"{type(found).__name__}."
        )
    if tasks is not None:
        raise InputError(
            f"Expected no --tasks with {reference!r}, whose tasks are drawn anew all the time."
        )
    return found


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether a call needs exactly one argument, by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some that are not written in Python
        return False
    needed = [one for one in parameters if one.default is one.empty]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.kind in positional for one in needed] == [True]


def _load_module(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            sys.path.insert(0, "")
            return importlib.import_module(place)
        path = Path(place)
        spec = importlib.util.spec_from_file_location(f"simulator file {path}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise InputError(f"Expected a Python file at {place!r}, but there is none.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"Expected to import {place!r}, but it raised {type(error).__name__}: {error}"
        ) from error


def under_conditions(
    family: TaskFamily,
    *,
    regime: str,
    switch_every: int | None,
    hazard: float | None,
    noise: float | None,
    flip: float | None,
    missing: float | None,
    late: int | None,
) -> TaskFamily:
    """The family with each condition that was asked for."""
    if regime not in REGIMES:
        raise InputError(f"Expected a regime among {', '.join(REGIMES)}, got {regime!r}.")
    if regime == "recurring":
        if switch_every is not None or hazard is not None:
            raise InputError(
                "Expected no --switch-every or --hazard with --regime recurring, whose streams "
                "each switch at a pace of their own."
            )
        family = Recurring(family)
    if regime == "continuous" and switch_every is None and hazard is None:
        switch_every = family.examples
    if switch_every is not None or hazard is not None:
        family = Switching(family, every=switch_every, hazard=hazard)
    if noise is not None or flip is not None:
        family = Noisy(family, sd=noise or 0.0, flip=flip or 0.0)
    if missing is not None:
        family = Missing(family, share=missing)
    if late is not None:
        family = Late(family, steps=late)
    return family


def network(
    family: TaskFamily,
    name: str | None,
    *,
    cells: int | None,
    block_size: int | None,
    hidden: int | None,
    second: int | None,
    gate_sources: bool,
) -> Network:
    """A network by name, the default one without; of the LSTM of 1997, which its own options name
    as well, the paper's for the family (Table 1). Any size given replaces the usual one."""
    of_1997 = not gate_sources or any(size is not None for size in (cells, block_size, second))
    if name is None and of_1997:
        name = LSTM1997.__name__
    if name is not None and name not in PLAIN:
        raise InputError(f"Expected a network among {', '.join(PLAIN)}, got {name!r}.")
    if name != LSTM1997.__name__:
        if of_1997:
            raise InputError(
                "Expected --cells, --block-size, --second and --no-gate-sources with LSTM1997 "
                f"alone, not with {name}."
            )
        sizes: dict[str, Any] = {} if hidden is None else {"hidden": hidden}
        usual = default_network(family)
        kind = type(usual) if name is None else PLAIN[name]
        if sizes and "hidden" not in {field.name for field in fields(kind)}:
            raise InputError(
                f"Expected no --hidden with {kind.__name__}, which has none; leave it out."
            )
        return replace(usual, **sizes) if kind is type(usual) else kind(**sizes)
    four_layers = family.name == "quadratic"
    cells = cells if cells is not None else 12 if four_layers else 6
    block_size = 1 if block_size is None else block_size
    if block_size > 0 and cells % block_size:
        raise InputError(
            f"Expected --cells that fill blocks of {block_size}, got {cells}: a block holds "
            "--block-size cells."
        )
    return LSTM1997(
        blocks=cells // max(1, block_size),
        block_size=block_size,
        hidden=hidden if hidden is not None else 6,
        second=second if second is not None else 40 if four_layers else 0,
        gate_sources=gate_sources,
    )


def presented(
    network: Network, *, supplement: str, presentation: str, spread: str | None = None
) -> Network:
    """The network as it is shown its examples, and as it says how sure it is."""
    if supplement not in ("target", "error"):
        raise InputError(f"Expected supplement 'target' or 'error', got {supplement!r}.")
    if presentation not in ("vector", "alternating"):
        raise InputError(f"Expected presentation 'vector' or 'alternating', got {presentation!r}.")
    if presentation == "alternating":
        network = Alternating(network)
    if supplement == "error":
        network = PreviousError(network)
    if spread is not None and spread not in SPREADS:
        raise InputError(f"Expected --spread gaussian or quantiles, got {spread!r}.")
    return SPREADS[spread](network) if spread else network
