"""One command up, one command down: Pulumi run as a person would run it, each safe to run again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

from flowinfra.clouds.aws import Access, accounts_of, refuse_other_account
from flowinfra.engine import yaml_file
from flowinfra.engine.command import pulumi, stream
from flowinfra.engine.project import ENCRYPTION, StackFile, project_name, read_mapping, stack_file
from flowinfra.engine.tokens import AIRFLOW_FLOW
from flowinfra.errors import ClusterError, ConfigError, ToolError
from flowinfra.model.base import Json
from flowinfra.model.datastores import DATASTORES
from flowinfra.operate.preview_stacks.leftovers import clear, stop_executions
from flowinfra.operate.preview_stacks.names import PREVIEW, Mark, Preview, mark_of, settings
from flowinfra.operate.preview_stacks.workflows import GONE_CLUSTERS, has_templates, stop_workflows, templates
from flowinfra.operate.recover import recover
from flowinfra.report.words import count
from flowinfra.stack.loading import stored_stack
from flowinfra.stack.places import NAMESPACE
from flowinfra.stack.platform import PlatformConfig

Tell = Callable[[str], None]
"""Shows a line to whoever waits."""

_STACK = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""What Pulumi takes as a stack's name."""


def up(preview: Preview, of: str, folder: Path, tell: Tell, out: int | None = None) -> None:
    """Make a preview stack of stack `of`, or bring it up to date. `folder` is in the Pulumi project.

    Args:
        preview: the stack.
        of: the stack whose flows it has.
        folder: a folder of the project.
        tell: takes each line about what is done.
        out: file descriptor that Pulumi's own progress goes to; None for standard output.

    Raises:
        ConfigError: its name is that of another stack, or the stack `of` does not exist.
        Problems: all that is wrong with the configuration of `of`.
        ToolError: Pulumi failed; the same again goes on, and `down` removes what was made.
    """
    root = _project(folder)
    file = _own_file(preview, root)
    there = _exists(root, preview.stack)
    if there:
        _recorded(root, preview)
    base = stored_stack(root, of)
    if base.platform.datastore != "s3":
        raise ConfigError(
            f"the datastore of {of!r} is in {DATASTORES[base.platform.datastore].words}, and `preview-stack down` "
            f"removes objects of S3 alone: a preview stack of {of!r} would leave its own behind. Write a stack's file "
            f"with `flowinfra:mirrors: {of}` and another `prefix` instead"
        )
    source_file = stack_file(root, of)
    source = _content(source_file)
    if PREVIEW in (source.get("config") or {}):
        raise ConfigError(f"{of!r} is a preview stack itself; make this one of the stack that {of!r} is made of")
    platform = base.platform if base.platform.create is None else _created(base.platform, of, root)
    kept = {key: value for key, value in _content(file).items() if key in ENCRYPTION}
    content = {**kept, **settings(preview, of, source, platform)}
    header = f"# Of {source_file.label}, while it is needed: written and removed by `flowinfra preview-stack`.\n"
    file.path.write_text(header + yaml_file.dump(content), encoding="utf-8")
    tell(f"Preview stack {preview.stack} of {of}: {file.label}")
    if not there:
        provider = ("--secrets-provider", content["secretsprovider"]) if "secretsprovider" in content else ()
        pulumi(root, "stack", "init", preview.stack, "--no-select", *provider)
    again = "run the same command again, or `flowinfra preview-stack down` to remove it"
    stream(root, again, "up", "--yes", "--skip-preview", "--stack", preview.stack, out=out)


def down(preview: Preview, folder: Path, tell: Tell, out: int | None = None) -> bool:
    """Remove a preview stack and all that it left; without a trace of one, do nothing.

    Args:
        preview: the stack.
        folder: a folder of the project.
        tell: takes each line about what is done.
        out: file descriptor that Pulumi's own progress goes to; None for standard output.

    Returns:
        Whether there was one.

    Raises:
        ConfigError: the stack of that name is not a preview stack, or is one of another name.
        ClusterError: runs on Argo could not be stopped; nothing was removed.
        ToolError: Pulumi or AWS failed; the same again goes on where it ended.
    """
    root = _project(folder)
    file = _own_file(preview, root)
    stack = preview.stack
    there = _exists(root, stack)
    if there:
        mark = _recorded(root, preview)
        access = mark.access if mark else Access()
        session = access.session()
        refuse_other_account(session, accounts_of(_state(root, stack)) or access.accounts, f"the stack {stack!r}")
        _stop_runs(root, stack, session, tell)
        again = "run the same command again; if a deploy was killed before, run `pulumi cancel` first"
        destroy = ("destroy", "--yes", "--skip-preview", "--stack", stack)
        stream(root, again, *destroy, out=out)
        if recover(stack, root, access).adopted:
            stream(root, again, *destroy, out=out)
        if mark is not None:
            definitions, objects = clear(project_name(root), preview, mark, session)
            tell(f"Removed {definitions:,} job definitions and {objects:,} objects of {mark.datastore}.")
        pulumi(root, "stack", "rm", stack, "--yes")
    if file.path.is_file():
        file.path.unlink()
        there = True
    tell(f"Preview stack {stack} is removed." if there else f"There is no preview stack {stack}: nothing to remove.")
    return there


def _stop_runs(root: Path, stack: str, session: boto3.Session, tell: Tell) -> None:
    """Stop what runs of the stack's flows, and say what cannot be stopped."""
    resources = _state(root, stack)
    if stopped := stop_executions(resources, session, f"preview stack {stack} is removed"):
        tell(f"Stopped {count(stopped, 'running execution')}.")
    if has_templates(resources):
        try:
            # a kubeconfig may be a secret of the stack's
            if stopped := stop_workflows(templates(_state(root, stack, "--show-secrets")), tell):
                tell(f"Stopped {count(stopped, 'running workflow')}.")
        except ClusterError as error:
            if os.environ.get(GONE_CLUSTERS) != "true":
                raise
            tell(f"{str(error).splitlines()[0]}. {GONE_CLUSTERS} is set: it is passed over.")
    dags = [item["urn"].rpartition("::")[2] for item in resources if item["type"] == AIRFLOW_FLOW]
    if dags:
        tell(
            f"Airflow is not asked: tasks of {', '.join(dags)} that run go on to their end; no further ones start once "
            "the DAG is gone."
        )


def _project(folder: Path) -> Path:
    for path in (folder, *folder.parents):
        if (path / "Pulumi.yaml").is_file():
            return path
    raise ConfigError(
        "there is no Pulumi.yaml in this folder or around it; run this in the folder of the Pulumi project"
    )


def _own_file(preview: Preview, root: Path) -> StackFile:
    """The preview stack's file; refused where it, or one of the name that was given, is another stack's."""
    own = stack_file(root, preview.stack)
    given = [stack_file(root, preview.name)] if _STACK.fullmatch(preview.name) else []
    for file in (own, *given):
        if file.path.is_file():
            mark = (_content(file).get("config") or {}).get(PREVIEW)
            if not isinstance(mark, Mapping):
                raise ConfigError(f"{file.stack!r} is not a preview stack ({file.label}); give another name")
    return own


def _content(file: StackFile) -> dict[str, Any]:
    """A stack's file as data; empty where the stack has no file."""
    try:
        return read_mapping(file.path, file.label)
    except FileNotFoundError:
        return {}


def _exists(root: Path, stack: str) -> bool:
    listed = json.loads(pulumi(root, "stack", "ls", "--json"))
    return any(str(entry["name"]).rsplit("/", 1)[-1] == stack for entry in listed)


def _recorded(root: Path, preview: Preview) -> Mark | None:
    """The mark with which the stack was deployed last; None if it never was: then there is nothing in it.

    Raises:
        ConfigError: the stack is not a preview stack, or is one of another name.
    """
    for entry in json.loads(pulumi(root, "stack", "history", "--json", "--stack", preview.stack)):
        config = entry.get("config") or {}
        # destroying without the stack's file leaves an entry without configuration
        if any(key.startswith(NAMESPACE) for key in config):
            return mark_of(config, preview)
    if _state(root, preview.stack):
        raise ConfigError(
            f"{preview.stack!r} is not a preview stack: it has resources of another kind; give another name"
        )
    return None


def _created(platform: PlatformConfig, of: str, root: Path) -> PlatformConfig:
    """The platform that the other stack has made, by its outputs: a preview stack uses it and makes none."""
    assert platform.create is not None
    try:
        outputs = json.loads(pulumi(root, "stack", "output", "metaflow_config", "--json", "--stack", of))
        datastore, queue = outputs["METAFLOW_DATASTORE_SYSROOT_S3"], outputs["METAFLOW_BATCH_JOB_QUEUE"]
    except (ToolError, KeyError) as error:
        raise ConfigError(
            f"stack {of!r} creates its platform, which a preview stack of it uses, and its outputs do not tell it; "
            f"deploy {of!r} first ({error})"
        ) from None
    bucket, _, prefix = datastore.removeprefix("s3://").partition("/")
    made: dict[str, Json] = {
        "bucket": bucket,
        "prefix": prefix,
        "queue": queue,
        "table": outputs.get("METAFLOW_SFN_DYNAMO_DB_TABLE"),
        "compute": platform.create.compute,
    }
    return PlatformConfig.model_validate({**platform.model_dump(exclude_unset=True, exclude={"create"}), **made})


def _state(root: Path, stack: str, *more: str) -> list[dict[str, Any]]:
    """Resources of a stack; `more`: words for Pulumi."""
    state = json.loads(pulumi(root, "stack", "export", "--stack", stack, *more))
    resources: list[dict[str, Any]] = (state.get("deployment") or {}).get("resources") or []
    return resources
