"""What stands in for the package `kubernetes` where Metaflow builds manifests with it: objects that are their fields.

Runs in the flow's interpreter beside the driver: standard library only. Metaflow uses the package for the classes of a
pod's parts, and to reach a cluster. The flow's own code, if it imports the package, gets the real one.
"""

from __future__ import annotations

import re
from typing import Any

from .recording import Known

FIELDS = {
    "V1Container": "command env env_from image image_pull_policy name ports resources security_context "
    "termination_message_policy volume_mounts",
    "V1ContainerPort": "container_port",
    "V1EmptyDirVolumeSource": "medium size_limit",
    "V1EnvFromSource": "secret_ref",
    "V1EnvVar": "name value value_from",
    "V1EnvVarSource": "field_ref",
    "V1JobSpec": "backoff_limit completions parallelism template ttl_seconds_after_finished",
    "V1JobTemplateSpec": "metadata spec",
    "V1LocalObjectReference": "name",
    "V1ObjectFieldSelector": "field_path",
    "V1ObjectMeta": "annotations labels name namespace",
    "V1PersistentVolumeClaimVolumeSource": "claim_name",
    "V1PodSpec": "active_deadline_seconds containers image_pull_secrets node_selector restart_policy "
    "service_account_name set_hostname_as_fqdn subdomain termination_grace_period_seconds tolerations volumes",
    "V1PodTemplateSpec": "metadata spec",
    "V1ResourceRequirements": "limits requests",
    "V1SecretEnvSource": "name",
    "V1SecurityContext": "allow_privilege_escalation app_armor_profile capabilities privileged proc_mount "
    "read_only_root_filesystem run_as_group run_as_non_root run_as_user se_linux_options seccomp_profile "
    "windows_options",
    "V1Toleration": "effect key operator toleration_seconds value",
    "V1Volume": "empty_dir name persistent_volume_claim",
    "V1VolumeMount": "mount_path name",
}
"""Class → fields that Metaflow sets; of those that a flow's own attributes reach, all that Kubernetes knows."""

_IRREGULAR = {"set_hostname_as_fqdn": "setHostnameAsFQDN"}


def camel(name: str) -> str:
    """A field's name as the API has it."""
    return _IRREGULAR.get(name) or re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name)


def to_dict(value: Any) -> Any:
    """`value` with objects as dicts, by the names of Python."""
    if isinstance(value, Part):
        return {name: to_dict(item) for name, item in value.fields.items()}
    if isinstance(value, dict):
        return {key: to_dict(item) for key, item in value.items()}
    return [to_dict(item) for item in value] if isinstance(value, (list, tuple)) else value


def to_api(value: Any) -> Any:
    """`value` with objects as dicts, by the names of the API."""
    if isinstance(value, Part):
        return {camel(name): to_api(item) for name, item in value.fields.items()}
    if isinstance(value, dict):
        return {key: to_api(item) for key, item in value.items()}
    return [to_api(item) for item in value] if isinstance(value, (list, tuple)) else value


class Part:
    """A part of a manifest: the fields that were given, in the order of the class."""

    fields: dict[str, Any]

    def to_dict(self) -> Any:
        return to_dict(self)


class NotThereError(Exception):
    """Kubernetes' ApiException for what is not there."""

    status = 404
    reason = "Not Found"
    body = None


class CustomObjects:
    """The custom objects of an empty namespace."""

    def __init__(self, recording: Any) -> None:
        self._recording = recording

    def get_namespaced_custom_object(self, **_arguments: Any) -> Any:
        raise NotThereError

    def delete_namespaced_custom_object(self, **_arguments: Any) -> Any:
        raise NotThereError

    def create_namespaced_custom_object(self, **arguments: Any) -> Any:
        self._recording.call("kubernetes", "create_namespaced_custom_object", arguments)
        return arguments["body"]

    def __getattr__(self, operation: str) -> Any:
        return self._recording.unknown("kubernetes", f"CustomObjectsApi.{operation}")


def modules(recording: Any) -> dict[str, Any]:
    """Name of a module → what stands in for it."""

    class Api:
        @staticmethod
        def sanitize_for_serialization(value: Any) -> Any:
            return to_api(value)

    def module(name: str, **members: Any) -> Known:
        return Known("kubernetes", name, recording, **members)

    parts = {name: _class(name, fields.split(), recording) for name, fields in FIELDS.items()}
    client = module(
        "client",
        **parts,
        ApiClient=Api,
        CustomObjectsApi=lambda: CustomObjects(recording),
        api_client=module("client.api_client", ApiClient=Api),
        rest=module("client.rest", ApiException=NotThereError),
    )
    config = module("config", load_kube_config=lambda: None)
    package = module("kubernetes", client=client, config=config)
    return {"kubernetes": package, "kubernetes.client": client}


def _class(name: str, known: list[str], recording: Any) -> type[Part]:
    def init(self: Part, *positional: Any, **named: Any) -> None:
        given = {**dict(zip(known, positional)), **named}  # noqa: B905  (Python 3.9 has no strict)
        for field in given:
            if field not in known:
                recording.unknown("kubernetes", f"{name}({field})")
        self.fields = {field: given[field] for field in known if given.get(field) is not None}

    attribute_map = {field: camel(field) for field in known}
    return type(name, (Part,), {"__init__": init, "attribute_map": attribute_map})
