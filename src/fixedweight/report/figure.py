"""The picture of a learner: error by example, and how it was derived."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fixedweight.report.summary import headline


def draw(card: dict[str, Any], path: str | Path) -> None:
    """Write a figure of the card's evaluation and derivation; the format is the path's suffix."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    evaluation, run = card["evaluation"], card["derivation"]
    shown = min(evaluation["examples"], 64)
    floor = 1e-5 * evaluation["variance"]

    def line(name: str, figures: dict[str, Any], **style: Any) -> None:
        curve = figures["by_example"][:shown]
        points = [(n, max(error, floor)) for n, error in enumerate(curve) if error is not None]
        left.plot(*zip(*points, strict=True), label=name, **style)

    for name, figures in evaluation["baselines"].items():
        line(name, figures, lw=1, alpha=0.6, ls=":")
    if evaluation["oracle"]:
        line(f"oracle ({evaluation['oracle']['kind']})", evaluation["oracle"], color="k", ls="--")
    line("this learner", evaluation["learner"], color="C3", lw=2)
    left.set(
        yscale="log",
        xlabel="examples of the task seen before",
        ylabel="mean squared error",
        title="a new task, weights fixed",
    )
    left.legend(fontsize=8)

    squared = "coverage" not in evaluation  # a spread is trained by another error, which may be < 0
    history = [[float("nan") if v is None else v for v in row] for row in run["history"]]
    updates = [row[0] for row in history]
    for i in range(len(history[0]) - 2):
        kept = i == run["kept_seed"]
        right.plot(
            updates,
            [row[2 + i] for row in history],
            color="C3" if kept else "C0",
            lw=1.5 if kept else 0.8,
            alpha=1 if kept else 0.5,
            marker="o" if len(updates) == 1 else None,  # one look is no line
            label="kept seed" if kept else None,
        )
    right.set(
        yscale="log" if squared else "linear",
        xlabel="updates of the weights",
        ylabel="error on held-out tasks (scaled)",
        title=f"deriving it, {len(history[0]) - 2} seeds",
    )
    if squared and evaluation["oracle"] and evaluation["regime"] == "reset":
        right.axhline(evaluation["oracle"]["mse"]["value"], color="k", ls="--", label="oracle")
    right.legend(fontsize=8)
    figure.suptitle(headline(card), fontsize=9)
    figure.savefig(path, dpi=120)
