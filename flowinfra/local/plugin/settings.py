"""The provider's configuration, and the promise that it only ever means the embedded AWS.

Keys are those of `aws.Provider` (pulumi_aws/provider.py). An endpoint comes from the `endpoints` key or, as in AWS's
SDKs, from AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL. Every one must be a loopback address.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flowinfra.plugin.schema import Problem
from flowinfra.plugin.wire import UNKNOWN, Plain, has_unknown

REFUSAL = (
    "the local aws plugin speaks only to the embedded AWS on this machine (loopback addresses: "
    "127.0.0.1, ::1, localhost)"
)

_KEYS = frozenset(
    {
        "accessKey",
        "allowedAccountIds",
        "customCaBundle",
        "defaultTags",
        "ec2MetadataServiceEndpoint",
        "ec2MetadataServiceEndpointMode",
        "endpoints",
        "forbiddenAccountIds",
        "httpProxy",
        "httpsProxy",
        "ignoreTags",
        "insecure",
        "maxRetries",
        "noProxy",
        "pluginDownloadURL",
        "profile",
        "region",
        "retryMode",
        "s3UsEast1RegionalEndpoint",
        "s3UsePathStyle",
        "secretKey",
        "sharedConfigFiles",
        "sharedCredentialsFiles",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "stsRegion",
        "tagPolicyCompliance",
        "token",
        "tokenBucketRateLimiterCapacity",
        "useDualstackEndpoint",
        "useFipsEndpoint",
        "userAgents",
        "version",
    }
)
_NOT_HERE = {
    "assumeRoles": "roles of another account cannot be assumed",
    "assumeRoleWithWebIdentity": "there is no web identity",
}
_ENDPOINT_NAMES = {
    "stepfunctions": ("sfn", "stepfunctions"),
    "logs": ("logs", "cloudwatchlogs", "cloudwatchlog"),
    "events": ("events", "cloudwatchevents", "eventbridge"),
}
"""boto3's service name → names of the `endpoints` key, where they are not the same."""


@dataclass(frozen=True)
class Settings:
    """A checked configuration."""

    region: str
    endpoints: Mapping[str, str]
    """boto3's service name → URL; the empty name is the one for all others."""
    access_key: str
    secret_key: str
    default_tags: Mapping[str, str] = field(default_factory=dict)
    ignore_keys: tuple[str, ...] = ()
    ignore_prefixes: tuple[str, ...] = ()
    allowed_accounts: tuple[str, ...] = ()
    forbidden_accounts: tuple[str, ...] = ()

    def endpoint(self, service: str) -> str | None:
        """The URL for a service of boto3; None where the configuration names none."""
        return self.endpoints.get(service) or self.endpoints.get("")

    def tags_all(self, tags: Plain) -> Plain:
        """A resource's tags with the provider's default ones; unknown if they are."""
        if tags is not None and has_unknown(tags):
            return UNKNOWN
        merged = {**self.default_tags, **(tags or {})}
        return {key: value for key, value in merged.items() if not self.ignores(key)}

    def ignores(self, key: str) -> bool:
        """Whether the plugin leaves a tag alone: AWS's own, or one that the configuration ignores."""
        return key.startswith(("aws:", *self.ignore_prefixes)) or key in self.ignore_keys

    def own_tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """AWS's tags without the provider's default ones."""
        return {key: value for key, value in tags.items() if self.default_tags.get(key) != value}


def problems(config: Mapping[str, Plain], environment: Mapping[str, str]) -> Iterator[Problem]:
    """Find the problems of a configuration; values that are not known yet are passed over."""
    for key in config:
        if key in _NOT_HERE:
            yield Problem(key, f"the local aws plugin cannot do this: {_NOT_HERE[key]}; remove aws:{key}")
        elif key not in _KEYS and not key.startswith("__"):
            yield Problem(key, f"unknown configuration key aws:{key}")
    values = {key: parse(value) for key, value in config.items()}
    if has_unknown(values.get("endpoints")):
        return
    found = _endpoints(values.get("endpoints"), environment)
    if "" not in found and not values.get("endpoints"):
        yield Problem(
            "endpoints",
            f"{REFUSAL}, and no endpoint is set. Run the command inside `flowinfra local exec -- …`, which sets "
            "AWS_ENDPOINT_URL, or take this plugin off PATH to deploy with the real one",
        )
    for service, url in found.items():
        if not is_loopback(url):
            where = f"the endpoint of {service}" if service else "the endpoint"
            yield Problem("endpoints", f"{REFUSAL}; {where} is {url!r}")
    region = _region(values, environment)
    if region is None:
        yield Problem("region", "Missing region information. Set it: pulumi config set aws:region us-east-1")
    elif region is not UNKNOWN and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", str(region)):
        yield Problem("region", f"invalid AWS Region: {region}")


def settings(config: Mapping[str, Plain], environment: Mapping[str, str]) -> Settings | None:
    """The configuration to work with; None while it is not known (a preview that creates its provider)."""
    values = {key: parse(value) for key, value in config.items()}
    region = _region(values, environment)
    if region is UNKNOWN or has_unknown(values.get("endpoints")):
        return None
    ignored = values.get("ignoreTags") or {}
    return Settings(
        region=str(region),
        endpoints=_endpoints(values.get("endpoints"), environment),
        access_key=str(values.get("accessKey") or environment.get("AWS_ACCESS_KEY_ID") or "local"),
        secret_key=str(values.get("secretKey") or environment.get("AWS_SECRET_ACCESS_KEY") or "local"),
        default_tags=dict((values.get("defaultTags") or {}).get("tags") or {}),
        ignore_keys=tuple(ignored.get("keys") or ()),
        ignore_prefixes=tuple(ignored.get("keyPrefixes") or ()),
        allowed_accounts=tuple(values.get("allowedAccountIds") or ()),
        forbidden_accounts=tuple(values.get("forbiddenAccountIds") or ()),
    )


def is_loopback(url: str) -> bool:
    """Whether an HTTP URL can only reach this machine: an address of the loopback interface, or `localhost`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse(value: Plain) -> Plain:
    """A configuration value: anything but a string arrives as JSON text."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _region(values: Mapping[str, Plain], environment: Mapping[str, str]) -> Plain:
    return values.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None


def _endpoints(configured: Any, environment: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if url := environment.get("AWS_ENDPOINT_URL"):
        found[""] = url
    for name, url in environment.items():
        if name.startswith("AWS_ENDPOINT_URL_") and url:
            found[name.removeprefix("AWS_ENDPOINT_URL_").lower()] = url
    for entry in configured if isinstance(configured, list) else []:
        for name, url in entry.items():
            if isinstance(url, str) and url:
                found[_service(name)] = url
    return found


def _service(name: str) -> str:
    for service, names in _ENDPOINT_NAMES.items():
        if name in names:
            return service
    return name
