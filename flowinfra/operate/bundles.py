"""Stacks compiled ahead: one folder with all that `pulumi preview` and `pulumi up` need of their flows.

    FOLDER/Pulumi.<stack>.yaml      the stack's file, with each flow as a bundle, by digest: for `--config-file`
    FOLDER/<Flow>-<digest>.flow     the bundles; stacks with the same flow in the same shape share one
    FOLDER/SHA256SUMS               of all of these, for `sha256sum -c` and to sign

CI makes it once, without credentials; whoever previews or deploys then runs no code of the flows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flowinfra.compiler import Warn, write_bundle
from flowinfra.components.source import Deployment
from flowinfra.engine import yaml_file
from flowinfra.engine.project import ENCRYPTION, FILE, project_name, read_mapping, stack_file
from flowinfra.errors import BundleError, FlowInfraError, Problems
from flowinfra.model.compiled import CompiledFlow
from flowinfra.program.deploy import checked_stack
from flowinfra.stack.bundled import bundled_entry
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.loading import stored_stack
from flowinfra.stack.mirrors import MIRRORS
from flowinfra.stack.places import NAMESPACE

SUMS = "SHA256SUMS"
_REGION, _ACCOUNT = "ap-northeast-1", "000000000000"
"""Stand for the region of a stack whose file does not say it (no region's name is longer), and for the account."""


@dataclass(frozen=True)
class Bundled:
    """What was written."""

    sums: Path
    digest: str
    """sha256 of `sums`, which stands for all of it."""
    flows: Mapping[str, Sequence[CompiledFlow]]
    """Stack → its flows."""


def bundle_stacks(root: Path, stacks: Sequence[str], folder: Path, warn: Warn) -> Bundled:
    """Compile all flows of the stacks into a folder.

    Args:
        root: the project's folder, with `Pulumi.yaml`.
        stacks: names of stacks.
        folder: where to write; new or empty. The stacks' files name the bundles by their path from `root`.
        warn: takes each warning about the flows.

    Raises:
        Problems: everything that is wrong with the stacks; nothing is written then.
        BundleError: the folder is in use, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BundleError(f"{folder}: is there already; give a new folder, or remove it")
    flows = _compiled(root, stacks, warn)
    for stack in stacks:
        for words in _without_key(root, stack):
            warn(words)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stack, found in flows.items():
            for flow in found:
                write_bundle(flow.compiled, folder / _file_name(flow.compiled))
            text = _stack_document(root, stack, found, folder)
            (folder / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
        sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir()))
        (folder / SUMS).write_text(sums, encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written ({error.strerror})") from None
    compiled = {stack: [flow.compiled for flow in found] for stack, found in flows.items()}
    return Bundled(folder / SUMS, _sha256(folder / SUMS), compiled)


def _without_key(root: Path, stack: str) -> Iterator[str]:
    """What happens to a bundle of a stack whose file does not say how its secrets are encrypted.

    In a backend of Pulumi's service it never does.
    """
    file = stack_file(root, stack)
    named = os.environ.get("PULUMI_BACKEND_URL") or (read_mapping(root / FILE, FILE).get("backend") or {}).get("url")
    if str(named or "").startswith("http") or any(key in read_mapping(file.path, file.label) for key in ENCRYPTION):
        return
    yield (
        f"{file.label} does not say how secrets are encrypted: `pulumi stack init {stack}` writes that, once. Commit "
        f"the file after it and bundle again, or Pulumi writes it into the bundle's file, and {SUMS} says FAILED. "
        "With states in Pulumi Cloud nothing of this happens: name it in PULUMI_BACKEND_URL, and this is not said"
    )


def _compiled(root: Path, stacks: Sequence[str], warn: Warn) -> dict[str, Sequence[StackFlow]]:
    flows: dict[str, Sequence[StackFlow]] = {}
    problems: list[FlowInfraError] = []
    for stack in stacks:
        try:
            deployment = Deployment(project_name(root), stack, root, asks=False)
            _, checked = checked_stack(
                partial(stored_stack, root, stack), deployment, warn, partial(_ahead, root=root, name=stack)
            )
            flows[stack] = checked.flows
        except FlowInfraError as error:
            problems += error.errors
    if problems:
        raise Problems(problems)
    return flows


def _ahead(stack: StackConfig, root: Path, name: str) -> StackConfig:
    """The stack with a stand-in for what an engine would ask AWS for: limits are checked with it."""
    region = yaml_file.config_of(stack_file(root, name).path.read_text(encoding="utf-8"), name).get("aws:region")
    known = {"region": region or _REGION, "account": _ACCOUNT}
    given = {key: getattr(stack.platform, key) or value for key, value in known.items()}
    return stack.model_copy(update={"platform": stack.platform.model_copy(update=given)})


def _stack_document(root: Path, stack: str, flows: Sequence[StackFlow], folder: Path) -> str:
    """The stack's file with its flows as bundles; all that is not flowinfra's stays unchanged, with its comments.

    What is read as which type (`off`, `1e-5`, `"007"`) is the engine's business.
    """
    document = yaml_file.load_as_written(stack_file(root, stack).path.read_text(encoding="utf-8"))
    replaced = [f"{NAMESPACE}{name}" for name in ("flows", "defaults", MIRRORS)]
    entries = [_entry(flow, root, folder) for flow in flows]
    yaml_file.replace(document["config"], replaced, f"{NAMESPACE}flows", entries)
    return yaml_file.dump_as_written(document)


def _entry(flow: StackFlow, root: Path, folder: Path) -> dict[str, Any]:
    """The flow's configuration with the bundle in place of the file."""
    bundle = Path(os.path.relpath(folder / _file_name(flow.compiled), root)).as_posix()
    return {**bundled_entry(flow), "flow": bundle}


def _file_name(compiled: CompiledFlow) -> str:
    return f"{compiled.flow.name}-{compiled.digest[:12]}.flow"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
