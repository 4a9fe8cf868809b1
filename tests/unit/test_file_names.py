"""Names of a flow's file: its tasks start it by a command of the shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError
from flowinfra.targets import TARGETS
from tests.unit.sources import source


def written(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source())
    return folder / name


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "name",
    ["my flow.py", "a&b.py", "it's.py", "$HOME.py", "a(1).py", "-flow.py", "a;b.py", "{a,b}.py", "~a.py", "#.py"],
)
def test_a_name_that_the_shell_takes_apart_is_refused(name: str, target: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=rf"{re.escape(name)}: its tasks start `python {re.escape(name)}`, of which"):
        compile_flow(CompileRequest(written(tmp_path, name), target))


@pytest.mark.parametrize("name", ["my-flow.v2.py", "_1.py", "FLOW.py", "größe.py", "a+b,c=d@e.py"])
def test_a_name_that_stays_one_word_is_taken(name: str, tmp_path: Path) -> None:
    assert subprocess.run(["bash", "-c", f"echo -n {name}"], capture_output=True, text=True, check=True).stdout == name
    flow = compile_flow(CompileRequest(written(tmp_path / "a folder (1)", name)))
    assert f"python {name} " in flow.model_dump_json()
