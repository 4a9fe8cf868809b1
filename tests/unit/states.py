"""States of stacks made by hand, in the form in which `pulumi stack export` of 3.250 prints them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x:y"}


def resource(kind: str, name: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:prod::shop::{kind}::{name}", "type": kind, "inputs": dict(inputs or {}), **more}


def state(flows: Mapping[str, Mapping[str, Any]], *others: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a stack with these flows: name → inputs."""
    found = [resource("pulumi:pulumi:Stack", "shop-prod"), *others]
    found += [resource("flowinfra:aws:StepFunctionsFlow", name, inputs, custom=False) for name, inputs in flows.items()]
    return {"version": 3, "deployment": {"manifest": {}, "resources": found}}


def content(document: Any) -> bytes:
    return json.dumps(document).encode()
