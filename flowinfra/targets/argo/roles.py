"""What a flow's pods may do in the cluster: rules of its Role as data, derived from the WorkflowTemplate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flowinfra.errors import BindError
from flowinfra.model.base import Json

Rule = dict[str, Json]
"""A PolicyRule of Kubernetes."""

_CREATED = {"jobset.x-k8s.io/v1alpha2/JobSet": ("jobset.x-k8s.io", "jobsets")}
"""What a step of Metaflow makes in the cluster, by version and kind → its API group and resource."""


def pod_rules(workflow_template: Mapping[str, Json]) -> list[Rule]:
    """Rules for the flow's tasks: to report results to Argo, and what special steps need.

    Raises:
        BindError: a step makes something in the cluster that this version does not know.
    """
    made = {kind for template in workflow_template["spec"]["templates"] for kind in _made(template)}
    return [
        _rule("argoproj.io", "workflowtaskresults", "create", "patch"),
        *(_rule(*_CREATED[kind], "create", "get") for kind in sorted(made)),
    ]


def sensor_rules() -> list[Rule]:
    """Rules for the Sensor's pod: to start workflows. No grant is narrower, since a new workflow has no name yet."""
    return [_rule("argoproj.io", "workflows", "create")]


def _made(template: Mapping[str, Json]) -> Iterator[str]:
    """What a template makes in the cluster (@parallel: a JobSet)."""
    if "resource" not in template:
        return
    # no YAML before Argo has filled in its own templates: only these two lines are read
    found = dict(re.findall(r"^'?(apiVersion|kind)'?: *'?([^'\s]+)", template["resource"]["manifest"], re.MULTILINE))
    kind = f"{found.get('apiVersion')}/{found.get('kind')}"
    if kind not in _CREATED:
        raise BindError(
            f"step {template['name']!r}: makes a {kind} in the cluster, which this version of flowinfra does not "
            f"deploy; known: {', '.join(_CREATED)}"
        )
    yield kind


def _rule(group: str, resource: str, *verbs: str) -> Rule:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
