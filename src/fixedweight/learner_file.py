"""The learner file: weights as safetensors, everything else as JSON in the header."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from fixedweight import files
from fixedweight.columns import Column, Kind, names_of
from fixedweight.construction import CompiledNetwork
from fixedweight.errors import FixedWeightError, LearnerFileError
from fixedweight.networks import NETWORKS, Network, Presented, from_config
from fixedweight.scaling import Scaling

if TYPE_CHECKING:
    from fixedweight.learner import Learner

KIND = "fixedweight learner"
VERSION = 1
MOST_UNITS = 2**20
MOST_WEIGHT = 1e9
MOST_SCALE = 1e25
"""Beyond these no learner has been derived, and single precision would overflow."""
UNFIT = (
    FixedWeightError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What a header that makes no sense may raise on its way to a learner."""


def save_learner(learner: "Learner", path: str | Path) -> None:
    header = {
        "version": VERSION,
        "network": learner.network.config(),
        "scaling": asdict(learner.scaling),
        "delay": learner.delay,
        "flagged": learner.flagged,
        "input_names": list(learner.input_names),
        "target_names": list(learner.target_names),
        "columns": [asdict(column) for column in learner.columns],
        "card": learner.card,
    }
    files.write(path, KIND, learner.params, header)


def load_learner(path: str | Path, networks: Sequence[type[Network]] = ()) -> "Learner":
    from fixedweight.learner import Learner

    arrays, header = files.read(path, KIND)
    if header.get("version") != VERSION:
        raise LearnerFileError(
            f"Expected a learner file of version {VERSION}, got {header.get('version')!r} at "
            f"{str(path)!r}. Derive it again or use the version of fixedweight that wrote it."
        )
    known = NETWORKS | {network.__name__: network for network in (CompiledNetwork, *networks)}
    try:
        scaling = Scaling(
            **{name: tuple(map(float, values)) for name, values in header["scaling"].items()}
        )
        network = from_config(dict(header["network"]), known)
        _check_arrays(network, arrays)
        learner = Learner(
            network=network,
            params=arrays,
            scaling=scaling,
            delay=int(header["delay"]),
            flagged=bool(header["flagged"]),
            input_names=tuple(map(str, header["input_names"])),
            target_names=tuple(map(str, header["target_names"])),
            columns=tuple(map(_column, header.get("columns", ()))),
            card=dict(header["card"]),
        )
        _check_sizes(learner)
    except LearnerFileError:
        raise
    except UNFIT as error:
        raise LearnerFileError(
            f"Expected a learner file whose parts fit together at {str(path)!r}, but "
            f"{type(error).__name__}: {error}"
        ) from error
    return learner


class _Shapes(np.random.Generator):
    """Draws arrays of the shape asked for that take no memory, however large a file says it is."""

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = ()) -> Any:
        shape = (size,) if isinstance(size, int) else size
        return np.lib.stride_tricks.as_strided(np.zeros(1), shape, [0] * len(shape))


def _check_arrays(network: Network, arrays: dict[str, Any]) -> None:
    """The weights must be those of the network that the header describes."""
    within = network
    _check_whole(within)
    while isinstance(within, Presented):
        within = within.network
        _check_whole(within)
    sizes = [value for value in within.config().values() if isinstance(value, int)]
    if max(sizes) > MOST_UNITS or np.prod([max(1, s) for s in sizes], dtype=float) > 1e15:
        raise ValueError(f"its network is implausibly large: {network}")
    built_in = type(within) in NETWORKS.values()
    rng = _Shapes(np.random.PCG64(0)) if built_in else np.random.default_rng(0)
    expected = {name: np.shape(value) for name, value in network.init_params(rng).items()}
    got = {name: value.shape for name, value in arrays.items()}
    if expected != got:
        raise ValueError(f"the network needs weights {expected}, got {got}")
    if any(value.dtype != np.float32 for value in arrays.values()):
        raise ValueError("weights must be float32")
    if any((np.abs(value) > MOST_WEIGHT).any() for value in arrays.values()):
        raise ValueError(f"weights must be at most {MOST_WEIGHT:g}")


def _check_whole(network: Network) -> None:
    """Sizes are whole numbers; True, which Python takes for 1, is none."""
    for field in fields(network):
        value = getattr(network, field.name)
        if field.type in (int, "int") and type(value) is not int:
            raise ValueError(f"{field.name} must be a whole number, got {value!r}")


def _column(found: dict[str, Any]) -> Column:
    """A column as it was saved."""
    column = Column(
        name=str(found["name"]),
        kind=found["kind"],
        levels=tuple(map(str, found["levels"])),
        fill=float(found["fill"]),
        gaps=bool(found["gaps"]),
    )
    if column.kind not in get_args(Kind) or not np.isfinite(column.fill):
        raise ValueError(f"a column that makes no sense, {found}")
    return column


def _check_sizes(learner: "Learner") -> None:
    """Network, scaling and names must be of the same sizes, and the scaling sane."""
    width = learner.input_size + learner.target_size + int(learner.flagged)
    lengths = (
        (learner.network.input_size, width),
        (learner.network.target_size, learner.target_size),
        (len(learner.scaling.input_scale), learner.input_size),
        (len(learner.scaling.target_scale), learner.target_size),
        (len(learner.input_names), learner.input_size),
        (len(learner.target_names), learner.target_size),
    )
    if any(a != b for a, b in lengths) or not 0 <= learner.delay <= 10**6:
        raise ValueError("the sizes of network, scaling and names differ")
    if learner.columns and names_of(learner.columns) != learner.input_names:
        raise ValueError("its columns make other inputs than its own")
    network = learner.network
    if isinstance(network, Presented) and (
        (network.delay, network.flagged) != (learner.delay, learner.flagged)
    ):
        raise ValueError("its network expects targets that come otherwise")
    scaling = learner.scaling
    offsets = (*scaling.input_offset, *scaling.target_offset)
    scales = (*scaling.input_scale, *scaling.target_scale)
    if not all(-MOST_SCALE <= value <= MOST_SCALE for value in offsets) or not all(
        1 / MOST_SCALE <= value <= MOST_SCALE for value in scales
    ):
        raise ValueError("its scaling is not finite and positive, or beyond single precision")
