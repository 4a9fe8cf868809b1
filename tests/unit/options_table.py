"""The tables of docs/stacks.md with the keys of each target, made of the fields that declare them.

`python -m tests.unit.options_table` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from flowinfra.model.config import Config
from flowinfra.model.options import docstrings
from flowinfra.targets import TARGETS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "stacks.md"
_MADE = re.compile(r"(?<=<!-- keys of targets: begin -->\n).*(?=<!-- keys of targets: end -->)", re.DOTALL)


def tables() -> str:
    """Markdown, a section per target."""
    return "\n".join(line for target in TARGETS.values() for line in _section(target.name)) + "\n"


def _section(name: str) -> Iterator[str]:
    target = TARGETS[name]
    yield f"\n### {target.title}: `{target.key}`\n"
    yield from _rows("key of a flow", target.section)
    yield ""
    yield from _rows("key of a step", target.step)


def _rows(head: str, model: type[Config]) -> Iterator[str]:
    words = docstrings(model)
    yield f"| {head} | |"
    yield "|---|---|"
    for key in model.model_fields:
        yield f"| `{key}` | {' '.join(words[key].split())} |"


def page(text: str) -> str:
    """The page with the tables as they are now."""
    assert _MADE.search(text), "the page has no place for the tables"
    return _MADE.sub(lambda _: tables() + "\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
