"""What a resource type must be able to do. One class per type, in services/."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flowinfra.local.plugin import naming
from flowinfra.local.plugin.cloud import CloudError, Scope
from flowinfra.local.plugin.naming import Naming
from flowinfra.plugin.schema import Change, Problem, Schema

State = Mapping[str, Any]
"""Plain property values (see wire.py)."""


@dataclass(frozen=True)
class Created:
    """A resource that AWS made."""

    identifier: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What the program did not give."""


class Resource:
    """One resource type. Instances hold no state: many threads use one."""

    token: ClassVar[str]
    schema: ClassVar[Schema]
    derived: ClassVar[Mapping[str, str]] = {}
    """Output → the input that it repeats: secret if that is."""

    def made_up_name(self, names: Naming, new: State) -> str:
        """The name of a resource that the program leaves unnamed."""
        return naming.make(names, self.schema.identity_limit)

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """What the schema cannot say about inputs. `old` are the inputs of the last deployment, if there was one."""
        return iter(())

    def changes(self, old: State, new: State, found: list[Change]) -> list[Change]:
        """Replace rules that depend on values."""
        return found

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """Outputs that an update makes anew, for previews."""
        return ()

    def create(self, aws: Scope, new: State) -> Created:
        """Make it; refuse where it exists."""
        raise NotImplementedError

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """Read all that AWS has of a resource, tags as `tagsAll`; None if it is gone. `old` is empty for an import."""
        raise NotImplementedError

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """Change it in place; answer the outputs that changed."""
        raise CloudError(f"{self.token} cannot be updated in place")

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Remove it; no error if it is gone."""
        raise NotImplementedError


def tag_changes(old: State, new: State) -> tuple[dict[str, str], list[str]]:
    """(tags to set, tag keys to remove) between two states."""
    before, after = old.get("tagsAll") or {}, new.get("tagsAll") or {}
    to_set = {key: value for key, value in after.items() if before.get(key) != value}
    return to_set, sorted(set(before) - set(after))


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as the list of pairs that most services take."""
    return [{key: name, value: text} for name, text in tags.items()]


def unpair(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags out of a list of pairs."""
    return {pair[key]: pair[value] for pair in tags}


def present(**values: Any) -> dict[str, Any]:
    """Arguments of an AWS call without those that are absent (None)."""
    return {key: value for key, value in values.items() if value is not None}


def made(found: Mapping[str, Any] | None, new: State) -> dict[str, Any]:
    """The properties that were read after a create and that the program did not give."""
    return {key: value for key, value in (found or {}).items() if key not in new and value is not None}
