"""The text of the stacks' files that `flowinfra init` writes: local, dev, staging and prod."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowinfra.start.flows import FoundFlow
from flowinfra.start.metaflow_settings import Platform

LOCAL, DEV, STAGING, PROD = "local", "dev", "staging", "prod"
STACKS = (LOCAL, DEV, STAGING, PROD)
CLOUD = (DEV, STAGING, PROD)
"""Stacks that deploy to the platform of a team."""
_EMBEDDED = Platform(bucket="metaflow-local", prefix="metaflow", queue="metaflow-local", table="metaflow-local")
"""What is there when the embedded AWS starts."""
_EMBEDDED_SALT = "v1:LOugoLGTS3Q=:v1:D0abmJ26CnC93G10:k55mRdYCQ4yYKSqmXgpR50dW+SUlbQ=="
"""Salt of the embedded AWS's passphrase: without it, the first command would write one into the file."""
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*(:[A-Za-z0-9_./+-]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_HEADS = {
    LOCAL: "The embedded AWS of `flowinfra local`. The passphrase is not a secret: `flowinfra local exec` sets it.",
    DEV: "Where the team tries its flows: started by hand, never by the clock.",
    STAGING: "Production's flows on infrastructure of their own, started by hand. Only what differs from prod is here.",
    PROD: "Production: what is reviewed here is what runs.",
}


@dataclass(frozen=True)
class StackChoices:
    """What the files of the stacks depend on."""

    target: str
    platforms: Mapping[str, Platform]
    """Stack → what it deploys to, for each of `CLOUD`."""
    flows: Sequence[FoundFlow]
    of_prod: frozenset[str] | None = None
    """Files of the flows that prod has, where its file is there already; None where it is written too."""
    python_version: str = ""
    """Python of the tasks, such as `3.12`; empty for that of whoever compiles."""


def stack_text(stack: str, choices: StackChoices) -> str:
    """The text of a stack's file."""
    platform = _EMBEDDED if stack == LOCAL else choices.platforms[stack]
    lines = [f"# {_HEADS[stack]}"]
    if stack == LOCAL:
        lines.append(f"encryptionsalt: {_EMBEDDED_SALT}")
    lines += ["config:", f"  aws:region: {platform.region or 'us-east-1'}", "  flowinfra:platform:"]
    lines += [f"    {line}" for line in _platform(platform, "step-functions" if stack == LOCAL else choices.target)]
    if stack in (DEV, STAGING):
        lines.append(f"  flowinfra:name_prefix: {stack}")
    if stack == STAGING:
        lines.append(f"  flowinfra:mirrors: {PROD}")
    lines += ["  flowinfra:defaults:", *(f"    {line}" for line in _defaults(stack, platform, choices))]
    entries = list(_entries(stack, choices))
    if entries:
        lines += ["  flowinfra:flows:", *(f"    {line}" for line in entries)]
    return "\n".join(lines) + "\n"


def missing_keys(target: str, platform: Platform) -> list[str]:
    """Options of `flowinfra init` without which no stack can deploy to this platform."""
    needed = {
        "step-functions": {"--bucket": platform.bucket, "--queue": platform.queue},
        "argo": {"--bucket": platform.bucket, "--namespace": platform.namespace},
        "airflow": {"--bucket": platform.bucket, "--namespace": platform.namespace, "--dags": platform.dags},
    }
    return [option for option, value in needed[target].items() if not value]


def _platform(platform: Platform, target: str) -> Iterator[str]:
    yield f"bucket: {scalar(platform.bucket)}"
    yield f"prefix: {scalar(platform.prefix)}"
    if target == "step-functions":
        yield f"queue: {scalar(platform.queue)}"
        # a flow with a foreach is refused without one
        yield f"table: {scalar(platform.table)}" if platform.table else "# table: of DynamoDB, for flows with a foreach"
    if platform.service_url:
        yield f"service_url: {scalar(platform.service_url)}"
    if target == "argo":
        yield "kubernetes:"
        yield f"  namespace: {scalar(platform.namespace)}"
    if target == "airflow":
        yield "airflow:"
        yield f"  namespace: {scalar(platform.namespace)}"
        yield f"  dags: {{s3: {scalar(platform.dags)}}}"
    if target != "step-functions" and platform.service_account:
        yield f"  service_account: {scalar(platform.service_account)}"


def _defaults(stack: str, platform: Platform, choices: StackChoices) -> Iterator[str]:
    if choices.target != "step-functions" and stack in (DEV, PROD):
        yield f"target: {choices.target}"
    yield f"tags: {{stack: {stack}}}"
    if stack in (DEV, STAGING):
        yield "schedule: {enabled: false}"
    if platform.image and stack != LOCAL:
        yield f"image: {scalar(platform.image)}"
    elif choices.python_version and stack in (DEV, PROD):
        yield f'python_version: "{choices.python_version}" # of the tasks, whoever compiles'


def _entries(stack: str, choices: StackChoices) -> Iterator[str]:
    for flow in choices.flows:
        if stack == STAGING:
            if flow.project and (choices.of_prod is None or flow.file in choices.of_prod):
                yield from (f"- flow: {scalar(flow.file)}", "  production: false", f"  branch: {stack}")
            continue
        yield f"- flow: {scalar(flow.file)}"
        if flow.project:
            yield "  production: true" if stack == PROD else f"  branch: {stack}"
        if flow.shared.include:
            root = f"root: {scalar(flow.shared.root)}, " if flow.shared.root else ""
            yield f"  package: {{{root}include: [{', '.join(map(scalar, flow.shared.include))}]}}"


def scalar(value: str | None) -> str:
    """A text as YAML writes it."""
    text = value or ""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
