"""A second preview is empty: for every example, and wherever, whenever and by whomever it is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.support import ROOT, Cloud, Done, Person, command, tracked_files

PROGRAMS = sorted(path.parent.relative_to(ROOT) for path in ROOT.glob("examples/programs/*/Pulumi.yaml"))
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


@pytest.fixture(scope="module", params=[Path(), *PROGRAMS], ids=lambda path: path.name or "root")
def deployed(request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An example, deployed from a clone with no git; its folder in any clone."""
    clone = Clone.make(tmp_path_factory.mktemp("clone"))
    folder: Path = request.param
    stacks = yaml.safe_load((clone.folder / folder / "Pulumi.yaml").read_text()).get("stackConfigDir", ".")
    file = clone.folder / folder / stacks / "Pulumi.local.yaml"
    before = file.read_bytes() if file.exists() else None
    clone.pulumi(cloud, "stack", "init", "local", cwd=folder).succeeded()
    clone.pulumi(cloud, "up", "--yes", "--skip-preview", "-s", "local", cwd=folder).succeeded()
    assert before == (file.read_bytes() if before else None), "deploying changed a tracked file"
    yield folder
    clone.pulumi(cloud, "destroy", "--yes", "--skip-preview", "-s", "local", cwd=folder).succeeded()


def test_again(cloud: Cloud, deployed: Path, tmp_path: Path) -> None:
    """In another clone, and after a look at what is really there."""
    clone = Clone.make(tmp_path)
    words = ("preview", "-s", "local", "--refresh", "--expect-no-changes", "--diff")
    clone.pulumi(cloud, *words, cwd=deployed).succeeded()


def test_elsewhere(cloud: Cloud, deployed: Path, tmp_path: Path) -> None:
    """Another path, commit, user, home, day, time zone, locale, umask, compile cache and shell."""
    clone = Clone.make(tmp_path / "an other" / "clone")
    git(clone.folder, "init", "--quiet")
    git(clone.folder, "add", "--all")
    git(clone.folder, "commit", "--quiet", "--message=Another commit")
    for path in clone.folder.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    variables = {
        **Person("somebody", tmp_path / "home").variables(cloud),
        "FLOWINFRA_CACHE": str(tmp_path / "cache"),
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
        clone.pulumi(cloud, *words, cwd=deployed, **variables).succeeded()
    finally:
        os.umask(before)


def git(folder: Path, *words: str) -> None:
    settings = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True)
