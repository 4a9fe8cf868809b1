"""`--help` of every command."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from flowinfra.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_keep_their_lines(name: str) -> None:
    """In a raw docstring click does not see its mark for text that is not wrapped, and shows it."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "\\b" not in result.output


def test_all_commands_are_listed() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert [name for name in COMMANDS if f"  {name} " not in output] == []
