"""The floor: a Pulumi program that does nothing but register the resources that a file lists.

What any program with these resources must cost. `bench/manifest.py` makes the file out of a deployed stack's state.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pulumi


def main() -> None:
    manifest = json.loads(Path(os.environ["FLOWINFRA_BENCH_MANIFEST"]).read_text(encoding="utf-8"))
    made: dict[str, pulumi.Resource] = {}
    for entry in manifest["resources"]:
        options = pulumi.ResourceOptions(
            parent=made.get(entry["parent"]),
            depends_on=[made[key] for key in entry["depends_on"]],
            version=entry["version"],
            retain_on_delete=entry["retain_on_delete"],
            ignore_changes=entry["ignore_changes"],
        )
        properties = {**entry["properties"], **{name: pulumi.FileAsset(path) for name, path in entry["files"].items()}}
        made[entry["key"]] = resource = (pulumi.CustomResource if entry["custom"] else pulumi.ComponentResource)(
            entry["type"], entry["name"], properties, options
        )
        if isinstance(resource, pulumi.ComponentResource):
            resource.register_outputs(entry["outputs"])
    for name, value in manifest["outputs"].items():
        pulumi.export(name, value)


main()
