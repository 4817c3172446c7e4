"""The CUDA of benchmarks/cuda, run on a CPU: the same gradient as the scan's."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest
from benchmarks.cuda.kernel import cuda, sizes, source
from benchmarks.fused import problem

from fixedweight.gradients import bptt
from fixedweight.networks import LSTM, LSTM1997, LeastSquaresMemory, Network

HERE = Path(__file__).parent
THREADS = 16
NETS = [LSTM1997(), LSTM(hidden=5), LeastSquaresMemory(heads=1, features=3, hidden=4, control=2)]


def emulated(network: Network, arguments, folder: Path):
    """(errors [seeds, batch, time], gradient by parameter) by threads of this machine."""
    text = source(network).text
    n = sizes(text)
    head, tail = ((HERE / name).read_text() for name in ("emulated.h", "emulated_calls.h"))
    (folder / "kernel.cpp").write_text(head + cuda(text, THREADS) + tail)
    command = ["g++", "-std=c++17", "-O0", "-w", "-shared", "-fPIC", "-pthread"]
    subprocess.run([*command, "kernel.cpp", "-o", "kernel.so"], cwd=folder, check=True)
    params, state, inputs, targets, weights = arguments
    seeds, batch, length = weights.shape
    leaves = [*jax.tree.leaves(params), *jax.tree.leaves(state), inputs, targets, weights]
    arrays = [np.array(leaf, np.float32) for leaf in leaves]
    states = [np.zeros_like(part) for part in arrays[n["N_PARAMS"] :][: n["N_STATE"]]]
    errors = np.full(weights.shape, np.nan, np.float32)
    gradients = [np.full_like(value, np.nan) for value in arrays[: n["N_PARAMS"]]]
    after, before = ([np.empty_like(part) for part in states] for _ in range(2))
    blocks = -(-batch // THREADS)
    tape = np.empty(seeds * length * (n["NS"] + n["NT"]) * blocks * THREADS, np.float32)
    partial = np.empty(seeds * blocks * n["NP"], np.float32)

    def pointers(values):
        return (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))

    ctypes.CDLL(str(folder / "kernel.so")).run(
        pointers([*arrays, *states]), pointers([errors, *after, *before]), pointers(gradients),
        tape.ctypes.data_as(ctypes.c_void_p), partial.ctypes.data_as(ctypes.c_void_p),
        seeds, batch, length,
    )  # fmt: skip
    return errors, jax.tree.unflatten(jax.tree.structure(params), gradients)


@pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++")
@pytest.mark.parametrize("network", NETS, ids=lambda network: type(network).__name__)
def test_a_stream_to_a_thread_gives_the_scans_gradient(network, tmp_path, monkeypatch):
    monkeypatch.setenv("FIXEDWEIGHT_KERNELS", "0")
    seeds, batch, length = 2, 21, 5
    params, state, inputs, targets, _ = problem(network, batch, length, seeds)
    rng = np.random.default_rng(1)
    weights = rng.uniform(size=(seeds, batch, length)).astype(np.float32)
    total = weights.sum((1, 2), keepdims=True)
    errors, gradient = emulated(
        network, (params, state, inputs, targets, weights / total), tmp_path
    )
    (mean, _), expected = jax.vmap(bptt(network))(params, state, inputs, targets, weights)
    np.testing.assert_allclose((errors * weights / total).sum((1, 2)), mean, rtol=1e-5)
    for name, value in expected.items():
        size = np.abs(value).max() + 1e-6
        np.testing.assert_allclose(gradient[name] / size, value / size, atol=1e-4, err_msg=name)
