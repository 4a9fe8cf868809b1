"""A repository that `flowinfra init` is run in, and what is there afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowinfra.cli import main
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.loading import stored_stack
from tests.unit.sources import write_flow

CLOUD = ("--bucket", "s3://acme-metaflow/ml", "--queue", "metaflow")
"""Options with which all stacks can be written."""


def bare_machine(monkeypatch: pytest.MonkeyPatch, metaflow_home: Path) -> None:
    """Leave a machine without settings of Metaflow or AWS, and without uv, which would ask the network."""
    for name in ("METAFLOW_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METAFLOW_HOME", str(metaflow_home))
    monkeypatch.setattr("flowinfra.start.requirements.shutil.which", lambda _name: None)


def two_flows(folder: Path) -> Path:
    """Make a repository with a flow, and a @project flow in another folder."""
    write_flow(folder / "flows" / "small")
    write_flow(folder / "flows" / "team", name="TeamFlow", decorators='@project(name="team")')
    return folder


def init(folder: Path, *words: str, answers: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["init", str(folder), *words], input=answers)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def profile(name: str, **values: str) -> None:
    file = Path(os.environ["METAFLOW_HOME"], f"config{name and f'_{name}'}.json")
    file.write_text(json.dumps({f"METAFLOW_{key}": value for key, value in values.items()}))


def content(folder: Path) -> dict[str, bytes]:
    """Each file of a repository, without its flows."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(("flows/", ".git/"))}


def stack(folder: Path, name: str) -> StackConfig:
    return stored_stack(folder, name)


def where(config: StackConfig) -> dict[str, Any]:
    return config.platform.model_dump(exclude_unset=True)
