"""What Metaflow's own `argo-workflows create` made, read back out of a WorkflowTemplate. Pure.

Metaflow writes whose the template is, and its tags, into annotations. What else `create` was given stands in the
commands of the steps and in the workflow itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.datastores import DATASTORES
from flowinfra.model.metaflow_names import name_digest
from flowinfra.targets.argo.names import STEP
from flowinfra.targets.task_command import NotMetaflowError, given, not_read_back, task_command, values

_OWN_DECORATORS = ("kubernetes", "argo_workflows_internal", "environment:vars={}")
"""Those that Metaflow puts on each step itself."""
_TITLE, _DESCRIPTION = "workflows.argoproj.io/title", "workflows.argoproj.io/description"
_SILENT = "argo_workflows_internal:auto-emit-argo-events=0"
_ERROR_HOOK, _HEARTBEAT = "error-msg-capture-hook", "heartbeat-daemon"
_LONG = 45
"""Characters of a name from which on Metaflow cuts it, and adds a digest (`resolve_workflow_name_v2`)."""


@dataclass(frozen=True)
class ByHand:
    """A deployment that was made by hand."""

    flow: str
    """Name of the flow's class."""
    owner: str
    token: str
    file: str | None
    """Name of the flow's file, without its folder; None where the command is not known."""
    project_flow: str | None
    """Metaflow's name of a @project flow: project, branch and flow, with dots between."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Key of a flow in a stack's file → what `create` was given; `argo` has those of the target."""
    description: str | None = None
    """What Argo's user interface says of the flow."""
    images: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    datastore: str | None = None
    service_url: str | None = None
    unread: tuple[str, ...] = ()
    """What cannot be read back, in words."""


def read_back(template: Mapping[str, Any]) -> ByHand:
    """What a WorkflowTemplate, as the cluster has it, says of its deployment.

    Raises:
        NotMetaflowError: Metaflow did not make it.
    """
    annotations: Mapping[str, str] = template["metadata"].get("annotations") or {}
    own = {name: annotations.get(f"metaflow/{name}") for name in ("flow_name", "owner", "production_token")}
    steps = list(_steps(template))
    if not steps or not all(own.values()):
        raise NotMetaflowError
    start = next((each["container"] for each in steps if _step_name(each) == "start"), steps[0]["container"])
    task = task_command(" ".join(map(str, start.get("command") or ())))
    environment = {entry["name"]: str(entry["value"]) for entry in start.get("env") or () if entry.get("value")}
    options: dict[str, Json] = {**given(task, _OWN_DECORATORS), **_of_workflow(template)}
    options["argo"] = _of_target(template, values(task.before, "--with") if task else [])
    # tags of a run stand in the command, beside those that Metaflow adds to each task
    options["tags"] = json.loads(annotations.get("metaflow/tags", "[]"))
    return ByHand(
        flow=str(own["flow_name"]),
        owner=str(own["owner"]),
        token=str(own["production_token"]),
        file=task.file if task else None,
        project_flow=annotations.get("metaflow/project_flow_name"),
        options=options,
        description=annotations.get(_DESCRIPTION),
        images=tuple(dict.fromkeys(each["container"]["image"] for each in steps)),
        service_accounts=tuple(dict.fromkeys(each.get("serviceAccountName") or "default" for each in steps)),
        datastore=next((found for each in DATASTORES.values() if (found := environment.get(each.sysroot))), None),
        service_url=environment.get("METAFLOW_SERVICE_URL"),
        unread=tuple(_unread(annotations, environment, options, task is not None)),
    )


def usual_name(found: ByHand) -> str:
    """Name that Metaflow gives the WorkflowTemplate of a flow without `--name`; of a long one, `…` and its end."""
    if found.project_flow is None or len(found.project_flow) <= _LONG:
        return _plain(found.project_flow or found.flow)
    return f"…-{name_digest(found.project_flow, 5)}"


def is_usual(name: str, found: ByHand) -> bool:
    """Whether a WorkflowTemplate has that name."""
    usual = usual_name(found)
    return name.endswith(usual[1:]) if usual.startswith("…") else name == usual


def _plain(name: str) -> str:
    """A name as Argo takes it (`sanitize_for_argo` of Metaflow's argo_workflows_cli.py)."""
    plain = re.sub(r"^[^A-Za-z0-9]+|[_@+]", "", name).lower()
    return re.sub(r"[^a-z0-9]*\.[^a-z0-9]*", ".", plain)


def _steps(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The templates that run a step in a pod."""
    for each in template["spec"].get("templates") or ():
        if _step_name(each) and "image" in (each.get("container") or {}):
            yield each


def _step_name(template: Mapping[str, Any]) -> str | None:
    found: str | None = ((template.get("metadata") or {}).get("annotations") or {}).get(STEP)
    return found


def _of_workflow(template: Mapping[str, Any]) -> dict[str, Json]:
    spec = template["spec"]
    return {"workflow_timeout": spec.get("activeDeadlineSeconds"), "max_workers": spec.get("parallelism")}


def _of_target(template: Mapping[str, Any], decorators: list[str]) -> dict[str, Json]:
    annotations, spec = template["metadata"].get("annotations") or {}, template["spec"]
    names = {each["name"] for each in spec["templates"]}
    title = annotations.get(_TITLE)
    usual = annotations.get("metaflow/project_flow_name") or annotations["metaflow/flow_name"]
    return {
        "workflow_priority": spec.get("priority"),
        "workflow_title": title if title != usual else None,
        "emit_events": _SILENT not in decorators,
        "capture_errors": _ERROR_HOOK in names,
        "heartbeat": _HEARTBEAT in names,
    }


def _unread(
    annotations: Mapping[str, str], environment: Mapping[str, str], options: Mapping[str, Json], known: bool
) -> Iterator[str]:
    if not known:
        yield "namespace and decorators: the command of the start step is not readable in the template"
    yield from not_read_back(environment, options)
    for when in ("error", "success"):
        if told := annotations.get(f"metaflow/notify_on_{when}"):
            where = ", ".join(name for name, on in json.loads(told).items() if on)
            yield (
                f"notifications on {when} ({where}): the template has their addresses as text; keep them in a Secret, "
                f"and name it under `argo` (`notify_on_{when}: true`, `notify_…: NAME/KEY`)"
            )
