"""Argo's own manifests, made fit for a machine without images, and put into the cluster.

Changed in the workflow-controller's deployment: its image's tag, as a release has it, the executor's image (a pull
would be its default), a shorter interval between two looks at a workflow, no leader election. In that of Argo Events:
no leader election.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.rig.api import Api, Object
from tests.cluster.rig.settings import EVENTS_NAMESPACE, WORKFLOWS_NAMESPACE
from tools.bootstrap.cluster import ARGO_EVENTS, Release

EXECUTOR_IMAGE = "argoexec:rig"
ENTRYPOINTS = {"argo-events": ["argo-events"], "nats": ["nats-server"]}
"""What runs where a container of such an image has no command."""
_WORKFLOW_VARIABLES = {
    "LEADER_ELECTION_DISABLE": "true",
    "DEFAULT_REQUEUE_TIME": "500ms",
    "CRON_SYNC_PERIOD": "1s",
}
# Definitions are megabytes of YAML: without libyaml that takes longer than all the rest.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEFINITION = "CustomResourceDefinition"
_PATIENCE = 180


def install(api: Api, argo: Release, *, definitions_only: bool) -> None:
    """Put definitions, roles and controllers into the cluster; wait until the definitions are served."""
    events = list(documents(ARGO_EVENTS.manifest("install.yaml")))
    workflows = [document for name in ("roles", "controller") for document in _documents_of(argo, name)]
    definitions = [*_documents_of(argo, "crds"), *(each for each in events if each["kind"] == _DEFINITION)]
    for definition in definitions:
        # Not by server-side apply: it takes long for objects of this size.
        api.create(definition)
    for namespace in (WORKFLOWS_NAMESPACE, EVENTS_NAMESPACE):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for definition in definitions:
        wait_for_condition(api, api.path(definition), "Established")
    if definitions_only:
        return
    for document in workflows:
        api.apply(_workflows(document, argo), WORKFLOWS_NAMESPACE)
    for document in events:
        if document["kind"] != _DEFINITION:
            api.apply(_events(document), EVENTS_NAMESPACE)


def wait_until_available(api: Api) -> None:
    """Wait until both controllers run."""
    for namespace, name in ((WORKFLOWS_NAMESPACE, "workflow-controller"), (EVENTS_NAMESPACE, "controller-manager")):
        wait_for_condition(api, f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "Available")


def wait_for_condition(api: Api, path: str, kind: str) -> Object:
    """Wait until an object has a condition of a kind that is True; the object."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found: Object = api.find(path) or {}
        conditions = found.get("status", {}).get("conditions") or []
        if any(each["type"] == kind and each["status"] == "True" for each in conditions):
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} is not {kind} after {_PATIENCE} s: {conditions}")
        time.sleep(0.1)


def _documents_of(argo: Release, name: str) -> Iterator[Object]:
    for file in sorted(argo.manifest(name).glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from documents(file)


def documents(file: Path) -> Iterator[Object]:
    """The objects of a file of manifests."""
    with file.open() as text:
        for document in yaml.load_all(text, _LOADER):
            if document:
                yield document


def _workflows(document: Object, argo: Release) -> Object:
    for subject in document.get("subjects") or []:
        subject["namespace"] = WORKFLOWS_NAMESPACE
    if document["kind"] == "Deployment":
        container = _container(document)
        container["image"] = f"{container['image'].partition(':')[0]}:v{argo.version}"
        container["args"] = ["--executor-image", EXECUTOR_IMAGE, "--executor-image-pull-policy", "Never"]
        container["env"] += [{"name": name, "value": value} for name, value in _WORKFLOW_VARIABLES.items()]
    return document


def _events(document: Object) -> Object:
    if document["kind"] == "Deployment":
        _container(document)["args"] += ["--leader-election=false"]
    return document


def _container(deployment: Object) -> dict[str, Any]:
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container
