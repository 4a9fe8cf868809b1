"""The Pulumi project that a command works in: its folder, its `Pulumi.yaml`, and where its stacks' files are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowinfra.engine import yaml_file
from flowinfra.errors import ConfigError

FILE = "Pulumi.yaml"
ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""Keys of a stack's file by which Pulumi encrypts its secrets."""


@dataclass(frozen=True)
class StackFile:
    """The file that a stack's configuration is in, to name it in errors."""

    root: Path
    """The project's folder."""
    label: str
    """The path as a person writes it, from the project's folder."""
    stack: str

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.root / self.label

    def of(self, stack: str) -> StackFile:
        """The file of another stack of the project."""
        return replace(self, label=str(Path(self.label).with_name(f"Pulumi.{stack}.yaml")), stack=stack)


def found_folder(start: Path) -> Path | None:
    """The folder of the Pulumi project that a folder is in; None where it is in no project."""
    return next((folder for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def project_folder(start: Path) -> Path:
    """The folder of the Pulumi project that a folder is in.

    Raises:
        ConfigError: the folder is in no Pulumi project.
    """
    folder = found_folder(start)
    if folder is None:
        raise ConfigError(
            f"{start}: there is no {FILE} in this folder or around it; run this in the folder of a project"
        )
    return folder


def project_name(root: Path) -> str:
    """The project's name.

    Raises:
        ConfigError: its file cannot be read, or gives none.
    """
    name = _project(root).get("name")
    if name is None:
        raise ConfigError(f"{FILE}: has no name; give the project's, as in `name: shop`")
    return str(name)


def stack_file(root: Path, stack: str) -> StackFile:
    """Where `Pulumi.<stack>.yaml` is, by the project's `stackConfigDir`.

    Raises:
        ConfigError: the project's file cannot be read.
    """
    return StackFile(root, str(Path(_project(root).get("stackConfigDir") or ".") / f"Pulumi.{stack}.yaml"), stack)


def read_mapping(path: Path, label: str) -> dict[str, Any]:
    """A YAML file as data; empty where it has no mapping.

    Raises:
        FileNotFoundError: it is not there.
        ConfigError: it cannot be read.
    """
    try:
        content = yaml_file.load(path.read_text(encoding="utf-8"), label)
    except UnicodeDecodeError:
        raise ConfigError(f"{label}: is not text in UTF-8") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{label}: cannot be read: {error.strerror}") from None
    return content if isinstance(content, dict) else {}


def _project(root: Path) -> dict[str, Any]:
    return read_mapping(root / FILE, FILE)
