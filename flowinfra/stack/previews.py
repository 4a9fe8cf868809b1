"""What a preview stack (`flowinfra preview-stack`) does not take over from the stack that it mirrors. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from flowinfra.errors import ConfigError
from flowinfra.model.compiled import CompiledFlow
from flowinfra.stack.configuration import PreviewConfig, StackConfig
from flowinfra.stack.flow import FlowConfig


def kept_apart(stack: StackConfig) -> StackConfig:
    """A preview stack whose flows are deployed beside the other stack's, not over them; any other stack unchanged."""
    if stack.preview is None:
        return stack
    preview = stack.preview
    flows = [flow.model_copy(update=_own(flow, preview)) for flow in stack.flows]
    return stack.model_copy(update={"flows": flows})


def _own(flow: FlowConfig, preview: PreviewConfig) -> dict[str, object]:
    """Branch or name that a flow has there alone.

    Which flows are @project flows is known by what the other stack says: they need `branch` or `production`.
    """
    prefixed = flow.target == "step-functions"
    if flow.branch or flow.production:
        return {"branch": preview.branch, "production": False}
    if prefixed:
        return {}
    name = flow.name or re.sub(r"[^a-z0-9]+", "-", PurePosixPath(flow.flow).stem.lower()).strip("-")
    return {"name": f"{preview.branch.replace('_', '-')}-{name}"}


def production_problems(stack: StackConfig, flows: Mapping[str, CompiledFlow]) -> Iterator[ConfigError]:
    """Flows of a preview stack that are production by their own code; `flows`: label → flow."""
    if stack.preview is None:
        return
    for label, flow in flows.items():
        if flow.flow.project is not None and flow.flow.project.production:
            yield ConfigError(
                f"{label}: is production by its own @project decorator, which a preview stack never deploys; "
                f"give `production` in the configuration of {stack.preview.of!r} instead"
            )
