"""What we compile and bind is what Metaflow's own `argo-workflows create` sends, up to the documented mends.

The judge is Metaflow with the real packages boto3 and kubernetes, against moto and an apiserver that takes everything:
so it also tells whether what stands in for the package kubernetes makes the same manifests. For datastores in other
clouds it has packages of ours in place of Google's and Azure's (cloud_sdks). What may differ, and nothing else:

    the mends (flowinfra.targets.argo.mends)
    digests of the code package (it is packed reproducibly; the files are compared in test_same_as_metaflow.py)
"""

from __future__ import annotations

import json
import logging
import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.components.binding import filled
from flowinfra.model.compiled import rename_digests
from flowinfra.targets.argo import mends as mends_argo
from flowinfra.targets.argo import request as request_argo
from flowinfra.targets.argo.reading import step_containers
from tests.locked_flow import locked_flow
from tests.unit.constructs import Construct
from tests.unit.metaflow_create import Account, account
from tests.unit.metaflow_create_argo import EVENTS, IDENTITY, ApiServer, api_server, create
from tests.unit.test_same_as_metaflow import differences, plain

PYTHON = ".".join(platform.python_version_tuple()[:2])
CREATE = ["argo-workflows", "create"]
TEMPLATES = "workflowtemplates"

# construct, the same in options of the flow's own command line, settings
CASES: list[tuple[Construct, list[str], dict[str, str]]] = [
    (
        Construct("foreach", shape={"max_workers": 7, "workflow_timeout": 3600, "decospecs": ["retry:times=1"]}),
        ["--with", "retry:times=1", *CREATE, "--max-workers", "7", "--workflow-timeout", "3600"],
        {},
    ),
    (
        Construct("nested_foreach", shape={"tags": ["nightly", "team:risk"]}),
        [*CREATE, "--tag", "nightly", "--tag", "team:risk"],
        {},
    ),
    (Construct("include_file"), CREATE, {}),
    (Construct("inheritance", shape={"namespace": "user:ann"}), [*CREATE, "--namespace", "user:ann"], {}),
    (
        Construct(
            "schedule_timezone", shape={"name": "nightly", "workflow_priority": 7, "workflow_title": "A *title*"}
        ),
        ["argo-workflows", "--name", "nightly", "create", "--workflow-priority", "7", "--workflow-title", "A *title*"],
        {},
    ),
    (
        Construct("project", shape={"production": True, "branch": "canary", "heartbeat": True, "emit_events": False}),
        ["--production", "--branch", "canary", *CREATE, "--enable-heartbeat-daemon", "--no-auto-emit-argo-events"],
        {},
    ),
    (Construct("datastore_gs", "include_file", {"datastore": "gs"}), CREATE, {}),
    (Construct("datastore_azure", "include_file", {"datastore": "azure"}), CREATE, {}),
    (
        Construct("datastore_azure_parallel", "parallel", {"datastore": "azure", "heartbeat": True}),
        [*CREATE, "--enable-heartbeat-daemon"],
        {},
    ),
    (Construct("kubernetes"), CREATE, {}),
    (Construct("parallel"), CREATE, {}),
    (Construct("switch", shape={"capture_errors": False}), [*CREATE, "--no-enable-error-msg-capture"], {}),
    (Construct("switch_recursive"), CREATE, {}),
    (Construct("exit_hook"), CREATE, {}),
    (Construct("trigger", shape={"events": True}), CREATE, EVENTS),
    (Construct("triggers", shape={"events": True}), CREATE, EVENTS),
    (
        Construct("trigger_on_finish_project", shape={"events": True, "production": True}),
        ["--production", *CREATE],
        EVENTS,
    ),
    (
        Construct(
            "linear",
            shape={
                "notify_on_error": True,
                "notify_on_success": True,
                "notify_slack": "alerts/slack",
                "notify_pager_duty": "alerts/pager",
                "notify_incident_io": "alerts/incident",
                "incident_io_source": "ABC",
            },
        ),
        [
            *CREATE,
            "--notify-on-error",
            "--notify-on-success",
            f"--notify-slack-webhook-url={request_argo.SECRETS['notify_slack']}",
            f"--notify-pager-duty-integration-key={request_argo.SECRETS['notify_pager_duty']}",
            f"--notify-incident-io-api-key={request_argo.SECRETS['notify_incident_io']}",
            "--incident-io-alert-source-config-id=ABC",
        ],
        {},
    ),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with account() as made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[ApiServer]:
    with api_server() as made:
        yield made


@pytest.mark.parametrize(("construct", "options", "env"), CASES, ids=[case[0].name for case in CASES])
def test_same_as_metaflow(
    construct: Construct, options: list[str], env: dict[str, str], aws: Account, cluster: ApiServer, tmp_path: Path
) -> None:
    request = construct.request("argo")
    create(aws, cluster, request.flow, tmp_path, options, env, request.shape.datastore)
    compare(request, cluster)


@pytest.mark.filterwarnings("ignore:.*reads the variable PIP_INDEX_URL:flowinfra.compiler.compile.CompileWarning")
def test_locked_environments_are_those_of_metaflow(aws: Account, cluster: ApiServer, tmp_path: Path) -> None:
    with locked_flow(tmp_path / "lock") as locked:
        pip = tmp_path / "pip.conf"
        pip.write_text(f"[global]\nindex-url = {locked.site.index}\n")
        solver = {"CONDA_CHANNELS": locked.site.channel, "PIP_CONFIG_FILE": str(pip)}
        create(aws, cluster, locked.request.flow, tmp_path, ["--environment=pypi", *CREATE], {}, variables=solver)
        text = json.dumps(cluster.created)
        commands = {each.step: each.container["command"][-1] for each in step_containers(cluster.created[TEMPLATES])}
        for step, entry in locked.lock.steps.items():
            # the id of an environment is a digest of the datastore's root, too, which a lock leaves open
            [theirs] = re.findall(r"pypi\.bootstrap EnvFlow (\w+) s3", commands[step])
            text = text.replace(theirs, entry.environment)
        cluster.created.update(json.loads(text))
        compare(replace(locked.request, target="argo"), cluster)


def compare(request: CompileRequest, cluster: ApiServer) -> None:
    """What Metaflow has created is what the request compiles to."""
    compiled = compile_flow(request)
    theirs = dict(cluster.created)
    sent = theirs.pop(TEMPLATES)

    token = sent["metadata"]["annotations"]["metaflow/production_token"]
    ours = filled(compiled, {**IDENTITY, "token": token})["argo"]
    template = _renamed(mends_argo.mend_template(sent, request.shape, PYTHON), _sha(sent), compiled.package.object)
    assert differences(plain(ours["workflow_template"]), plain(template)) == []

    cron, sensor = theirs.pop("cronworkflows", None), theirs.pop("sensors", None)
    assert differences(ours["cron_workflow"], cron and mends_argo.with_schedules(mends_argo.without_nulls(cron))) == []
    assert differences(ours["sensor"], sensor and mends_argo.mend_sensor(sensor, template)) == []
    assert theirs == {}


def _sha(template: dict[str, Any]) -> str:
    """Digest of the code package."""
    [sha] = {
        entry["value"]
        for one in template["spec"]["templates"]
        for entry in one.get("container", {}).get("env", [])
        if entry["name"] == "METAFLOW_CODE_SHA"
    }
    return str(sha)


def _renamed(template: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    renamed: dict[str, Any] = json.loads(rename_digests(json.dumps(template, ensure_ascii=False), {old: new}))
    return renamed
