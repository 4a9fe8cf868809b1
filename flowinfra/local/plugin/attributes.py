"""Resources whose settings AWS keeps as a map of texts: queues, topics and subscriptions.

After terraform-provider-aws `internal/attrmap/attrmap.go`, with every map there set to forget what AWS does not tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.local.plugin.resource import State
from flowinfra.plugin.schema import Prop


@dataclass(frozen=True)
class Attributes:
    """Which attribute of AWS's a property is."""

    names: Mapping[str, str]
    """Property → attribute."""
    inputs: Mapping[str, Prop]
    """Properties that a program can set; any other is a text that AWS tells."""

    def to_create(self, new: State) -> dict[str, str]:
        """What a create sends: nothing that is empty, no flag that is off, unless AWS would turn it on."""
        sent = {}
        for name, prop in self.inputs.items():
            value = new.get(name)
            if name not in self.names or value is None or value == "":
                continue
            if not value and (prop.kind == "boolean") != prop.computed:
                continue
            sent[self.names[name]] = _text(value)
        return sent

    def to_update(self, new: State, changed: Collection[str]) -> dict[str, str]:
        """What an update sends: each setting that changed; one that the program dropped, as nothing."""
        nothing = {"boolean": "false", "integer": "0"}
        sent = {}
        for name, prop in self.inputs.items():
            if name in self.names and name in changed:
                value = new.get(name)
                sent[self.names[name]] = nothing.get(prop.kind, "") if value is None else _text(value)
        return sent

    def read(self, attributes: Mapping[str, str]) -> dict[str, Any]:
        """The properties that AWS's attributes come to."""
        found: dict[str, Any] = {}
        for name, attribute in self.names.items():
            value = attributes.get(attribute)
            if value in (None, ""):
                continue
            kind = self.inputs[name].kind if name in self.inputs else "string"
            found[name] = value.lower() == "true" if kind == "boolean" else int(value) if kind == "integer" else value
        return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
