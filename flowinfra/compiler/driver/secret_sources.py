"""What `@secrets` of a step names, read as its task will read it: by Metaflow's own code, before any task runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import places
from .internals import internals
from .protocol import Part, Secret

DEFAULT_BACKEND = "DEFAULT_SECRETS_BACKEND_TYPE"
"""Metaflow's setting for sources that name no backend; tasks get it from the compile."""
AWS = "aws-secrets-manager"
"""Metaflow's backend whose sources have a region and a role."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def described(node: Any) -> list[Secret]:
    """Backend, id, region and role of each source of a step; sources that `refusals` reports are left out."""
    return [found for found, _ in _read(node) if found is not None]


def refusals(graph: Any) -> Iterator[Part]:
    """What every task of a step would fail with when it fetches its secrets."""
    for name in graph.sorted_nodes:
        node = graph[name]
        for _, words in _read(node):
            if words is not None:
                yield {"subject": f"step {name}", "words": words, **places.of_step(node)}


def _read(node: Any) -> Iterator[tuple[Secret | None, str | None]]:
    """Each source of a step as data, or what is wrong with it."""
    config = internals("metaflow.metaflow_config")
    kept, given = getattr(config, DEFAULT_BACKEND), _variables(node).get(f"METAFLOW_{DEFAULT_BACKEND}")
    setattr(config, DEFAULT_BACKEND, given or kept)
    try:
        for decorator in node.decorators:
            if decorator.name == "secrets":
                sources = decorator.attributes["sources"]
                if not isinstance(sources, (list, tuple)):
                    yield None, f"@secrets: sources={sources!r} is not a list; write sources=[{sources!r}]"
                    continue
                yield from (_source(source, decorator.attributes["role"]) for source in sources)
    finally:
        setattr(config, DEFAULT_BACKEND, kept)


def _variables(node: Any) -> dict[str, Any]:
    """What `@environment` gives the step's task."""
    found: dict[str, Any] = {}
    for decorator in node.decorators:
        if decorator.name == "environment" and isinstance(decorator.attributes["vars"], Mapping):
            found.update(decorator.attributes["vars"])
    return found


def _source(source: Any, role: Any) -> tuple[Secret | None, str | None]:
    metaflow = internals("metaflow.plugins.secrets.secrets_decorator")
    refused = internals("metaflow.exception").MetaflowException
    shown = _shown(source)
    if getattr(internals("metaflow.metaflow_config"), DEFAULT_BACKEND) is None and _names_no_backend(source):
        return None, (
            f"@secrets: {shown} names no backend, and the tasks have no default for it: give the flow "
            f"`settings: {{METAFLOW_{DEFAULT_BACKEND}: {AWS}}}`, or write "
            + (f"'{AWS}.{source}'" if isinstance(source, str) else f"'type': '{AWS}' there")
        )
    try:
        if isinstance(source, str):
            spec = metaflow.SecretSpec.secret_spec_from_str(source, role=role)
        elif isinstance(source, dict):
            spec = metaflow.SecretSpec.secret_spec_from_dict(source, role=role)
        else:
            return None, f"@secrets: {shown} is neither text nor a mapping with an `id`"
        metaflow.get_secrets_backend_provider(spec.secrets_backend_type)
    except refused as problem:
        return None, f"@secrets: {shown}: {problem.message}"
    found: Secret = {"backend": spec.secrets_backend_type, "id": spec.secret_id}
    if spec.secrets_backend_type != AWS:
        return found, None
    region, role = spec.options.get("region"), spec.role
    if region is not None and not _REGION.fullmatch(str(region)):
        return None, f"@secrets: {shown}: found the region {region!r}, allowed is a name such as eu-west-1"
    if role is not None and not _ROLE.fullmatch(str(role)):
        return None, f"@secrets: {shown}: found the role {role!r}, allowed is the ARN of an IAM role"
    return {**found, "region": region, "role": role}, None


def _names_no_backend(source: Any) -> bool:
    return "." not in source if isinstance(source, str) else isinstance(source, dict) and "type" not in source


def _shown(source: Any) -> str:
    """A source as a message may show it: options of a mapping may hold a secret itself."""
    return repr({key: source[key] for key in ("type", "id") if key in source} if isinstance(source, dict) else source)
