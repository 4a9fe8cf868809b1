"""The settings of Metaflow on this machine: what they say of the infrastructure that a stack deploys to.

Only the settings that are named here are taken; no other value of a file is looked at, for some are credentials.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.errors import ConfigError

_DEFAULT = "config.json"
_PROFILE = re.compile(r"config_(.+)\.json")
_BUCKET = re.compile(r"s3://([^/]+)/*(.*?)/*$")
_QUEUE_REGION = re.compile(r"arn:[^:]+:batch:([^:]+):")
_CREDENTIAL = re.compile("AUTH|KEY|SECRET|TOKEN|PASSWORD|HEADERS")
_IMAGES = ("BATCH", "KUBERNETES", "DEFAULT")
_TAKEN = {
    *("METAFLOW_DATASTORE_SYSROOT_S3", "METAFLOW_BATCH_JOB_QUEUE", "METAFLOW_SFN_DYNAMO_DB_TABLE"),
    *("METAFLOW_SERVICE_URL", "METAFLOW_SERVICE_INTERNAL_URL", "METAFLOW_DEFAULT_METADATA"),
    *("METAFLOW_DEFAULT_DATASTORE", "METAFLOW_KUBERNETES_NAMESPACE", "METAFLOW_KUBERNETES_SERVICE_ACCOUNT"),
    *(f"METAFLOW_{kind}_CONTAINER_{what}" for kind in _IMAGES for what in ("IMAGE", "REGISTRY")),
}
_FOLLOWS = {
    *("METAFLOW_DATATOOLS_S3ROOT", "METAFLOW_DATATOOLS_SYSROOT_S3", "METAFLOW_ECS_S3_ACCESS_IAM_ROLE"),
    *("METAFLOW_SFN_IAM_ROLE", "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE", "METAFLOW_ECS_FARGATE_EXECUTION_ROLE"),
    *("METAFLOW_CONDA_PACKAGE_S3ROOT", "METAFLOW_PROFILE"),
}
"""Settings that no stack's file needs: flowinfra makes roles, and paths follow from the bucket."""


@dataclass(frozen=True)
class Platform:
    """What a stack deploys to, where it is known."""

    bucket: str | None = None
    prefix: str = "metaflow"
    queue: str | None = None
    table: str | None = None
    region: str | None = None
    service_url: str | None = None
    namespace: str | None = None
    """Namespace of Kubernetes."""
    service_account: str | None = None
    image: str | None = None
    dags: str | None = None
    """`s3://bucket/folder` that Airflow takes its DAG files from."""
    source: str | None = field(default=None, compare=False)
    """The file that it was read from."""
    remarks: tuple[str, ...] = field(default=(), compare=False)
    """What a person should know of the settings that were not taken."""


def home_folder(variables: Mapping[str, str]) -> Path:
    """The folder of Metaflow's configuration."""
    return Path(variables.get("METAFLOW_HOME") or "~/.metaflowconfig").expanduser()


def profiles(home: Path) -> dict[str, Path]:
    """Profile → its file; the one without a name is called empty."""
    named = {match[1]: path for path in sorted(home.glob("config_*.json")) if (match := _PROFILE.fullmatch(path.name))}
    return {"": home / _DEFAULT, **named} if (home / _DEFAULT).is_file() else named


def profile_file(home: Path, name: str, whence: str) -> Path:
    """The file of a profile.

    Args:
        home: folder of Metaflow's configuration.
        name: of the profile.
        whence: who names it, for the error.

    Raises:
        ConfigError: it does not exist.
    """
    known = profiles(home)
    if name and name in known:
        return known[name]
    listed = ", ".join(each for each in known if each) or "none"
    raise ConfigError(
        f"{whence}: found {name!r}, which is not a profile of Metaflow: {home}/config_{name}.json does not exist; "
        f"there are: {listed}"
    )


def read_platform(file: Path) -> Platform:
    """The platform that a file of settings describes.

    Raises:
        ConfigError: the file cannot be read.
    """
    settings = _settings(file)
    found = {name: str(value) for name, value in settings.items() if name in _TAKEN and value not in (None, "")}
    bucket = _BUCKET.match(found.get("METAFLOW_DATASTORE_SYSROOT_S3", ""))
    queue = found.get("METAFLOW_BATCH_JOB_QUEUE")
    region = _QUEUE_REGION.match(queue or "")
    return Platform(
        bucket=bucket[1] if bucket else None,
        prefix=(bucket[2] if bucket else "") or Platform.prefix,
        queue=queue,
        table=found.get("METAFLOW_SFN_DYNAMO_DB_TABLE"),
        region=region[1] if region else None,
        service_url=_service(found),
        namespace=found.get("METAFLOW_KUBERNETES_NAMESPACE"),
        service_account=found.get("METAFLOW_KUBERNETES_SERVICE_ACCOUNT"),
        image=_image(found),
        source=str(file),
        remarks=tuple(_remarks(file, settings, found)),
    )


def _settings(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        # the text may be a credential: it is not shown
        raise ConfigError(f"{file}: is not JSON; mend it, or name another profile with --profile") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: holds no settings; it has to be one JSON object of METAFLOW_… names")
    return content


def _service(found: Mapping[str, str]) -> str | None:
    """The metadata service's address, as tasks reach it, where runs are recorded there."""
    if found.get("METAFLOW_DEFAULT_METADATA") != "service":
        return None
    return found.get("METAFLOW_SERVICE_INTERNAL_URL") or found.get("METAFLOW_SERVICE_URL")


def _image(found: Mapping[str, str]) -> str | None:
    """The image of all steps, with its registry where Metaflow would put one before it."""
    for kind in _IMAGES:
        if image := found.get(f"METAFLOW_{kind}_CONTAINER_IMAGE"):
            registry = found.get(f"METAFLOW_{kind}_CONTAINER_REGISTRY") or found.get(
                "METAFLOW_DEFAULT_CONTAINER_REGISTRY", ""
            )
            first = image.partition("/")[0]
            has_registry = "/" in image and ("." in first or ":" in first or first == "localhost")
            return image if has_registry or not registry else f"{registry.rstrip('/')}/{image}"
    return None


def _remarks(file: Path, settings: Mapping[str, Any], found: Mapping[str, str]) -> Iterator[str]:
    datastore = found.get("METAFLOW_DEFAULT_DATASTORE", "s3")
    if datastore not in ("s3", "local"):
        yield f"{file}: the datastore is {datastore!r}; give `platform.datastore` by hand (docs/datastores.md)"
    rest = [name for name in settings if name.startswith("METAFLOW_") and name not in _TAKEN | _FOLLOWS]
    hidden = [name for name in rest if _CREDENTIAL.search(name)]
    if hidden:
        yield (
            f"{file}: {', '.join(hidden)}: not read, for it may be a credential; the metadata service's is given as "
            "the ARN of a secret, `platform.service_auth_secret`"
        )
    if others := [name for name in rest if name not in hidden]:
        yield (
            f"{file}: not taken over: {', '.join(others)}; what changes a deployment goes into `settings` of the "
            "stack's `defaults` (docs/from-step-functions-create.md)"
        )
