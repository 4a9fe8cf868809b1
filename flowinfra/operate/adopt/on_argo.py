"""A WorkflowTemplate that was deployed by hand → what a stack's file has to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.clouds.kubernetes import Cluster
from flowinfra.components.names import PROJECT_LABEL, STACK_LABEL, label_value
from flowinfra.model.datastores import DATASTORES
from flowinfra.operate.adopt.entries import (
    NOT_ENABLED,
    Adoption,
    Deployed,
    NotAdoptedError,
    Stack,
    entry_of,
    of_all_targets,
    of_images,
    of_runs,
    refuse_a_persons,
    refuse_others,
)
from flowinfra.stack.flow import FlowConfig
from flowinfra.targets.argo.by_hand import ByHand, is_usual, read_back, usual_name
from flowinfra.targets.task_command import NotMetaflowError


@dataclass(frozen=True)
class Template:
    """A WorkflowTemplate with its schedule."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    by_hand: ByHand | None
    """None where Metaflow did not make it."""
    paused: bool
    """Whether its CronWorkflow is suspended."""


def templates(cluster: Cluster, namespace: str) -> list[Template]:
    """The WorkflowTemplates of a namespace, by name.

    Raises:
        ClusterError: the cluster is not reached, or one may not look.
    """
    crons = {each["metadata"]["name"]: each for each in cluster.manifests(namespace, "cronworkflows")}
    found = cluster.manifests(namespace, "workflowtemplates")
    return sorted((_template(each, crons, namespace) for each in found), key=lambda each: each.name)


def adoption(stack: Stack, template: Template, file: str, docstring: str | None) -> Adoption:
    """What a stack's file has to say so that the next `up` takes over a WorkflowTemplate.

    Args:
        stack: the stack.
        template: what the cluster has.
        file: that of the flow.
        docstring: of the flow's class, which Argo's user interface shows unless `create` was told otherwise.

    Raises:
        NotAdoptedError: it cannot be the stack's.
    """
    marks = (template.labels.get(PROJECT_LABEL), template.labels.get(STACK_LABEL))
    refuse_others(marks, (label_value(stack.project), label_value(stack.name)))
    found = template.by_hand
    if found is None:
        raise NotAdoptedError("is not one of Metaflow's: its annotations have no owner and production token")
    wanted = {**of_all_targets(found.options, found.token), **of_images(found.images)}
    wanted["argo"] = {
        **dict(found.options["argo"] or {}),
        "workflow_description": None if found.description == (docstring or "").strip() else found.description,
    }
    if template.paused:
        wanted["schedule"] = {"enabled": False}
    is_project = refuse_a_persons(found.token, found.options)
    if not is_usual(template.name, found):
        if is_project:
            raise NotAdoptedError(f"would have the name {usual_name(found)} in this stack, as Metaflow names it now")
        wanted["name"] = template.name
    place = f"{template.namespace}/{template.name}"
    deployed = Deployed("argo", template.name, place, found.owner, found.token, found.unread)
    return entry_of(stack, deployed, file, wanted, lambda config: _notes(found, stack, config))


def _template(manifest: Mapping[str, Any], crons: Mapping[str, Mapping[str, Any]], namespace: str) -> Template:
    metadata = manifest["metadata"]
    try:
        by_hand = read_back(manifest)
    except NotMetaflowError:
        by_hand = None
    cron = crons.get(metadata["name"]) or {}
    paused = bool((cron.get("spec") or {}).get("suspend"))
    return Template(metadata["name"], namespace, metadata.get("labels") or {}, by_hand, paused)


def _notes(found: ByHand, stack: Stack, config: FlowConfig) -> Iterator[str]:
    """What is otherwise from then on, or has to be known."""
    platform = stack.config.platform
    datastore = DATASTORES[platform.datastore].root(platform.bucket or "", platform.prefix)
    yield from of_runs(found.datastore, datastore, found.service_url, platform)
    own = platform.kubernetes.service_account if platform.kubernetes else None
    others = [each for each in found.service_accounts if each != own]
    if others:
        yield (
            f"its pods have the service account {', '.join(others)}; from then on "
            + (f"the platform's, {own}" if own else "one of the flow's own, unless the platform names this one")
            + " (`service_account`)"
        )
    if not config.enabled:
        yield NOT_ENABLED
