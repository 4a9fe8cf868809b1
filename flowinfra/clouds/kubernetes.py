"""What a Kubernetes cluster has: for checks before a deploy, for what nothing refers to any more, and to end runs.

Reads only, but for `terminate`. The cluster is the one that Pulumi's `kubernetes` provider would use: a kubeconfig
(path or text) and context, by default those of KUBECONFIG or ~/.kube/config.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import yaml

from flowinfra.engine.extras import require
from flowinfra.errors import ClusterError

T = TypeVar("T")

ARGO = ("argoproj.io", "v1alpha1")
"""Group and version of Argo's objects."""
_JOB_SETS = ("jobset.x-k8s.io", "v1alpha2")
IN_TIME: dict[str, Any] = {"_request_timeout": (5, 30)}
"""Seconds to connect and to answer."""
_PAGE = 200
_FORBIDDEN, _NOT_FOUND = 403, 404
_NO_TLS = 0
"""The status that the client gives where TLS fails, as with a certificate of another address."""
_NOT_COMPLETED = "workflows.argoproj.io/completed!=true"
"""Selects workflows that Argo's controller has not marked as ended: of many old ones, few are sent."""
_CONTROLLERS = (
    {"field_selector": "metadata.name=workflow-controller"},
    {"label_selector": "app.kubernetes.io/component=workflow-controller"},
)
_READ_OF_CORE = {"ConfigMap": "read_namespaced_config_map", "ServiceAccount": "read_namespaced_service_account"}
_ARGO_NAMESPACE = "argo"
_CONTROLLER_IMAGE = re.compile(r"workflow-controller:v?(\d+\.\d+\.\d+)")
_ENDED = ("Succeeded", "Failed", "Error")


@dataclass(frozen=True)
class Named:
    """An object's metadata."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Cluster:
    """What a cluster has. A question is asked once, unless it says otherwise: the answers are those of one moment."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        """Connect; nothing is sent yet.

        Args:
            kubeconfig: path or text; None for KUBECONFIG or ~/.kube/config.
            context: of the kubeconfig; None for its current one.

        Raises:
            ClusterError: no kubeconfig was found, the file is not a kubeconfig, or it lacks the context.
            MissingExtraError: `flowinfra[kubernetes]` is not installed.
        """
        require("kubernetes", "a question to a Kubernetes cluster")
        from kubernetes import client, config

        # untyped
        load: Any = config
        try:
            settings = client.Configuration()
            text = _as_text(kubeconfig)
            if text is not None:
                load.load_kube_config_from_dict(text, context=context, client_configuration=settings)
            else:
                load.load_kube_config(config_file=kubeconfig, context=context, client_configuration=settings)
        # the client looks at little of a kubeconfig before it takes it apart
        except (config.ConfigException, yaml.YAMLError, OSError, LookupError, TypeError, AttributeError) as error:
            said = str(error).rstrip(".") if isinstance(error, config.ConfigException) else _no_kubeconfig(error)
            if "No configuration found" in said:
                said = _no_file(kubeconfig or load.kube_config.KUBE_CONFIG_DEFAULT_LOCATION)
            raise ClusterError(
                f"the Kubernetes cluster is not known: {said}; set KUBECONFIG, or `kubernetes:kubeconfig` and "
                "`kubernetes:context` in the stack's configuration"
            ) from None
        settings.retries = False
        self._settings = settings
        self._client = client.ApiClient(settings)
        self._custom = client.CustomObjectsApi(self._client)
        self._host = settings.host
        self._answers: dict[str, Any] = {}

    @cached_property
    def _core(self) -> Any:
        # its import takes half a second, and a stack that is deployed needs nothing of it
        from kubernetes import client

        return client.CoreV1Api(self._client)

    def argo_resources(self) -> frozenset[str]:
        """Plural names of the resources of Argo that the cluster knows.

        Raises:
            ClusterError: the cluster cannot be reached. Every other method raises it for the same reason.
        """

        def ask() -> frozenset[str]:
            found = self._ask(ARGO[0], lambda: self._custom.get_api_resources(*ARGO, **IN_TIME))
            return frozenset(entry.name for entry in found.resources) if found else frozenset()

        return self._asked(ARGO[0], ask)

    def has_job_sets(self) -> bool:
        """Whether the cluster knows JobSets."""
        return self._there("JobSets", lambda: self._custom.get_api_resources(*_JOB_SETS, **IN_TIME))

    def has_namespace(self, name: str) -> bool:
        """Whether there is such a namespace, or one may not look."""
        return self._there(f"namespace {name}", lambda: self._core.read_namespace(name, **IN_TIME))

    def has_service_account(self, namespace: str, name: str) -> bool:
        """Whether there is such a service account, or one may not look."""
        return self._there(
            f"service account {namespace}/{name}",
            lambda: self._core.read_namespaced_service_account(name, namespace, **IN_TIME),
        )

    def of_that_name(self, api_version: str, kind: str, namespace: str, name: str) -> Named | None:
        """An object of the cluster, asked for anew at each call; None where the cluster has no such object.

        Raises:
            ClusterError: also where one may not look.
        """
        what = f"{kind} {namespace}/{name}"
        if "/" in api_version:
            place: Any = (*api_version.split("/"), namespace, f"{kind.lower()}s", name)
            found = self._ask(what, lambda: self._custom.get_namespaced_custom_object(*place, **IN_TIME))
            return None if found is None else _named(found["metadata"])
        read = getattr(self._core, _READ_OF_CORE[kind])
        found = self._ask(what, lambda: read(name, namespace, **IN_TIME))
        return None if found is None else _named(found.metadata.to_dict())

    def argo_version(self, namespace: str) -> str | None:
        """Version of the Argo that runs a namespace's workflows, such as `4.1.4`.

        It is read from the tag of the controller's image. None where no controller is seen, its image names no version,
        or several are seen and none of them is in the namespace.
        """
        found = self._asked("workflow controllers", self._controllers)
        if found is None:
            near = (namespace, _ARGO_NAMESPACE)
            found = {each: self._controllers_of(each) for each in near}
        versions = found.get(namespace) or frozenset(version for each in found.values() for version in each)
        return next(iter(versions)) if len(versions) == 1 else None

    def _controllers(self) -> dict[str, frozenset[str]] | None:
        """Namespace → versions of the workflow controllers in it; None where one may not look into all."""
        try:
            items = self._deployments(None)
        except RefusedError:
            return None
        found: dict[str, frozenset[str]] = {}
        for item in items:
            place = item["metadata"]["namespace"]
            found[place] = found.get(place, frozenset()) | _controller_versions(item)
        return found

    def _controllers_of(self, namespace: str) -> frozenset[str]:
        def ask() -> frozenset[str]:
            try:
                items = self._deployments(namespace)
            except RefusedError:
                return frozenset()
            return frozenset(version for item in items for version in _controller_versions(item))

        return self._asked(f"workflow controllers of {namespace}", ask)

    def _deployments(self, namespace: str | None) -> list[dict[str, Any]]:
        """Those that run Argo's controller: by the name of its own manifests, or by the label of its Helm chart."""
        for query in _CONTROLLERS:
            more: dict[str, Any] = {**query, **IN_TIME}
            if namespace is None:
                ask = partial(self._custom.list_cluster_custom_object, "apps", "v1", "deployments", **more)
            else:
                ask = partial(
                    self._custom.list_namespaced_custom_object, "apps", "v1", namespace, "deployments", **more
                )
            found = self._ask("Argo's controller", ask) or {}
            if items := found.get("items"):
                return list(items)
        return []

    def named(self, namespace: str, plural: str) -> list[Named] | None:
        """Argo's objects of a kind in a namespace; None where one may not look."""

        def ask() -> list[Named] | None:
            try:
                return [_named(item["metadata"]) for item in self._items(plural, namespace)]
            except RefusedError:
                return None

        return self._asked(f"{plural} of {namespace}", ask)

    def manifests(self, namespace: str, plural: str) -> list[dict[str, Any]]:
        """All of Argo's objects of a kind in a namespace, as the cluster has them.

        Raises:
            ClusterError: also where one may not look into the namespace.
        """
        return list(self._items(plural, namespace))

    def texts(self, plurals: Sequence[str]) -> list[str]:
        """JSON texts of all of Argo's objects of these kinds, of all namespaces.

        Raises:
            ClusterError: also where one may not look into all namespaces.
        """
        return [json.dumps(item) for plural in plurals for item in self._items(plural)]

    def running_workflows(self, namespace: str, templates: Collection[str]) -> list[str]:
        """Names of workflows of these WorkflowTemplates that have not ended, asked anew each time.

        Raises:
            ClusterError: also where one may not look into the namespace.
        """
        return [
            item["metadata"]["name"]
            for item in self._items("workflows", namespace, _NOT_COMPLETED)
            if item.get("status", {}).get("phase") not in _ENDED
            and item["spec"].get("workflowTemplateRef", {}).get("name") in templates
        ]

    def terminate(self, namespace: str, workflow: str) -> None:
        """End a workflow as `argo terminate` does, without its exit handlers; nothing is raised for one that is gone.

        Raises:
            ClusterError: also where one may not.
        """
        end = {"spec": {"shutdown": "Terminate"}}
        patch = partial(self._custom.patch_namespaced_custom_object, *ARGO, namespace, "workflows")
        self._ask(f"the end of workflow {namespace}/{workflow}", lambda: patch(workflow, end, **IN_TIME))

    def _items(self, plural: str, namespace: str | None = None, labels: str | None = None) -> Iterator[dict[str, Any]]:
        following: str | None = None
        while True:
            page = self._ask(plural, partial(self._page, plural, namespace, labels, following)) or {}
            yield from page.get("items", ())
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return

    def _page(self, plural: str, namespace: str | None, labels: str | None, following: str | None) -> dict[str, Any]:
        given = {"label_selector": labels, "_continue": following}
        more: dict[str, Any] = {"limit": _PAGE, **IN_TIME, **{key: value for key, value in given.items() if value}}
        if namespace is None:
            found: Any = self._custom.list_cluster_custom_object(*ARGO, plural, **more)
        else:
            found = self._custom.list_namespaced_custom_object(*ARGO, namespace, plural, **more)
        answer: dict[str, Any] = found
        return answer

    def _there(self, what: str, question: Callable[[], Any]) -> bool:
        def ask() -> bool:
            try:
                return self._ask(what, question) is not None
            except RefusedError:
                return True

        return self._asked(what, ask)

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        """The answer that was given before, or is given now."""
        if what not in self._answers:
            self._answers[what] = ask()
        answer: T = self._answers[what]
        return answer

    def _ask(self, what: str, ask: Callable[[], Any]) -> Any:
        """The answer, None where there is nothing."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return ask()
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            if error.status == _NO_TLS:
                words = ": ".join(error.reason.splitlines())
                raise self._out_of_reach(words) from None
            kind = RefusedError if error.status == _FORBIDDEN else ClusterError
            raise kind(
                f"the Kubernetes cluster {self._host}, asked for {what}, answers {error.status}: {_reason(error)}"
            ) from None
        except (HTTPError, OSError) as error:
            raise self._out_of_reach(f"{type(error).__name__}: {error}") from None

    def _out_of_reach(self, why: str) -> ClusterError:
        return ClusterError(
            f"the Kubernetes cluster {self._host} cannot be reached ({why}); see whether it is running, and whether "
            "this is the right context"
        )


def _named(metadata: Mapping[str, Any]) -> Named:
    return Named(metadata["name"], metadata.get("labels") or {}, metadata.get("annotations") or {})


def _controller_versions(deployment: Mapping[str, Any]) -> frozenset[str]:
    images = (container.get("image", "") for container in deployment["spec"]["template"]["spec"]["containers"])
    return frozenset(found[1] for image in images if (found := _CONTROLLER_IMAGE.search(image)))


class RefusedError(ClusterError):
    """One may not look there."""


def _as_text(kubeconfig: str | None) -> dict[str, Any] | None:
    """The content where `kubeconfig` is one and no path."""
    if kubeconfig is None or ("\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{")):
        return None
    content = yaml.safe_load(kubeconfig)
    return content if isinstance(content, dict) else None


def _no_file(path: str) -> str:
    """Say that a file does not exist. A text with line breaks is not shown: it is content, which holds credentials."""
    return "what it has as kubeconfig is not one" if "\n" in path else f"there is no kubeconfig {path}"


def _no_kubeconfig(error: Exception) -> str:
    """Say why a text is not a kubeconfig, without showing it: it may hold credentials."""
    if isinstance(error, OSError):
        return f"{error.filename} cannot be read ({error.strerror})"
    mark = getattr(error, "problem_mark", None)
    return f"its kubeconfig is not YAML, line {mark.line + 1}" if mark else "what it has as kubeconfig is not one"


def _reason(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
