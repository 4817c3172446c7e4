"""Learners without Python: the learning itself, not a frozen predictor, in other languages.

Every export is written from the network's one step, traced (`traced`). Writing them needs the extra
`train`; what is written needs nothing.
"""

from fixedweight.exports.c import to_c
from fixedweight.exports.javascript import to_javascript
from fixedweight.exports.state import pack_state, unpack_state

__all__ = ["pack_state", "to_c", "to_javascript", "unpack_state"]
