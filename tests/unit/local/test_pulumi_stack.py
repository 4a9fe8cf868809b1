"""Which stack a command under `flowinfra local exec` needs, and when it is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowinfra.errors import ToolError
from flowinfra.local import pulumi_stack
from flowinfra.local.state import State


@pytest.mark.parametrize(
    ("words", "stack"),
    [
        (["pulumi", "up", "-s", "local"], "local"),
        (["/opt/bin/pulumi", "preview", "--stack", "pr-7", "--diff"], "pr-7"),
        (["pulumi", "--stack=local", "up"], "local"),
        (["pulumi", "up"], None),
        (["pulumi", "up", "-s"], None),
        (["pulumi", "stack", "rm", "-s", "local"], None),
        (["python", "flow.py", "-s", "local"], None),
        ([], None),
    ],
)
def test_the_stack_that_a_command_names(words: list[str], stack: str | None) -> None:
    assert pulumi_stack.named_stack(words) == stack


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pulumi", "stack", "init", "dev"], True),
        (["pulumi", "stack", "init", "--no-select", "dev"], True),
        (["pulumi", "up", "-s", "dev"], True),
        (["pulumi", "up", "-s", "prod"], False),
        (["pulumi", "up", "-s", "local"], False),
        (["pulumi", "stack", "init", "new"], False),
        (["pulumi", "stack", "ls"], False),
        (["python", "flow.py"], False),
    ],
)
def test_a_stack_that_would_get_the_throw_away_key(words: list[str], told: bool, tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "stacks" / "Pulumi.local.yaml").write_text("config: {}\n")
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text("secretsprovider: awskms://x\nconfig: {}\n")
    file = pulumi_stack.keyless(words, tmp_path)
    assert (file is not None and file.label) == (told and "stacks/Pulumi.dev.yaml")


def project(tmp_path: Path) -> tuple[Path, State, list[str]]:
    """A project with configuration of stack `dev`, and a pulumi that writes down what it is told."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text("config: {}\n")
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.parent.mkdir()
    pulumi.write_text('#!/bin/sh\necho "$@" >> "$0.log"\ntest -z "$FAIL" || { echo "no passphrase" >&2; exit 1; }\n')
    pulumi.chmod(0o755)
    return tmp_path, State(tmp_path / "state"), [str(pulumi), "up", "-s", "dev"]


def test_a_configured_stack_without_state_is_made(tmp_path: Path) -> None:
    root, state, words = project(tmp_path)
    assert pulumi_stack.ensure(words, root, state, os.environ) == "dev"
    assert (root / "bin" / "pulumi.log").read_text() == "stack init dev --no-select --non-interactive\n"


def test_a_stack_that_exists_or_has_no_configuration_is_left_alone(tmp_path: Path) -> None:
    root, state, words = project(tmp_path)
    assert pulumi_stack.ensure([*words[:-1], "prodd"], root, state, os.environ) is None
    stacks = state.pulumi_backend / ".pulumi" / "stacks" / "shop"
    stacks.mkdir(parents=True)
    (stacks / "dev.json").write_text("{}")
    assert pulumi_stack.ensure(words, root, state, os.environ) is None
    assert not (root / "bin" / "pulumi.log").exists()


def test_what_pulumi_says_is_told_when_it_fails(tmp_path: Path) -> None:
    root, state, words = project(tmp_path)
    with pytest.raises(ToolError, match="stack init dev failed: no passphrase"):
        pulumi_stack.ensure(words, root, state, {**os.environ, "FAIL": "1"})
