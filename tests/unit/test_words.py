"""Docstrings and messages of the package are plain English, and docstrings of its public names are complete.

A docstring is also the bare string after a field or a constant. What stands in backticks is code, and is not read.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, is_typeddict

import pytest

import flowinfra

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "flowinfra").rglob("*.py"))
MANY_PARAMETERS = 3
"""From so many parameters on, `Args:` names each."""

BANNED: Mapping[str, str] = {
    "told": "say who gets, shows or reports what",
    "tells": "write `says`, `shows`, `reports` or `returns`",
    "what of": "name the part: `The part of X that …`",
    "is none": "name what is missing: `None where the flow has no schedule`",
    "is no(?! longer)": "write `is not a`, or `does not exist`",
    "likewise": "say it again: a docstring is read on its own",
    "ours|our": "write `flowinfra's`, or name whose",
    "as it is": "write `unchanged`",
    "above": "name what is meant: a docstring is read on its own; of a number write `greater than`",
    "below": "name what is meant: a docstring is read on its own; of a number write `less than`",
    "just so": "write `the same`",
}
"""Regular expression → what to write instead. A space stands for any white space."""
BEGINNINGS = re.compile(r"[rb]*\"{3}(?:of|as|its|in place of|the same)\b", re.IGNORECASE)
"""Begins a docstring that cannot be read without the line before it: `Of the datastore.`"""

_PATTERNS = {re.compile(rf"\b(?:{words})\b".replace(" ", r"\s+"), re.IGNORECASE): words for words in BANNED}
_CODE = re.compile(r"`[^`\n]*`|^\s+\**\w+:(?=\s)", re.MULTILINE)
"""Code in backticks, and the names that a section such as `Args:` explains."""


class Docstring(NamedTuple):
    """A docstring, with the line that it begins in."""

    line: int
    text: str


def docstrings(source: str) -> Iterator[Docstring]:
    """Every docstring of a module, as written: escapes and indentation are kept, so that lines can be counted."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and _is_text(node):
            yield Docstring(node.lineno, "\n".join(lines[node.lineno - 1 : node.end_lineno]))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "_", match[0])


def problems(source: str, label: str) -> list[str]:
    """`file:line: word` of each banned word in a module's docstrings, with what to write instead."""
    found = []
    for line, text in docstrings(source):
        if begins := BEGINNINGS.match(text.lstrip()):
            found.append((line, f"{label}:{line}: {begins[0]}: name what is described: begin with a noun or a verb"))
        found += _banned(line, text, label)
    return [problem for _, problem in sorted(found)]


def _banned(line: int, text: str, label: str) -> Iterator[tuple[int, str]]:
    """Line and problem of each banned word in a text that begins in `line`."""
    read = _CODE.sub(_blanked, text)
    for pattern, words in _PATTERNS.items():
        for match in pattern.finditer(read):
            at = line + read.count("\n", 0, match.start())
            yield at, f"{label}:{at}: {' '.join(match[0].split())!r}: {BANNED[words]}"


_THERE = re.compile(r"\bthere\s+is\s+no\b", re.IGNORECASE)
"""A message may say that there is no such thing: its reader looks for it. A docstring says what exists."""
_FILLED_IN = re.compile(r"\{\w+\}")


def messages(source: str) -> list[Docstring]:
    """Every text with a space in it that is not a docstring: errors, warnings, help, and what messages are made of.

    An f-string has a text for each of its parts.
    """
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        Docstring(node.lineno, _FILLED_IN.sub("", node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docs and " " in node.value.strip()
    ]


def message_problems(source: str, label: str) -> list[str]:
    """`file:line: word` of each banned word in what a module says to people, with what to write instead."""
    found = {problem for line, text in messages(source) for problem in _banned(line, _THERE.sub("", text), label)}
    return [problem for _, problem in sorted(found)]


def test_messages_have_no_banned_words() -> None:
    found = [
        problem
        for file in FILES
        for problem in message_problems(file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix())
    ]
    assert found == [], "\n" + "\n".join(found)


def test_a_banned_word_in_a_message_is_found_where_it_stands() -> None:
    source = '''
@click.option("--all", help="As above.")
def f(name):
    """A function, as above."""
    told = "told"
    if name:
        raise ConfigError(
            f"{name} is no stack, likewise; there is no `what of`"
        )
    click.echo("{told} " + name)
    yield f"the one {'that is below'}"
    warnings.warn(told)


WORDS = {"low": "not below 0"}
'''
    assert [problem.split(":")[:3] for problem in message_problems(source, "m.py")] == [
        ["m.py", "2", " 'above'"],
        ["m.py", "8", " 'is no'"],
        ["m.py", "8", " 'likewise'"],
        ["m.py", "11", " 'below'"],
        ["m.py", "15", " 'below'"],
    ]


def _descriptions(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            yield schema["description"]
        for value in schema.values():
            yield from _descriptions(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _descriptions(value)


def test_the_schema_that_editors_show_has_no_banned_words() -> None:
    found = set(_descriptions(json.loads((ROOT / "stacks" / "schema.json").read_text(encoding="utf-8"))))
    assert len(found) > 100
    assert [line for text in sorted(found) for line in problems(f'"""{text}"""', repr(text))] == []


def test_a_banned_word_is_found_where_it_stands() -> None:
    source = '''"""A module.

What of
it is read; `what of` is code.

    told: the name of a parameter.
"""

KEY = "told"
"""Is no longer used. Likewise the next."""


def f() -> None:
    """None where there is
    none, unfolded.
    """
    # as it is
'''
    assert [problem.split(":")[:3] for problem in problems(source, "m.py")] == [
        ["m.py", "3", " 'What of'"],
        ["m.py", "10", " 'Likewise'"],
        ["m.py", "14", " 'is none'"],
    ]


def test_a_fragment_is_found() -> None:
    source = (
        'class Place:\n    bucket: str\n    """Of the datastore."""\n    prefix: str\n    """Offset in the bucket."""\n'
    )
    [problem] = problems(source, "m.py")
    assert problem.startswith('m.py:3: """Of: ')


@pytest.mark.parametrize("words", BANNED)
def test_each_expression_finds_its_words(words: str) -> None:
    example = re.sub(r"\(.*\)|\|.*", "", words)
    assert len(problems(f'"""Here {example} stands."""', "m.py")) == 1
    assert problems(f'"""Here x{example}x stands."""', "m.py") == []


def _lineage(public: type) -> Iterator[type]:
    """A class and its bases, as far as they are the package's; a TypedDict knows its bases in its own way."""
    if not is_typeddict(public):
        yield from (each for each in public.__mro__ if each.__module__.partition(".")[0] == "flowinfra")
        return
    yield public
    for base in _class_of(public).bases:
        named = getattr(sys.modules[public.__module__], ast.unparse(base), None)
        if named and is_typeddict(named) and not named.__name__.startswith("_"):
            yield from _lineage(named)


def _class_of(public: type) -> ast.ClassDef:
    tree = ast.parse(_file_of(public).read_text(encoding="utf-8"))
    [node] = [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef) and each.name == public.__name__]
    return node


def _file_of(public: type) -> Path:
    file = inspect.getsourcefile(public)
    assert file, f"{public} has no source"
    return Path(file)


def _functions(name: str, public: Any) -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Name, function and docstring of what a public name lets people call; a made `__init__` has fields instead."""
    if inspect.isfunction(public):
        yield name, public, inspect.getdoc(public) or ""
    elif inspect.isclass(public) and not is_typeddict(public):
        for owner in _lineage(public):
            for key, value in list(vars(owner).items()):
                method = inspect.unwrap(value.__func__ if isinstance(value, (classmethod, staticmethod)) else value)
                written = inspect.isfunction(method) and method.__code__.co_filename.endswith(".py")
                if written and (key == "__init__" or not key.startswith("_")):
                    more = owner.__doc__ if key == "__init__" else ""
                    yield f"{name}.{key}", method, f"{inspect.getdoc(method) or ''}\n{inspect.cleandoc(more or '')}"


def _arguments(words: str) -> set[str]:
    """Names that the section `Args:` of a docstring explains."""
    section = re.search(r"^Args:\n((?:[ ].*\n?|\n)*)", words, re.MULTILINE)
    return set(re.findall(r"^    \**(\w+):", section[1], re.MULTILINE)) if section else set()


PUBLIC = {name: getattr(flowinfra, name) for name in flowinfra.__all__}
CALLED = [case for name, public in PUBLIC.items() for case in _functions(name, public)]


def test_public_names_have_functions_to_look_at() -> None:
    names = {name for name, _, _ in CALLED}
    assert {"compile_flow", "deploy", "ArgoFlow.__init__", "Platform.existing", "Platform.__init__"} <= names


@pytest.mark.parametrize(("function", "words"), [case[1:] for case in CALLED], ids=[case[0] for case in CALLED])
def test_a_public_function_explains_each_of_many_parameters(function: Callable[..., Any], words: str) -> None:
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    missing = set(parameters) - _arguments(words) if len(parameters) >= MANY_PARAMETERS else set()
    code = function.__code__
    where = f"{Path(code.co_filename).relative_to(ROOT)}:{code.co_firstlineno}"
    assert missing == set(), f"{where}: `Args:` does not name {', '.join(sorted(missing))}"


def _fields(public: type) -> Iterator[str]:
    """`file:line: name` of each field of a class and its bases without a docstring of its own."""
    for owner in _lineage(public):
        node = _class_of(owner)
        explained = set(re.findall(r"^ +(\w+):", ast.get_docstring(node, clean=False) or "", re.MULTILINE))
        for each, following in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not _is_text(following):
                name, of_class = each.target.id, "ClassVar" in ast.unparse(each.annotation)
                if not (name.startswith("_") or name in explained or of_class):
                    yield f"{_file_of(owner).relative_to(ROOT)}:{each.lineno}: {name}"


CLASSES = [name for name, public in PUBLIC.items() if inspect.isclass(public)]


@pytest.mark.parametrize("name", CLASSES)
def test_each_public_field_has_a_sentence(name: str) -> None:
    found = list(_fields(PUBLIC[name]))
    assert found == [], "\n" + "\n".join(found)
