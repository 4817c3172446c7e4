"""Import and first prediction of a learner that ships, each time in a new process, without JAX.

    python -m benchmarks.first_use

Prints the median with fastest and slowest of eleven, and the most memory resident.
"""

import subprocess
import sys
from statistics import median

FIRST = """
import time
begin = time.perf_counter()
import fixedweight
model = fixedweight.OnlineEstimator(fixedweight.load("quadratic-2d"))
model.predict_one([0.1, 0.2])
took = time.perf_counter() - begin
import resource, sys
assert "jax" not in sys.modules
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    command = [sys.executable, "-c", FIRST]
    runs = [subprocess.check_output(command, text=True).split() for _ in range(11)]
    took, memory = ([float(value) for value in values] for values in zip(*runs, strict=True))
    print(f"{median(took):.3f} s [{min(took):.3f}, {max(took):.3f}], {max(memory):.0f} MB resident")


if __name__ == "__main__":
    main()
