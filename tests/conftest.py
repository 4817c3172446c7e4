"""What all tests share."""

import hashlib
import os
from collections.abc import Iterator

import jax
import pytest
from hypothesis import settings

from fixedweight.kernels.build import cache_folder, processor

# What is compiled is kept for the next time the tests run; each worker has its own, since one does
# not wait for another to have written a program whole.
DIGEST = hashlib.sha256(processor().encode()).hexdigest()[:16]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
if jax.config.values["jax_compilation_cache_dir"] is None:
    kept = cache_folder() / f"tests-{DIGEST}-{WORKER}"
    jax.config.update("jax_compilation_cache_dir", str(kept))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

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
