"""A flow's inputs as a component shows them in a text preview, and back to all that they say.

`pulumi preview --diff` prints all inputs of a component, also those that did not change, since a component has no
detailed diff (`printOldNewDiffs` of Pulumi's pkg/backend/display/object_diff.go). What every flow has without anybody
having said so is therefore left out, and added again where a state or a preview is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_WORKERS = 100
"""Tasks of a foreach at once, where nobody says otherwise: Metaflow's `--max-workers`."""

_RESOURCES = {"cpu": 1, "memory": 4096}
"""What a step has that asks for nothing: vCPUs and MB of Metaflow's @batch and @kubernetes (`resource_defaults`)."""


def brief(described: Mapping[str, Any]) -> dict[str, Any]:
    """What a component shows of a flow's inputs (`flowinfra.components.inputs.describe`).

    Left out are a step's resources and image, and the flow's `max_workers`, where they are what everybody has. The
    overrides are one text.
    """
    shown = dict(described)
    usual = {**_RESOURCES, "image": _image(described)}
    if isinstance(steps := described.get("steps"), Mapping):
        shown["steps"] = {name: _without(step, usual) for name, step in steps.items()}
    if described.get("max_workers") == MAX_WORKERS:
        del shown["max_workers"]
    if isinstance(overrides := described.get("overrides"), Mapping):
        shown["overrides"] = ", ".join(overrides)
    return shown


def full(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A flow's inputs out of what its component shows: `full(brief(described)) == described`.

    Inputs of a component that an older flowinfra made, which left nothing out, are unchanged.
    """
    inputs = {"max_workers": MAX_WORKERS, **shown} if shown else {}
    usual = {name: value for name, value in {**_RESOURCES, "image": _image(shown)}.items() if value is not None}
    if isinstance(steps := shown.get("steps"), Mapping):
        inputs["steps"] = {
            name: {**usual, **step} if isinstance(step, Mapping) else step for name, step in steps.items()
        }
    if isinstance(overrides := shown.get("overrides"), str):
        inputs["overrides"] = dict.fromkeys(overrides.split(", "), True)
    return inputs


def _image(inputs: Mapping[str, Any]) -> str | None:
    """The image of a step that names none; the shape's `default_image`."""
    image, python = inputs.get("image"), inputs.get("python")
    return image if isinstance(image, str) else f"python:{python}" if isinstance(python, str) else None


def _without(step: Any, usual: Mapping[str, Any]) -> Any:
    if not isinstance(step, Mapping):
        return step
    return {name: value for name, value in step.items() if name not in usual or value != usual[name]}
