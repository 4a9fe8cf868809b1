"""Links of the documents: each file is there, and each heading of it."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    chain(
        ROOT.glob("*.md"), *(ROOT.joinpath(folder).rglob("*.md") for folder in ("docs", "examples", "bench", "tools"))
    )
)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def headings(text: str) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of a heading: words in small letters, joined by hyphens."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", _FENCED.sub("", text))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", plain, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(next(each for each in (name, *(f"{name}-{n}" for n in range(1, 99))) if each not in found))
    return found


def broken(document: Path) -> list[str]:
    """Links of a document that lead nowhere; those to the network are not looked at."""
    targets = (left or right for left, right in _LINK.findall(_FENCED.sub("", document.read_text(encoding="utf-8"))))
    wrong = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        other = document.parent / path if path else document
        if not other.exists() or (heading and heading not in headings(other.read_text(encoding="utf-8"))):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken(document) == []


def test_every_guide_is_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in ROOT.glob("docs/*.md") if f"](docs/{path.name})" not in readme] == []


def test_what_is_broken_is_seen(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# Some `heading`, here\n\n[a](page.md) [b](#some-heading-here) [c](#nowhere) [d](gone.md#x)\n")
    assert broken(document) == ["#nowhere", "gone.md#x"]
