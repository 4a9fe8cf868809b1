"""Values of deploy-time parameters, kept in the stack's state until the flow changes."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi.stash import Stash

from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import CompiledFlow


def deployed_parameters(
    name: str, compiled: CompiledFlow, values: Mapping[str, Json], opts: pulumi.ResourceOptions
) -> pulumi.Input[str]:
    """Deploy-time values as JSON text: those of the first `up` of this version, until the flow changes.

    Args:
        name: the component's.
        compiled: the flow.
        values: those of this deploy.
        opts: of a child of the component.
    """
    text = canonical_json(dict(values))
    if not values:
        return text
    kept = pulumi.ResourceOptions(ignore_changes=["input"], replacement_trigger=compiled.digest, protect=False)
    stash = Stash(f"{name}-parameters", input=text, opts=pulumi.ResourceOptions.merge(opts, kept))
    return stash.output
