"""How kernels are compiled and kept."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixedweight.kernels import NotCompiled, build

SOURCE = "int kernel_forward(void) { return 41; } int kernel_pullback(void) { return 42; }"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    build.compiler.cache_clear()
    yield tmp_path / "fixedweight"
    build.compiler.cache_clear()


def test_compiled_once(folder):
    assert build.build(SOURCE).kernel_pullback() == 42
    (kept,) = folder.iterdir()
    before = kept.stat().st_mtime_ns
    assert build.build(SOURCE).kernel_forward() == 41
    assert kept.stat().st_mtime_ns == before


def test_a_broken_file_in_the_cache_is_made_again(folder):
    build.build(SOURCE)
    (kept,) = folder.iterdir()
    # in another process: this one has the file mapped
    code = f"from fixedweight.kernels import build; print(build.build({SOURCE!r}).kernel_forward())"
    kept.unlink()
    kept.write_bytes(b"cut short")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "41"


def test_two_at_once(folder):
    """Processes that compile the same kernel at once all end with a whole one."""
    code = textwrap.dedent(f"""
        from fixedweight.kernels import build
        print(build.build({SOURCE!r}).kernel_pullback())
    """)

    def one(_):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    with ThreadPoolExecutor(3) as pool:
        assert [done.stdout.strip() for done in pool.map(one, range(3))] == ["42"] * 3
    assert [path.suffix for path in folder.iterdir()] == [".so"]


def test_no_compiler(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotCompiled, match=r"no C compiler.*ziglang"):
        build.compiler()


def test_the_compilers_complaint_is_passed_on(folder):
    with pytest.raises(NotCompiled, match=r"failed: .*error"):
        build.build("this is not C")
    assert list(folder.iterdir()) == []


def test_no_place_to_keep(folder, monkeypatch):
    folder.parent.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "file"))
    with pytest.raises(NotCompiled, match="cannot be kept"):
        build.build(SOURCE)


def test_cc_is_followed(folder, monkeypatch, tmp_path):
    script = tmp_path / "mycc"
    script.write_text("#!/bin/sh\nexit 1\n")
    os.chmod(script, 0o755)
    monkeypatch.setenv("CC", str(script))
    assert build.compiler() == (str(script),)
