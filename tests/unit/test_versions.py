"""Each supported minor of Metaflow compiles to the same as the one that is locked, as far as it knows the construct.

Each has a virtual environment of its own in the user's cache folder, made once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.engine.folders import cache_folder
from flowinfra.errors import CompileError, FlowInfraError
from flowinfra.targets import mends
from flowinfra.targets.argo import mends as mends_argo
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.reading import step_containers
from flowinfra.targets.step_functions.compiled import StepFunctionsTarget
from tests.judge import prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.components.compiled import for_step_functions
from tests.unit.constructs import CONSTRUCTS
from tests.unit.expanded import expanded, step_commands
from tests.unit.golden import compiled as locked
from tests.unit.golden import document, refusal_path, render_refusal
from tests.unit.interpreters import ROOT
from tests.unit.sources import request, write_flow

# one worker: a virtual environment is made once
pytestmark = pytest.mark.xdist_group("metaflow-versions")

LOCK = (ROOT / "requirements.lock").read_text()
LOCKED: dict[str, str] = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK, re.MULTILINE))
VERSIONS = {"2.17": "2.17.5", "2.18": "2.18.13", "2.19": LOCKED["metaflow"]}
"""Newest patch of each minor that pyproject.toml admits."""

NEWER = {"2.17": {"batch": "privileged", "compress": "--compress-state-machine"}, "2.18": {"batch": "privileged"}}
"""Constructs that came with a later minor, with the word that Metaflow refuses."""

SAMPLE = {
    "batch",
    "compress",
    "config_value",
    "fargate",
    "include_file",
    "inheritance",
    "overrides",
    "package_root",
    "parameters",
    "project_production",
    "schedule_off_inherited",
    "split_in_foreach",
    "partition",
    "trigger",
    "trigger_on_finish",
    "user_decorators",
    "with",
}


ARGO_SAMPLE = {
    "datastore_azure_include_file",
    "datastore_gs",
    "exit_hook",
    "heartbeat",
    "include_file",
    "nested_foreach",
    "notify_all",
    "parallel",
    "parameters",
    "schedule_timezone",
    "triggers",
    "user_decorators",
}


AIRFLOW_REFUSED = {"nested_foreach", "parallel", "switch_recursive", "trigger"}


def python_with(metaflow: str) -> str:
    """Interpreter of a virtual environment with exactly this Metaflow and the locked boto3."""
    pins = [f"metaflow=={metaflow}", f"boto3=={LOCKED['boto3']}"]
    cache = cache_folder("test-venvs")
    minor = metaflow.rpartition(".")[0]
    folder = cache / f"metaflow-{minor}-python-{sys.version_info[0]}.{sys.version_info[1]}"
    stamp = folder / "complete"
    if not stamp.exists() or stamp.read_text().split() != pins:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
        subprocess.run(pip, check=True, env={**os.environ, "PIP_USER": "0"})
        stamp.write_text("\n".join(pins))
    return str(folder / "bin" / "python")


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
def test_supported_minor(minor: str) -> None:
    python = python_with(VERSIONS[minor])
    for construct in (one for one in CONSTRUCTS if one.name in SAMPLE):
        request = construct.request(python=python)
        newer = NEWER.get(minor, {}).get(construct.name)
        if newer:
            with pytest.raises(CompileError, match=newer):
                compile_flow(request)
            continue
        compiled = compile_flow(request)
        assert compiled.metaflow == VERSIONS[minor]
        assert essence(document(compiled)) == essence(document(locked(construct.name))), construct.name
        if construct.name not in ("compress", "trigger"):
            assert parameters_are_quoted(for_step_functions(compiled).step_functions)


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize("name", ["foreach", "airflow_external_task_sensor"])
def test_airflow_of_a_supported_minor(minor: str, name: str) -> None:
    [construct] = [one for one in CONSTRUCTS if one.name == name]
    compiled = document(compile_flow(construct.request("airflow", python=python_with(VERSIONS[minor]))))
    golden = document(locked(name, "airflow"))
    assert compiled["flow"] == golden["flow"]
    for made in (compiled, golden):
        for state in made["airflow"]["dag"]["states"].values():
            # words of commands and variables of tasks are each version's own
            for key in ("cmds", "env_vars"):
                state["operator_args"].pop(key, None)
    assert compiled["airflow"] == golden["airflow"]


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
def test_airflow_refuses_the_same_of_a_supported_minor(minor: str) -> None:
    for construct in (one for one in CONSTRUCTS if one.name in AIRFLOW_REFUSED):
        with pytest.raises(FlowInfraError) as raised:
            compile_flow(construct.request("airflow", python=python_with(VERSIONS[minor])))
        words = refusal_path(construct.name, "airflow").read_text(encoding="utf-8")
        assert render_refusal(construct, raised.value) == words, construct.name


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
def test_argo_of_a_supported_minor(minor: str) -> None:
    for construct in (one for one in CONSTRUCTS if one.name in ARGO_SAMPLE):
        compiled = compile_flow(construct.request("argo", python=python_with(VERSIONS[minor])))
        assert isinstance(compiled, ArgoCompiled)
        golden = document(locked(construct.name, "argo"))
        assert argo_essence(document(compiled)) == argo_essence(golden), construct.name
        containers = step_containers(compiled.argo.workflow_template)
        commands = [word for entry in containers for word in entry.container["command"]]
        assert not compiled.flow.parameters or any(map(mends_argo.exports_parameters, commands))


def argo_essence(compiled: dict[str, Any]) -> dict[str, Any]:
    """What no version of Metaflow may change: what runs with what it asks for, and what starts it."""
    target = compiled["argo"]
    spec = target["workflow_template"]["spec"]
    containers = {}
    for template in spec["templates"]:
        kept = {key: value for key, value in template.items() if key not in ("dag", "inputs", "outputs")}
        if "container" in kept:
            kept["container"] = {k: v for k, v in kept["container"].items() if k not in ("command", "env")}
        if "resource" in kept:
            kept.pop("resource")
        containers[kept.pop("name")] = kept
    cron = target["cron_workflow"] or {"spec": {}}
    sensor = target["sensor"] or {"spec": {}}
    return {
        **{key: compiled[key] for key in ("flow", "shape", "package")},
        "name": target["name"],
        "arguments": {entry["name"]: arrives(entry.get("value", "null")) for entry in spec["arguments"]["parameters"]},
        "templates": containers,
        "hooks": spec.get("hooks"),
        "schedule": {key: cron["spec"].get(key) for key in ("schedule", "timezone", "suspend")},
        "events": sensor["spec"].get("dependencies"),
        "payload": [
            {**entry["src"], "dataTemplate": "squote" in entry["src"].get("dataTemplate", "")}
            for trigger in sensor["spec"].get("triggers", [])
            for entry in trigger["template"]["k8s"]["parameters"]
        ],
    }


def arrives(argument: str) -> str:
    """A workflow's argument as the task sees it: JSON text, or the text that is in it."""
    value = json.loads(argument)
    return value if isinstance(value, str) else argument


def essence(compiled: dict[str, Any]) -> dict[str, Any]:
    """What no version of Metaflow may change: all but the words of commands and the variables of tasks."""
    target = compiled["step_functions"]
    jobs = {key: job["properties"] for key, job in target["job_definitions"].items()}
    return {
        **{key: compiled[key] for key in ("flow", "shape", "package")},
        "objects": {name: entry["kind"] for name, entry in compiled["objects"].items()},
        "placeholders": sorted(compiled["placeholders"]),
        "states": shape_of(expanded(target["definition"], jobs)),
        "jobs": {
            key: [job["steps"], without_texts(job["properties"])] for key, job in target["job_definitions"].items()
        },
        **{key: value for key, value in target.items() if key not in ("definition", "job_definitions")},
    }


def without_texts(job: dict[str, Any]) -> dict[str, Any]:
    texts = {"command", "environment"}
    container = {key: item for key, item in job["containerProperties"].items() if key not in texts}
    return {**job, "containerProperties": container}


def shape_of(workflow: dict[str, Any]) -> dict[str, Any]:
    """The states of a workflow with what they lead to and ask for."""
    states = {}
    for name, state in workflow["States"].items():
        plain = {key: value for key, value in state.items() if key not in ("Branches", "Iterator", "ItemProcessor")}
        if "ContainerOverrides" in plain.get("Parameters", {}):
            asked = plain["Parameters"]["ContainerOverrides"]["ResourceRequirements"]
            plain["Parameters"] = {**plain["Parameters"], "ContainerOverrides": asked}
        inner = [*state.get("Branches", []), *(state[key] for key in ("Iterator", "ItemProcessor") if key in state)]
        states[name] = (plain, [shape_of(workflow) for workflow in inner])
    return states


def parameters_are_quoted(target: StepFunctionsTarget) -> bool:
    return mends.quotes_parameters(step_commands(target)["start"])


OLDER = ["2.17", "2.18"]
GRAPHS = ("split", "split_in_foreach", "foreach_in_split", "nested_foreach")


@pytest.mark.versions
@pytest.mark.parametrize("minor", OLDER)
def test_switches_of_an_older_minor_are_refused_on_argo(minor: str) -> None:
    for name in ("switch", "switch_recursive"):
        [construct] = [one for one in CONSTRUCTS if one.name == name]
        with pytest.raises(FlowInfraError) as raised:
            compile_flow(construct.request("argo", python=python_with(VERSIONS[minor])))
        found = rf"found Metaflow {re.escape(VERSIONS[minor])}, .*2\.19\.39"
        assert re.search(rf"flow\.py:\d+: step \w+: is a switch to \w+, \w+; {found}", str(raised.value)), raised.value


@pytest.mark.versions
@pytest.mark.parametrize("minor", OLDER)
def test_graphs_without_a_switch_wait_for_the_same_in_an_older_minor(minor: str) -> None:
    for construct in (one for one in CONSTRUCTS if one.name in GRAPHS):
        compiled = document(compile_flow(construct.request("argo", python=python_with(VERSIONS[minor]))))
        assert tasks_of(compiled) == tasks_of(document(locked(construct.name, "argo"))), construct.name


def tasks_of(compiled: dict[str, Any]) -> dict[str, Any]:
    """The tasks of each graph of a workflow: what they wait for, and what they are given."""
    templates = compiled["argo"]["workflow_template"]["spec"]["templates"]
    return {entry["name"]: entry["dag"]["tasks"] for entry in templates if "dag" in entry}


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize("decorators", ["@retry(times=0)", "@retry(times=2)", ""])
def test_job_sets_of_a_supported_minor(minor: str, decorators: str, tmp_path: Path) -> None:
    text = (ROOT / "tests" / "flows" / "parallel" / "flow.py").read_text(encoding="utf-8")
    text = text.replace("    @retry(times=1)\n", f"    {decorators}\n").replace(
        "import FlowSpec", "import catch, FlowSpec"
    )
    flow = write_flow(tmp_path, text)
    compiled = compile_flow(
        replace(request(flow, python=python_with(VERSIONS[minor])), target="argo"), warn=lambda _: None
    )
    objects = bound_objects(compiled)
    for version in prepared():
        assert problems(version, {"flow": objects}) == {}
    templates = {entry["name"]: entry for entry in objects[0]["spec"]["templates"]}
    [made] = [entry for entry in templates.values() if "resource" in entry]
    [task] = [
        task
        for entry in templates.values()
        for task in entry.get("dag", {}).get("tasks", ())
        if task["template"] == made["name"]
    ]
    given = {entry["name"]: entry.get("value") for entry in task["arguments"]["parameters"]}
    retried = decorators not in ("", "@retry(times=0)")
    assert ("retryStrategy" in made, given.get("retryCount")) == (retried, "{{retries}}" if retried else None)
    assert given["jobset-name"] == "js-{{inputs.parameters.task-id-entropy}}" + ("{{retries}}" if retried else "")
    assert given.keys() == {entry["name"] for entry in made["inputs"]["parameters"]}
