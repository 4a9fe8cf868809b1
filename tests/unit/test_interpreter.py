"""Which interpreter compiles a flow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest
from flowinfra.compiler.process import interpreter
from flowinfra.errors import CompileError

FLOW = Path("flow.py")


def test_that_of_flowinfra_where_none_is_given() -> None:
    assert interpreter(CompileRequest(FLOW)) == sys.executable


def test_a_path_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child runs in another folder. Links stay: a virtual environment is known by its own path."""
    program = tmp_path / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    assert interpreter(CompileRequest(FLOW, python="venv/bin/python")) == str(program)


def test_one_that_is_not_there() -> None:
    with pytest.raises(CompileError, match=r"flow\.py: python: no-such-python is not a program that can be run"):
        interpreter(CompileRequest(FLOW, python="no-such-python"))
