"""A run so small that it trains in a second: a few updates of a few units on one-bit tables."""

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from fixedweight.families import Boolean
from fixedweight.learner import Learner
from fixedweight.networks import Network
from fixedweight.training import Schedule, Stage, derive_seeds


@dataclass(frozen=True)
class MyNetwork(Network):
    """The example of `fixedweight.networks.network`, which also names a memory."""

    memory: ClassVar[frozenset[str]] = frozenset({"h"})
    hidden: int = 3

    def init_params(self, rng):
        sources = self.input_size + self.hidden
        return {
            "w": rng.normal(0.0, sources**-0.5, (sources, self.hidden)),
            "v": rng.normal(0.0, self.hidden**-0.5, (self.hidden, self.target_size)),
        }

    def init_state(self, params, batch, xp):
        return {"h": xp.zeros((*batch, self.hidden))}

    def step(self, params, state, inputs, xp):
        sources = xp.concatenate([inputs, state["h"]], axis=-1)
        h = xp.tanh(sources @ params["w"])
        return {"h": h}, self.squash(h @ params["v"], xp)


class Tiny:
    """The run, and what it is made of."""

    elman = MyNetwork
    family = Boolean(inputs=1, length=6)
    # With 2 draws a chunk: 2, 4 in the first stage; 8, 9 in the second, whose last draw of two
    # windows goes one update beyond what was asked for.
    schedule = Schedule((Stage(3, 4, 4), Stage(4, 4, 5, windows=2)), learning_rate=0.1)
    chunk_draws = 2
    chunk_ends = (2, 4, 8, 9)

    @classmethod
    def derive(cls, **changes: Any) -> list[Learner]:
        settings: dict[str, Any] = {
            "family": cls.family,
            "network": MyNetwork(),
            "schedule": cls.schedule,
            "seeds": 2,
            "seed": 5,
        }
        return derive_seeds(**(settings | changes))


@pytest.fixture(scope="session")
def compiled_programs(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module", autouse=True)
def quick_compiles(compiled_programs):
    """Compile without optimising, and the same program once: here little runs and much compiles."""
    settings = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(compiled_programs),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in settings}
    for changed in (settings, before):
        for name, value in changed.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        if changed is settings:
            yield


@pytest.fixture(scope="session")
def tiny():
    return Tiny


@pytest.fixture(scope="session")
def run_module():
    return importlib.import_module("fixedweight.training.run")


@pytest.fixture
def small_chunks(monkeypatch, run_module):
    monkeypatch.setattr(run_module, "MOST_CHUNK_DRAWS", Tiny.chunk_draws)


@pytest.fixture
def unchecked(monkeypatch):
    """Spare the check of the family, which compiles it once more."""
    # the package hides the module behind the function of the same name
    derive_module = importlib.import_module("fixedweight.training.derive")
    monkeypatch.setattr(derive_module, "check_family", lambda family: None)


@pytest.fixture(scope="module")
def uninterrupted(run_module, quick_compiles):
    """The learners of the tiny run, and the updates at which progress was told of."""
    ends: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "MOST_CHUNK_DRAWS", Tiny.chunk_draws)
        learners = Tiny.derive(on_progress=lambda progress: ends.append(progress.update))
    return learners, ends


@pytest.fixture(scope="session")
def assert_same_run():
    """Two lists of learners are equal to the last bit, and so is how they came about."""

    def check(got: list[Learner], expected: list[Learner]) -> None:
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert one.params.keys() == other.params.keys()
            for name, value in other.params.items():
                np.testing.assert_array_equal(one.params[name], value)
            same, as_this = dict(one.card["derivation"]), dict(other.card["derivation"])
            assert same.pop("seconds") >= 0 <= as_this.pop("seconds")
            assert same == as_this

    return check
