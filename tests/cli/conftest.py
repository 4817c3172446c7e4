"""The command line, in this process."""

import sys

import pytest

from fixedweight.__main__ import main
from fixedweight.cli import console


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run `fixedweight` with arguments, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.console, "width", 160)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["fixedweight", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(command):
    """Run `fixedweight` where it must refuse: one line of error, exit code 1; the message."""

    def run(*arguments):
        code, _, err = command(*arguments)
        assert code == 1, err
        assert err.startswith("error: Expected"), err
        assert "Traceback" not in err
        return err

    return run
