"""The stack's configuration as the engine hands it over → a checked `StackConfig`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flowinfra.errors import ConfigError, Problems
from flowinfra.model.compiled import Json
from flowinfra.model.stack import StackConfig, parse_stack
from flowinfra.program.mirrors import MIRRORS, resolve

NAMESPACE = "flowinfra:"
_TEXT = {"name_prefix", MIRRORS}
"""Keys whose value is text; all others are structures."""


@dataclass(frozen=True)
class StackFile:
    """The file that a stack's configuration is in, to name it in errors."""

    path: Path
    label: str
    """The path as a person writes it, from the project's folder."""
    stack: str

    def of(self, stack: str) -> StackFile:
        """The file of another stack of the project."""
        name = f"Pulumi.{stack}.yaml"
        return StackFile(self.path.with_name(name), str(Path(self.label).with_name(name)), stack)


def stack_file(root: Path, stack: str) -> StackFile:
    """Where `Pulumi.<stack>.yaml` is, by the project's `stackConfigDir`."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8")) or {}
    folder = project.get("stackConfigDir") or "."
    label = Path(folder) / f"Pulumi.{stack}.yaml"
    return StackFile(root / label, str(label), stack)


def read_stack(config: Mapping[str, str], secrets: Collection[str], file: StackFile) -> StackConfig:
    """Check the configuration.

    Args:
        config: full key → value, structures as JSON text (as the engine gives them).
        secrets: full keys that hold a secret.
        file: named in errors.

    Raises:
        Problems: everything that is wrong with it.
    """
    if problems := list(_secret_problems(secrets, file)):
        raise Problems(problems)
    values: dict[str, Json] = {}
    for key, value in config.items():
        if key.startswith(NAMESPACE):
            name = key.removeprefix(NAMESPACE)
            values[name] = value if name in _TEXT else _structure(value)
    return parse_stack(resolve(values, file.stack, file.label, lambda other: stored(file.of(other))), file.label)


def stored_stack(root: Path, stack: str) -> StackConfig:
    """The configuration of a stack from its file alone: no engine, no state.

    Raises:
        ConfigError: there is no such stack, or its file cannot be read.
        Problems: everything that is wrong with it.
    """
    file = stack_file(root, stack)
    values = {f"{NAMESPACE}{key}": value for key, value in stored(file).items()}
    secrets = [key for key, value in values.items() if any(_secure(value, key))]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return read_stack(texts, secrets, file)


def stored(file: StackFile) -> dict[str, Json]:
    """What a stack's file has of our configuration, as it stands there.

    Raises:
        ConfigError: there is no such file, or it is no YAML.
    """
    try:
        content = yaml.safe_load(file.path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no stack {file.stack!r}: {file.label} does not exist") from None
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file.label} cannot be read: {error}") from None
    config = (content or {}).get("config") or {}
    return {key.removeprefix(NAMESPACE): value for key, value in config.items() if key.startswith(NAMESPACE)}


def _structure(value: str) -> Json:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _secret_problems(secrets: Collection[str], file: StackFile) -> Iterator[ConfigError]:
    """A secret would end in the package, the definition or the stack's state: all of it goes by reference."""
    for key in sorted(secrets):
        if key.startswith(NAMESPACE):
            for path in _secret_paths(file, key) or [key]:
                yield ConfigError(
                    f"{file.label}: {path}: is a secret, which would be readable in the deployed flow; name a secret "
                    "of Secrets Manager instead: @secrets in the flow, or service_auth_secret for the metadata service"
                )


def _secret_paths(file: StackFile, key: str) -> list[str]:
    """Where in the file the secrets of `key` are, if it can be read."""
    try:
        content = yaml.safe_load(file.path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return []
    return list(_secure(((content or {}).get("config") or {}).get(key), key))


def _secure(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield path
        else:
            for name, item in value.items():
                yield from _secure(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secure(item, f"{path}[{index}]")
