"""Which version of a flow is deployed: its digest, and the commit and person that brought it.

Another commit or another person with the same flow makes no difference: commit and person are those of the deploy that
changed the flow, kept in the stack's state until the flow changes again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi.stash import Stash

from flowinfra.compiler.provenance import provenance
from flowinfra.components.deploy_time import Deployer
from flowinfra.components.inputs import SHORT
from flowinfra.components.names import VERSION_RECORD
from flowinfra.errors import ConfigError
from flowinfra.model.compiled import CompiledFlow

Version = Mapping[str, Any]
"""`id` and `digest` of the compiled flow (short and full), `package` (digest of the code package), `metaflow`,
`deployed_by`, where they are known `commit` and `uncommitted_changes` (true), and after a rollback `rolled_back_to`."""

ROLLBACK = "FLOWINFRA_ROLLBACK"
"""Variable by which `flowinfra rollback` says which deployment it brings back, by its number."""
ROLLED_BACK = "rolled_back_to"
"""The same in a version, and in what is kept of a deployment."""


def origin(root: Path) -> dict[str, Any]:
    """Commit and person of this deploy; `root` is the folder whose commit it is where CI declares none.

    Raises:
        ConfigError: what CI declares is wrong.
    """
    deployer = Deployer.from_environment()
    if number := os.environ.get(ROLLBACK):
        # the commit is that of the deployment, not of this checkout; it has none where that one had none
        known = {} if deployer.commit is None else {"commit": deployer.commit}
        return {"deployed_by": deployer.user, **known, ROLLED_BACK: _number(number)}
    if deployer.commit is not None:
        return {"deployed_by": deployer.user, "commit": deployer.commit}
    return {"deployed_by": deployer.user, **_checked_out(root)}


def _number(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ConfigError(f"{ROLLBACK} is {text!r}; `flowinfra rollback` sets it, so leave it out")
    return int(text)


def deployed_version(
    name: str,
    compiled: CompiledFlow,
    by: Mapping[str, Any],
    needs: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[Version]:
    """The version that is deployed, once `needs` are.

    Args:
        name: the component's.
        compiled: the flow.
        by: `origin` of this deploy, which counts if the flow changed.
        needs: what has to be deployed first.
        opts: of a child of the component.
    """
    digest = compiled.digest
    kept = pulumi.ResourceOptions(
        ignore_changes=["input"],
        replacement_trigger=digest,
        depends_on=list(needs),
        protect=False,
        hide_diffs=["input", "output"],  # the stack's output shows it
    )
    brought = Stash(f"{name}{VERSION_RECORD}", input=dict(by), opts=pulumi.ResourceOptions.merge(opts, kept))
    own = {
        "id": digest[:SHORT],
        "digest": digest,
        "package": compiled.package.object,
        "metaflow": compiled.metaflow,
    }
    return brought.output.apply(lambda found: {**own, **found})


@cache
def _checked_out(root: Path) -> dict[str, Any]:
    """The commit that git has there; asked once for all flows of a program."""
    git = provenance(root)
    if "commit_sha" not in git:
        return {}
    uncommitted = {"uncommitted_changes": True} if git["has_uncommitted_changes"] == "true" else {}
    return {"commit": git["commit_sha"], **uncommitted}
