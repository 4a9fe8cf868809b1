"""Options of `flowinfra compile` that are made of the fields which declare them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import click
from annotated_types import Gt
from pydantic.fields import FieldInfo

from flowinfra.cli.values import PAIR
from flowinfra.model.options import Option, default, docstrings, options, plain_type
from flowinfra.model.shape import Shape
from flowinfra.targets import TARGETS

Decorator = Any
_MAPPINGS = {
    name
    for target in TARGETS.values()
    for name, field, _ in options(target.options)
    if get_origin(plain_type(field)) is dict
}


def common_option(name: str) -> Decorator:
    """The click option of an option that every target has; `name` is its field in `Shape`."""
    [(field, option)] = [(field, option) for each, field, option in options(Shape) if each == name]
    return _click(name, field, option, docstrings(Shape)[name])


def own_options() -> Iterator[Decorator]:
    """The click options of what not every target has, target by target."""
    seen = set[str]()
    for target in TARGETS.values():
        words = docstrings(target.options)
        for name, field, option in options(target.options):
            if name in target.own and name not in seen:
                seen.add(name)
                owners = ", ".join(each.name for each in TARGETS.values() if name in each.own)
                yield _click(name, field, option, f"{owners}: {words[name][0].lower()}{words[name][1:]}")


def plain(name: str, value: Any) -> Any:
    """An option's value as `Shape` has it: pairs are a mapping."""
    return dict(value) if name in _MAPPINGS else value


def _click(name: str, field: FieldInfo, option: Option, words: str) -> Decorator:
    """How a field is asked for, by its type and default."""
    kind, usual = plain_type(field), default(field)
    flag, asked = f"--{name.replace('_', '-')}", _asked(words)
    if kind is bool and usual:
        off = f"--no-{name.replace('_', '-')}"
        return click.option(off, name, flag_value=False, default=True, help=f"{asked} This turns it off.")
    if kind is bool:
        return click.option(flag, is_flag=True, help=asked)
    if get_origin(kind) is dict:
        return click.option(flag, type=PAIR, multiple=True, metavar=option.metavar or "NAME VALUE", help=asked)
    metavar = option.metavar or ("SECONDS" if option.unit == "s" else None)
    shown = usual is not None
    return click.option(flag, type=_type(kind, field), default=usual, show_default=shown, metavar=metavar, help=asked)


def _type(kind: Any, field: FieldInfo) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is int and (above := next((each.gt for each in field.metadata if isinstance(each, Gt)), None)) is not None:
        return click.IntRange(min=int(str(above)) + 1)
    return kind


def _asked(words: str) -> str:
    """The first sentence of a docstring, on one line."""
    return re.split(r"(?<=\.)\s", " ".join(words.split()), maxsplit=1)[0]
