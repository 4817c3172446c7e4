"""MuJoCo's reacher with unknown payload, damping and gear.

    python -m studies.reacher                  all of it, some twenty minutes on two cores
    python -m studies.reacher rivals           one part: rivals, physics, derived or speed
    python -m studies.reacher rivals --like EB   those rivals alone
    python -m studies.reacher.show             print the tables from the stored results

Learners and rivals see arms of the box alone; all are judged on the same arms, within the box and
outside it, each predicted before it is shown. Parts add to the results that are stored.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fixedweight import simulated
from studies.protocol import error_table, paired, series
from studies.reacher import physics, rivals
from studies.reacher.data import MOMENTS, PLACES, SETS, SPANS, WIDER, arms, framed
from studies.reacher.derived import derived, predict
from studies.reacher.show import BEST, DERIVED, RESULTS, everything, page
from studies.reacher.simulate import HIGH, LOW, simulate
from studies.reacher.speed import speeds

KINDS = {DERIVED: False, "derived, --spread gaussian": True}
"""Whether what is derived says how sure it is."""
PACKAGES = ("mujoco", "gymnasium", "scikit-learn", "river", "numpy", "jax")
KEPT = Path(gettempdir()) / "reacher.safetensors"
"""Where the learner is kept, for `speed`."""


def measured(frame: pd.DataFrame, predictions: np.ndarray) -> dict[str, object]:
    """Mean absolute errors by span of examples, and of examples 6 to 20 by arm."""
    error = np.abs(frame["target"].to_numpy() - predictions)
    judged = frame["order"].between(*SPANS["6-20"]).to_numpy()
    by_arm = pd.Series(error[judged]).groupby(frame["task"].to_numpy()[judged]).mean()
    spans = error_table(frame, {"": error}, SPANS).loc[""]
    return {"errors": dict(spans.round(6)), "arms": by_arm.round(5).tolist()}


def rival_parts(like: str) -> None:
    """Store rivals with `like` in their name, fitted on the arms that the learner of seed 0 is
    derived from."""
    family = simulated(simulate, seed=0)
    train = framed(family.inputs, family.targets[..., 0])
    tests = {place: arms(place) for place in PLACES}
    both = pd.concat([frame.assign(task=place + frame["task"]) for place, frame in tests.items()])
    with threadpool_limits(1):
        for name, rival in rivals.RIVALS.items():
            if like not in name:
                continue
            began = time.perf_counter()
            predictions = np.split(rival(train, both), len(PLACES))
            for (place, frame), own in zip(tests.items(), predictions, strict=True):
                found = {name: measured(frame, own)}
                keep(lambda old, place=place, found=found: old["rivals"][place].update(found))
                print(place, name, found[name]["errors"], flush=True)
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


def physics_part(place: str) -> dict[str, object]:
    """MuJoCo itself: the arm known, or followed by sequential Monte Carlo."""
    frame = arms(place)
    box = (LOW, HIGH) if place == "inside" else (LOW / WIDER, HIGH * WIDER)
    found = np.empty(len(frame))
    for number, (at, rows) in enumerate(series(frame, "task")):
        coefficients = physics.foreseen(rows[list(MOMENTS)].to_numpy(), *box)
        rng = np.random.default_rng(number)
        found[at] = physics.filtered(coefficients, rows["target"].to_numpy(), rng)
    own = {BEST[place]: found}
    own["the arm known"] = frame["change"].to_numpy()
    return {name: measured(frame, values) for name, values in own.items()}


def derived_part(name: str) -> None:
    """Store what is derived, by network, the one that is kept first; and how long it took."""
    learners, seconds = derived(KINDS[name], KEPT.with_suffix(f".{int(KINDS[name])}.checkpoint"))
    found = []
    for learner in learners:
        network = {"validation": learner.card["derivation"]["validation_error"]}
        for place in PLACES:
            frame = arms(place)
            network[place] = measured(frame, predict(learner, frame))
            print(name, place, network[place]["errors"], flush=True)
        found.append(network)
    if name == DERIVED:
        learners[0].save(KEPT)
    keep(lambda old: old["derived"].update({name: {"seconds": seconds, "networks": found}}))


def compared(results: dict[str, Any]) -> dict[str, object]:
    """Every predictor's error less that of the learner kept, examples 6 to 20, by arm."""
    found = {}
    for place in PLACES:
        errors = {name: np.array(one["arms"]) for name, one in everything(results, place).items()}
        table = paired(np.arange(len(errors[DERIVED])), errors, DERIVED)
        found[place] = table.round(6).to_dict("index")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["rivals", "physics", "derived", "speed"])
    parser.add_argument("--place", choices=PLACES)
    parser.add_argument("--like", default="", help="what has this in its name alone")
    asked = parser.parse_args()
    if asked.part in (None, "rivals"):
        rival_parts(asked.like)
    if asked.part in (None, "physics"):
        for place in PLACES if asked.place is None else [asked.place]:
            found = physics_part(place)
            keep(lambda old, place=place, found=found: old["physics"].update({place: found}))
    if asked.part in (None, "derived"):
        for name in KINDS:
            if asked.like in name:
                derived_part(name)
    if asked.part in (None, "speed"):
        speed = speeds(KEPT)
        keep(lambda old: old["speed"].update(speed))
    results = json.loads(RESULTS.read_text())
    if all(results.values()) and all(results["physics"].values()):
        print(page(results))


def keep(change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is stored, which another part may have changed in between."""
    empty = {name: {place: {} for place in PLACES} for name in ("rivals", "physics")}
    empty |= {"derived": {}, "speed": {}, "paired": {}}
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else empty
    change(results)
    if DERIVED in results["derived"]:
        results["paired"] = compared(results)
    results["sets"] = SETS
    results["versions"] = {package: version(package) for package in PACKAGES}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
