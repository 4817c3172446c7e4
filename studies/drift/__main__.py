"""Concept drift: predict a label, then learn it, while the concept changes without a mark.

    python -m studies.drift                 every condition
    python -m studies.drift stagger-50      this one alone; the others' results are kept
    python -m studies.drift --rivals-kept   measure the learners anew, not the rivals
    python -m studies.drift.show            print the tables from the stored results

Learners are derived once, with three seeds, and kept in a folder (`--learners`) from which the
other conditions take them.
"""

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from studies.drift.derived import PLANS
from studies.drift.evaluate import measured
from studies.drift.show import RESULTS, page
from studies.drift.streams import CONDITIONS

PACKAGES = ("river", "numpy", "jax")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("conditions", nargs="*", choices=[*CONDITIONS, []], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--learners", type=Path, default=Path(tempfile.gettempdir()) / "fixedweight-drift"
    )
    parser.add_argument("--plans", nargs="+", choices=[*PLANS], default=[*PLANS])
    parser.add_argument("--rivals-kept", action="store_true")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"conditions": {}}
    for name in asked.conditions or CONDITIONS:
        before = results["conditions"].get(name, {}).get("rivals", {})
        found = measured(
            CONDITIONS[name],
            asked.seeds,
            asked.learners,
            asked.plans,
            before if asked.rivals_kept else None,
        )
        results["conditions"][name] = {
            "command": f"python -m studies.drift {name} --seeds {asked.seeds}",
            "plans": asked.plans,
            "versions": {package: version(package) for package in PACKAGES},
            **found,
        }
        ordered = {name: results["conditions"].get(name) for name in CONDITIONS}
        results["conditions"] = {name: value for name, value in ordered.items() if value}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(page(results))


if __name__ == "__main__":
    main()
