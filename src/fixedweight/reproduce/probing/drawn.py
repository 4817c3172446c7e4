"""The figure: codes of Boolean functions, what cells hold, and signals that fall as 1/n."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fixedweight.parts.part import Record


def draw(records: dict[str, Record], figure: Figure) -> None:
    figure.set_size_inches(13, 9.5)
    (codes, weights), (falling, coefficients) = figure.subplots(2, 2)
    for axes, name, paint in (
        (codes, "boolean", _draw_codes),
        (weights, "semilinear", partial(_draw_r2, names=["w1", "w2", "w3 (bias)"])),
        (falling, "quadratic", _draw_falling),
        (coefficients, "quadratic", partial(_draw_r2, names=[
            "$x_1^2$", "$x_1 x_2$", "$x_2^2$", "$x_1$", "$x_2$", "1"])),
    ):  # fmt: skip
        if name in records:
            paint(axes, records[name]["learners"])
        else:
            axes.set_axis_off()


NAMED = {"0000": "never", "1111": "always", "0001": "and", "0111": "or", "0110": "xor",
         "1001": "not xor", "1110": "nand", "1000": "nor", "0101": "x1", "0011": "x2",
         "1010": "not x1", "1100": "not x2"}  # fmt: skip


def _draw_codes(axes: Axes, learners: list[Record]) -> None:
    r = learners[0]["trained"]
    cells = np.array(r["cells"])
    middle = (cells.max(axis=0) + cells.min(axis=0)) / 2
    reach = np.maximum((cells.max(axis=0) - cells.min(axis=0)) / 2, 1e-9)
    axes.imshow((cells - middle) / reach, cmap="coolwarm", aspect="auto", vmin=-1.3, vmax=1.3)
    for row, column in np.ndindex(*cells.shape):
        axes.text(column, row, f"{cells[row, column]:.0f}", ha="center", va="center", fontsize=8)
    tables = ["".join(map(str, task)) for task in r["tasks"]]
    axes.set_yticks(range(len(tables)), [f"{NAMED.get(t, '')}  {t}" for t in tables], fontsize=8)
    in_code = {int(unit[6:-1]) for unit in r["units"]} if r["needed"] else set()
    axes.set_xticks(range(cells.shape[1]), [
        f"cell {i}" + ("\nin the code" if i in in_code else "") for i in range(cells.shape[1])
    ])  # fmt: skip
    for tick, column in zip(axes.get_xticklabels(), range(cells.shape[1]), strict=True):
        tick.set_fontweight("bold" if column in in_code else "normal")
    best = r["accuracy"][(r["needed"] or len(r["accuracy"])) - 1]
    axes.set(
        title=f"Boolean: mean cell state by function; {r['needed'] or len(r['accuracy'])} cells "
        f"name {best:.1%} of new tasks\n(colour: from the cell's lowest to its highest)",
        ylabel="f(0,0) f(1,0) f(0,1) f(1,1)",
    )


def _draw_r2(axes: Axes, learners: list[Record], names: list[str]) -> None:
    steps = np.array(learners[0]["trained"]["examples"]) + 1
    for kind, style in (("trained", "-o"), ("untrained", "--"), ("shuffled", ":")):
        r2 = np.array([one[kind]["r2"] for one in learners])
        for i, name in enumerate(names):
            axes.plot(
                steps, np.clip(np.median(r2[..., i], axis=0), -0.05, 1), style, color=f"C{i}",
                ms=4, lw=2 if kind == "trained" else 1, label=name if kind == "trained" else None,
            )  # fmt: skip
            if kind == "trained":
                low, high = np.clip(r2[..., i].min(axis=0), -0.05, 1), r2[..., i].max(axis=0)
                axes.fill_between(steps, low, high, color=f"C{i}", alpha=0.15)
    axes.plot([], [], "k--", lw=1, label="untrained network")
    axes.plot([], [], "k:", lw=1, label="tasks shuffled")
    what = "Semi-linear: the weights" if len(names) == 3 else "Quadratic: the coefficients"
    axes.set_xscale("log", base=2)
    ticks = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= steps[-1] + 8]
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.set(
        title=f"{what} in the memory cells\n(linear map; median and range of "
        f"{len(learners)} learners)",
        xlabel="step n",
        ylabel="held-out R2",
        ylim=(-0.08, 1.03),
    )
    axes.legend(fontsize=8, loc="center right")


def _draw_falling(axes: Axes, learners: list[Record]) -> None:
    for i, one in enumerate(learners):
        for kind, point, alpha in (("trained", "o-", 1.0), ("untrained", "x:", 0.5)):
            if (r := one[f"falling {kind}"]) is None:
                continue
            n = np.arange(1, len(r["mean"]) + 1)
            scaled = (np.array(r["mean"]) - r["level"]) / r["height"]
            label = (f"{kind} {i}, {r['signal']}: {r['level']:.2f} {r['height']:+.2f} / n, "
                     f"R2 {r['r2']:.3f}")  # fmt: skip
            axes.plot(n, scaled, point, color=f"C{i}", ms=4, lw=0.8, alpha=alpha, label=label)
    n = np.arange(1, 65)
    axes.plot(n, 1 / n, "k-", lw=2.5, alpha=0.6, label="1 / n")
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
    axes.set(
        title="Quadratic: each learner's signal nearest to level + height / n\n"
        "(mean over new tasks, level taken off and divided by height)",
        xlabel="step n",
        ylabel="(signal - level) / height",
        ylim=(-0.45, 1.4),
    )
    axes.legend(fontsize=8, loc="upper right")
