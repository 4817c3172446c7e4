"""What derive_related() fitted and chose, in words."""

from typing import Any

from fixedweight.relatives.fit import Candidate

MOST_TOLD = 8
"""Lines of what was fitted."""


def explained(card: dict[str, Any]) -> list[str]:
    """What was fitted, a line a structure, those taken first, then the likeliest; and why."""
    run = card["derivation"]
    ordered = sorted(
        run["structures"], key=lambda one: (one["share"] == 0, -one["held_out_log_likelihood"])
    )
    lines = [
        f"{run['tasks']} tasks, each left out of the fit that foresees it; the number of ramps has "
        "the least error, shares go by likelihood, of which here the logarithm:"
    ]
    if len(run.get("scales", ())) > 1:
        found = [
            f"{name}: log likelihood {likelihood:.1f}, error {error:.4g}"
            for name, (likelihood, error) in run["scales"].items()
        ]
        lines.insert(0, f"targets of tasks left out, foreseen {'; '.join(found)}")
    if left_out := run.get("not_fitted"):
        lines.append(f"for lack of time {left_out} fits of all structures were not made")
    for one in ordered[:MOST_TOLD]:
        taken = f"share {one['share']:.2f}" if one["share"] else "left out"
        candidate = Candidate(*(one[name] for name in Candidate._fields))
        lines.append(
            f"  {one['held_out_log_likelihood']:9.1f}  {structure(candidate)}, "
            f"{one['ramps']} ramps: {taken}"
        )
    return lines


def structure(candidate: Candidate) -> str:
    """A candidate in words: what differs between tasks."""
    parts = ["a constant"]
    if curves := candidate.features - 1:
        many = "a curve" if curves == 1 else f"{curves} curves"
        parts.append(f"{many} (bend {candidate.rough:g})")
    if candidate.level:
        parts.append("a drifting level" + (" with a velocity" if candidate.velocity else ""))
    return ", ".join(parts)
