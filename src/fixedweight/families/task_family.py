"""What everything downstream needs of a task family: its sizes, and batches of streams."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import PRNGKeyArray

from fixedweight.columns import Column
from fixedweight.families.stream import Stream
from fixedweight.scaling import Scaling, identity_scaling


@dataclass(frozen=True, eq=False)
class TaskFamily(ABC):
    """A distribution over tasks and over the examples of each.

    To make one of your own, subclass `fixedweight.families.Family`, which needs less.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What the family is called in reports and files."""

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Numbers in one input."""

    @property
    def target_size(self) -> int:
        """Numbers in one target."""
        return 1

    @property
    @abstractmethod
    def examples(self) -> int:
        """The usual number of examples of one task."""

    @property
    def stream_length(self) -> int:
        """Examples in one stream when a learner is judged; one task, unless tasks switch in it."""
        return self.examples

    @property
    def unit_targets(self) -> bool:
        """Whether every target lies in [0, 1], so that a logistic output unit fits."""
        return False

    @property
    def delay(self) -> int:
        """Steps by which a target arrives later than the next example's inputs."""
        return 0

    @property
    def flagged(self) -> bool:
        """Whether the network is told by one more input if a target has arrived."""
        return self.delay > 0

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"x{i + 1}" for i in range(self.input_size))

    @property
    def encoding(self) -> tuple[Column, ...]:
        """The columns that the inputs come from, where some are no plain numbers."""
        return ()

    @property
    def target_names(self) -> tuple[str, ...]:
        return (
            ("y",) if self.target_size == 1 else tuple(f"y{i + 1}" for i in range(self.target_size))
        )

    @property
    def network_input_size(self) -> int:
        """Inputs of the network: the example's, the supplementary target, and the flag if any."""
        return self.input_size + self.target_size + int(self.flagged)

    def describe(self) -> dict[str, Any]:
        """Plain values for the learner file: the class and what it was made with."""
        return {"family": self.name}

    def scaling(self) -> Scaling:
        """The scale its numbers are learned in; as they are, unless a family says otherwise."""
        return identity_scaling(self.input_size, self.target_size)

    @abstractmethod
    def sample(self, key: PRNGKeyArray, batch: int, length: int) -> Stream:
        """Draw `batch` independent streams of `length` examples. The key is consumed."""

    def part(self, name: str) -> "TaskFamily":
        """The tasks of one part: "train", "validation" or "test".

        A family that draws its tasks at will has no parts: fresh draws are its held-out tasks.
        """
        return self

    def judge(self, key: PRNGKeyArray, batch: int) -> Stream:
        """The streams on which a learner is judged: `batch` of them, or all that there are."""
        return self.sample(key, batch, self.stream_length)

    @property
    def switches(self) -> bool:
        """Whether the task changes within a stream, unmarked."""
        return False

    @property
    def recurs(self) -> bool:
        """Whether a stream comes back to tasks that it has had before."""
        return False

    def at_pace(self, hazard: float) -> "TaskFamily":
        """The same with its unmarked switches at another rate, or none at 0: for a curriculum.

        A family without switches stays as it is.
        """
        return self
