"""docs/troubleshooting.md: every text that it quotes is one that somebody is shown."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"```text\n(.*?)\n```", PAGE, re.S)
OTHERS = {
    "ModuleNotFoundError": ModuleNotFoundError.__name__,
    "MetaflowNamespaceMismatch": "metaflow.exception",
}
"""What is not flowinfra's → where it is from."""


@cache
def texts() -> tuple[str, ...]:
    """All texts of the package, with `…` for what is put into them."""
    found = []
    for file in (ROOT / "flowinfra").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(str(part) for part in parts))
    return tuple(found)


def test_it_quotes_and_explains() -> None:
    assert len(QUOTED) > 15
    assert len(set(QUOTED)) == len(QUOTED)
    assert re.search(r"```\n\n(```|#|$)", PAGE) is None, "a text without an explanation"


@pytest.mark.parametrize("quoted", [text for text in QUOTED if text not in OTHERS])
def test_the_package_says_it(quoted: str) -> None:
    assert any(quoted in text for text in texts())


@pytest.mark.parametrize(("quoted", "home"), sorted(OTHERS.items()))
def test_others_say_it(quoted: str, home: str) -> None:
    assert quoted in QUOTED
    if quoted != home:
        spec = find_spec(home)
        assert spec is not None
        assert spec.origin is not None
        assert quoted in Path(spec.origin).read_text(encoding="utf-8")
