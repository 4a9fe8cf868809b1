"""Names in a workflow of what Metaflow names after something else: the flow's class, its functions and claims.

All functions here change what they are given. Mends, as those of mends_argo.py; see docs/mends.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from flowinfra.compiler.driver.kubernetes_grammar import dns_label
from flowinfra.model.base import Json

STEP = "metaflow/step_name"
"""Annotation of what runs a step."""

_NAME_LENGTH = 128
"""Most characters of a template's name (isValidWorkflowFieldName of workflow/validate)."""


def name_parts(spec: dict[str, Json]) -> None:
    """The templates that Metaflow names after the flow's class and the functions of @exit_hook get names that fit.

    Argo takes letters, digits and dashes, each name once; a pod is named after its template, in small letters.
    """
    spec["templates"] = templates = [
        template for index, template in enumerate(spec["templates"]) if template not in spec["templates"][:index]
    ]
    taken = Counter(template["name"] for template in templates)

    def renamed(name: str, pod: bool) -> str:
        plain = re.sub(r"[^A-Za-z0-9-]+", "-", name).lstrip("-")[:_NAME_LENGTH]
        plain = (plain.lower() if pod else plain) or "flow"
        found, number = plain, 1
        while taken[found] - (found == name):
            number += 1
            found = f"{plain[: _NAME_LENGTH - 4]}-{number}"
        taken[name] -= 1
        taken[found] += 1
        return found

    graph = spec["entrypoint"]
    for template in templates:
        if template["name"] == graph and "dag" in template:
            template["name"] = spec["entrypoint"] = renamed(graph, pod=False)
    for hook in spec.get("hooks", {}).values():
        for template in templates:
            is_step = STEP in template.get("metadata", {}).get("annotations", {})
            if template["name"] == hook["template"] and "container" in template and not is_step:
                template["name"] = hook["template"] = renamed(template["name"], pod=True)
                break


def name_claims(volumes: Iterable[dict[str, Any]], containers: Sequence[dict[str, Any]]) -> None:
    """The volumes that Metaflow names after their claims get names that fit.

    A claim may be called `models.v2`, or as one of Metaflow's own volumes (`out`, `dhsm`); a volume may not.
    """
    volumes = [*volumes]
    taken = Counter(volume["name"] for volume in volumes)
    claims = [volume for volume in volumes if "persistentVolumeClaim" in volume]
    for number, volume in enumerate(claims, 1):
        name = volume["name"]
        if dns_label(name) and taken[name] == 1:
            continue
        volume["name"] = f"flowinfra-claim-{number}"
        for container in containers:
            # those of claims are behind Metaflow's own
            mount = [entry for entry in container["volumeMounts"] if entry["name"] == name][-1]
            mount["name"] = volume["name"]
