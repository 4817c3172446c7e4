"""Compile a kernel's source with the machine's C compiler, once: cached by content."""

import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jax

from fixedweight.kernels.lower import NotCompiled

FLAGS = (
    "-std=gnu11", "-ftree-vectorize", "-fPIC", "-shared", "-ffp-contract=fast", "-fno-math-errno",
    "-fno-trapping-math", "-w",
)  # fmt: skip
LONG = 100_000
"""Letters of a source from which on it is compiled with -O2, in half to nine tenths of the time of
-O3; shorter ones are up to a tenth slower with it."""
TAPE_BYTES = 1 << 22
"""What a pullback remembers at once, per thread: about the size of a core's own cache."""


def cache_folder() -> Path:
    """Where compiled kernels are kept: the user's cache, $XDG_CACHE_HOME if set."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "fixedweight"


@functools.cache
def compiler() -> tuple[str, ...]:
    """The command of a C compiler: $CC, cc, gcc, clang, or the one in the package ziglang.

    Raises:
        NotCompiled: there is none.
    """
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return (found,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    raise NotCompiled("there is no C compiler (install gcc or clang, or `pip install ziglang`)")


@functools.cache
def machine() -> str:
    """The compiler and the processor: what a compiled kernel is good for."""
    version = subprocess.run(
        [*compiler(), "--version"], capture_output=True, text=True, check=False
    )
    return f"{version.stdout}\n{processor()}"


@functools.cache
def processor() -> str:
    """The processor and its instruction sets."""
    try:
        flags = next(
            line for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("flags", "Features"))
        )  # fmt: skip
    except (OSError, StopIteration):
        flags = platform.processor()
    return f"{platform.machine()}\n{flags}"


@functools.cache
def widest() -> int:
    """Streams to a vector, by the instruction sets of the processor at hand."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return 4
    text = machine()
    return 16 if "avx512f" in text else 8 if "avx2" in text else 4


@functools.cache
def registers() -> int:
    """Vectors that the processor at hand holds."""
    if platform.machine().lower() in ("x86_64", "amd64") and "avx512vl" not in machine():
        return 16
    return 32


def build(source: str) -> ctypes.CDLL:
    """The compiled kernel of a source, from the cache if it was built before.

    Two processes may build the same at once: each writes its own file and renames it.

    Raises:
        NotCompiled: there is no compiler, or it failed.
    """
    include = jax.ffi.include_dir()
    flags = ("-O2" if len(source) > LONG else "-O3", *FLAGS)
    key = "\n".join([source, machine(), *flags, str(TAPE_BYTES), include, jax.__version__])
    target = cache_folder() / f"kernel-{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"
    try:
        return ctypes.CDLL(str(target))
    except OSError:  # not there, or damaged
        _compile(source, flags, include, target)
        return ctypes.CDLL(str(target))


def _compile(source: str, flags: tuple[str, ...], include: str, target: Path) -> None:
    native = "-mcpu=native" if "aarch" in platform.machine() else "-march=native"
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="build-") as temporary:
            code, made = Path(temporary) / "kernel.c", Path(temporary) / "kernel.so"
            code.write_text(source)
            command = [*compiler(), *flags, native, f"-DTAPE_BYTES={TAPE_BYTES}", f"-I{include}",
                       str(code), "-o", str(made), "-lm"]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                errors = [line for line in done.stderr.splitlines() if "error" in line]
                raise NotCompiled(
                    f"the C compiler {compiler()[0]} failed: {(errors or ['no message'])[0]}"
                )
            os.replace(made, target)
    except OSError as error:
        raise NotCompiled(f"kernels cannot be kept in {target.parent}: {error.strerror}") from None
