"""docs/architecture.md knows every folder of the package, and the paths that documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowinfra.components.names import FLOW_LABEL, PROJECT_LABEL, STACK_LABEL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PATH = re.compile(r"(?<![\w/~.@}-])/?(flowinfra/[\w./<>*-]*)")
"""A path of the package; not the end of a longer one, such as that of the cache, nor a team of GitHub's."""
_LABELS = {PROJECT_LABEL, STACK_LABEL, FLOW_LABEL, "flowinfra/dag"}
"""Labels of Kubernetes, which look like paths."""


def missing(text: str) -> list[str]:
    """Paths of the package that a text names and that are not there; a part in angle brackets stands for any name."""
    named = {path.rstrip(".-") for path in _PATH.findall(text)} - _LABELS
    return sorted(path for path in named if not any(ROOT.glob(re.sub("<[^>]*>", "*", path).rstrip("/"))))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_that_a_document_names_exist(document: Path) -> None:
    assert missing(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", ["CODEOWNERS", "workflows/official-provider.yml"])
def test_paths_that_github_is_told_exist(path: str) -> None:
    assert missing((ROOT / ".github" / path).read_text(encoding="utf-8")) == []


def test_a_path_that_is_not_there_is_seen() -> None:
    text = (
        "`flowinfra/components/argo/`, `flowinfra/errors.py`, flowinfra/targets/<target>/plan.py,"
        " flowinfra/<any>/gone.py, ~/.cache/flowinfra/compile, ${HOME}/flowinfra/x, /flowinfra/gone.py @flowinfra/team"
    )
    assert missing(text) == ["flowinfra/<any>/gone.py", "flowinfra/components/argo/", "flowinfra/gone.py"]


def test_every_folder_is_on_the_page() -> None:
    folders = {f"flowinfra/{path.parent.name}/" for path in (ROOT / "flowinfra").glob("*/__init__.py")}
    page = PAGE.read_text(encoding="utf-8")
    assert len(folders) > 10
    assert {folder for folder in folders if f"| `{folder}` |" not in page} == set()
    targets = {f"flowinfra/targets/{path.parent.name}/" for path in (ROOT / "flowinfra").glob("targets/*/__init__.py")}
    assert {target for target in targets if f"`{target}`" not in page} == set()


def test_every_folder_of_the_picture_exists() -> None:
    names = re.findall(r'class="name"[^>]*>([^<]+)<', PICTURE.read_text(encoding="utf-8"))
    assert "report/" in names
    folders = [name.replace("TARGET", "argo") for name in names if name.endswith("/")]
    assert [name for name in folders if not (ROOT / "flowinfra" / name).is_dir()] == []
