"""What the memory of a derived learner holds: probes for any network, with controls."""

from fixedweight.probing.countdown import Falling, countdown
from fixedweight.probing.decode import Decoding, decode
from fixedweight.probing.record import Recording, Rows, record, shuffled, untrained
from fixedweight.probing.regress import Dimension, Regression, dimension, regress

__all__ = [
    "Decoding",
    "Dimension",
    "Falling",
    "Recording",
    "Regression",
    "Rows",
    "countdown",
    "decode",
    "dimension",
    "record",
    "regress",
    "shuffled",
    "untrained",
]
