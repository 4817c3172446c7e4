"""How training proceeds: stages, and one learning-rate curve over all."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from fixedweight.errors import InputError

UNCLIPPED = 1e30
"""A norm that no gradient reaches."""


@dataclass(frozen=True)
class Stage:
    """A number of updates on streams of one length.

    Raises:
        InputError: a number that is not positive.
    """

    length: int
    """Examples that one gradient goes through."""
    batch: int
    """Streams side by side."""
    updates: int
    windows: int = 1
    """Lengths that follow each other in one stream: the state is carried, the gradient is not."""
    hazard: float | None = None
    """Chance of an unmarked switch a step, for families that switch: 0 for none, None for the
    family's own."""
    rivals: int = 1
    """Networks that go through the stage for each seed. Where the next stage has fewer, those with
    the lowest validation error go on."""

    def __post_init__(self) -> None:
        for name in ("length", "batch", "updates", "windows", "rivals"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"Expected a stage with {name} of at least 1, got {getattr(self, name)}."
                )
        if self.hazard is not None and not 0 <= self.hazard < 1:
            raise InputError(f"Expected a hazard from 0 to below 1, got {self.hazard}.")


@dataclass(frozen=True)
class Schedule:
    """The stages in order, and the optimiser's course through them.

    The gradient's norm is clipped; the rate rises linearly over the first `warmup` updates and
    falls along a cosine to `final` of its peak over the rest.

    Raises:
        InputError: no stage, an unknown optimiser, or a learning rate out of range.
    """

    stages: tuple[Stage, ...]
    learning_rate: float | tuple[float, ...] = 0.03
    """The peak. Of several, each network has one, in turn: the first network the first, and so on;
    the lowest validation error then also chooses the rate."""
    optimizer: Literal["soap", "adam", "sgd"] = "soap"
    """SOAP leaves the plateaus of long streams within hundreds of updates, where Adam takes
    thousands, and ends lower. The moments of both reach over about 100 updates, since gradients
    change in size from stage to stage."""
    warmup: int = 100
    final: float = 0.02
    clip: float = 1.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if not self.stages:
            raise InputError("Expected a schedule of at least one stage, got none.")
        if self.optimizer not in ("soap", "adam", "sgd"):
            raise InputError(
                f"Expected an optimizer among 'soap', 'adam' and 'sgd', got {self.optimizer!r}."
            )
        if not self.rates or not all(0 < rate < 10 for rate in self.rates):
            raise InputError(
                f"Expected a learning rate between 0 and 10, got {self.learning_rate}."
            )
        rivals = [stage.rivals for stage in self.stages]
        if rivals != sorted(rivals, reverse=True) or rivals[-1] != 1:
            raise InputError(
                f"Expected stages with ever fewer rivals and one at last, got {rivals}."
            )

    @property
    def rates(self) -> tuple[float, ...]:
        """The peak learning rates, one or several."""
        rate = self.learning_rate
        return tuple(rate) if isinstance(rate, (tuple, list)) else (rate,)

    @property
    def updates(self) -> int:
        return sum(stage.updates for stage in self.stages)

    @property
    def plain_descent(self) -> bool:
        """Whether an update is the gradient times a constant, and nothing else."""
        constant = self.warmup == 0 and self.final == 1.0 and self.weight_decay == 0.0
        return self.optimizer == "sgd" and constant and self.clip == UNCLIPPED

    def scaled(self, factor: float) -> "Schedule":
        """The same course with `factor` times the updates."""
        if not 0 < factor < float("inf"):
            raise InputError(f"Expected an effort above 0, got {factor}.")
        stages = tuple(
            replace(stage, updates=max(1, round(stage.updates * factor))) for stage in self.stages
        )
        return replace(self, stages=stages)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def online_descent(
    examples: int, updates: int, learning_rate: float | tuple[float, ...]
) -> Schedule:
    """Plain online gradient descent as in 2001: one stream, an update after each example of it, a
    constant rate, nothing clipped. For gradients that go forward in time.

    Args:
        examples: of a stream, from its initial state.
        updates: examples in all.
        learning_rate: one or several, as in `Schedule`.
    """
    stage = Stage(1, 1, updates, windows=examples)
    return Schedule(
        (stage,), learning_rate=learning_rate, optimizer="sgd", warmup=0, final=1.0, clip=UNCLIPPED
    )
