"""Refuses to deploy a flow from a commit that is older than the one whose version of it is deployed.

What is deployed is what the stack's outputs `version:NAME` said at the end of the last deploy. Which commit is older,
git knows of the project's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from flowinfra.compiler import Warn
from flowinfra.compiler.provenance import kinship
from flowinfra.components.plan import Plan
from flowinfra.errors import ConfigError

ALLOW = "FLOWINFRA_ALLOW_OLDER"
"""Variable that lets one deploy go back, whatever it says."""
VERSION = "version:"
"""Begins the outputs that say which version of a flow is deployed."""
_READ = "pulumi:pulumi:readStackOutputs"
"""Function of the engine's own provider (pkg/resource/deploy/builtins.go), which `StackReference` asks, too."""
_SHOWN = 12
"""Characters of a commit that a person reads."""


def keys(plans: Iterable[Plan[Any]]) -> Iterator[str]:
    """What the outputs call each flow: its name, with its target where another has the name already."""
    taken = set()
    for plan in plans:
        name = plan.compiled.name
        yield name if name not in taken else f"{name} ({plan.compiled.target})"
        taken.add(name)


def outputs_before(warn: Warn) -> Mapping[str, Any]:
    """The stack's outputs as the last deploy left them; empty before the first one, and for Pulumi's mocks."""
    if isinstance(get_monitor(), MockMonitor):
        return {}
    stack = pulumi.get_stack()
    # a backend of files in its old layout knows no project
    for name in (f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}", stack):
        try:
            found = pulumi.runtime.invoke(_READ, {"name": name}).value
        except Exception as error:  # the SDK raises this class itself
            problem = str(error)
            continue
        outputs = (found or {}).get("outputs")
        return outputs if isinstance(outputs, Mapping) else {}
    warn(f"whether a newer commit is deployed is not known: the stack's outputs cannot be read: {problem}")
    return {}


def older_problems(
    plans: Iterable[Plan[Any]], before: Mapping[str, Any], commit: str | None, root: Path, warn: Warn
) -> Iterator[ConfigError]:
    """Flows that would go back; each deployed commit is told once, with all flows that it brought.

    Args:
        plans: of the flows that are about to be deployed.
        before: the stack's outputs.
        commit: from which they are deployed; None where that is not known.
        root: folder whose git is asked.
        warn: takes what is not known.
    """
    if allowed := os.environ.get(ALLOW):
        if allowed.lower() in ("0", "false", "no"):
            yield ConfigError(f"{ALLOW} is {allowed!r}, allowed: 1, or leave it out")
        return
    for deployed, flows in _changing(plans, before).items():
        who, newer = ", ".join(flows), deployed[:_SHOWN]
        if commit is None:
            warn(f"{who}: commit {newer} is deployed, and whether it is newer is not known: {root} is not in git")
            continue
        how = kinship(root, commit, deployed)
        if how == "older":
            yield ConfigError(
                f"{who}: commit {newer} is deployed, which is newer than {commit[:_SHOWN]}: a deploy would take its "
                f"changes back. Check out a newer commit; or, to go back, run it with {ALLOW}=1 (a stack that may go "
                "back at any time has `flowinfra:allow_older: true`)"
            )
        elif how is None or how == "apart":
            why = "they are of two branches" if how else "this clone lacks one of them, or what is before (`git fetch`)"
            warn(f"{who}: commit {newer} is deployed, and whether {commit[:_SHOWN]} is newer is not known: {why}")


def _changing(plans: Iterable[Plan[Any]], before: Mapping[str, Any]) -> dict[str, list[str]]:
    """Deployed commit → the flows of which it brought another version than the one that is to come."""
    found: dict[str, list[str]] = {}
    listed = list(plans)
    for plan, key in zip(listed, keys(listed), strict=True):
        versions = (before.get(f"{VERSION}{name}") for name in (key, *plan.former_names))
        version = next((each for each in versions if isinstance(each, Mapping)), {})
        commit = version.get("commit")
        if isinstance(commit, str) and commit and version.get("digest") != plan.compiled.digest:
            found.setdefault(commit, []).append(plan.name)
    return found
