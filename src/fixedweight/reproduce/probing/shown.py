"""What was found, in words and tables."""

import numpy as np

from fixedweight.parts.part import Record
from fixedweight.reproduce.probing.measured import LEARNERS, SMALLEST


def text(records: dict[str, Record]) -> str:
    parts = [
        "States of the network after each example, in streams of tasks it has never seen (reset "
        "regime). Probes are fitted to half of the streams and judged on the other half. Controls: "
        "`untrained`, the same network with initial weights; `shuffled`, each state beside the "
        "task of another stream.",
        *(_SHOWN[name](records[name]["learners"]) for name in _SHOWN if name in records),
    ]
    if any(name in records for name in LEARNERS):
        parts.append(_falling_text(records))
    return "\n\n".join(parts)


def _boolean_text(learners: list[Record]) -> str:
    rows = ["| learner | states | best 1, 2, 3, 4 cells | cells for 95 % | different codes of 16 | "
            "all cells, linear | in a code of that size |", "| --- " * 7 + "|"]  # fmt: skip
    for i, one in enumerate(learners):
        for kind in ("trained", "untrained", "shuffled"):
            r = one[kind]
            shares = ", ".join(f"{share:.1%}" for share in r["accuracy"][:4])
            meaning = "; ".join(meanings(r)) if r["needed"] else ""
            rows.append(f"| {i} | {kind} | {shares} | {r['needed'] or 'never'} | {r['distinct']} | "
                        f"{r['linear']:.1%} | {meaning} |")  # fmt: skip
    four = sum(
        one["trained"]["needed"] == 4 and one["trained"]["distinct"] == 16 for one in learners
    )
    return "\n".join([
        "### Boolean: \"the sixteen possible functions by a four-neuron binary encoding scheme\"",
        "",
        f"In {four} of {len(learners)} learners four cells, each above or below one threshold, "
        "name the function, one code a function. Chance is 1/16.",
        "",
        *rows,
    ])  # fmt: skip


def meanings(r: Record) -> list[str]:
    """What each cell of the code says of the truth table, where it is one entry of it."""
    tasks, codes = np.array(r["tasks"]), np.array(r["codes"])
    said = []
    for unit, bits in zip(r["units"], codes.T, strict=True):
        equal = (tasks == bits[:, None]).mean(axis=0)
        entry = int(np.argmax(np.abs(equal - 0.5)))
        if equal[entry] in (0.0, 1.0):
            point = f"({entry & 1},{entry >> 1})"
            said.append(f"{unit} is {'f' if equal[entry] else 'not f'}{point}")
        else:
            said.append(f"{unit} is no single entry")
    return said


def _r2_table(learners: list[Record], names: list[str]) -> list[str]:
    rows = ["| learner | states | " + " | ".join(f"R2 {name}" for name in names)
            + " | participation ratio | components for 95, 99 % | explained by the task |",
            "| --- " * (5 + len(names)) + "|"]  # fmt: skip
    for i, one in enumerate(learners):
        for kind in ("trained", "untrained", "shuffled"):
            r = one[kind]
            r2 = " | ".join(f"{value:.3f}" for value in r["r2"][-1])
            rows.append(f"| {i} | {kind} | {r2} | {r['participation']:.1f} | {r['components95']}, "
                        f"{r['components99']} | {r['explained']:.3f} |")  # fmt: skip
    return rows


def _semilinear_text(learners: list[Record]) -> str:
    return "\n".join([
        "### Semi-linear: \"stored three continuous values in the memory cells\"",
        "",
        "Held-out R2 of w1, w2, w3 from the six cells by linear regression, at the last step; the "
        "dimension of the cells across tasks (each scaled to a variance of 1); and the share of "
        "the cells' variance that a cubic of the three weights explains: 1 where they hold these "
        "three values and nothing else. The bias w3 is the mean target, nearly: any network that "
        "adds up its inputs has it, an untrained one too.",
        "",
        *_r2_table(learners, ["w1", "w2", "w3"]),
    ])  # fmt: skip


def _quadratic_text(learners: list[Record]) -> str:
    return "\n".join([
        "### Quadratic: \"also generated continuous values in its memory cells\"",
        "",
        "The same for the six coefficients (after scaling to [0.2, 0.8]) and the twelve cells.",
        "",
        *_r2_table(learners, ["x1^2", "x1 x2", "x2^2", "x1", "x2", "1"]
                   if len(learners[0]["trained"]["r2"][0]) == 6 else []),
    ])  # fmt: skip


def _falling_text(records: dict[str, Record]) -> str:
    rows = ["| family | learner | states | signal | level + height / n | R2 | "
            "R2 of the best exponential | best power | share |", "| --- " * 9 + "|"]  # fmt: skip
    for name in LEARNERS:
        for i, one in enumerate(records.get(name, {}).get("learners", ())):
            for kind in ("trained", "trained, input gates", "untrained"):
                r = one[f"falling {kind}"]
                shown = (
                    f"{r['signal']} | {r['level']:.2f} {r['height']:+.2f} / n | {r['r2']:.4f} | "
                    f"{r['r2_exponential']:.4f} | {r['power']:.1f} | {r['share']:.2f}"
                    if r
                    else "none falls so far | | | | |"
                )
                rows.append(f"| {name} | {i} | {kind} | {shown} |")
    return "\n".join([
        "### \"Approximately inversely proportional to the cycle step number\"",
        "",
        "Of all units, gates among them, the one whose mean over tasks at step n is closest to "
        f"level + height / n with a height of at least {SMALLEST}; R2 of other tasks at other "
        "steps than it was fitted to, octaves of n weighing the same. `share`: of the unit's whole "
        "variance over tasks and steps. `input gates`: the best of these alone, since one of them "
        "could give early errors their greater influence. Every network settles from its first "
        "state, so some unit always falls: what counts is an R2 close to 1 and above the "
        "exponential's, and a power of 1.",
        "",
        *rows,
    ])  # fmt: skip


_SHOWN = {"boolean": _boolean_text, "semilinear": _semilinear_text, "quadratic": _quadratic_text}
