"""Every error this package raises on purpose.

FixedWeightError
├── InputError (ValueError)          what a user gave cannot be used as it is
│   ├── FamilyError                  a task family, simulator or table
│   └── NetworkError                 a network, its parameters or its outputs
├── LearnerFileError (ValueError)    a learner, state or checkpoint file is not what it should be
└── MissingExtraError (ImportError)  an optional dependency is not installed

Each message says what was expected, what came instead, and what to do.
"""

from importlib import import_module
from types import ModuleType


class FixedWeightError(Exception):
    """The base of every error raised on purpose."""


class InputError(FixedWeightError, ValueError):
    """What a user gave cannot be used as it is."""


class FamilyError(InputError):
    """A task family, simulator or table cannot be learned from as it is."""


class NetworkError(InputError):
    """A network does not keep to the protocol of `fixedweight.networks.Network`."""


class LearnerFileError(FixedWeightError, ValueError):
    """A file is not what it should be: cut short, too large, of another version or hostile."""


class MissingExtraError(FixedWeightError, ImportError):
    """An optional dependency is needed and not installed."""


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This needs the package {module.split('.')[0]!r}, which is not installed. "
            f"Install it with: pip install 'fixedweight[{extra}]'"
        ) from error
