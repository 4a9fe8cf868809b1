"""A rollback as Pulumi deploys it: the project's program, with a stack's file that names bundles of then.

The names are those of today, so nothing is replaced that would not be by a deploy of the older sources. No flow's code
is run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from flowinfra.clouds.aws import Access
from flowinfra.clouds.deployments import Deployments
from flowinfra.compiler import blob_path, write_bundle
from flowinfra.compiler.bundle import parse_compiled
from flowinfra.compiler.cache import put_blob
from flowinfra.components.deploy_time import COMMIT
from flowinfra.components.version import ROLLBACK
from flowinfra.engine import yaml_file
from flowinfra.engine.command import previewed, pulumi, stream
from flowinfra.engine.preview import parse_preview
from flowinfra.engine.project import project_name, read_mapping, stack_file
from flowinfra.errors import ConfigError, StateError, ToolError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.datastores import DATASTORES
from flowinfra.model.deployments import KeptFlow, Numbered
from flowinfra.operate.accounts import refuse_strangers
from flowinfra.operate.rollback.choice import Choice
from flowinfra.report.assemble import Report, assemble
from flowinfra.report.sources import Sources
from flowinfra.report.words import count
from flowinfra.stack.places import NAMESPACE

_MOST = 100
"""Deployments that are read, the newest ones."""
_SHOWN = 12
"""Characters of a commit that a person reads."""


@dataclass(frozen=True)
class Source:
    """Where a stack's deployments are kept."""

    store: Deployments
    session: boto3.Session | None = None
    """Of the stack's account."""

    def deployments(self, to: int | None = None) -> list[Numbered]:
        """The newest ones, the first one first; `to`: the number of one that is read, too.

        Raises:
            StateError, ToolError: they cannot be read.
        """
        records = self.store.records()
        return self.store.read([each for each in records if each in records[-_MOST:] or each.number == to])


def source(root: Path, stack: str) -> Source:
    """Find the place where the deployments of a stack are kept: in its datastore, as its outputs or its file say.

    Args:
        root: the project's folder.
        stack: its name, as Pulumi takes it.

    Raises:
        ConfigError: the stack has no file, or its datastore is not in S3.
        ToolError: Pulumi or AWS fails, or the credentials are of another account.
    """
    file = stack_file(root, stack.rsplit("/", 1)[-1])
    try:
        config = read_mapping(file.path, file.label).get("config") or {}
    except FileNotFoundError:
        raise ConfigError(f"there is no stack {file.stack!r}: {file.label} does not exist") from None
    platform = config.get(f"{NAMESPACE}platform") or {}
    datastore = platform.get("datastore", "s3")
    if datastore != "s3":
        words = DATASTORES[datastore].words if datastore in DATASTORES else datastore
        raise ConfigError(
            f"the datastore of {stack!r} is in {words}, and deployments are kept in S3 alone. To go back, check out "
            f"the older commit and run FLOWINFRA_ALLOW_OLDER=1 pulumi up -s {stack}"
        )
    outputs = json.loads(pulumi(root, "stack", "output", "--json", "--stack", stack))
    bucket, prefix = _datastore(outputs, platform, stack)
    access = Access.of(config)
    session = access.session()
    refuse_strangers(session, stack, root, access, [bucket])
    return Source(Deployments(session.client("s3"), bucket, prefix, project_name(root), file.stack), session)


def _datastore(outputs: Any, platform: Any, stack: str) -> tuple[str, str]:
    settings = outputs.get("metaflow_config") if isinstance(outputs, dict) else None
    url = settings.get(DATASTORES["s3"].sysroot) if isinstance(settings, dict) else None
    if isinstance(url, str) and url.startswith("s3://"):
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        return bucket, prefix
    if not platform.get("bucket"):
        raise StateError(
            f"where the datastore of {stack!r} is, neither its outputs say (it is not deployed by `flowinfra.deploy`, "
            "or not at all), nor its file"
        )
    return platform["bucket"], platform.get("prefix", "metaflow")


@dataclass(frozen=True)
class Rollback:
    """A choice, ready to be previewed and deployed."""

    root: Path
    """The project's folder."""
    stack: str
    choice: Choice
    file: Path
    """The stack's file that is deployed."""
    compiled: Mapping[str, CompiledFlow] = field(default_factory=dict)
    """The flows that come back, by name."""

    @classmethod
    def prepared(cls, root: Path, stack: str, choice: Choice, kept: Source, folder: Path) -> Rollback:
        """Write the stack's file and the bundles into a folder, from what is kept.

        Raises:
            StateError: something of it is not there any more.
            BundleError: a flow was compiled by a newer flowinfra.
        """
        entries, back = [], {}
        for number, flow in enumerate(choice.flows):
            compiled = _compiled(kept.store, flow)
            path = folder / f"{number}-{compiled.flow.name}.flow"
            write_bundle(compiled, path)
            if flow.name in choice.wanted:
                back[flow.name] = compiled
            entries.append({**flow.entry, "flow": str(path), "digest": flow.digest})
        own = stack_file(root, stack.rsplit("/", 1)[-1])
        document = yaml_file.load_as_written(own.path.read_text(encoding="utf-8"))
        config = document.setdefault("config", {})
        values = {f"{NAMESPACE}{key}": value for key, value in choice.present.kept.config.items()}
        yaml_file.replace(
            config, [key for key in config if str(key).startswith(NAMESPACE)], f"{NAMESPACE}flows", entries
        )
        for key, value in values.items():
            yaml_file.replace(config, [], key, value)
        file = folder / own.path.name
        file.write_text(yaml_file.dump_as_written(document), encoding="utf-8")
        return cls(root, stack, choice, file, back)

    @property
    def _variables(self) -> dict[str, str]:
        # CI may have declared a commit, which is none of these flows'
        return {ROLLBACK: str(self.choice.back.number), COMMIT: self.choice.back.kept.commit or ""}

    @property
    def _options(self) -> Sequence[str]:
        return ("--stack", self.stack, "--config-file", str(self.file))

    def report(self) -> Report:
        """What the deploy would change; nothing is touched.

        Raises:
            ToolError: the preview failed: what was deployed then cannot be deployed now.
        """
        content = previewed(self.root, *self._options, variables=self._variables)
        preview = parse_preview(content, f"the preview of {self.stack}")
        if preview.failed:
            errors = [each.message.strip() for each in preview.diagnostics if each.severity == "error"]
            raise ToolError(
                f"deployment {self.choice.back.number} cannot be deployed again as it was, and nothing was touched:\n"
                + "\n".join(dict.fromkeys(errors))
            )
        return assemble([preview], Sources(None, None))

    def strangers(self, report: Report) -> Iterator[str]:
        """What would change although it is no part of the rollback: the program here is not the deployed one."""
        wanted = {self.choice.back.kept.by_name[name].component for name in self.choice.wanted}
        for stack in report.stacks:
            for flow in stack.flows:
                if flow.component not in wanted:
                    yield f"the flow {flow.label} ({flow.kind})"
            if stack.resources:
                named = ", ".join(sorted({each.type for each in stack.resources}))
                yield f"{count(len(stack.resources), 'resource')} of no flow ({named})"

    def refuse_strangers(self, report: Report) -> None:
        """Raise ConfigError where more would change than what was asked for."""
        found = list(self.strangers(report))
        if not found:
            return
        commit = self.choice.present.kept.commit
        deployed = f"the deployed commit {commit[:_SHOWN]}" if commit else "the deployed commit"
        raise ConfigError(
            f"nothing was deployed: this would change more of {self.stack!r} than the rollback: {'; '.join(found)}. "
            f"The program here is not the one that was deployed, or the last deploy failed. Run this from a checkout "
            f"of {deployed}, or let it change that too: --others"
        )

    def deploy(self, out: int | None = None) -> None:
        """Deploy it; what was previewed is in files, and is deployed as it was shown.

        Args:
            out: file descriptor that Pulumi's progress goes to; None for standard output.

        Raises:
            ToolError: Pulumi failed.
        """
        words = f"flowinfra rollback to deployment {self.choice.back.number}"
        again = "Pulumi's output says why. Run the same again once that is mended"
        up = ("up", "--yes", "--skip-preview", "--message", words, *self._options)
        stream(self.root, again, *up, out=out, variables=self._variables)


def _compiled(store: Deployments, flow: KeptFlow) -> CompiledFlow:
    """A flow as it was compiled then; what its tasks download is in the compile cache afterwards."""
    compiled = parse_compiled(store.compiled(flow.digest), f"{flow.name}, kept in {store.place}")
    for entry in compiled.objects.values():
        if entry.text is not None or blob_path(entry.sha256).is_file():
            continue
        stored = store.object(entry.key)
        try:
            content = gzip.decompress(stored) if entry.gzip else stored
        except (OSError, EOFError, zlib.error) as error:
            raise StateError(f"{flow.name}: {entry.key} in the datastore is damaged ({error})") from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise StateError(f"{flow.name}: {entry.key} in the datastore does not have the digest that it is named by")
        put_blob(entry.sha256, stored)
    return compiled
