"""What we compile and bind is what Metaflow's own `step-functions create` sends, up to the documented mends.

The judge is Metaflow with real boto3 against moto. What may differ, and nothing else:

    the mends (flowinfra.targets.mends)
    digests of the code package and of commands that name it (it is packed reproducibly; its files are compared)
    what steps share stands in job definitions (flowinfra.targets.step_functions.sharing); it is put back here
    git's branch and commit in METAFLOW_VERSION: Metaflow runs on a copy outside of git here
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import blob_path, compile_flow, evaluate_parameters
from flowinfra.model.base import canonical_json
from flowinfra.model.compiled import CompiledFlow, rename_digests
from flowinfra.targets import mends
from flowinfra.targets.step_functions.bound import Job, bind
from flowinfra.targets.step_functions.states import State, step_of, submitting_states, with_submitting
from tests.unit.components.compiled import for_step_functions
from tests.unit.constructs import Construct
from tests.unit.expanded import expanded
from tests.unit.metaflow_create import FARGATE_QUEUE, IDENTITY, Account, Created, account, create, members

PYTHON = ".".join(platform.python_version_tuple()[:2])

# construct, the same in options of the flow's own command line, variables
CASES: list[tuple[Construct, list[str], dict[str, str]]] = [
    (
        Construct("parameters", shape={"tags": ["nightly", "team:risk"], "namespace": "user:ann"}),
        ["step-functions", "create", "--tag", "nightly", "--tag", "team:risk", "--namespace", "user:ann"],
        {},
    ),
    (Construct("include_file"), ["step-functions", "create"], {}),
    (
        Construct("foreach", shape={"max_workers": 7, "workflow_timeout": 3600, "decospecs": ["retry:times=1"]}),
        ["--with", "retry:times=1", "step-functions", "create", "--max-workers", "7", "--workflow-timeout", "3600"],
        {},
    ),
    (
        Construct("schedule_cron", shape={"name": "nightly", "batch_tags": {"team": "risk"}, "name_prefix": "dev"}),
        ["step-functions", "--name", "nightly", "create", "--aws-batch-tag", "team=risk"],
        {"METAFLOW_SFN_STATE_MACHINE_PREFIX": "dev"},
    ),
    (
        Construct("project", shape={"production": True, "branch": "canary"}),
        ["--production", "--branch", "canary", "step-functions", "create"],
        {},
    ),
    (
        Construct("config", config_files={"settings": "other.json"}, shape={"configs": {"inline": {"depth": 9}}}),
        ["--config", "settings", "other.json", "--config-value", "inline", '{"depth": 9}', "step-functions", "create"],
        {},
    ),
    (Construct("batch"), ["step-functions", "create"], {}),
    (
        Construct("nested_foreach", shape={"distributed_map": True, "compress": True}),
        ["step-functions", "create", "--use-distributed-map", "--compress-state-machine"],
        {},
    ),
    (
        Construct("fargate", shape={"compute": "FARGATE"}),
        ["step-functions", "create"],
        {
            "METAFLOW_BATCH_JOB_QUEUE": FARGATE_QUEUE,
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": IDENTITY["execution-role"],
        },
    ),
    (Construct("inheritance"), ["step-functions", "create"], {}),
    (Construct("user_decorators"), ["step-functions", "create"], {}),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with account() as made:
        yield made


@pytest.mark.parametrize(("construct", "options", "env"), CASES, ids=[case[0].name for case in CASES])
def test_same_as_metaflow(
    construct: Construct, options: list[str], env: dict[str, str], aws: Account, tmp_path: Path
) -> None:
    request = construct.request()
    compiled = for_step_functions(compile_flow(request))
    theirs = create(aws, request.flow, tmp_path, options, env)

    identity = {**IDENTITY, "token": theirs.token}
    if "METAFLOW_BATCH_JOB_QUEUE" in env:
        identity["queue"] = env["METAFLOW_BATCH_JOB_QUEUE"]
    deploy_time = [name for name, parameter in compiled.flow.parameters.items() if parameter.deploy_time]
    values = evaluate_parameters(request, IDENTITY["owner"]) if deploy_time else {}
    bound = bind(compiled, identity, named, values)

    digests = {_package_sha(theirs.definition): compiled.package.object}
    commands = {}
    for key, stored in theirs.objects.items():
        if stored[:2] != b"\x1f\x8b":
            text = rename_digests(mends.name_package(mends.mend_command(stored.decode())), digests)
            commands[key.rsplit("/", 1)[-1]] = text
    assert sorted(commands.values()) == sorted(command.text for command in bound.commands.values())
    digests.update({old: hashlib.sha1(text.encode()).hexdigest() for old, text in commands.items()})
    expected = _expected(theirs.definition, digests)

    jobs = {job.name: job.arguments for job in bound.jobs.values()}
    assert differences(_without_job(plain(expanded(bound.definition, jobs))), _without_job(plain(expected))) == []
    assert _files(theirs, compiled) == {}
    arns = {step_of(state): state["Parameters"]["JobDefinition"] for state in submitting_states(theirs.definition)}
    for state in submitting_states(bound.definition):
        ours = _container(jobs[state["Parameters"]["JobDefinition"]])
        assert differences(ours, _registered(theirs.jobs[arns[step_of(state)]], ours)) == []
    assert {step_of(state) for state in submitting_states(bound.definition)} == set(arns)
    rule = compiled.step_functions.schedule
    assert (rule is None) == (theirs.rule is None)
    if rule is not None and theirs.rule is not None:
        assert rule.name == theirs.rule["Name"]
        assert rule.expression == theirs.rule["ScheduleExpression"]
        assert rule.description == theirs.rule["Description"]
        assert rule.input == theirs.rule["Input"]


def plain(value: Any) -> Any:
    """JSON inside JSON compared as data: key order and whitespace are no difference."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return plain(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Places where two JSON values differ, with what stands there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        return [
            place
            for key in keys
            for place in differences(ours.get(key, "<absent>"), theirs.get(key, "<absent>"), f"{path}/{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [place for index, (one, other) in pairs for place in differences(one, other, f"{path}/{index}")]
    return [] if ours == theirs else [f"{path}: {ours!r} and {theirs!r}"]


def named(arguments: dict[str, Any]) -> Job:
    return Job(hashlib.sha1(canonical_json(arguments).encode()).hexdigest(), arguments)


def _expected(definition: dict[str, Any], digests: dict[str, str]) -> Any:
    """Metaflow's definition with mends and our digests."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(item) for key, item in value.items()}
        if isinstance(value, list):
            return [change(item) for item in value]
        return rename_digests(value, digests) if isinstance(value, str) else value

    return change(with_submitting(definition, lambda state: _in_order(mends.mend_state(state, PYTHON))))


def _in_order(state: State) -> State:
    overrides = state["Parameters"]["ContainerOverrides"]
    ordered = sorted(overrides["Environment"], key=lambda each: each["Name"])
    return {**state, "Parameters": {**state["Parameters"], "ContainerOverrides": {**overrides, "Environment": ordered}}}


def _without_job(definition: dict[str, Any]) -> dict[str, Any]:
    """Without the names of job definitions: these are compared by their content."""

    def change(state: State) -> State:
        return {**state, "Parameters": {**state["Parameters"], "JobDefinition": ""}}

    return with_submitting(definition, change)


def _package_sha(definition: dict[str, Any]) -> str:
    start = definition["States"][definition["StartAt"]]["Parameters"]["ContainerOverrides"]["Environment"]
    sha: str = next(entry["Value"] for entry in start if entry["Name"] == "METAFLOW_CODE_SHA")
    return sha


def _files(theirs: Created, compiled: CompiledFlow) -> dict[str, str]:
    """Objects, and files of the code package, that differ; INFO, which names the machine, is left out."""
    differing = {}
    ours = {
        f"{IDENTITY['prefix']}/{entry.key}": entry for entry in compiled.objects.values() if entry.kind != "command"
    }
    package = compiled.objects[compiled.package.object]
    for key, entry in ours.items():
        if entry is not package and gzip.decompress(theirs.objects[key]) != gzip.decompress(
            blob_path(entry.sha256).read_bytes()
        ):
            differing[key] = "content"
    sha = _package_sha(theirs.definition)
    [stored] = [body for key, body in theirs.objects.items() if key.endswith(sha)]
    one, other = members(stored), members(blob_path(package.sha256).read_bytes())
    for name in one.keys() | other.keys():
        if name != ".mf_meta/INFO" and one.get(name) != other.get(name):
            differing[name] = f"{len(one.get(name, b''))} and {len(other.get(name, b''))} bytes"
    return differing


_SHARED = {"parameters", "retryStrategy", "timeout"}
_SHARED_OF_CONTAINER = {"command", "environment", "resourceRequirements"}


def _container(job: dict[str, Any]) -> dict[str, Any]:
    """A job definition without what is compared in the jobs, where Metaflow's has it."""
    container = {key: item for key, item in job["containerProperties"].items() if key not in _SHARED_OF_CONTAINER}
    return {**{key: item for key, item in job.items() if key not in _SHARED}, "containerProperties": container}


def _registered(job: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """A job definition as it was given to the account: without what moto adds."""
    added = {"jobDefinitionName", "jobDefinitionArn", "revision", "status"}
    known = {key: value for key, value in job.items() if key in ours or (value and key not in added)}
    own = ours["containerProperties"]
    container = {k: v for k, v in job["containerProperties"].items() if k in own or v}
    container.pop("fargatePlatformConfiguration", None)  # the default
    return _container({**known, "containerProperties": container})
