from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from flowinfra.errors import PreviewError, ToolError
from flowinfra.report.change import FileChange
from flowinfra.report.sources import LINES, Folder, Revision, Sources

OLD, NEW = "a = 1\nb = 2\n", "a = 1\nb = 3\n"


def digest(text: str | bytes) -> str:
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()[:12]


def write(root: Path, path: str, text: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A commit with the old file, the new one in the work tree."""
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, "flows/train/shared.py", OLD)
    write(tmp_path, "flows/other/shared.py", "another\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    write(tmp_path, "flows/train/shared.py", NEW)
    return tmp_path


CHANGED = FileChange("changed", "shared.py", digest(OLD), digest(NEW))
DIFF = ("@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3")


def test_old_version_from_git(repository: Path) -> None:
    sources = Sources(Revision(repository, "main"), Folder(repository))
    assert sources.diff(CHANGED) == DIFF
    assert Sources(Revision(repository / "flows" / "other", "HEAD"), Folder(repository)).diff(CHANGED) == DIFF


def test_old_version_from_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "old/x/shared.py", OLD)
    write(tmp_path, "new/shared.py", NEW)
    assert Sources(Folder(tmp_path / "old"), Folder(tmp_path / "new")).diff(CHANGED) == DIFF


def test_a_file_of_the_name_with_other_content_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, "shared.py", "something else\n")
    assert Sources(Folder(tmp_path), Folder(tmp_path)).diff(CHANGED) is None


def test_paths_in_the_package(tmp_path: Path) -> None:
    write(tmp_path, "a/lib/util.py", OLD)
    write(tmp_path, "b/lib/util.py", NEW)
    place = Folder(tmp_path)
    assert place.find("lib/util.py", digest(OLD)) == OLD.encode()
    assert place.find("ib/util.py", digest(OLD)) is None
    assert place.find("lib/util.py", "") is None


def test_added_and_removed(tmp_path: Path) -> None:
    write(tmp_path, "shared.py", OLD)
    sources = Sources(Folder(tmp_path), Folder(tmp_path))
    assert sources.diff(FileChange("added", "shared.py", None, digest(OLD))) == ("@@ -0,0 +1,2 @@", "+a = 1", "+b = 2")
    assert sources.diff(FileChange("removed", "shared.py", digest(OLD), None)) == (
        "@@ -1,2 +0,0 @@",
        "-a = 1",
        "-b = 2",
    )


def test_without_places() -> None:
    assert Sources().diff(CHANGED) is None


@pytest.mark.parametrize("content", [b"\0binary", b"\xff\xfe\xfa"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "x.bin", content)
    assert Sources(Folder(tmp_path), Folder(tmp_path)).diff(FileChange("added", "x.bin", None, digest(content))) is None


def test_long_diffs_are_cut(tmp_path: Path) -> None:
    text = "line\n" * (LINES + 100)
    write(tmp_path, "x.py", text)
    lines = Sources(None, Folder(tmp_path)).diff(FileChange("added", "x.py", None, digest(text)))
    assert lines is not None
    assert lines[-1] == "… 101 more lines"


@pytest.mark.parametrize("revision", ["no-such-branch", "--help", "-x"])
def test_revision_that_is_not_there(repository: Path, revision: str) -> None:
    with pytest.raises(PreviewError, match=r"revision|shallow"):
        Revision(repository, revision)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match="git cannot read it"):
        Revision(tmp_path, "main")


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="git is not installed"):
        Revision(tmp_path, "main")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match="is not a folder"):
        Folder(tmp_path / "no")


def test_symlinks_out_of_the_repository_are_not_followed(repository: Path, tmp_path: Path) -> None:
    (repository / "link.py").symlink_to("/etc/passwd")
    git(repository, "add", "link.py")
    git(repository, "commit", "-q", "-m", "two")
    assert Revision(repository, "HEAD").find("link.py", digest("/etc/passwd")) is None
