"""No function of the package is longer than a screen or two, and a long file says in its first docstring why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "flowinfra").rglob("*.py"))
LINES_OF_A_FUNCTION = 60
LINES_OF_A_FILE = 400
REASON = f"Longer than {LINES_OF_A_FILE} lines, for "
"""Begins the sentence of a file's first docstring that says why it is not split."""


def too_long(source: str, label: str) -> Iterator[str]:
    """`file:line: what and how long it is`, for a file and for each function in it."""
    tree = ast.parse(source)
    count = len(source.splitlines())
    if count > LINES_OF_A_FILE and REASON not in " ".join((ast.get_docstring(tree) or "").split()):
        yield (
            f"{label}:1: {count} lines, allowed: {LINES_OF_A_FILE}; split it, or let its first docstring say "
            f"`{REASON}…`"
        )
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                yield f"{label}:{node.lineno}: {node.name} has {lines} lines, allowed: {LINES_OF_A_FUNCTION}"


def test_no_function_and_no_file_is_too_long() -> None:
    assert len(FILES) > 300
    found = [
        problem
        for file in FILES
        for problem in too_long(file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix())
    ]
    assert found == [], "\n" + "\n".join(found)


def test_what_is_too_long_is_named_with_its_place() -> None:
    body = "    x = 1\n"
    body_of_method = f"    {body}" * 60
    source = f'"""A module."""\n\n\ndef short():\n{body * 59}\n\nclass C:\n    def long(self):\n{body_of_method}'
    assert list(too_long(source, "m.py")) == ["m.py:67: long has 61 lines, allowed: 60"]
    assert [problem.partition(",")[0] for problem in too_long('"""A module."""\n' * 401, "m.py")] == [
        "m.py:1: 401 lines"
    ]
    assert list(too_long(f'"""A module.\n\n{REASON}\na reason.\n"""\n' + "x = 1\n" * 400, "m.py")) == []
