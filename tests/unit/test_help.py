"""`--help` of every command, and how a command tells its errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import COMMANDS, main
from flowinfra.cli.failure import fail
from flowinfra.errors import ConfigError, Problems

FULL = Path("/dev/full")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_keep_their_lines(name: str) -> None:
    """In a raw docstring click does not see its mark for text that is not wrapped, and shows it."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "\\b" not in result.output


def test_all_commands_are_listed() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert [name for name in COMMANDS if f"  {name} " not in output] == []


def test_a_bundle_is_not_written_where_no_stack_would_know_it(tmp_path: Path) -> None:
    out = tmp_path / "flow.json"
    result = CliRunner().invoke(main, ["compile", "flow.py", "-o", str(out)])
    assert (result.exit_code, out.exists()) == (1, False)
    assert "a bundle's name has to end with .flow" in result.output


def test_one_mistake_is_a_sentence_and_several_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = ConfigError("a is wrong"), ConfigError("b is wrong")
    for errors, said in (([one], "error: a is wrong\n"), ([one, other], "error:\n- a is wrong\n- b is wrong\n")):
        with pytest.raises(SystemExit) as ended:
            fail(Problems(errors))
        assert ended.value.code == 1
        assert capsys.readouterr().err == said


@pytest.mark.parametrize(("arguments", "code"), [(["why", "a", "b"], 1), (["mirror", "a", "b"], 1)])
def test_what_the_system_refuses_is_a_sentence(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr) == (code, "error: No such file or directory\n")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("argument", ["schema", "--help"])
def test_a_full_disk_is_a_sentence(argument: str) -> None:
    command = [sys.executable, "-c", "from flowinfra.cli import main; main()", argument]
    with FULL.open("w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "error: No space left on device\n")
