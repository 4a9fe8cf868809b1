"""What is kept of each deployment of a stack, so that `flowinfra rollback` can bring it back: no secret is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from flowinfra.errors import StateError
from flowinfra.model.base import Json, Model, canonical_json

FORMAT = 1
"""Of the record, as this flowinfra writes it."""
_CONTENT = 12
"""Digits of the digest by which two deployments are known to be the same."""


class KeptFlow(Model):
    """One flow as it was deployed."""

    name: str
    """What the stack's outputs call it: its name where it is deployed, with its target where that is not enough."""
    flow: str
    """Its class."""
    target: str
    digest: str
    """Of the compiled flow, which is kept beside the record."""
    entry: dict[str, Json]
    """Its entry in the stack's file, defaults included, without `flow`."""
    objects: tuple[str, ...]
    """Keys, from the datastore's root on, of what its tasks download: these are the deployed ones, not copies."""

    @property
    def component(self) -> str:
        """What its component is called in Pulumi."""
        return self.name.removesuffix(f" ({self.target})")


class KeptDeployment(Model):
    """A stack's flows as one `pulumi up` left them."""

    format: int = FORMAT
    time: str
    """When it was done: ISO 8601, UTC."""
    deployed_by: str
    commit: str | None = None
    uncommitted_changes: bool = False
    rolled_back_to: int | None = None
    """Number of the deployment that it brought back."""
    config: dict[str, Json]
    """The stack's configuration without its flows: key without `flowinfra:` → value."""
    flows: tuple[KeptFlow, ...]

    @property
    def content(self) -> str:
        """Digits that are the same for a deployment that leaves the same."""
        content = {"config": self.config, "flows": [flow.model_dump(mode="json") for flow in self.flows]}
        return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:_CONTENT]

    @property
    def by_name(self) -> Mapping[str, KeptFlow]:
        """Its flows, by their names."""
        return {flow.name: flow for flow in self.flows}


@dataclass(frozen=True)
class Numbered:
    """A kept deployment with its number, which counts up from 1."""

    number: int
    kept: KeptDeployment


def parse_deployment(text: bytes, source: str) -> KeptDeployment:
    """A record as it was written; `source` names it in messages.

    Raises:
        StateError: it is none, or one of a newer flowinfra.
    """
    try:
        return KeptDeployment.model_validate_json(text)
    except ValidationError as error:
        found = _format(text)
        if isinstance(found, int) and found > FORMAT:
            raise StateError(
                f"{source}: has format {found}, this flowinfra reads up to {FORMAT}; use a newer flowinfra"
            ) from None
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top level"
        raise StateError(f"{source}: is not the record of a deployment: {where}: {first['msg']}") from None


def _format(text: bytes) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get("format") if isinstance(found, dict) else None
