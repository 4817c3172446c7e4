"""A learner from what an estimator's argument says: itself, a file, or a name."""

from pathlib import Path
from typing import Any

from fixedweight.errors import InputError
from fixedweight.learner import Learner

SHIPPED = Path(__file__).parents[1] / "learners"


def ready(learner: Any) -> Learner:
    """The learner that is meant.

    Args:
        learner: itself, the path of its file, or the name of one that ships.

    Raises:
        InputError: anything else, or no such name.
        LearnerFileError: the file is not a learner.
    """
    if isinstance(learner, Learner):
        return learner
    if isinstance(learner, (str, Path)):
        path = Path(learner)
        if path.suffix:
            return Learner.load(path)
        names = sorted(file.stem for file in SHIPPED.glob("*.safetensors"))
        if str(learner) in names:
            return Learner.load(SHIPPED / f"{learner}.safetensors")
        raise InputError(f"Expected a learner, its file or one of {names}, got {str(learner)!r}.")
    raise InputError(f"Expected a learner, its file or its name, got {learner!r}.")
