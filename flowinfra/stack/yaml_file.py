"""A stack's file read as Pulumi reads it: YAML 1.2, so that `off` is text, and dates as the text that it makes of them.

A stack and its mirror must see the same values, although the engine hands over only the stack's own.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import Any

import yaml

from flowinfra.engine.project import no_yaml
from flowinfra.model.base import Json


class _Loader(yaml.SafeLoader):
    """PyYAML's, without what only YAML 1.1 has."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (a table of PyYAML's, per first character)
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] not in ("bool", "int", "float")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


for _tag, _pattern, _first in (
    ("bool", r"(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _float(loader: _Loader, node: yaml.ScalarNode) -> float | int:
    """The engine writes a whole number without a fraction."""
    value: float = loader.construct_yaml_float(node)
    return int(value) if value.is_integer() else value


def _timestamp(loader: _Loader, node: yaml.ScalarNode) -> str:
    value = loader.construct_yaml_timestamp(node)
    if isinstance(value, datetime):
        value = value.astimezone(timezone.utc) if value.tzinfo else value
    return f"{value:%Y-%m-%d %H:%M:%S} +0000 UTC" if isinstance(value, date) else str(value)


_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def parse(text: str, label: str) -> dict[str, Any]:
    """The file's `config`: key → value.

    Raises ConfigError with the line where it is no YAML; nothing of the text is shown, which may hold a secret.
    """
    try:
        content = yaml.load(text, _Loader)  # noqa: S506  (a safe loader)
    except yaml.YAMLError as error:
        raise no_yaml(error, label) from None
    config = content.get("config") if isinstance(content, dict) else None
    found: dict[str, Json] = config if isinstance(config, dict) else {}
    return found
