"""Whole numbers in place of floating point: what a learner loses, and what it takes.

    python -m benchmarks.fixed [FOLDER]

The loss is measured on derived learners of three families: the mean squared error over 500 held-out
streams in floating point, with weights of 16 and of 8 bits, medians over three learners each. The
learners are derived into FOLDER, or found there. The scales of all numbers are chosen on the
streams that `to_fixed` draws by itself, and, in brackets, on 64 streams of the family's.

The last rows are of a least-squares memory, which `to_fixed` refuses: there every number that its
step works out is rounded to 16 bits in NumPy, while functions and divisions are exact; "no" where
those of a learner do not stay finite.

Flash, RAM and instructions are those of `benchmarks.exported`, on a Cortex-M4 with FPU and on a
Cortex-M0, which has neither floating point nor division (counted by the emulator of a Cortex-M3).
"""

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

import fixedweight as fw
from benchmarks.exported import M0, M4, check_tools, drawn, measured
from fixedweight.exports import to_c, to_fixed
from fixedweight.exports.ranges import likely_streams, scalars, told_rows
from fixedweight.exports.whole_numbers import Scales
from fixedweight.networks import GRU, LSTM, LSTM1997, LeastSquaresMemory

FAMILIES = {"Boolean": fw.Boolean, "semi-linear": fw.Semilinear, "quadratic": fw.Quadratic}
NETWORKS = {
    "LSTM1997, 6 + 6": LSTM1997(),
    "LSTM, 12": LSTM(hidden=12),
    "GRU, 12": GRU(hidden=12),
    "LeastSquaresMemory, 8 features": LeastSquaresMemory(heads=1),
}
EFFORT, SEEDS, STREAMS = 0.3, 3, 500
"""A third of it for the least-squares memory, which is derived sooner."""


def learners(folder: Path, family: str, network: str) -> list[fw.Learner]:
    """Derived, or found in the folder."""
    kind = type(NETWORKS[network]).__name__
    paths = [folder / f"{FAMILIES[family].__name__}-{kind}-{i}.safetensors" for i in range(SEEDS)]
    if not all(path.exists() for path in paths):
        effort = EFFORT / 3 if kind == "LeastSquaresMemory" else EFFORT
        made = fw.derive_seeds(FAMILIES[family](), NETWORKS[network], effort=effort, seeds=SEEDS)
        for path, learner in zip(paths, made, strict=True):
            learner.save(path)
    return [fw.Learner.load(path) for path in paths]


def in_c(learner: fw.Learner, files: dict[str, str], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Predictions [stream, time] of the exported functions, compiled for this machine."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, text in files.items():
            (folder / name).write_text(text)
        command = ["cc", "-O2", "-shared", "-fPIC", "own.c", "-o", "own.so"]
        subprocess.run(command, cwd=folder, check=True)
        library = ctypes.CDLL(str(folder / "own.so"))
    bits = np.array((ctypes.c_int8 * x.shape[-1]).in_dll(library, "own_input_bits"))
    target_bits = ctypes.c_int8.in_dll(library, "own_target_bits").value
    inputs = np.rint(x * 2.0**bits).astype(np.int32)
    targets = np.rint(y * 2.0**target_bits).astype(np.int32)
    state, found = np.zeros(4096, np.int16), np.zeros(y.shape[:2], np.int32)
    at, i, t, f = (array.ctypes.data for array in (state, inputs, targets, found))
    calls = (library.own_reset, library.own_advance, library.own_tell)
    for call, count in zip(calls, (1, 3, 2), strict=True):
        call.argtypes = [ctypes.c_void_p] * count
    for stream in range(len(x)):
        library.own_reset(at)
        for step in range(stream * x.shape[1], (stream + 1) * x.shape[1]):
            library.own_advance(at, i + 4 * step * x.shape[-1], f + 4 * step)
            library.own_tell(at, t + 4 * step)
    return found / 2.0**target_bits


def losses(learner: fw.Learner, family: fw.Family) -> list[float]:
    """Mean squared errors: floating point; 16 and 8 bits; the same with the family's streams."""
    stream = family.part("test").judge(jax.random.key(0), STREAMS)
    x, y = np.asarray(stream.inputs), np.asarray(stream.targets)
    seen = family.part("train").sample(jax.random.key(1), 64, x.shape[1])
    own = np.asarray(seen.inputs), np.asarray(seen.targets)
    predictions = [learner.unroll(x, y)[0][..., 0]]
    if isinstance(learner.network, LeastSquaresMemory):
        step = scalars(learner)
        for streams in (likely_streams(learner), own):
            scales = Scales(step, told_rows(learner, *streams))
            _, scaled = step.run(told_rows(learner, x, y), scales.rounded)
            predictions += [learner.scaling.unscale_targets(scaled)[..., 0]] * 2
    else:
        for streams in (None, own):
            for bits in (16, 8):
                files = to_fixed(learner, "own", bits=bits, streams=streams)
                predictions.append(in_c(learner, files, x, y))
    return [float(((p - y[..., 0]) ** 2).mean()) for p in predictions]


def show_losses(folder: Path) -> None:
    print("| family | network | mse, floating point | weights of 16 bits | of 8 bits |")
    print("| --- | --- | --- | --- | --- |")
    for network in NETWORKS:
        for family, kind in FAMILIES.items():
            rows = [losses(learner, kind()) for learner in learners(folder, family, network)]
            exact, *cells = (f"{value:.3g}" for value in np.median(rows, axis=0))
            cells = [f"{a} ({b})".replace("nan", "no") for a, b in zip(cells[:2], cells[2:],
                                                                      strict=True)]  # fmt: skip
            if isinstance(NETWORKS[network], LeastSquaresMemory):
                cells[1] = ""  # weights are not what it fails by
            print(f"| {family} | {network} | {exact} | {' | '.join(cells)} |", flush=True)


def show_sizes() -> None:
    print("| network | numbers | processor | flash, bytes | RAM, bytes (struct + stack) | "
          "instructions, predict + learn | advance + tell |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, network in NETWORKS.items():
        if isinstance(network, LeastSquaresMemory):
            continue
        learner = drawn(network)
        forms = {
            "float, no <math.h>": to_c(learner, "own", libm=False),
            "16 bits": to_fixed(learner, "own"),
            "16 bits, weights of 8": to_fixed(learner, "own", bits=8),
        }
        for board in (M4, M0):
            for form, files in forms.items():
                row = [name, form, board.name, *measured(learner, files, board)]
                print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    check_tools()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        folder.mkdir(parents=True, exist_ok=True)
        show_losses(folder)
    print()
    show_sizes()


if __name__ == "__main__":
    main()
