"""Ready-made learners, which ship with the package: `fixedweight.load("quadratic-2d")`."""

from pathlib import Path
from typing import Any

from fixedweight.errors import InputError
from fixedweight.learner import Learner

SHIPPED = Path(__file__).parent


def ready_made() -> list[str]:
    """The names of the learners that ship."""
    return sorted(file.stem for file in SHIPPED.glob("*.safetensors"))


def load(learner: Any) -> Learner:
    """The learner that is meant.

    Args:
        learner: the name of one that ships, the path of a learner file, or a learner itself.

    Raises:
        InputError: anything else, or no such name or file.
        LearnerFileError: the file is not a learner.
    """
    if isinstance(learner, Learner):
        return learner
    if not isinstance(learner, (str, Path)):
        raise InputError(f"Expected a learner, its file or its name, got {learner!r}.")
    if str(learner) in ready_made():
        return Learner.load(SHIPPED / f"{learner}.safetensors")
    if not Path(learner).suffix and not Path(learner).exists():
        raise InputError(
            f"Expected a learner's file or one of {ready_made()}, got {str(learner)!r}."
        )
    return Learner.load(learner)
