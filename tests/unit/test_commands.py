"""What is the same for all commands: exit codes as the table of docs/commands.md has them, and `--json`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flowinfra.cli import COMMANDS, exit_codes, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
CODES = {name: value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
OTHERWISE = {
    "flowinfra compile": "prints JSON, or writes a bundle",
    "flowinfra schema": "prints JSON",
    "flowinfra permissions": "prints JSON",
    "flowinfra report": "-f json",
    "flowinfra local exec": "runs another command",
    "flowinfra local logs": "prints what tasks printed",
}
"""Commands without `--json`, and why."""


def commands(command: click.Command = main, path: str = "flowinfra") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, f"{path} {name}")


def test_every_command_has_json_or_a_reason() -> None:
    without = {path for path, command in commands() if not any("--json" in each.opts for each in command.params)}
    assert without == set(OTHERWISE)


def test_the_table_of_exit_codes_has_all_of_them() -> None:
    rows = re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)
    assert [int(row) for row in rows] == sorted({0, *CODES.values()})


def test_no_command_has_an_exit_code_of_its_own() -> None:
    """Numbers stand in `exit_codes` alone."""
    found = []
    for file in sorted((ROOT / "flowinfra" / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "fail", "ctx.exit"):
                numbers = [each for each in ast.walk(node) if isinstance(each, ast.Constant) and each.value]
                found += [f"{file.name}:{node.lineno}" for each in numbers if isinstance(each.value, int)]
    assert found == []


def test_what_help_says_of_exit_codes_is_in_the_table() -> None:
    for path, command in commands():
        told = re.search(r"Exit codes?:? (.*)", " ".join((command.help or "").split()))
        codes = {int(code) for code in re.findall(r"(?<!\d)(\d{1,3})(?= [a-zA-Z])", told[1])} if told else set()
        assert codes <= {0, *CODES.values()}, path


@pytest.mark.parametrize("name", [*COMMANDS])
def test_a_wrong_use_is_2(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--no-such-option"], standalone_mode=True)
    asks_more = {"run", "try"}  # other options are the flow's parameters
    assert result.exit_code == exit_codes.USAGE or name in asks_more, result.output


def test_an_error_is_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ("gc x", "verify x", "mirror a b", "run F -s x", "runs F -s x"):
        assert CliRunner().invoke(main, words.split()).exit_code == exit_codes.ERROR, words


def test_init_for_programs(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(
        "from metaflow import FlowSpec, step\n\n\nclass OneFlow(FlowSpec):\n    @step\n    def start(self):\n"
        "        self.next(self.end)\n\n    @step\n    def end(self):\n        pass\n\n\n"
        'if __name__ == "__main__":\n    OneFlow()\n'
    )
    words = ["init", str(tmp_path), "--dry-run", "--json", "--bucket", "acme", "--queue", "jobs"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["flows"] == [{"file": "flow.py", "name": "OneFlow"}]
    assert {"path": "Pulumi.yaml", "action": "write"} in told["files"]
    assert not (tmp_path / "Pulumi.yaml").exists()
