"""How an option is declared: once, as an annotated field of its model.

From the field come its key in a stack's file and in a program, its check, its option of `flowinfra compile`, its words
in reports, `why` and `mirror`, and its line in the documents.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Option:
    """What people read of an option beside its docstring; it annotates the option's field.

    Args:
        label: its name in a report, such as `heartbeat daemon`.
        unit: of its number, such as `MB`.
        absent: what a report says where it has no value.
        metavar: what the command line's help says for its value.
        always: the inputs of a flow's component have it at its default, too.
    """

    label: str
    unit: str = ""
    absent: str = "none"
    metavar: str | None = None
    always: bool = False


def options(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, Option]]:
    """Name, field and annotation of every option that a model declares or inherits, in the order of the source."""
    for name, field in model.model_fields.items():
        for each in field.metadata:
            if isinstance(each, Option):
                yield name, field, each


def default(field: FieldInfo) -> Any:
    """What an option is where nobody says it."""
    return field.get_default(call_default_factory=True)


def plain_type(field: FieldInfo) -> Any:
    """The type of an option's values, without the None that stands for no value."""
    if get_origin(field.annotation) in (Union, UnionType):
        [kind] = [each for each in get_args(field.annotation) if each is not type(None)]
        return kind
    return field.annotation


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the docstring that follows it in the source, for all fields that a model declares or inherits."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found.update(_own_docstrings(each))
    return found


@cache
def _own_docstrings(model: type[BaseModel]) -> dict[str, str]:
    try:
        file = inspect.getsourcefile(model)
    except TypeError:
        return {}  # made by a call, and not in any source
    return _of_file(file).get(model.__qualname__, {}) if file else {}


@cache
def _of_file(file: str) -> dict[str, dict[str, str]]:
    """Class → field → docstring."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name: dict(_of_class(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, following in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(following.value.value)
