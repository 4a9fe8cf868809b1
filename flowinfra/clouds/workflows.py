"""Workflows of Argo: one is made from a WorkflowTemplate, and those that are there are found. Asked anew each time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

from flowinfra.clouds.kubernetes import ARGO, IN_TIME, Cluster, RefusedError
from flowinfra.errors import ClusterError

_METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables and after: a workflow has
up to a megabyte, and a namespace thousands of them."""


class Workflows(Cluster):
    """A cluster's workflows."""

    def manifest(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        """One of Argo's objects as the cluster has it; None where there is none of that name.

        Raises:
            ClusterError: the cluster is not reached, or one may not look. Every other method raises it likewise.
        """
        get = partial(self._custom.get_namespaced_custom_object, *ARGO, namespace, plural, name, **IN_TIME)
        found: dict[str, Any] | None = self._ask(f"{plural} {namespace}/{name}", get)
        return found

    def create(self, namespace: str, workflow: dict[str, Any]) -> str:
        """Make a workflow; its name is Kubernetes' where the manifest has `generateName`."""
        make = partial(self._custom.create_namespaced_custom_object, *ARGO, namespace, "workflows", workflow, **IN_TIME)
        made = self._ask(f"a new workflow in namespace {namespace}", make)
        if made is None:
            raise ClusterError(f"the Kubernetes cluster {self._host} has no workflows of Argo, or no {namespace}")
        return str(made["metadata"]["name"])

    def newest(self, namespace: str, prefix: str) -> Iterator[str]:
        """Names of the workflows whose names begin so, the newest first."""
        found = []
        following: str | None = None
        while True:
            more: dict[str, Any] = {"limit": 500, **IN_TIME, **({"_continue": following} if following else {})}
            ask = partial(self._metadata.list_namespaced_custom_object, *ARGO, namespace, "workflows", **more)
            page = self._ask("workflows", ask) or {}
            found += [each["metadata"] for each in page.get("items") or ()]
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                break
        mine = [each for each in found if each["name"].startswith(prefix)]
        for each in sorted(mine, key=lambda each: (each["creationTimestamp"], each["name"]), reverse=True):
            yield each["name"]

    def has_pod(self, namespace: str, name: str) -> bool:
        """Whether there is such a pod, or one may not look."""
        read = partial(self._core.read_namespaced_pod, name, namespace, **IN_TIME)
        try:
            return self._ask(f"pod {namespace}/{name}", read) is not None
        except RefusedError:
            return True

    @cached_property
    def _metadata(self) -> Any:
        from kubernetes import client

        asking: Any = client.ApiClient(self._settings)  # untyped
        asking.set_default_header("Accept", _METADATA_ALONE)
        return client.CustomObjectsApi(asking)
