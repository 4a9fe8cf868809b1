"""What a page of the documentation shows: its commands with what they print, and the files that it lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.support import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DIGEST = re.compile(r"\b[0-9a-f]{12,}(?:…|\b)")
_SHELLS = {"console", "sh", "bash"}


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes:
        page: path of the page, from the repository's root.
        line: where it begins.
        heading: what it stands under.
        text: the command, comment included.
        promised: lines that it prints, as far as the page shows them.
    """

    page: str
    line: int
    heading: str
    text: str
    promised: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}: {self.text}"

    @property
    def words(self) -> str:
        """Without its comment."""
        return re.split(r"\s+#\s", self.text)[0].strip()

    def missing(self, output: str) -> list[str]:
        """Promised lines that the output does not have, in this order; `…` and digests stand for any text."""
        lines = iter([_plain(line) for line in output.splitlines()])
        return [wanted for wanted in self.promised if not any(_pattern(wanted).fullmatch(line) for line in lines)]


def shown(page: str) -> list[Shown]:
    """All commands of a page, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found, heading, end = list[Shown](), "", 0
    for block in _FENCE.finditer(text):
        heading = [heading, *re.findall(r"^#+ (.*)$", text[end : block.start()], re.MULTILINE)][-1]
        end = block.end()
        if block[1] in _SHELLS:
            found += _commands(page, text.count("\n", 0, block.start()) + 2, heading, block)
    return found


def listing(page: str, language: str, beginning: str = "") -> str:
    """The first block of a page in a language that begins so."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return next(block[2] for block in _FENCE.finditer(text) if block[1] == language and block[2].startswith(beginning))


def pages() -> list[str]:
    """Every page that shows commands."""
    found = [Path("README.md"), *(path.relative_to(ROOT) for path in sorted(ROOT.glob("docs/*.md")))]
    found += [path.relative_to(ROOT) for path in sorted(ROOT.glob("examples/**/README.md"))]
    return [page.as_posix() for page in found if shown(page.as_posix())]


def _commands(page: str, first: int, heading: str, block: re.Match[str]) -> Iterator[Shown]:
    prompted = block[1] == "console"
    text, begun, promised = "", first, list[str]()
    for number, line in enumerate(block[2].splitlines(), first):
        if text.endswith(("\\", "|")):
            text = f"{text.removesuffix(chr(92)).rstrip()} {line.strip()}"
        elif prompted and not line.startswith("$ "):
            promised.append(line)
        else:
            if text:
                yield Shown(page, begun, heading, text, tuple(promised))
            text, begun, promised = line.removeprefix("$ ") if prompted else line, number, []
    if text:
        yield Shown(page, begun, heading, text, tuple(promised))


def _pattern(line: str) -> re.Pattern[str]:
    parts = [".*".join(re.escape(part) for part in piece.split("…")) for piece in _DIGEST.split(_plain(line))]
    return re.compile("[0-9a-f]+.*".join(parts))


def _plain(line: str) -> str:
    """Without the spaces that align it with its neighbours."""
    return re.sub(r" +(?=:)", "", re.sub(r" +", " ", line.strip()))
