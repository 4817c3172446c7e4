"""Errors on every condition: filters, rivals and learners on the same streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from studies.drift import derived, rivals
from studies.drift.filters import filters_for
from studies.drift.streams import Condition, Streams
from studies.protocol import error_table, paired

#: First and last example since a change, counted from 1.
SPANS = {"1-4": (1, 4), "5-10": (5, 10), "11-20": (11, 20), "21-50": (21, 50), "51+": (51, 10**9)}
STREAMS = 5
TUNING, TUNING_CHANGES = 1, 20
"""The seed of the stream that rivals are tuned on, and the concepts in turn in it."""


def frame_of(streams: Streams) -> pd.DataFrame:
    """A row an example, in the order of the flattened streams."""
    count, time = streams.order.shape
    return pd.DataFrame(
        {"stream": np.repeat(np.arange(count), time), "order": streams.order.ravel()}
    )


def wrong(predictions: np.ndarray, streams: Streams) -> np.ndarray:
    """100 for each example whose label is not the likelier one, else 0."""
    return 100.0 * ((predictions > 0.5) != (streams.targets > 0.5)).ravel()


def errors_of_rivals(condition: Condition, streams: Streams) -> tuple[dict[str, np.ndarray], dict]:
    """By rival, and the settings they were given."""
    short = Condition(**{**vars(condition), "changes": min(TUNING_CHANGES, condition.changes)})
    tuning = short.streams(1, seed=TUNING)
    found, settings = {}, {}
    for name, made in rivals.RIVALS.items():
        settings[name] = rivals.tuned(name, tuning)
        found[name] = wrong(rivals.run(made[settings[name]], streams), streams)
        print(f"{condition.label}, {name} {settings[name]}: {found[name].mean():.2f} %", flush=True)
    return found, settings


def measured(condition: Condition, seeds: int, kept: Path) -> dict[str, Any]:
    """Per cent wrong by examples since a change; comparisons by stream with the main learner."""
    streams = condition.streams(STREAMS)
    frame = frame_of(streams)
    filters = {n: wrong(f(streams), streams) for n, f in filters_for(condition).items()}
    tools, settings = errors_of_rivals(condition, streams)
    by_seed: dict[str, list[np.ndarray]] = {}
    for name, plan in derived.PLANS.items():
        if plan.boolean == condition.boolean:
            each = derived.learners(name, seeds, kept)
            by_seed[name] = [wrong(derived.predict(one, streams), streams) for one in each]
    main = next(iter(by_seed))
    both = {**filters, **tools, **{name: errors[0] for name, errors in by_seed.items()}}
    compared = paired(frame["stream"].to_numpy(), both, main)
    return {
        "label": condition.label,
        "streams": STREAMS,
        "examples": int(streams.targets.size),
        "main": main,
        "filters": _table(frame, filters),
        "rivals": _table(frame, tools),
        "settings": settings,
        "learners": {
            name: [_table(frame, {"": one})[""] for one in errors]
            for name, errors in by_seed.items()
        },
        "paired": compared.to_dict("index"),
    }


def _table(frame: pd.DataFrame, errors: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    table = error_table(frame, errors, SPANS)
    return {name: table.loc[name].dropna().to_dict() for name in errors}
