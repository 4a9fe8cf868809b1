"""Where a stack's configuration is written: errors name the file, the line and the key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flowinfra.engine.project import StackFile
from flowinfra.engine.yaml_file import Lines, config_of
from flowinfra.errors import ConfigError
from flowinfra.model.base import Json

NAMESPACE = "flowinfra:"
"""Begins flowinfra's keys in a stack's file."""
KeyPath = tuple[str | int, ...]
"""Keys and indices from the top of flowinfra's configuration: `("flows", 2, "memory")`."""
Problem = tuple[KeyPath, str]
"""The path of a key, and what is wrong with it."""
TEXT = ("name_prefix", "mirrors")
"""Keys whose value is text; all others are structures."""


@dataclass(frozen=True)
class Places:
    """Names the places of one stack's configuration."""

    label: str
    """The stack's file, from the project's folder."""
    file: StackFile | None = None
    """The stack's file, where its lines can be looked up; it need not exist."""
    values: Mapping[str, Json] = field(default_factory=dict)
    """The configuration that is spoken of: key without `flowinfra:` → value. Only what the file has the same is there:
    a project's defaults and a file of another name (`--config-file`) give values to the engine too."""

    def at(self, *path: str | int) -> str:
        """The place of a key: `stacks/Pulumi.prod.yaml:14: flowinfra:flows[2].memory`.

        The line is that of the key or of the item of a list; for one that is missing, of what it is missing in. It is
        left out where the value is not from the file.
        """
        line = self._line(path)
        return f"{self.label}{'' if line is None else f':{line}'}: {NAMESPACE}{key_path(path)}"

    @cached_property
    def _written(self) -> tuple[dict[str, Json], Lines] | None:
        """The file's own values and lines; None if it cannot be read. Only an error asks for it."""
        if self.file is None:
            return None
        try:
            text = self.file.path.read_text(encoding="utf-8")
            return configuration(text, self.label), Lines(text)
        except (OSError, UnicodeDecodeError, ConfigError):
            return None

    def _line(self, path: Sequence[str | int]) -> int | None:
        if self._written is None:
            return None
        written, lines = self._written
        key = str(path[0])
        same = written.get(key) == self.values[key] if key in self.values else written == self.values
        return lines.of(("config", f"{NAMESPACE}{key}", *path[1:])) if same else None


def configuration(text: str, label: str) -> dict[str, Json]:
    """Read flowinfra's configuration of a stack's file: key without `flowinfra:` → value.

    Raises:
        ConfigError: the text is not YAML.
    """
    values: dict[str, Json] = {}
    for key, value in config_of(text, label).items():
        if isinstance(key, str) and key.startswith(NAMESPACE):
            name = key.removeprefix(NAMESPACE)
            # as the engine has it: 007 is a name, too
            values[name] = json.dumps(value) if name in TEXT and isinstance(value, (bool, int, float)) else value
    return values


def key_path(path: Sequence[str | int]) -> str:
    """`flows[2].memory`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
