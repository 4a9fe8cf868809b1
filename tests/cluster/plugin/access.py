"""The provider's configuration, and the cluster that it leads to."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigLoader

from flowinfra.plugin.schema import Problem
from flowinfra.plugin.wire import UNKNOWN, Plain
from tests.cluster.rig.api import Api, ApiError

_KEYS = {
    "context": "",
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "kubeconfig": "KUBECONFIG",
    "namespace": "",
    "pluginDownloadURL": "",
    "suppressDeprecationWarnings": "",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "version": "",
}
"""What can be configured here, and the variable that says it where the configuration does not."""
_SET_UP = (
    "unable to load Kubernetes client configuration from kubeconfig file. Make sure you have: \n\n"
    " \t • set up the provider as per "
    "https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/ \n\n "
)


class UnreachableError(Exception):
    """There is no cluster to be reached; the message is the reason."""


@dataclass(frozen=True)
class Settings:
    """A checked configuration."""

    kubeconfig: str = ""
    """A file, or its content; empty for the user's own."""
    context: str | None = None
    namespace: str = ""
    delete_unreachable: bool = False
    upsert: bool = False
    force: bool = False
    mutable: frozenset[str] = frozenset()
    """Kinds whose content is changed in place."""


def problems(config: Mapping[str, Plain]) -> Iterator[Problem]:
    """What the stand-in cannot do of a configuration."""
    for key in config:
        if key not in _KEYS and not key.startswith("__"):
            yield Problem(key, f"the local kubernetes plugin does not know kubernetes:{key}; it knows {sorted(_KEYS)}")


def settings(config: Mapping[str, Plain], variables: Mapping[str, str]) -> Settings:
    """A configuration, with what variables say where it says nothing. What is unknown counts as not given."""

    def value(key: str) -> str:
        found = config.get(key)
        return str(found) if found not in (None, UNKNOWN) else variables.get(_KEYS[key], "") if _KEYS[key] else ""

    def holds(key: str) -> bool:
        return value(key).lower() == "true"

    mutable = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
    return Settings(
        kubeconfig=value("kubeconfig"),
        context=value("context") or None,
        namespace=value("namespace"),
        delete_unreachable=holds("deleteUnreachable"),
        upsert=holds("upsertExistingObjects"),
        force=holds("enablePatchForce"),
        mutable=frozenset(kind for kind, key in mutable.items() if holds(key)),
    )


def connect(known: Settings) -> tuple[Api, str]:
    """Access to the cluster, and the namespace of its context. UnreachableError where there is none.

    Raises ValueError for a cluster that is not on this machine.
    """
    configuration, namespace = _load(known)
    host = urlsplit(configuration.host).hostname or ""
    if not _is_loopback(host):
        raise ValueError(
            "this is the local stand-in for pulumi-kubernetes, which speaks only to a cluster on this machine, and "
            f"the kubeconfig leads to {configuration.host}. Take it off PATH to deploy with the real one"
        )
    api = _api(configuration)
    try:
        api.get("/version")
    except ApiError as error:
        raise UnreachableError(f"unable to load schema information from the API server: {error.message}") from error
    except (requests.RequestException, OSError) as error:
        raise UnreachableError(
            f'unable to load schema information from the API server: Get "{configuration.host}/openapi/v2": {error}'
        ) from error
    return api, namespace


def _load(known: Settings) -> tuple[Configuration, str]:
    try:
        text, folder = _text(known.kubeconfig)
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise ConfigException("the kubeconfig is no mapping")
        make: Any = KubeConfigLoader
        loader = make(content, active_context=known.context, config_base_path=folder)
        configuration = Configuration()
        loader.load_and_set(configuration)
        context: Any = loader.current_context
        return configuration, str(context["context"].get("namespace") or "default")
    except (ConfigException, yaml.YAMLError, OSError, KeyError) as error:
        raise UnreachableError(f"{_SET_UP}{error}") from error


def _text(kubeconfig: str) -> tuple[str, str]:
    """A kubeconfig's content, and the folder that its paths count from."""
    if kubeconfig and ("\n" in kubeconfig or kubeconfig.lstrip().startswith("{")):
        return kubeconfig, os.curdir
    path = Path(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION).expanduser()
    if not path.exists():
        raise ConfigException("invalid configuration: no configuration has been provided")
    return path.read_text(), str(path.parent)


def _api(configuration: Configuration) -> Api:
    keys: Any = configuration.api_key
    # Releases of the package name the key differently.
    token = str(keys.get("BearerToken") or keys.get("authorization") or "").removeprefix("Bearer ") or None
    certificate = (str(configuration.cert_file), str(configuration.key_file)) if configuration.cert_file else None
    authority: str | bool = str(configuration.ssl_ca_cert) if configuration.ssl_ca_cert else True
    return Api(str(configuration.host), token, authority if configuration.verify_ssl else False, certificate)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
