"""From a table of related series to a learner: filters fitted to the tasks, and their relatives."""

from fixedweight.relatives.derive import derive_related
from fixedweight.relatives.derive_matched import derive_matched
from fixedweight.relatives.family import Relatives
from fixedweight.relatives.matched import Matched
from fixedweight.relatives.told import explained

__all__ = ["Matched", "Relatives", "derive_matched", "derive_related", "explained"]
