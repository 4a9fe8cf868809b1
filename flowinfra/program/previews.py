"""What a preview stack (`flowinfra preview-stack`) does not take over from the stack that it mirrors. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from flowinfra.errors import ConfigError, Problems
from flowinfra.model.compiled import CompiledFlow
from flowinfra.model.stack import StackConfig


def on_own_branch(stack: StackConfig) -> StackConfig:
    """A preview stack with its @project flows on a branch of its own; any other stack as it is.

    Which flows these are is known by what the other stack says: a @project flow needs `branch` or `production`.
    """
    if stack.preview is None:
        return stack
    own = {"branch": stack.preview.branch, "production": False}
    flows = [flow.model_copy(update=own) if flow.branch or flow.production else flow for flow in stack.flows]
    return stack.model_copy(update={"flows": flows})


def refuse_production(stack: StackConfig, flows: Mapping[str, CompiledFlow]) -> None:
    """Raise `Problems` where a flow of a preview stack is production by its own code; `flows`: label → flow."""
    if stack.preview is None:
        return
    problems = [
        ConfigError(
            f"{label}: is production by its own @project decorator, which a preview stack never deploys; "
            f"give `production` in the configuration of {stack.preview.of!r} instead"
        )
        for label, flow in flows.items()
        if flow.flow.project is not None and flow.flow.project.production
    ]
    if problems:
        raise Problems(problems)
