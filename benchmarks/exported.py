"""What an exported learner takes on a microcontroller: a Cortex-M4 with FPU.

    python -m benchmarks.exported

Needs Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm. Flash is what the
learner adds to a program that does nothing, mathematical library included; RAM is the learner's
struct and the deepest stack below its functions; instructions are counted by the emulator over a
hundred examples of predict and learn, once as two steps of the network (`predict`, `learn`), once
as one (`advance`, `tell`). What the emulator predicts is what the estimator does.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fixedweight import GRU, LSTM, LSTM1997, Learner, Network, OnlineEstimator
from fixedweight.exports import to_c
from fixedweight.networks import LeastSquaresMemory
from fixedweight.scaling import identity_scaling

EXAMPLES = 100


@dataclass(frozen=True)
class Board:
    """A processor: how to compile for it and to emulate it."""

    name: str
    flags: tuple[str, ...]
    machine: str


M4 = Board("Cortex-M4", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), "mps2-an386")
M0 = Board("Cortex-M0", ("-mcpu=cortex-m0", "-mfloat-abi=soft"), "mps2-an385")
"""The emulator's board has a Cortex-M3, which has all of a Cortex-M0's instructions."""
CC = ("arm-none-eabi-gcc", "-mthumb", "-std=c99", "-O2", "-ffunction-sections", "-fdata-sections",
      "-Wall", "-Wextra", "-Werror")  # fmt: skip
LINK = (
    "--specs=nano.specs",
    "--specs=rdimon.specs",
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-T",
    "board.ld",
    "-lm",
)
RUN = ("qemu-system-arm", "-nographic", "-icount", "shift=0", "-semihosting", "-monitor", "none",
       "-serial", "none")  # fmt: skip
TICK = 40
"""Instructions, of one nanosecond each under `-icount shift=0`, in a tick of the 25 MHz counter."""

BOARD = """
MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 4M  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
ENTRY(begin)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.init) *(.fini) } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .data : { *(.data*) } > RAM
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; end = .; } > RAM
}
"""
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#ifdef LEARNER
#include "own.h"
#ifdef FIXED
typedef int32_t number;
#define NUMBER(t) ((number)(t) * 655) /* near 0.01, times 2^16 */
#define MILLIONTHS(y) ((int)((y) * 15625L / 1024))
#else
typedef float number;
#define NUMBER(t) (0.01f * (float)(t))
#define MILLIONTHS(y) ((int)(1e6f * (y)))
#endif
#endif
extern void initialise_monitor_handles(void);
void begin(void);
__attribute__((section(".vectors"), used)) static void *const vectors[2] = {
    (void *)0x20400000, (void *)begin};
#define COUNTER (*(volatile uint32_t *)0xe000e018)
int main(void)
{
#ifdef LEARNER
    static own_learner learner;
    number x[OWN_INPUTS] = {0}, y[OWN_TARGETS] = {0};
    uint32_t since;
    int i;
    *(volatile uint32_t *)0xe000e014 = 0xffffff;
    *(volatile uint32_t *)0xe000e010 = 5;
    for (i = 0; i < 2; i++) {
        int t;
        own_reset(&learner);
        since = COUNTER;
        for (t = 0; t < EXAMPLES; t++) {
            x[0] = NUMBER(t);
            if (i) {
                own_advance(&learner, x, y);
                own_tell(&learner, x);
            } else {
                own_predict(&learner, x, y);
                own_learn(&learner, x, x);
            }
        }
        printf("%lu\\n", (unsigned long)((since - COUNTER) & 0xffffff));
    }
    printf("%u %d\\n", (unsigned)sizeof learner, MILLIONTHS(y[0]));
#else
    printf("%lu %d\\n", 0ul, 0);
#endif
    exit(0);
}
void begin(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* the FPU on */
    initialise_monitor_handles();
    main();
}
"""


def built(folder: Path, board: Board, name: str, sources: list[str], *flags: str) -> int:
    """Bytes of flash of the program NAME."""
    command = [*CC, *board.flags, *flags, *sources, "-o", name, *LINK]
    subprocess.run(command, cwd=folder, check=True)
    text = subprocess.run(["arm-none-eabi-size", name], cwd=folder, capture_output=True, text=True)
    code, data = map(int, text.stdout.splitlines()[1].split()[:2])
    return code + data


def stack(folder: Path, board: Board) -> int:
    """The deepest stack, of `learn`: what is not inlined calls each other in one line."""
    command = [*CC, *board.flags, "-fstack-usage", "-pedantic", "-c", "own.c"]
    subprocess.run(command, cwd=folder, check=True)
    used = re.findall(r":(\w+)\t(\d+)\t", (folder / "own.su").read_text())
    frames = {name: int(size) for name, size in used}
    line = ("own_learn", "own_advance", "look", "step")
    functions = max([size for name, size in frames.items() if name.startswith("v_")], default=0)
    below = sum(frames.get(name, 0) for name in line[2:]) + functions
    deepest = max(sum(frames.get(name, 0) for name in line[:2]), frames["own_predict"])
    return deepest + below


def measured(learner: Learner, files: dict[str, str], board: Board) -> list[str]:
    """Flash, RAM and instructions of an exported learner of two inputs and one target."""
    fixed = "int16_t" in files["own.h"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, text in {"board.ld": BOARD, "main.c": MAIN, **files}.items():
            (folder / name).write_text(text)
        empty = built(folder, board, "empty", ["main.c"])
        flags = ("-DLEARNER", f"-DEXAMPLES={EXAMPLES}", *(["-DFIXED"] if fixed else []))
        flash = built(folder, board, "full", ["main.c", "own.c"], *flags) - empty
        ran = subprocess.run([*RUN, "-M", board.machine, "-kernel", "full"], cwd=folder,
                             capture_output=True, text=True, timeout=60)  # fmt: skip
        separate, joined, size, last = map(int, ran.stdout.split())
        x = (655 / 65536 if fixed else 0.01) * np.arange(EXAMPLES)
        inputs = np.stack([x, np.zeros(EXAMPLES)], axis=-1)
        expected = OnlineEstimator(learner).learn_many(inputs, x)[-1].item()
        assert abs(1e-6 * last - expected) < (0.01 if fixed else 1e-5), (1e-6 * last, expected)
        deepest = stack(folder, board)
    each = [f"{ticks * TICK / EXAMPLES:,.0f}" for ticks in (separate, joined)]
    return [f"{flash:,}", f"{size + deepest} ({size} + {deepest})", *each]


def drawn(network: Network) -> Learner:
    params = network.init_params(np.random.default_rng(0))
    return Learner(network, params, identity_scaling(2, 1))


def check_tools() -> None:
    if missing := [tool for tool in (CC[0], RUN[0]) if not shutil.which(tool)]:
        sys.exit(f"error: Expected {' and '.join(missing)} on this machine; see the docstring.")


def main() -> None:
    check_tools()
    print("| network | <math.h> | flash, bytes | RAM, bytes (struct + stack) | instructions, "
          "predict + learn | advance + tell |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for name, network in {
        "LSTM1997, 6 + 6": LSTM1997(),
        "LSTM, 12": LSTM(hidden=12),
        "GRU, 12": GRU(hidden=12),
        "LeastSquaresMemory, 8 features": LeastSquaresMemory(heads=1),
    }.items():
        learner = drawn(network)
        for libm in (True, False):
            cells = measured(learner, to_c(learner, "own", libm=libm), M4)
            print(f"| {' | '.join([name, 'yes' if libm else 'no', *cells])} |", flush=True)


if __name__ == "__main__":
    main()
