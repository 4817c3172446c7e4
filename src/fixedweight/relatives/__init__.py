"""From a table of related series to a learner: filters fitted to the tasks, and their relatives."""

from fixedweight.relatives.derive import derive_related
from fixedweight.relatives.family import Relatives
from fixedweight.relatives.told import explained

__all__ = ["Relatives", "derive_related", "explained"]
