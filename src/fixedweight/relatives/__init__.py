"""From a table of related series to a learner: filters fitted to the tasks, and their relatives."""

from fixedweight.relatives.derive import derive_related, explained
from fixedweight.relatives.derive_simulated import derive_simulated
from fixedweight.relatives.family import Relatives
from fixedweight.relatives.simulated import Simulated

__all__ = ["Relatives", "Simulated", "derive_related", "derive_simulated", "explained"]
