"""Globs mean what Python's own `glob` takes them for; a folder that is matched stands for all that is in it."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from flowinfra.compiler.globs import Pattern, first_folder

FILES = [
    "a.py", "a.yaml", ".env", "b[1].py", "lib/x.py", "lib/x.yaml", "lib/.hidden/x.py", "lib/deep/er/x.py",
    "lib/deep/y.yaml", ".git/x.py", "lib/Über.py",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "*.py", "**/*.py", "lib/*", "lib/**", "lib/**/*.py", "**", "l?b/[xy].*", "*/*/*", "lib/**/er/*.py"),
        *(".*", "**/.hidden/*", "lib/[!x]*.py", "a.[!p]*", "**/deep/**/*.py", "none/*", "[", "lib/[a"),
    ],
)
def test_as_python_does(folder: Path, pattern: str) -> None:
    found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    below = {
        name
        for name in FILES
        for match in found
        if name == match
        or (name.startswith(match.rstrip("/") + "/") and "/." not in name.removeprefix(match.rstrip("/")))
        or match == ""
    }
    if pattern == "**":
        below = {name for name in FILES if not any(part.startswith(".") for part in name.split("/"))}
    assert {name for name in FILES if Pattern(pattern, folder).matches(name)} == below


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("lib", ["lib/x.py", "lib/x.yaml", "lib/deep/er/x.py", "lib/deep/y.yaml", "lib/Über.py"]),
        ("./lib/deep/", ["lib/deep/er/x.py", "lib/deep/y.yaml"]),
        ("lib/.hidden", ["lib/.hidden/x.py"]),
        (".env", [".env"]),
        ("b[1].py", ["b[1].py"]),
        ("lib/x", []),
    ],
)
def test_a_path_is_itself_or_all_of_a_folder(folder: Path, pattern: str, matched: list[str]) -> None:
    assert [name for name in FILES if Pattern(pattern, folder).matches(name)] == matched


@pytest.mark.parametrize(
    ("pattern", "top"),
    [("lib/*.py", "lib"), ("*.py", "."), ("lib/a/**/x", "lib/a"), ("lib", "lib"), ("../x/*", "../x"), ("./a/*", "a")],
)
def test_where_a_glob_looks(pattern: str, top: str) -> None:
    assert first_folder(pattern) == top
