"""The provider's configuration: the keys that Pulumi's `aws` provider has, with the same meaning.

A program gives what its stack's configuration says for `aws:…`. What is not given comes from the environment and the
AWS files, as in AWS's SDKs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowinfra.plugin.schema import Problem
from flowinfra.plugin.wire import UNKNOWN, Plain, has_unknown

CONFIDENTIAL = ("accessKey", "secretKey", "token")
"""Keys that are secret whatever the stack's file says."""
KEYS = (
    *CONFIDENTIAL,
    "allowedAccountIds",
    "assumeRoleWithWebIdentity",
    "assumeRoles",
    "customCaBundle",
    "defaultTags",
    "ec2MetadataServiceEndpoint",
    "endpoints",
    "forbiddenAccountIds",
    "httpProxy",
    "httpsProxy",
    "ignoreTags",
    "insecure",
    "maxRetries",
    "noProxy",
    "profile",
    "region",
    "retryMode",
    "sharedConfigFiles",
    "sharedCredentialsFiles",
    "skipCredentialsValidation",
    "skipMetadataApiCheck",
    "skipRegionValidation",
    "skipRequestingAccountId",
    "stsRegion",
    "useDualstackEndpoint",
    "useFipsEndpoint",
)
"""Keys of `aws:…` that concern Step Functions. Keys about S3, user agents and tag policies are not here."""
_LISTS = ("allowedAccountIds", "assumeRoles", "endpoints", "forbiddenAccountIds", "sharedConfigFiles",
          "sharedCredentialsFiles")  # fmt: skip
_MAPS = ("assumeRoleWithWebIdentity", "defaultTags", "ignoreTags")
_ENDPOINTS = {"dynamodb": ("dynamodb",), "stepfunctions": ("sfn", "stepfunctions"), "sts": ("sts",)}
"""boto3's name of a service → its names in `endpoints`."""
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Settings:
    """A checked configuration."""

    region: str | None
    """None: what the profile says."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """All keys, as plain data."""

    @property
    def default_tags(self) -> dict[str, str]:
        """Tags of every resource."""
        return dict((self.values.get("defaultTags") or {}).get("tags") or {})

    def tags_all(self, tags: Plain) -> Plain:
        """A resource's tags with the default ones; unknown if they are."""
        if has_unknown(tags):
            return UNKNOWN
        merged = {**self.default_tags, **(tags or {})}
        return {key: value for key, value in merged.items() if not self.ignores(key)}

    def ignores(self, key: str) -> bool:
        """Whether flowinfra leaves a tag alone: AWS's own, or one that the configuration ignores."""
        ignored = self.values.get("ignoreTags") or {}
        return key.startswith(("aws:", *(ignored.get("keyPrefixes") or ()))) or key in (ignored.get("keys") or ())

    def own_tags(self, tags: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """The tags of a resource that the program gives, which may repeat a default one (`given`)."""
        return {key: value for key, value in tags.items() if key in given or self.default_tags.get(key) != value}

    def endpoint(self, service: str) -> str | None:
        """URL for a service of boto3, where the configuration has one."""
        for entry in self.values.get("endpoints") or ():
            for name in _ENDPOINTS[service]:
                if url := entry.get(name):
                    return str(url)
        return None


def problems(config: Mapping[str, Plain]) -> Iterator[Problem]:
    """Find the problems of a configuration; values that are not known yet are passed over."""
    for key, given in config.items():
        value = parse(given)
        if key.startswith("__") or key in ("version", "pluginDownloadURL") or value is UNKNOWN:
            continue
        if key not in KEYS:
            yield Problem(key, f"unknown key {key!r}; known are: {', '.join(KEYS)}")
        elif key in _LISTS and not isinstance(value, list):
            yield Problem(key, f"a list is needed, not {value!r}")
        elif key in _MAPS and not isinstance(value, dict):
            yield Problem(key, f"a mapping is needed, not {value!r}")
        elif key in ("sharedConfigFiles", "sharedCredentialsFiles") and len(value) > 1:
            yield Problem(key, f"one file is possible, not {len(value)}; set AWS_CONFIG_FILE or a profile instead")
        elif key in ("assumeRoles", "assumeRoleWithWebIdentity"):
            yield from _role_problems(key, value if isinstance(value, list) else [value])


def _role_problems(key: str, roles: list[Any]) -> Iterator[Problem]:
    for role in roles:
        if not isinstance(role, dict) or not role.get("roleArn"):
            yield Problem(key, "each role needs its roleArn")
        elif (given := role.get("duration")) is not None and given is not UNKNOWN and seconds(given) is None:
            yield Problem(key, f"duration {given!r}: give a number with a unit, as 1h, 30m or 900s")


def settings(config: Mapping[str, Plain], environment: Mapping[str, str]) -> Settings | None:
    """The configuration to work with; None while it is not known (a preview that makes what it names)."""
    values = {key: parse(value) for key, value in config.items() if key in KEYS}
    if has_unknown(values):
        return None
    region = values.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return Settings(str(region) if region else None, values)


def parse(value: Plain) -> Plain:
    """A value: in a stack's configuration anything but a string is JSON text."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def seconds(duration: str) -> int | None:
    """Read a duration as Go writes it (`1h30m`), in seconds; None for a text that is not a duration."""
    parts = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    try:
        return int(sum(float(number) * _UNITS[unit] for number, unit in parts))
    except ValueError:
        return None
