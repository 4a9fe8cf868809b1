"""What Argo and Kubernetes themselves find wrong with the objects of flows, without a cluster.

The judges are built from Argo's and Kubernetes' own sources (tools/bootstrap/judges.py). Where there is no Go to build
them, tests that ask them are skipped; in continuous integration (`FLOWINFRA_REQUIRE_CLUSTER=1`) they fail.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.bootstrap import judges
from tools.bootstrap.cluster import REQUIRED_VARIABLE, Release
from tools.bootstrap.output import SetupError

Object = Mapping[str, Any]

_TAG = re.compile(r"\{\{.*?\}\}")
_JSON_TAG = re.compile(r"\{\{=toJson\(.*?\)\}\}")
_POD_FIELDS = (
    "affinity",
    "automountServiceAccountToken",
    "hostAliases",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
    "volumes",
)
"""Fields of a template that its pod has by the same name."""


def prepared() -> tuple[str, ...]:
    """The versions of Argo Workflows that can judge; a test without them is skipped."""
    try:
        judges.prepare_judges()
    except SetupError as error:
        if os.environ.get(REQUIRED_VARIABLE):
            raise
        pytest.skip(f"no judge: {error}")
    return tuple(judges.WORKFLOWS)


def problems(version: str, flows: Mapping[str, Sequence[Object]]) -> dict[str, list[str]]:
    """What is wrong with the objects of flows, for a version of Argo Workflows; a flow without a fault is left out."""
    judge = judges.WORKFLOWS[version]
    names = list(flows)
    found: dict[str, list[str]] = {}
    for name, said in zip(names, _asked(judge, [_workflows(flows[name]) for name in names], "objects"), strict=True):
        found.setdefault(name, []).extend(said)
    sensors = [(name, _known(one)) for name in names for one in flows[name] if one["kind"] == "Sensor"]
    for (name, _), said in zip(sensors, _asked(judges.EVENTS, [one for _, one in sensors]), strict=True):
        found[name].extend(f"Sensor: {words}" for words in said)
    definitions = [
        *_files(judge, "argoproj.io_workflowtemplates.yaml", "argoproj.io_cronworkflows.yaml"),
        *_files(judges.EVENTS, "argoproj.io_sensors.yaml"),
        judges.JOB_SETS.manifest("jobsets.yaml"),
    ]
    made = [(name, one) for name in names for object in flows[name] for one in (object, *_made(object))]
    for (name, one), said in zip(
        made, _asked(judges.KUBERNETES_JUDGE, [one for _, one in made], *map(str, definitions)), strict=True
    ):
        found[name].extend(f"{one['kind']} {one['metadata']['name']}: {words}" for words in said)
    return {name: said for name, said in found.items() if said}


def cron_problems(version: str, schedules: Iterable[str | tuple[str, str]]) -> list[list[str]]:
    """What Argo Workflows has to say of each schedule, or pair of a schedule and a timezone."""
    return _asked(judges.WORKFLOWS[version], list(schedules), "crons")


def filled(version: str, template: Object, name: str) -> dict[str, Any]:
    """A template of a WorkflowTemplate with what Argo puts in."""
    found: list[dict[str, Any]] = _asked(judges.WORKFLOWS[version], [[template, name]], "filled")
    return found[0]


def environment(variables: Sequence[Object]) -> dict[str, str]:
    """What the process of a container finds in its environment."""
    found: list[dict[str, str]] = _asked(judges.KUBERNETES_JUDGE, [variables], "environment")
    return found[0]


def _asked(judge: Release, lines: Sequence[Any], *options: str) -> list[Any]:
    """The answers of a judge, one for each line."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    command = [str(judges.program(judge)), *options]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _files(judge: Release, *names: str) -> Iterator[Path]:
    return (judge.manifest("crds") / name for name in names)


def _workflows(objects: Sequence[Object]) -> list[Object]:
    return [one for one in objects if one["kind"] != "Sensor"]


def _known(sensor: Object) -> Object:
    """A Sensor without the one field of Metaflow's that Argo Events does not know: the name of its container."""
    found: dict[str, Any] = json.loads(json.dumps(sensor))
    found["spec"]["template"]["container"].pop("name")
    return found


def _made(template: Object) -> Iterator[Object]:
    """The pods and JobSets that Argo makes of a WorkflowTemplate, with 0 in place of what it puts in."""
    if template["kind"] != "WorkflowTemplate":
        return
    for entry in template["spec"]["templates"]:
        if "container" in entry:
            # Argo puts the workflow's name before it and a number behind it (workflow/util/pod_name.go)
            yield _pod(f"run-{entry['name']}-1", entry.get("metadata", {}), _pod_spec(template["spec"], entry))
        if "resource" in entry:
            job_set = yaml.safe_load(_TAG.sub("0", _JSON_TAG.sub('"0"', entry["resource"]["manifest"])))
            job_set["metadata"]["namespace"] = "flows"  # Argo's kubectl is given one
            yield job_set
            for job in job_set["spec"]["replicatedJobs"]:
                pod = job["template"]["spec"]["template"]
                yield _pod(job["name"], pod["metadata"], pod["spec"])


def _pod(name: str, metadata: Object, spec: Object) -> Object:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "flows", **metadata},
        "spec": spec,
    }
    filled: Object = json.loads(_TAG.sub("0", json.dumps(pod)))
    return filled


def _pod_spec(spec: Object, entry: Object) -> Object:
    """What the pod of a template with a container is (workflow/controller/workflowpod.go)."""
    return {
        "restartPolicy": "Never",
        **{key: entry[key] for key in _POD_FIELDS if key in entry},
        "volumes": [*spec.get("volumes", ()), *entry.get("volumes", ())],
        "containers": [{**entry["container"], "name": "main"}, *entry.get("sidecars", ())],
    }
