"""A job definition's revision holds what was registered, and is found by `name:revision`.

AWS: each RegisterJobDefinition makes a new revision, numbered on from the last one even if that is
INACTIVE, with exactly the properties of that request; DescribeJobDefinitions takes `name:revision` and ARNs
in `jobDefinitions` (https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobDefinitions.html).

moto: a new revision inherits `platformCapabilities` and `propagateTags` of the previous one whatever is
registered, and parameters and retry strategy that the request leaves out; `name:revision` finds nothing.
"""

from __future__ import annotations

from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, JobDefinition

from flowinfra.local.mends.mend import Mend, patch

_find = BatchBackend.get_job_definitions


def register(self: BatchBackend, def_name: str, **properties: Any) -> JobDefinition:
    """Register the next revision with the request's own properties."""
    if def_name is None:
        raise ClientException("jobDefinitionName must be provided")
    properties["tags"] = properties.get("tags") or {}
    last = max((each.revision for each in _find(self, def_name) if each.name == def_name), default=0)
    # abstract to a type checker only: moto makes it as it is
    make: Any = JobDefinition
    definition: JobDefinition = make(def_name, backend=self, revision=last, **properties)
    self._job_definitions[definition.arn] = definition
    return definition


def find(self: BatchBackend, identifier: str) -> list[JobDefinition]:
    """All revisions of a name, or the one of a `name:revision` or ARN."""
    name, _, revision = identifier.rpartition(":")
    if name and not identifier.startswith("arn:") and revision.isdigit():
        found = self.get_job_definition_by_name_revision(name, revision)
        return [found] if found is not None else []
    return _find(self, identifier)


MEND = Mend(
    "job-definitions",
    (
        patch(BatchBackend, "register_job_definition", register),
        patch(BatchBackend, "get_job_definitions", find),
    ),
)
