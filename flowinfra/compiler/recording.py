"""What Metaflow did in the child, and what a target's own half of the compiler reads in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowinfra.compiler.driver.protocol import Call, Flow, Trigger
from flowinfra.compiler.request import CompileRequest
from flowinfra.errors import CompileError
from flowinfra.model.base import Json
from flowinfra.model.compiled import MARK, Schedule
from flowinfra.model.datastores import DATASTORES


@dataclass(frozen=True)
class RecordedObject:
    """An object that Metaflow saved to the datastore."""

    key: str
    body: bytes
    """The content as Metaflow stored it."""
    metadata: dict[str, str]


@dataclass(frozen=True)
class Recording:
    """One run of Metaflow's command."""

    request: CompileRequest
    calls: Sequence[Call]
    """Each call, in their order."""
    python: str
    """Minor of the interpreter that compiled."""
    objects: Sequence[RecordedObject]
    flow: Flow
    """What the child says of the flow (`driver.describe`)."""
    triggers: Sequence[Trigger] = ()
    """The events that start the flow."""

    def one(self, operation: str) -> Mapping[str, Any]:
        """Arguments of the one call of an operation.

        Raises:
            CompileError: there were more, or none.
        """
        found = [call["arguments"] for call in self.calls if call["operation"] == operation]
        if len(found) != 1:
            raise CompileError(
                f"Metaflow made {len(found)} calls of {operation} where one is expected; this version is not supported"
            )
        arguments: Mapping[str, Any] = found[0]
        return arguments

    def key(self, address: str) -> str:
        """Key of an object by the address that Metaflow gives it."""
        datastore = DATASTORES[self.request.shape.datastore]
        return address.removeprefix(f"{datastore.scheme}{MARK}{datastore.bucket}/")

    def made(self, operation: str) -> bool:
        """Whether an operation was called."""
        return any(call["operation"] == operation for call in self.calls)


@dataclass(frozen=True)
class Task:
    """How a step's tasks are run."""

    attempts: int
    timeout: int
    """Seconds per attempt."""


@dataclass(frozen=True)
class Reading:
    """What a target's calls come to. Digests of objects in it are still those that Metaflow gave."""

    section: dict[str, Json]
    """The target's part of the CompiledFlow, mended."""
    package_keys: frozenset[str]
    """Keys of the datastore that are named as code package."""
    compute: str
    """Name of the decorator that holds a step's image and resources."""
    tasks: Mapping[str, Task]
    """Step → how its tasks are run."""
    schedule: Schedule | None = None
    workflow_timeout: int | None = None
    """Seconds."""
    held: frozenset[str] = frozenset()
    """Keys of the datastore whose objects are in the target's part."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Key → mended text of steps' commands that are objects of the datastore."""
    packed: Mapping[str, bytes] = field(default_factory=dict)
    """Name → content of what the code package has beside the flow and Metaflow."""
