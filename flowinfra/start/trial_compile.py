"""Whether the flows of a stack compile, each for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowinfra.errors import FlowInfraError
from flowinfra.stack.compiling import each_compiled, platform_shape
from flowinfra.stack.loading import stored_stack


@dataclass(frozen=True)
class Compiled:
    """How the flows of a stack did."""

    stack: str
    right: tuple[str, ...]
    """Files of the flows that compile."""
    wrong: tuple[tuple[str, FlowInfraError], ...]
    """File of each other flow, with what is wrong with it."""


def compile_stack(root: Path, stack: str, progress: Callable[[str], None], warn: Callable[[str], None]) -> Compiled:
    """Compile the flows of a stack's file. One that does not compile does not stop the others.

    Args:
        root: the project's folder.
        stack: name of the stack.
        progress: takes the file of each flow that is compiled, at once.
        warn: takes each warning about the flows.

    Raises:
        FlowInfraError: the stack's file is wrong.
    """
    config = stored_stack(root, stack)
    flows = [flow for flow in config.flows if flow.enabled]
    shapes = [(flow, platform_shape(config, flow.target)) for flow in flows]
    results = each_compiled(shapes, root, warn, lambda flow: progress(flow.flow))
    told = list(zip(flows, results, strict=True))
    return Compiled(
        stack,
        tuple(flow.flow for flow, result in told if not isinstance(result, FlowInfraError)),
        tuple((flow.flow, result) for flow, result in told if isinstance(result, FlowInfraError)),
    )
