"""A second preview is empty: for every example, and wherever, whenever and by whomever it is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.support import ROOT, Cloud, Done, Person, command, tracked_files

ON_A_CLUSTER = {Path("examples/programs/argo")}
"""Programs that need Kubernetes: tests/cluster previews them a second time."""
PROGRAMS = sorted(
    {path.parent.relative_to(ROOT) for path in ROOT.glob("examples/programs/*/Pulumi.yaml")} - ON_A_CLUSTER
)
_PARTS = ("flowinfra", "examples", "stacks", "Pulumi.yaml")


@dataclass(frozen=True)
class Clone:
    """A copy of the repository, whose own code is what runs in it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Clone:
        for path in tracked_files():
            if path.parts[0] in _PARTS:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, folder / path)
        return cls(folder)

    def pulumi(self, cloud: Cloud, *words: str, cwd: str | Path = ".", **variables: str) -> Done:
        """Run `pulumi …` as it stands in the README."""
        env = {**cloud.environment, "PYTHONPATH": str(self.folder), **variables}
        return command(["pulumi", *words, "--non-interactive", "--color=never"], env, self.folder / cwd)


@pytest.mark.parametrize("folder", [Path(), *PROGRAMS], ids=lambda path: path.name or "root")
def test_another_preview_is_empty(cloud: Cloud, tmp_path: Path, folder: Path) -> None:
    """Of an example that is deployed from a clone without git."""
    clone = Clone.make(tmp_path / "clone")
    stacks = yaml.safe_load((clone.folder / folder / "Pulumi.yaml").read_text()).get("stackConfigDir", ".")
    file = clone.folder / folder / stacks / "Pulumi.local.yaml"
    before = file.read_bytes() if file.exists() else None
    clone.pulumi(cloud, "stack", "init", "local", cwd=folder).succeeded()
    try:
        clone.pulumi(cloud, "up", "--yes", "--skip-preview", "-s", "local", cwd=folder).succeeded()
        assert before is None or file.read_bytes() == before, "deploying changed a tracked file"
        again(cloud, Clone.make(tmp_path / "again"), folder)
        elsewhere(cloud, Clone.make(tmp_path / "an other" / "clone"), folder, tmp_path)
    finally:
        clone.pulumi(cloud, "destroy", "--yes", "--skip-preview", "-s", "local", cwd=folder).succeeded()


def again(cloud: Cloud, clone: Clone, folder: Path) -> None:
    """In another clone, and after a look at what is really there."""
    words = ("preview", "-s", "local", "--refresh", "--expect-no-changes", "--diff")
    clone.pulumi(cloud, *words, cwd=folder).succeeded()


def elsewhere(cloud: Cloud, clone: Clone, folder: Path, scratch: Path) -> None:
    """At another path, commit and time, of another user, home, locale, umask, compile cache and shell."""
    git(clone.folder, "init", "--quiet")
    git(clone.folder, "add", "--all")
    git(clone.folder, "commit", "--quiet", "--message=Another commit")
    for path in clone.folder.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    variables = {
        **Person("somebody", scratch / "home").variables(cloud),
        "FLOWINFRA_CACHE": str(scratch / "cache"),
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "POSIX",
        "LOGNAME": "somebody",
        "PYTHONHASHSEED": "7",
        "METAFLOW_DEFAULT_PACKAGE_SUFFIXES": ".md",
        "METAFLOW_DEBUG_SUBCOMMAND": "1",
        "METAFLOW_RUNTIME_NAME": "elsewhere",
        "PYTHONPATH": str(clone.folder),
    }
    before = os.umask(0o077)
    try:
        words = ("preview", "-s", "local", "--expect-no-changes", "--diff")
        clone.pulumi(cloud, *words, cwd=folder, **variables).succeeded()
    finally:
        os.umask(before)


def git(folder: Path, *words: str) -> None:
    settings = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True)
