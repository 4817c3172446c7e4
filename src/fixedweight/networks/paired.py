"""Networks that bring a target together with the inputs it belongs to, which came before it."""

from dataclasses import dataclass
from typing import Any

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Network


@dataclass(frozen=True, kw_only=True)
class Paired(Network):
    """Holds, in a part of its state, what has been shown and still waits for its target.

    An input of the network is [x, y, told]: the inputs of this example, the target of the example
    1 + delay before, and, where targets can be missing, 1 if it was told and else 0.

    Raises:
        NetworkError: a negative delay, or inputs too few to hold a target.
    """

    delay: int = 0
    """Steps by which a target comes late."""
    flagged: bool = False
    """Whether the last input is 1 where a target has come, and 0 where not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delay < 0:
            raise NetworkError(f"Expected no negative delay, got delay={self.delay}.")
        if self.example_size < 0:
            raise NetworkError(
                f"Expected input_size to hold the target told ({self.target_size}) and the flag, "
                f"if any, got {self.input_size}."
            )

    @property
    def example_size(self) -> int:
        """Numbers in the inputs of an example, without the supplementary ones."""
        return self.input_size - self.target_size - int(self.flagged)

    def waiting(self, batch: tuple[int, ...], numbers: int, xp: Any) -> Any:
        """An empty queue of examples of so many numbers, the oldest first."""
        return xp.zeros((*batch, (self.delay + 1) * numbers))


def queued(queue: Any, new: Any, xp: Any) -> Any:
    """The queue after the oldest has left and the new one has come."""
    return xp.concatenate([queue[..., new.shape[-1] :], new], axis=-1)
