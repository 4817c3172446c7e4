"""Where commands keep what they have compiled."""

import jax
import pytest

from fixedweight.cli.programs import keep_programs

NAMES = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def untold(monkeypatch, tmp_path):
    """JAX as nobody has told it where to keep programs, and a cache folder of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = {name: jax.config.values[name] for name in NAMES}
    jax.config.update(NAMES[0], None)
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_in_the_users_cache(untold, monkeypatch):
    keep_programs()
    first = jax.config.values[NAMES[0]]
    assert first.startswith(str(untold))
    jax.config.update(NAMES[0], None)
    monkeypatch.setattr("fixedweight.kernels.build.processor", lambda: "another one")
    keep_programs()
    assert jax.config.values[NAMES[0]] != first


def test_who_has_said_where_is_left_alone(untold):
    jax.config.update(NAMES[0], "elsewhere")
    keep_programs()
    assert jax.config.values[NAMES[0]] == "elsewhere"
