"""Figure 3: absolute error over time while Boolean mappings follow each other unmarked.

The figure runs past step 1024 with peaks where a mapping ends. Since mappings last 256 steps each,
a learner could also count to 256 and expect the change, and so come below the exact filter, which
knows the rate of changes alone. Whether it does is seen where the change does not come: in streams
of twice the period a learner that counts is less sure of itself from example 256 on.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from fixedweight.families import Boolean, Stream, Switching, TaskFamily
from fixedweight.learner import Learner
from fixedweight.oracles import oracle_for
from fixedweight.parts.judged import markdown
from fixedweight.parts.part import Cell, Part, Record, Work
from fixedweight.reproduce.table1 import ROWS

PERIOD = 256
SHOWN = 4 * PERIOD + 76
"""Steps in the figure, as in the paper."""
STREAMS = 200
AROUND = 8
"""Examples compared on either side of the moment at which a change is due."""
PACES = {
    "every 256": {"every": PERIOD},
    "at random, 1/256": {"hazard": 1 / PERIOD},
    "every 180": {"every": 180},
    "every 512": {"every": 2 * PERIOD},
}
"""How often mappings change in the streams on which the learner is judged."""


def figure3(work: Work, effort: float, networks: int) -> Record:
    """Derive the row of Table 1, keep its best network, and follow its errors over time."""
    row = ROWS["boolean 256, continuous"]
    learners = work.derive_seeds(
        row.family, row.network, schedule=row.schedule.scaled(effort), seeds=networks
    )
    errors = [learner.card["derivation"]["validation_error"] for learner in learners]
    learner = learners[int(np.argmin(errors))]
    work.say("following its errors ...")
    paces = {}
    for i, (name, pace) in enumerate(PACES.items()):
        family = Switching(Boolean(), **pace)
        stream = _draw(family, i + 1, 16, 32 * PERIOD)
        ours, best = _absolute(learner, family, stream)
        paces[name] = {
            "mse": float((ours**2).mean()),
            "oracle": float((best**2).mean()),
            "ratio": float((ours**2).sum() / (best**2).sum()),
        }
    stream = _draw(row.family, 0, STREAMS, SHOWN)
    ours, best = _absolute(learner, row.family, stream)
    return {
        "validation": min(errors),
        "one": {"learner": _plain(ours[0]), "oracle": _plain(best[0])},
        "mean": {"learner": _plain(ours.mean(axis=0)), "oracle": _plain(best.mean(axis=0))},
        "paces": paces,
        "counts": _counts(learner),
    }


def _counts(learner: Learner) -> Record:
    """The squared error just before and just after a change is due that does not come."""
    family = Switching(Boolean(), every=2 * PERIOD)
    stream = _draw(family, 99, STREAMS, 4 * PERIOD)
    squared = _absolute(learner, family, stream)[0] ** 2
    example = np.asarray(stream.example)
    begun = np.arange(example.shape[1]) >= 2 * PERIOD  # not the first mapping
    before = begun & (example >= PERIOD - AROUND) & (example < PERIOD)
    after = begun & (example >= PERIOD) & (example < PERIOD + AROUND)
    return {"before": float(squared[before].mean()), "after": float(squared[after].mean())}


def _draw(family: TaskFamily, seed: int, batch: int, length: int) -> Stream:
    stream = jax.jit(lambda key: family.sample(key, batch, length))(jax.random.key(seed))
    return Stream(*(jax.tree.map(np.asarray, part) for part in stream))


def _absolute(
    learner: Learner, family: TaskFamily, stream: Stream
) -> tuple[Float[np.ndarray, "batch time"], Float[np.ndarray, "batch time"]]:
    """|target - prediction| of the learner and of the exact filter."""
    predictions, _ = learner.unroll(stream.inputs, stream.targets)
    oracle = oracle_for(family)
    assert oracle is not None
    best = oracle.predict(stream)
    truth = np.asarray(stream.targets, dtype=np.float64)
    return np.abs(predictions - truth)[..., 0], np.abs(best - truth)[..., 0]


def _plain(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def cells(quick: bool) -> dict[str, Cell]:
    if quick:
        return {"boolean 256": lambda work: figure3(work, 0.05, 1)}
    return {"boolean 256": lambda work: figure3(work, 1.0, 2)}


def text(records: dict[str, Record]) -> str:
    record = records["boolean 256"]
    rows = [["mappings change", "mse", "filter", "/ filter"]]
    for name, pace in record["paces"].items():
        figures = [pace["mse"], pace["oracle"], pace["ratio"]]
        rows.append([name, *(f"{figure:.3g}" for figure in figures)])
    counts = record["counts"]
    verdict = "counts" if counts["after"] > 2 * counts["before"] + 1e-4 else "does not count"
    return (
        f"{markdown(rows)}\n\n"
        f"It {verdict} to {PERIOD}: where the change is due but does not come, the squared error "
        f"goes from {counts['before']:.2g} over the {AROUND} examples before to "
        f"{counts['after']:.2g} over the {AROUND} after."
    )


def draw(records: dict[str, Record], figure: Figure) -> None:
    """One stream as in the paper, the mean over many, and the filter under each."""
    record: dict[str, Any] = records["boolean 256"]
    figure.set_size_inches(9, 6)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for axes, name, title in (
        (top, "one", "one stream of Boolean mappings, unmarked changes, weights fixed"),
        (bottom, "mean", f"mean over {STREAMS} streams"),
    ):
        axes.plot(record[name]["learner"], color="C3", lw=1, label="derived learner")
        axes.plot(record[name]["oracle"], color="k", lw=0.8, ls="--", label="exact filter")
        axes.set(ylabel="absolute error", title=title, ylim=(-0.02, 1.02))
        axes.set_xticks(range(0, SHOWN, PERIOD))
        axes.legend(fontsize=8, loc="upper right")
    bottom.set(xlabel="step", yscale="log", ylim=(1e-4, 1))


PART = Part(
    name="figure3",
    title="Figure 3: absolute error versus time, after successful meta-learning",
    cells=cells,
    text=text,
    draw=draw,
)
