"""Learners without Python: the learning itself, not a frozen predictor, in other languages.

Every export is written from the network's one step, traced (`traced`). Writing them needs the extra
`train`, ONNX the extra `onnx`; what is written needs nothing.
"""

from fixedweight.exports.c import to_c
from fixedweight.exports.fixed import to_fixed
from fixedweight.exports.javascript import to_javascript
from fixedweight.exports.onnx import to_onnx
from fixedweight.exports.state import from_onnx_state, onnx_state, pack_state, unpack_state

__all__ = [
    "from_onnx_state",
    "onnx_state",
    "pack_state",
    "to_c",
    "to_fixed",
    "to_javascript",
    "to_onnx",
    "unpack_state",
]
