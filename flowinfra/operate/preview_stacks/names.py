"""Names, mark and configuration of a preview stack. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.clouds.aws import NOTHING_SAID, Access
from flowinfra.engine.project import ENCRYPTION
from flowinfra.errors import ConfigError
from flowinfra.stack.places import NAMESPACE
from flowinfra.stack.platform import PlatformConfig

PREVIEW = f"{NAMESPACE}preview"
"""The mark's key."""
FOLDER = "previews"
"""Folder of what runs of preview stacks leave, in the datastore of the stack that the preview stack is made of."""

_READABLE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
"""Names that are taken as they are. None is a Python name, so no flow's name begins with one: Metaflow would leave the
prefix of such a flow out."""
_READABLE_LENGTH, _WORDS_LENGTH, _DIGEST = 24, 16, 6
_NAME_LENGTH = 255
_OFF = {"enabled": False}
_SECRET = "secure"  # noqa: S105  (Pulumi's key of an encrypted value)


@dataclass(frozen=True)
class Preview:
    """The names of a preview stack: functions of the name that a person or CI gives, such as a git branch."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a text that cannot be a preview's name."""
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > _NAME_LENGTH:
            raise ConfigError(
                f"{self.name[:80]!r} is not the name of a preview stack, allowed: 1 to {_NAME_LENGTH} printable "
                "characters, such as pr-42 or the name of a git branch"
            )

    @property
    def stack(self) -> str:
        """Pulumi's name of it, at most 24 characters: the name itself, or its beginning and a digest of all of it."""
        if _READABLE.fullmatch(self.name) and len(self.name) <= _READABLE_LENGTH:
            return self.name
        words = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:_WORDS_LENGTH].strip("-")
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:_DIGEST]
        return f"{words or 'preview'}-{digest}"

    @property
    def branch(self) -> str:
        """Branch of the stack's @project flows."""
        return self.stack.replace("-", "_")

    def name_prefix(self, base: str | None) -> str:
        """Begins names of state machines and rules; `base` is that of the stack that it is made of."""
        return f"{base}-{self.stack}" if base else self.stack

    def datastore_prefix(self, base: str) -> str:
        """Folder of the preview's datastore in the bucket."""
        return f"{base}/{FOLDER}/{self.stack}"


@dataclass(frozen=True)
class Mark:
    """What says that a stack is a preview stack."""

    name: str
    """The preview's name, as a person gave it."""
    datastore: str
    """`s3://bucket/prefix` of its own, removed with it."""
    access: Access = NOTHING_SAID


def settings(preview: Preview, of: str, source: Mapping[str, Any], platform: PlatformConfig) -> dict[str, Any]:
    """The content of a preview stack's file.

    Args:
        preview: its names.
        of: the stack that it is made of.
        source: that stack's file.
        platform: where that stack's flows run; not one that is to be created.

    Raises:
        ConfigError: the other stack has secrets of Pulumi's that only itself can read.
    """
    config: dict[str, Any] = dict(source.get("config") or {})
    encrypted = any(key in source for key in ENCRYPTION)
    secrets = [key for key, value in config.items() if _holds_secret(value)]
    if secrets and not encrypted:
        raise ConfigError(
            f"{', '.join(secrets)} of stack {of!r} {'are secrets' if len(secrets) > 1 else 'is a secret'} that only "
            "that stack can read; give it as a variable of the environment, or use a secrets provider "
            "(`pulumi stack change-secrets-provider`)"
        )
    prefix = preview.name_prefix(config.get(f"{NAMESPACE}name_prefix"))
    place = platform.model_copy(update={"prefix": preview.datastore_prefix(platform.prefix)})
    own = {
        "preview": {
            "name": preview.name,
            "of": of,
            "branch": preview.branch,
            "datastore": f"s3://{place.bucket}/{place.prefix}",
        },
        "mirrors": of,
        "platform": place.model_dump(exclude_unset=True) | {"prefix": place.prefix},
        "name_prefix": prefix,
        # a flow of the other stack may have a prefix of its own
        "defaults": {
            "step_functions": {"name_prefix": prefix, "alerts": {"on": []}},
            "schedule": _OFF,
            "triggers": _OFF,
        },
    }
    others = {key: value for key, value in config.items() if not key.startswith(NAMESPACE)}
    return {**source, "config": {**others, **{f"{NAMESPACE}{key}": value for key, value in own.items()}}}


def mark_of(config: Mapping[str, Any], preview: Preview) -> Mark:
    """Read the mark in the configuration of a deployed stack, as Pulumi's history has it.

    Raises:
        ConfigError: the configuration has no mark, or that of another preview stack.
    """
    text = (config.get(PREVIEW) or {}).get("value")
    mark = json.loads(text) if text else {}
    if not isinstance(mark, dict) or not mark:
        raise ConfigError(
            f"{preview.stack!r} is not a preview stack (it was deployed without one's mark); give another name"
        )
    if mark.get("name") != preview.name:
        raise ConfigError(
            f"{preview.stack!r} is the preview stack of {mark.get('name')!r}, not of {preview.name!r}; "
            "give another name"
        )
    values = {key: entry.get("value") for key, entry in config.items() if isinstance(entry, Mapping)}
    return Mark(preview.name, str(mark.get("datastore")), Access.of(values))


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return set(value) == {_SECRET} or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))
