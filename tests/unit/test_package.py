"""What is published: the sdist, and the wheel that is built from it. `tools/check-wheel` installs and uses it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made of it alone."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, "sdist", folder)
    [sdist] = folder.glob("*.tar.gz")
    unpacked = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked)
    [project] = unpacked.iterdir()
    build(project, "wheel", folder)
    return folder


def build(project: Path, kind: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=project, check=True, timeout=120)


def test_the_sdist_has_what_users_read_and_nothing_else(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        top = {name.split("/")[1] for name in archive.getnames()}
    meant = {"CHANGELOG.md", "LICENSE", "README.md", "docs", "examples", "flowinfra", "stacks"}
    # hatchling adds its own three
    assert top == meant | {"PKG-INFO", "pyproject.toml", ".gitignore"}


def test_the_wheel_has_every_file_of_the_package(built: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "flowinfra"], cwd=ROOT, check=True, capture_output=True, text=True)
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed >= {name for name in tracked.stdout.split() if (ROOT / name).exists()}
    assert {name.split("/")[0] for name in packed} == {"flowinfra"}
    # `flowinfra init` copies them
    examples = [path for path in (ROOT / "examples" / "ci").rglob("*") if path.is_file() and path.parent.name != "ci"]
    assert packed >= {
        f"flowinfra/start/ci/{path.relative_to(ROOT / 'examples' / 'ci').as_posix()}" for path in examples
    }
