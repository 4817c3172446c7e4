"""Kernels need a C compiler; without one XLA runs the scan, and these tests are left out."""

import pytest

from fixedweight.kernels import NotCompiled, build


def pytest_collection_modifyitems(items):
    try:
        build.compiler()
    except NotCompiled as reason:
        for item in items:
            if "tests/kernels" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason=str(reason)))
