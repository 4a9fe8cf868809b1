"""Recorded previews with anything anywhere in them: reported, or refused with one message."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.errors import PreviewError
from flowinfra.report import html, markdown, text
from flowinfra.report.assemble import Report, assemble
from flowinfra.report.sources import Sources
from tests.unit.report.hostile import ATTACKS

DATA = Path(__file__).parent / "data"
PREVIEWS = {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("*.json"))}
VALUES: list[Any] = [None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**300, [], {}, [[]], {"a": 1}, *ATTACKS]
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("seed", range(120))
def test_anything_anywhere(seed: int) -> None:
    chance = random.Random(seed)
    document = copy.deepcopy(PREVIEWS[chance.choice(list(PREVIEWS))])
    for _ in range(chance.choice([1, 2, 5, 30])):
        spoil(document, chance)
    content = json.dumps(document).encode()
    found = parsed(content)
    if isinstance(found, PreviewError):
        assert str(found).isprintable()
        return
    out = io.StringIO()
    text.render(found, out)
    comment = markdown.render(found)
    assert len(comment.encode("utf-16-le")) // 2 < 65_536
    for report in (comment, html.render(found), out.getvalue()):
        assert not [char for char in set(report) - {"\n", "\t"} if unicodedata.category(char) in HIDDEN]
        assert not re.search(r"(?m)^\s*::|##\[", report)


def parsed(content: bytes) -> Report | PreviewError:
    """A report, or why there is none."""
    try:
        return assemble([parse_preview(content, "preview.json")], Sources())
    except PreviewError as error:
        return error


def spoil(document: Any, chance: random.Random) -> None:
    """Replace, rename or take out something somewhere, if anything is left."""
    found = list(places(document))
    if not found:
        return
    holder, key = chance.choice(found)
    what = chance.random()
    if what < 0.7:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif what < 0.85 and isinstance(holder, dict):
        holder[chance.choice(ATTACKS)] = holder.pop(key)
    else:
        del holder[key]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key."""
    entries = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, item in entries:
        yield value, key
        yield from places(item)
