"""What a stack has deployed, by its Pulumi state: the inputs of its flows' components.

States come from `pulumi stack export` (and `--version N`), from a file that it wrote, or from a checkpoint of Pulumi's
own file backend. Resources of types that are not flowinfra's are passed over.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flowinfra.engine.command import pulumi
from flowinfra.engine.preview import known
from flowinfra.engine.project import project_name
from flowinfra.engine.tokens import FLOW_TYPE
from flowinfra.errors import StateError, ToolError
from flowinfra.model.brief import full

Inputs = Mapping[str, Any]
"""A flow's component's inputs (`flowinfra.components.inputs.describe`)."""

SCHEMAS = (3, 4)
"""Versions of Pulumi's state that are read."""

S3_OBJECTS = ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject")

_HOW = "`pulumi stack export --stack STACK`"
_GZIP = b"\x1f\x8b"
_NO_VERSIONS = "does not provide the ability to export previous deployments"


def flows_in_state(content: bytes, source: str) -> dict[str, Inputs]:
    """Component's name → inputs of each flow that a state holds; secrets are `[secret]`.

    Args:
        content: JSON of a state.
        source: names it in messages.

    Raises:
        StateError: the content is not a state, has a schema that is not known, or is of a stack with nothing deployed.
    """
    found: dict[str, Inputs] = {}
    for index, resource in enumerate(_resources(_document(content, source), source)):
        kind, inputs = resource.get("type"), resource.get("inputs")
        if resource.get("delete") or not isinstance(kind, str) or not FLOW_TYPE.fullmatch(kind):
            continue
        # a component's name may hold `::`
        found[resource["urn"].split("::", 3)[-1]] = (
            full(known(inputs, f"{source}: resources[{index}]")) if isinstance(inputs, dict) else {}
        )
    return found


def deployed_objects(folder: Path, project: str) -> list[str]:
    """`s3://bucket/key` of each object of S3 that any stack of a project has.

    Args:
        folder: where Pulumi is run.
        project: its name; all of its stacks that Pulumi's backend has are asked.

    Raises:
        StateError: a state cannot be read.
        ToolError: Pulumi fails. The message has its own words.
    """
    listed = json.loads(pulumi(folder, "stack", "ls", "--json", "--project", project))
    stacks = [str(entry["name"]) for entry in listed]
    with ThreadPoolExecutor(4) as pool:
        states = pool.map(lambda stack: export_state(folder, stack), stacks)
        return [url for stack, state in zip(stacks, states, strict=True) for url in objects_in_state(state, stack)]


def objects_in_state(content: bytes, source: str) -> list[str]:
    """`s3://bucket/key` of each object of S3 that a state has; empty for a stack that has nothing deployed.

    Raises:
        StateError: the content is not a state, has a schema that is not known, or an object's place is a secret.
    """
    document = _document(content, source)
    if not (document.get("deployment") or {}).get("resources"):
        return []
    urls = []
    for resource in _resources(document, source):
        if resource.get("type") in S3_OBJECTS:
            inputs = resource.get("inputs") or {}
            bucket, key = inputs.get("bucket"), inputs.get("key")
            if not isinstance(bucket, str) or not isinstance(key, str):
                raise StateError(
                    f"{source}: {resource['urn']}: where it is, is not text; a secret cannot be looked for"
                )
            urls.append(f"s3://{bucket}/{key}")
    return urls


def resources_in_state(content: bytes, source: str) -> list[dict[str, Any]]:
    """All resources of a state.

    Raises:
        StateError: the content is not a state, has a schema that is not known, or is of a stack with nothing deployed.
    """
    return _resources(_document(content, source), source)


def read_state(path: Path) -> bytes:
    """Content of a state's file.

    Raises:
        StateError: it cannot be read.
    """
    try:
        content = path.read_bytes()
        # the file backend writes its checkpoints so if it is told to
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StateError(f"{path}: cannot be read ({reason}); write one with {_HOW} > {path.name}") from None


def export_state(folder: Path, stack: str, version: int | None = None) -> bytes:
    """Export the state of a stack of the Pulumi project in `folder`; with `version` (from 1 on), of that deployment.

    Raises:
        StateError: the stack has no such version, or the backend does not give out states.
        ToolError: Pulumi fails. The message has its own words.
    """
    if version is None:
        return pulumi(folder, "stack", "export", "--stack", stack).encode()
    try:
        return pulumi(folder, "stack", "export", "--stack", stack, "--version", str(version)).encode()
    except ToolError as error:
        if _NO_VERSIONS not in str(error):
            raise
    return _version_of_file_backend(folder, stack, version)


def _version_of_file_backend(folder: Path, stack: str, version: int) -> bytes:
    """A backend of files keeps a checkpoint of each deployment and has no command that hands it out."""
    url = str(json.loads(pulumi(folder, "whoami", "--json")).get("url"))
    if not url.startswith("file://"):
        raise StateError(
            f"{stack}@{version}: Pulumi hands out no earlier states of the backend {url}; "
            "fetch the checkpoint from its .pulumi/history and give the file instead"
        )
    name = stack.rsplit("/", 1)[-1]
    # options of the backend follow the path: `?metadata=skip`
    root = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    history = root / ".pulumi" / "history" / project_name(folder) / name
    found = history.glob(f"{name}-*.checkpoint.json*")
    checkpoints = sorted(file for file in found if file.suffix in (".json", ".gz"))
    if not 1 <= version <= len(checkpoints):
        allowed = f"1 to {len(checkpoints)}" if checkpoints else "none"
        raise StateError(f"{stack}@{version}: there is no such version of the stack; its history has {allowed}")
    return read_state(checkpoints[version - 1])


def _document(content: bytes, source: str) -> dict[str, Any]:
    if not content.strip():
        raise StateError(f"{source}: is empty; write it with {_HOW}")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StateError(f"{source}: is not JSON, or was cut off ({error}); write it with {_HOW}") from None
    if not isinstance(document, dict) or not {"deployment", "checkpoint"} & document.keys():
        raise StateError(f"{source}: is not the state of a stack; write one with {_HOW}")
    if document.get("version") not in SCHEMAS:
        raise StateError(
            f"{source}: is a state of schema version {document.get('version')!r}, known: "
            f"{', '.join(map(str, SCHEMAS))}; use a newer flowinfra, or an older Pulumi to export it"
        )
    return document


def _resources(document: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    checkpoint = document.get("checkpoint")
    deployment = checkpoint.get("latest") if isinstance(checkpoint, dict) else document.get("deployment")
    resources = deployment.get("resources") if isinstance(deployment, dict) else None
    if not resources:
        raise StateError(f"{source}: has no resources: the stack was never deployed, or is destroyed; `pulumi up` it")
    if not isinstance(resources, list):
        raise StateError(f"{source}: resources is not a list; a state of Pulumi has one there")
    for index, resource in enumerate(resources):
        if not isinstance(resource, dict) or not isinstance(resource.get("urn"), str):
            raise StateError(f"{source}: resources[{index}] is not a resource of Pulumi, which has a `urn`")
    return resources
