"""Texts of a flow in which Argo would see its own template syntax, `{{…}}`: they reach the task as they are written.

Wherever `{{` stands in a workflow, Argo puts a value in (util/template), and it refuses the workflow where it does not
know the value (`resolveAllVariables` of workflow/validate). It does so several times, one after the other
(`SubstituteParams` of workflow/common, `substitutePodParams` of workflow/controller), so that no expression of its own
can leave a `{{`. Each text is therefore written without one, in a way that is undone by who reads the text next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any

from flowinfra.model.base import Json
from flowinfra.targets.mends import kept_from_kubernetes

OPENING = "{{"
BRACE = "FLOWINFRA_BRACE"
"""Variable of a task that holds `{`."""

_OWN = re.compile(r"\{\{(retries|workflow\.(name|namespace|failures)|(inputs|workflow)\.parameters\.[\w-]+)\}\}")
"""What Metaflow writes into variables of tasks for Argo to fill in."""
_PAYLOAD = re.compile(r"\{\{workflow\.parameters\.([\w-]+)\}\}")
"""The whole value of a variable that gives a task its event: the payload that started the run."""
_PAIR = re.compile(r"\{(?=\{)")
_WITH = re.compile(r"--with[ =]'[^']*'")
"""A decorator in a task's command, which Metaflow writes in quotes of the shell."""
_TOLD = ("workflows.argoproj.io/title", "workflows.argoproj.io/description")
"""Annotations that Argo's user interface shows of a WorkflowTemplate, where Argo puts nothing in."""


def in_json(text: str) -> str:
    r"""A text that is JSON, with `{\u007b` for `{{`, which can only stand inside one of its strings."""
    return text.replace(OPENING, r"{\u007b")


def payload(parameter: str) -> str:
    """The expression with which Argo writes an event's payload into a variable, kept from Kubernetes as well."""
    return f"replace(workflow.parameters['{parameter}'], '$', '$$')"


def keep_in_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of what Argo makes: annotations that are JSON are written without `{{`.

    A title or description that holds it is left out: Argo shows that of the WorkflowTemplate.
    """
    if "annotations" not in metadata:
        return dict(metadata)
    kept = {
        key: in_json(value) if _is_json(value) else value
        for key, value in metadata["annotations"].items()
        if not (key in _TOLD and OPENING in value)
    }
    return {**metadata, "annotations": kept}


def keep_in_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow's arguments, whose values are JSON."""
    return {
        **arguments,
        "parameters": [
            {**entry, "value": in_json(entry["value"])} if _is_json(entry.get("value", "")) else entry
            for entry in arguments["parameters"]
        ],
    }


def keep_in_container(container: Mapping[str, Any], given: Container[str]) -> dict[str, Any]:
    """A container whose task gets its variables as they were written; the names of those of the flow are `given`.

    Kubernetes puts variables into later ones (`$(NAME)`), after Argo is done: one holds the brace. In a command the two
    braces are two words of the shell, one behind the other.
    """
    env = [_kept_variable(entry, given) for entry in container.get("env", ())]
    if any(f"$({BRACE})" in str(entry.get("value")) for entry in env):
        env = [{"name": BRACE, "value": "{"}, *env]
    command = [
        _WITH.sub(lambda found: _PAIR.sub("{''", kept_from_kubernetes(found[0])), word) for word in container["command"]
    ]
    return {**container, "command": command, **({"env": env} if env else {})}


def _kept_variable(entry: Mapping[str, Any], given: Container[str]) -> dict[str, Any]:
    if not isinstance(entry.get("value"), str):
        return dict(entry)
    if entry["name"] not in given and (found := _PAYLOAD.fullmatch(entry["value"])):
        return {**entry, "value": f"{{{{={payload(found[1])}}}}}"}
    value = kept_from_kubernetes(entry["value"])
    return {**entry, "value": value.replace(OPENING, f"{{$({BRACE})") if _is_text(entry, given) else value}


def _is_text(entry: Mapping[str, Json], given: Container[str]) -> bool:
    """Whether a variable's value holds `{{` of the flow's, and not for Argo."""
    value = entry.get("value")
    if not isinstance(value, str) or OPENING not in value:
        return False
    return entry["name"] in given or OPENING in _OWN.sub("", value)


def _is_json(value: Json) -> bool:
    """Whether a value is a text that is JSON."""
    if not isinstance(value, str):
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True
