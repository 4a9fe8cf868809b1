"""A deployed stack's state → what a bare program must register to have the same resources: pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

STACK = "pulumi:pulumi:Stack"
PROVIDERS = "pulumi:providers:"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of the engine's special values; here only assets have it."""


def manifest(state: Mapping[str, Any]) -> dict[str, Any]:
    """What `pulumi stack export` gave → resources in an order in which each comes after what it refers to.

    Inputs are those that the program gave, without what the provider added. What was another resource's output is its
    value here, and the dependency is kept, so that as many resources are registered at a time as before.
    """
    resources: Sequence[Mapping[str, Any]] = state["deployment"]["resources"]
    outputs: Mapping[str, Any] = next((each.get("outputs", {}) for each in resources if each["type"] == STACK), {})
    wanted = {
        each["urn"]: each
        for each in resources
        if each["type"] != STACK and not each["type"].startswith(PROVIDERS) and not each.get("delete")
    }
    ordered: dict[str, None] = {}

    def add(urn: str) -> None:
        if urn in ordered or urn not in wanted:
            return
        for other in (wanted[urn].get("parent", ""), *wanted[urn].get("dependencies", ())):
            add(other)
        ordered[urn] = None

    for urn in wanted:
        add(urn)
    return {"resources": [_entry(wanted[urn], wanted) for urn in ordered], "outputs": outputs}


def renamed(made: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What `manifest` made with other names in all of its texts: for a floor that shares a cluster with the stack."""
    text = json.dumps(made)
    for name, other in names.items():
        text = text.replace(name, other)
    found: dict[str, Any] = json.loads(text)
    return found


def _entry(resource: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    inputs = resource.get("inputs", {})
    given = {name: inputs[name] for name in resource.get("propertyDependencies", {}) if name in inputs}
    # a name that the provider made up is given, so that what refers to it holds for the floor too
    if "namePrefix" in given or ("name" in inputs and "name" not in given):
        given.pop("namePrefix", None)
        given["name"] = resource.get("outputs", inputs)["name"]
    files = {name: value["path"] for name, value in given.items() if isinstance(value, dict) and _SIGNATURE in value}
    # urn:pulumi:<stack>::<project>::<parents$type>::<name>
    return {
        "key": resource["urn"],
        "type": resource["type"],
        "name": resource["urn"].split("::", 3)[3],
        "custom": resource["custom"],
        "parent": resource.get("parent"),
        "depends_on": [urn for urn in resource.get("dependencies", ()) if urn in wanted],
        "properties": {name: value for name, value in given.items() if name not in files},
        "files": files,
        "outputs": {} if resource["custom"] else resource.get("outputs", {}),
        "version": _version(resource.get("provider", "")),
        "retain_on_delete": resource.get("retainOnDelete"),
        "ignore_changes": resource.get("ignoreChanges"),
    }


def _version(provider: str) -> str | None:
    """Of a default provider; None for that of the engine's own resources, which has none."""
    # urn:…::pulumi:providers:aws::default_7_51_1::<id>
    found = re.search(r"::default_(\w+)::", provider)
    return found and found.group(1).replace("_", ".")
