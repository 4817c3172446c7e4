"""Families with parameters uniform in a box and exact observations: the Bayes predictor."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from fixedweight.errors import InputError
from fixedweight.families import Stream
from fixedweight.oracles.link import Link
from fixedweight.oracles.oracle import Kind, Oracle, told

DEPENDENT = 1e-9
"""Features whose part outside the span of earlier ones is smaller than this add nothing."""
CHUNK = 64
"""Streams whose chains run together; their state stays in a core's cache."""


@dataclass(frozen=True, eq=False)
class Polytope(Oracle):
    """E[y | past] for y = g(w . z(x)) with w uniform in [-1, 1]^d, observed without noise.

    An observation tells w . z = g^-1(y) exactly, so that after rows Z the posterior is uniform on
    the slice {w in the box: Z w = g^-1(y)} of dimension d - rank(Z), and

        p = E[g(w . z)] over the slice.

    Dimension d: g(0), by symmetry. Dimension 1: the slice is a segment, over which g has a mean in
    closed form. Dimension 0: w is determined, and p is the target. In between, hit-and-run chains
    (R. L. Smith 1984) walk on the slice: a uniform direction in the null space of Z, then a uniform
    point on its chord; p averages the closed-form mean of g over every chord.

    The chains start at the true parameters. These are an exact draw from the posterior, hence the
    chains are stationary at once and need not find the slice; the truth is used for nothing else.
    The first moves are dropped because they still resemble the truth, and averaging them would
    feign a risk below the Bayes risk. At the steps that need chains their Monte Carlo error raises
    the measured risk by about the fraction 1/m, for m chords as good as independent points.

    Args:
        features: z, from inputs [..., input] to [..., d].
        link: g.
        parameters: from the tasks of the stream [batch, ...] to w [batch, d]; by default as is.
        chains: chains a stream.
        moves: moves a chain that count, after `dropped` that do not; both are for each dimension of
            the slice.
        seed: of the chains' random numbers.

    Raises:
        InputError: not at least one chain and one counted move, or a negative number dropped.
    """

    features: Callable[[np.ndarray], np.ndarray]
    link: Link
    parameters: Callable[[np.ndarray], np.ndarray] = np.asarray
    chains: int = 32
    moves: int = 20
    dropped: int = 10
    seed: int = 20010701
    kind: Kind = field(default="exact", kw_only=True)
    note: str = field(
        default="The Bayes predictor, up to the Monte Carlo error of its chains.", kw_only=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chains < 1 or self.moves < 1 or self.dropped < 0:
            raise InputError(
                "Expected at least one chain and one counted move and no negative number dropped, "
                f"got chains={self.chains}, moves={self.moves}, dropped={self.dropped}."
            )

    def predict(self, stream: Stream) -> Float[np.ndarray, "batch time 1"]:
        inputs, targets, revealed = told(stream)
        batch, time = targets.shape
        tasks = np.asarray(stream.tasks)
        if (tasks != tasks[:, :1]).any():
            raise InputError("Expected streams of one task each, got tasks that change in time.")
        truth = self.parameters(tasks[:, 0].astype(np.float64))
        z = self.features(inputs)
        size = z.shape[-1]
        if truth.shape != (batch, size):
            raise InputError(
                f"Expected {size} parameters for each of {batch} streams, got {truth.shape}."
            )
        if np.abs(truth).max(initial=0.0) > 1.0 + 1e-4:
            raise InputError(
                "Expected parameters in [-1, 1], got one of size "
                f"{np.abs(truth).max():g}. Map the family's tasks there with `parameters`."
            )
        truth = np.clip(truth, -1.0, 1.0)
        rng = np.random.default_rng(self.seed)
        predictions = self.link.value(np.einsum("btd,bd->bt", z, truth))
        span = np.zeros((batch, size, size))
        rank = np.zeros(batch, dtype=np.int64)
        for t in range(time):
            s = t - 1 - self.delay
            if s >= 0:
                _extend(span, rank, z[:, s], revealed[:, s])
            if (rank == size).all():
                break
            for seen in np.unique(rank[rank < size]):
                rows = np.flatnonzero(rank == seen)
                for part in np.split(rows, np.arange(CHUNK, len(rows), CHUNK)):
                    predictions[part, t] = self._mean(
                        rng, truth[part], span[part, :seen], z[part, t]
                    )
        return predictions[..., None]

    def _mean(
        self,
        rng: np.random.Generator,
        truth: Float[np.ndarray, "batch d"],
        span: Float[np.ndarray, "batch rank d"],
        z: Float[np.ndarray, "batch d"],
    ) -> Float[np.ndarray, " batch"]:
        """E[g(w . z)] over the slices through `truth` across `span`."""
        rank, size = span.shape[1:]
        dimension = size - rank
        if rank == 0:
            return self.link.value(np.zeros(len(z)))
        free = np.linalg.svd(span)[2][:, rank:].mT
        if dimension == 1:
            return self._chord(truth[..., None], free, z)[2][:, 0]
        w = np.repeat(truth[..., None], self.chains, axis=-1)
        total = np.zeros(len(truth))
        moves, dropped = self.moves * dimension, self.dropped * dimension
        for move in range(dropped + moves):
            direction = free @ rng.standard_normal((len(truth), dimension, self.chains))
            if move < dropped:
                low, high = _ends(w, direction)
            else:
                low, high, mean = self._chord(w, direction, z)
                total += mean.sum(axis=-1)
            step = low + rng.random(low.shape) * (high - low)
            w = w + step[:, None] * direction
        return total / (moves * self.chains)

    def _chord(
        self,
        w: Float[np.ndarray, "batch d chain"],
        direction: Float[np.ndarray, "batch d chain"],
        z: Float[np.ndarray, "batch d"],
    ) -> tuple[
        Float[np.ndarray, "batch chain"],
        Float[np.ndarray, "batch chain"],
        Float[np.ndarray, "batch chain"],
    ]:
        """The ends of the chord through w along `direction`, and the mean of g over it."""
        low, high = _ends(w, direction)
        here, slope = (z[:, None] @ w)[:, 0], (z[:, None] @ direction)[:, 0]
        return low, high, self.link.mean(here + low * slope, here + high * slope)


def _ends(
    w: Float[np.ndarray, "batch d chain"], direction: Float[np.ndarray, "batch d chain"]
) -> tuple[Float[np.ndarray, "batch chain"], Float[np.ndarray, "batch chain"]]:
    """The smallest and largest t for which w + t direction is in [-1, 1]^d."""
    reach = 1.0 / np.where(direction == 0, np.finfo(np.float64).tiny, direction)
    place, reach = w * reach, np.abs(reach)
    low, high = (reach + place).min(axis=1), (reach - place).min(axis=1)
    return -np.maximum(low, 0.0), np.maximum(high, 0.0)


def _extend(
    span: Float[np.ndarray, "batch d d"],
    rank: Int[np.ndarray, " batch"],
    z: Float[np.ndarray, "batch d"],
    revealed: Bool[np.ndarray, " batch"],
) -> None:
    """Add the direction of z to each stream's orthonormal rows (Gram-Schmidt, twice), in place."""
    new = z
    for _ in range(2):
        new = new - np.einsum("brd,br->bd", span, np.einsum("brd,bd->br", span, new))
    size = np.linalg.norm(new, axis=-1)
    adds = revealed & (rank < z.shape[-1]) & (size > DEPENDENT * np.linalg.norm(z, axis=-1))
    span[adds, rank[adds]] = new[adds] / size[adds, None]
    rank += adds
