"""A flow of a stack that is compiled: its entry for a stack's file that names the bundle in place of the sources."""

from __future__ import annotations

from typing import Any

from flowinfra.components.options import is_bundle
from flowinfra.stack.compiling import StackFlow

_COMPILED_IN = ("configs", "image_packages", "working_folder")
"""Keys of a flow that only its compile reads."""


def bundled_entry(flow: StackFlow) -> dict[str, Any]:
    """The flow's configuration, defaults and mirrored stack included; what is missing is `flow`: the bundle's path."""
    own = flow.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    entry = {key: value for key, value in own.items() if key not in (*_COMPILED_IN, "flow")}
    if flow.deploy_time:
        entry["deploy_time"] = dict(flow.deploy_time)
    file = {} if is_bundle(flow.config) else {"file": flow.config.flow}
    return {**entry, **file, "digest": flow.compiled.digest}
