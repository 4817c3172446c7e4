"""What all tests share."""

import os
from collections.abc import Iterator

import jax
import pytest
from hypothesis import settings

from fixedweight.cli.programs import keep_programs

# What is compiled is kept for the next time the tests run.
keep_programs(f"tests-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")

# The first example of a property compiles: a deadline would measure that.
settings.register_profile("fixedweight", deadline=None)
settings.load_profile("fixedweight")


@pytest.fixture
def x64() -> Iterator[None]:
    """Float64 under JAX for the length of one test."""
    if hasattr(jax, "enable_x64"):
        switch = jax.enable_x64
    else:  # before JAX 0.8
        from jax.experimental import enable_x64 as switch
    with switch(True):
        yield


@pytest.fixture
def quick_compile() -> Iterator[None]:
    """Compile without optimising: twice as fast, for tests that run what they compile once."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
