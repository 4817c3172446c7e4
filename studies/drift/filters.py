"""Bayes filters that know the concepts: what can be reached, with and without their recurrence."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fixedweight.families import Stream
from fixedweight.oracles.finite import FiniteTasks
from studies.drift.family import all_concepts
from studies.drift.streams import Condition, Predict, Streams, cells

FRESH = 20.0
"""Examples' worth of weight that `recurring` gives to concepts not seen yet."""
DOUBT = 1e-3
"""What `recurring` allows for at least, so that nothing is ever ruled out."""


def switching(
    tables: Float[np.ndarray, "concept cell"],
    prior: Float[np.ndarray, " concept"],
    hazard: float,
    flip: float,
    streams: Streams,
) -> Float[np.ndarray, "stream time"]:
    """The exact filter over these concepts, redrawn from the prior by chance `hazard`."""
    cell = cells(streams)
    batch, time = cell.shape
    oracle = FiniteTasks(
        targets=lambda x: np.moveaxis(tables[:, x[..., 0].astype(int)], 0, -1),
        prior=prior,
        hazard=hazard,
        flip=flip,
    )
    every = np.ones((batch, time), dtype=bool)
    # the oracle only looks targets up, for which the number of the cell is enough
    parts = (cell[..., None], streams.targets[..., None], every, every, streams.order - 1)
    stream = Stream(None, *(jnp.asarray(part) for part in parts))
    return oracle.predict(stream)[..., 0]


def recurring(
    tables: Float[np.ndarray, "concept cell"],
    prior: Float[np.ndarray, " concept"],
    hazard: float,
    flip: float,
    streams: Streams,
) -> Float[np.ndarray, "stream time"]:
    """A filter that takes a switch to lead to one of the concepts so far, by how long each lasted,
    or with the weight of `FRESH` examples to any: mixing past posteriors (Bousquet and Warmuth,
    JMLR 3:363, 2002). Not the Bayes filter of pools, which is out of reach, but near it."""
    cell = cells(streams)
    flip = max(flip, DOUBT)
    chance = flip + (1.0 - 2.0 * flip) * tables
    weight = np.tile(prior, (len(cell), 1))
    past = np.zeros_like(weight)
    predictions = np.empty(cell.shape)
    for t in range(cell.shape[1]):
        one = chance[:, cell[:, t]].T
        predictions[:, t] = (weight * one).sum(axis=1)
        weight = weight * np.where(streams.targets[:, t, None] == 1.0, one, 1.0 - one)
        weight /= weight.sum(axis=1, keepdims=True)
        past += weight
        mixed = (past + FRESH * prior) / (t + 1 + FRESH)
        weight = (1.0 - hazard) * weight + hazard * mixed
    return predictions


def filters_for(condition: Condition) -> dict[str, Predict]:
    """Each told how often concepts change and labels are flipped."""
    hazard, flip = 1 / condition.every, condition.flip
    count = len(condition.concepts)
    own = (condition.concepts.astype(float), np.full(count, 1 / count), hazard, flip)
    found = {"exact filter, knows the concepts": partial(switching, *own)}
    if not condition.boolean:
        # a concept outside the family is not ruled out as long as labels may be wrong
        wide = (*all_concepts(), hazard, max(flip, DOUBT))
        found["filter of the wide family"] = partial(switching, *wide)
        found["filter of the wide family, recurring"] = partial(recurring, *wide)
    return found
