"""A JobSet as the text that a WorkflowTemplate holds: YAML, but for braces that Argo fills in."""

from __future__ import annotations

import re
from typing import Any

import yaml

from flowinfra.model.base import Json
from flowinfra.targets.argo.texts import payload

_QUOTED, _BARE = "'{{=asInt(inputs.parameters.workerCount)}}'", "{{=asInt(inputs.parameters.workerCount)}}"
"""Metaflow takes the quotes off this one text of a JobSet, so that it is a number."""
_QUOTED_PAYLOAD = re.compile(
    re.escape("'{{=" + payload("NAME").replace("'", "''") + "}}'").replace("NAME", r"([\w-]+)")
)
_BARE_PAYLOAD = re.compile(re.escape("{{=toJson(" + payload("NAME") + ")}}").replace("NAME", r"([\w-]+)"))
"""An event's payload in a variable of a JobSet: any text at all, which Argo is to write as a JSON text, so that it is
one of YAML too."""


def loaded_job_set(manifest: str) -> Any:
    """A JobSet from its text, which is YAML but for braces of Argo's."""
    text = _BARE_PAYLOAD.sub(lambda found: _quoted("{{=" + payload(found[1]) + "}}"), manifest)
    return yaml.safe_load(text.replace(_BARE, _QUOTED))


def dumped_job_set(job_set: Json) -> str:
    """A JobSet as text, in which Argo fills in its braces."""
    text = yaml.dump(job_set, Dumper=_Quoting, default_flow_style=False, width=float("inf"), allow_unicode=True)
    text = _QUOTED_PAYLOAD.sub(lambda found: "{{=toJson(" + payload(found[1]) + ")}}", str(text))
    return text.replace(_QUOTED, _BARE)


def _quoted(text: str) -> str:
    """A text of YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"


class _Quoting(yaml.SafeDumper):
    """Writes every text in single quotes, and nothing by reference to where it stood before."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'"))
