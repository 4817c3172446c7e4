"""Errors on every condition: filters, rivals and learners on the same streams."""

from __future__ import annotations

from collections.abc import Sequence
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


def of_rivals(condition: Condition, streams: Streams) -> dict[str, dict[str, Any]]:
    """By rival: its errors, and the setting that did best on another stream."""
    short = Condition(**{**vars(condition), "changes": min(TUNING_CHANGES, condition.changes)})
    tuning = short.streams(1, seed=TUNING)
    found = {}
    for name, made in rivals.RIVALS.items():
        setting = rivals.tuned(name, tuning)
        predictions = rivals.run(made[setting], streams)
        found[name] = {"setting": setting, **errors(predictions, streams)}
        print(f"{condition.label}, {name} {setting}: {found[name]['all']:.2f} %", flush=True)
    return found


def errors(predictions: np.ndarray, streams: Streams) -> dict[str, Any]:
    """Per cent wrong by examples since a change, over all, and of each stream."""
    frame = frame_of(streams)
    missed = wrong(predictions, streams)
    return {
        **error_table(frame, {"": missed}, SPANS).loc[""].dropna().to_dict(),
        "streams": missed.reshape(streams.order.shape).mean(axis=1).tolist(),
    }


def measured(
    condition: Condition,
    seeds: int,
    kept: Path,
    plans: Sequence[str],
    tools: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The errors of all predictors, and comparisons by stream with the main learner's.

    Args:
        condition: how streams are made.
        seeds: networks derived of each plan.
        kept: a folder of learners.
        plans: names of plans; those for the condition's kind of streams are taken.
        tools: what `of_rivals` found before, none of them perhaps; measured anew without.
    """
    streams = condition.streams(STREAMS)
    filters = {n: errors(f(streams), streams) for n, f in filters_for(condition).items()}
    tools = of_rivals(condition, streams) if tools is None else tools
    learners = {
        name: [
            errors(derived.predict(one, streams), streams)
            for one in derived.learners(name, seeds, kept)
        ]
        for name in plans
        if derived.PLANS[name].boolean == condition.boolean
    }
    main = next(iter(learners))
    first = {name: each[0] for name, each in learners.items()}
    by_stream = {name: found["streams"] for name, found in {**filters, **tools, **first}.items()}
    compared = paired(
        np.arange(STREAMS), {name: np.array(each) for name, each in by_stream.items()}, main
    )
    return {
        "label": condition.label,
        "streams": STREAMS,
        "examples": int(streams.targets.size),
        "main": main,
        "filters": filters,
        "rivals": tools,
        "learners": learners,
        "paired": compared.to_dict("index"),
    }
