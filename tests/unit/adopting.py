"""A project's folder whose stack `prod` takes over what was deployed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from flowinfra.cli import main


class Adopting:
    """A project's folder, and `flowinfra adopt` in it."""

    def __init__(self, root: Path, stack: str) -> None:
        self.root = root
        self.file = root / "stacks" / "Pulumi.prod.yaml"
        (root / "stacks").mkdir()
        (root / "Pulumi.yaml").write_text("name: acme\nruntime: python\nstackConfigDir: stacks\n")
        self.file.write_text(stack)

    def adopt(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["adopt", "prod", *words])

    def done(self, *words: str) -> str:
        result = self.adopt(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *words: str) -> str:
        """The error, on one line; fails unless nothing was written."""
        before = self.file.read_text()
        result = self.adopt(*words)
        assert result.exit_code == 1, result.output
        assert self.file.read_text() == before
        return " ".join(result.stderr.split())

    @property
    def flows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = yaml.safe_load(self.file.read_text())["config"]["flowinfra:flows"]
        return found
