"""The mends of Argo's manifests, run for real where they are shell or Python."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.compiler import compile_flow
from flowinfra.model.shape import Shape
from flowinfra.targets.argo import added as added_argo
from flowinfra.targets.argo import mends as mends_argo
from flowinfra.targets.argo import request as request_argo
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.job_set import loaded_job_set
from flowinfra.targets.argo.names import STEP, name_claims
from tests.receiver import Received, Receiver, receive
from tests.unit.constructs import Construct

OF_219 = "python -m metaflow.plugins.argo.set_parameters abcdefghij x,f,{{=toBase64(workflow.parameters['x'])}}"
EXPORT = f"{OF_219} && . `pwd`/abcdefghij"
INIT = "if ! python f.py dump a/b; then python f.py --with 'k:a=b' init --run-id r --task-id t-params{} --tag n; fi"
OF_218 = """ --x="$(python -m metaflow.plugins.argo.param_val {{=toBase64(workflow.parameters['x'])}})\""""
OF_217 = " --x={{workflow.parameters.x}}"


def arrive(arguments: dict[str, str], defaults: dict[str, str], folder: Path) -> dict[str, str]:
    """Variables that a task sees of a workflow's arguments, as Argo puts them into the mended command."""
    parameters = [{"name": name, "value": defaults.get(name, '"default"')} for name in arguments]
    command = mends_argo.quote_parameters(EXPORT, parameters)

    def put_in(found: re.Match[str]) -> str:
        return base64.b64encode(arguments[found[1]].encode()).decode()

    command = re.sub(r"\{\{=toBase64\(workflow\.parameters\['([\w-]+)'\]\)\}\}", put_in, command)
    assert "{{" not in command
    done = subprocess.run(
        ["bash", "-c", f"true && ({command} && env -0)"],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/a/home", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0"))
    return {name.removeprefix("METAFLOW_INIT_"): value for name, _, value in pairs if name.startswith("METAFLOW_INIT_")}


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "",
        " ",
        "it's",
        '"quoted"',
        "$(id)",
        "`id`",
        "$HOME and ${HOME}",
        "a\nb\n",
        "back\\slash \\n \\\\",
        "!history * ? [a] {b,c} ~ # & ; | < > ( )",
        "grün 漢字 🙂",
        '{"depth": [1, 2], "text": "$HOME"}',
        "a,b",
        "-n",
        "null",
        "1e5",
        "%s %d %%",
    ],
)
def test_text_arrives_as_it_is(value: str, tmp_path: Path) -> None:
    """As Metaflow's own trigger and a CronWorkflow send it: as JSON."""
    assert arrive({"x": json.dumps(value)}, {}, tmp_path) == {"X": value}


@pytest.mark.parametrize(
    "value", ["plain", "two words", "$(id)", "it's", "1e5", "007", '"', '{"a": 1.0}', "grün", "true"]
)
def test_text_that_is_no_json_text_arrives_as_it_is(value: str, tmp_path: Path) -> None:
    """As somebody types it in Argo's own UI."""
    assert arrive({"x": value}, {}, tmp_path) == {"X": value}


@pytest.mark.parametrize("value", [0, -1, 0.5, True, [1, "two"], {"a": {"b": None}}])
def test_other_values_arrive_as_json(value: Any, tmp_path: Path) -> None:
    assert arrive({"x": json.dumps(value)}, {}, tmp_path) == {"X": json.dumps(value)}


def test_null_is_left_out_where_it_is_the_default(tmp_path: Path) -> None:
    arguments = {"unset": "null", "given": '"3"', "emptied": "null", "with-dash": '"x"'}
    arrived = arrive(arguments, {"unset": "null", "given": "null"}, tmp_path)
    assert arrived == {"GIVEN": "3", "EMPTIED": "null", "WITH_DASH": "x"}


@pytest.mark.parametrize("option", [OF_218, OF_217], ids=["2.18", "2.17"])
def test_parameters_that_were_options_are_exported(option: str) -> None:
    parameters = [{"name": "x", "value": "3"}]
    mended = mends_argo.quote_parameters(INIT.format(option), parameters)
    export = mends_argo.export_parameters(parameters)
    assert mended == INIT.format("").replace("; then ", f"; then {export} && ")
    assert mends_argo.exports_parameters(mended)


def template(command: str) -> dict[str, Any]:
    described = {"x": {"name": "x", "value": "3"}}
    container = {"command": ["bash", "-c", command], "env": [], "image": "python:3", "name": "start"}
    return {
        "metadata": {"annotations": {"metaflow/parameters": json.dumps(described)}},
        "spec": {
            "arguments": {"parameters": [{"name": "x", "value": "3"}]},
            "entrypoint": "SmallFlow",
            "templates": [
                {"name": "SmallFlow", "dag": {"tasks": [{"name": "start", "template": "start", "arguments": {}}]}},
                {"name": "start", "container": container, "metadata": {"annotations": {STEP: "start"}}},
            ],
        },
    }


@pytest.mark.parametrize(
    "command",
    [EXPORT.replace(" && . ", " && source "), INIT.format(OF_217.replace("{{", "{{ ")), INIT.format(" --x=y" + OF_218)],
)
def test_a_command_that_no_mend_fits_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="another way"):
        mends_argo.mend_template(template(command), Shape(), "3.11")


def met(paths: str, steps: str, folder: Path) -> str:
    """What a step where branches meet takes for its input, of what Argo hands it."""
    [found] = [
        entry["container"]["command"][-1]
        for entry in mended_switch()["spec"]["templates"]
        if entry["name"] == "report" and "container" in entry
    ]
    word = re.search(
        r"\$\((python -m metaflow\.plugins\.argo\.conditional_input_paths .*' \$INPUT_PATHS\)) \)", found, re.DOTALL
    )
    assert word is not None
    assert "{{" not in word[1]
    done = subprocess.run(
        ["bash", "-c", f"echo $({word[1]} {steps})"],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "INPUT_PATHS": paths, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def mended_switch() -> dict[str, Any]:
    compiled = compile_flow(Construct("switch").request("argo"))
    assert isinstance(compiled, ArgoCompiled)
    return compiled.argo.workflow_template


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        ("argo-a/:heavy/not-run,light/t-1", "argo-a/light/t-1"),
        ("argo-a/:heavy/t-2,light/not-run", "argo-a/heavy/t-2"),
        # as Argo before 3.7.11 leaves it
        ("argo-a/:heavy/{{tasks.heavy.outputs.parameters.task-id}},light/t-1", "argo-a/light/t-1"),
        ("argo-not-run/:heavy/t-2,light/not-run", "argo-not-run/heavy/t-2"),
    ],
)
def test_a_step_where_branches_meet_takes_the_one_that_ran(
    paths: str, taken: str, encoded: bool, tmp_path: Path
) -> None:
    assert met(base64.b64encode(paths.encode()).decode() if encoded else paths, "", tmp_path) == taken


def test_only_what_a_meeting_step_refers_to_has_a_default() -> None:
    defaults = {
        template["name"]: {entry["name"] for entry in outputs["parameters"] if "default" in entry["valueFrom"]}
        for template in mended_switch()["spec"]["templates"]
        if (outputs := template.get("outputs"))
    }
    assert {name: found for name, found in defaults.items() if name in ("start", "light", "heavy")} == {
        "start": set(),
        "light": {"task-id"},
        "heavy": {"task-id"},
    }


def test_another_way_to_meet_or_repeat_is_refused() -> None:
    command = ["bash", "-c", "python -m metaflow.plugins.argo.conditional_input_paths $X"]
    with pytest.raises(ValueError, match="where the branches of a switch meet take their input in another way"):
        mends_argo.give_ids_of_steps_left_out([{"name": "a", "container": {"command": command}}])
    outputs = {"parameters": [{"name": "task-id", "valueFrom": {"expression": "steps.a.outputs"}}]}
    with pytest.raises(ValueError, match="repeat themselves give their outputs in another way"):
        mends_argo.take_outputs_of_last_round([{"name": "a", "steps": [], "outputs": outputs}])


@pytest.mark.parametrize("spec", [{"schedule": "0 8 * * *"}, {"schedules": ["0 8 * * *"]}])
def test_a_cron_workflow_has_a_list_of_schedules(spec: dict[str, Any]) -> None:
    """Argo 4 knows no other, which METAFLOW_ARGO_WORKFLOWS_USE_SCHEDULES gives since Metaflow 2.19."""
    assert mends_argo.with_schedules({"kind": "CronWorkflow", "spec": spec}) == {
        "kind": "CronWorkflow",
        "spec": {"schedules": ["0 8 * * *"]},
    }


def test_mends_leave_no_time_and_no_nulls() -> None:
    sent = template(EXPORT)
    sent["metadata"]["annotations"][mends_argo.TIMESTAMP] = "2026-01-01"
    sent["spec"]["podMetadata"] = {"annotations": {mends_argo.TIMESTAMP: "2026-01-01", "a": "null"}}
    sent["spec"]["priority"] = None
    mended = mends_argo.mend_template(sent, Shape(), "3.11")
    assert mended["spec"]["podMetadata"] == {"annotations": {"a": "null"}}
    assert mended["metadata"]["annotations"].keys() == {"metaflow/parameters"}
    assert "priority" not in mended["spec"]


def test_a_label_without_a_value_is_an_empty_one() -> None:
    pod = {"metadata": {"labels": {"spot": None, "team": "a"}, "annotations": {"note": None}, "name": None}}
    assert mends_argo.without_nulls({"pods": [pod]}) == {
        "pods": [{"metadata": {"labels": {"spot": "", "team": "a"}, "annotations": {"note": ""}}}]
    }


def test_job_set_keeps_texts_as_texts_and_is_made_by_its_own_service_account() -> None:
    pod = {"serviceAccountName": "runner", "containers": [{"command": ["it's"], "env": []}]}
    manifest = yaml.dump(
        {
            "metadata": {"annotations": {"owner": "flowinfra--owner", "time": {mends_argo.TIMESTAMP: "now"}}},
            "spec": {
                "network": None,
                "replicatedJobs": [
                    {"replicas": "REPLICAS", "template": {"spec": {"template": {"metadata": {}, "spec": pod}}}},
                ],
            },
        }
    ).replace("REPLICAS", "{{=asInt(inputs.parameters.workerCount)}}")
    template = {"name": "train", "resource": {"action": "create", "manifest": manifest}}
    mended = mends_argo.mend_job_set(template, [], "3.11")
    assert (mended["serviceAccountName"], mended["resource"]["action"]) == ("runner", "create")
    job_set = mended["resource"]["manifest"]
    assert "'replicas': {{=asInt(inputs.parameters.workerCount)}}\n" in job_set
    bound = loaded_job_set(job_set.replace("flowinfra--owner", "0123"))
    assert bound["metadata"]["annotations"] == {"owner": "0123", "time": {}}
    assert bound["spec"].keys() == {"replicatedJobs"}
    assert bound["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["containers"][0]["command"] == [
        "it's"
    ]


def test_heartbeat_daemon_has_the_names_of_the_api() -> None:
    assert mends_argo.camel_cased({"name": "main", "env_from": [{"secret_ref": {"name": "a"}}]}) == {
        "name": "main",
        "envFrom": [{"secretRef": {"name": "a"}}],
    }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as server:
        yield server


NOTIFYING = Construct(
    "notify",
    "linear",
    {
        "notify_on_error": True,
        "notify_slack": "alerts/slack",
        "notify_pager_duty": "alerts/pager",
        "notify_incident_io": "alerts/incident",
        "incident_io_source": "ABC",
    },
)


def notify(hook: str, secret: str, receiver: Receiver, url: str | None = None) -> Received:
    """Run a notification's container as it stands in the workflow, to an address of ours."""
    compiled = compile_flow(NOTIFYING.request("argo"))
    assert isinstance(compiled, ArgoCompiled)
    templates = {entry["name"]: entry for entry in compiled.argo.workflow_template["spec"]["templates"]}
    container = templates[hook]["container"]
    env = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    assert next(entry for entry in container["env"] if "valueFrom" in entry)["name"] == "FLOWINFRA_SECRET"
    env["FLOWINFRA_SECRET"] = secret
    if url is not None:
        env["FLOWINFRA_URL"] = url
    subprocess.run([sys.executable, *container["command"][1:]], env=env, check=True)
    (received,) = receiver.received
    return received


def test_slack_is_told_at_its_secret_address(receiver: Receiver) -> None:
    told = notify("notify-slack-on-error", f"{receiver.url}/services/T/B\n", receiver)
    assert told.path == "/services/T/B"
    assert json.loads(told.body) == {"text": ":rotating_light: _LinearFlow/argo-{{workflow.name}}_ failed!"}


def test_pager_duty_is_told_with_the_secret_key(receiver: Receiver) -> None:
    told = notify("notify-pager-duty-on-error", 'k"ey', receiver, f"{receiver.url}/v2/enqueue")
    assert json.loads(told.body)["routing_key"] == 'k"ey'


def test_incident_io_is_told_with_the_secret_key(receiver: Receiver) -> None:
    told = notify("notify-incident-io-on-error", "key", receiver, f"{receiver.url}/v2")
    assert told.headers["Authorization"] == "Bearer key"
    assert json.loads(told.body)["status"] == "firing"


def test_nothing_is_left_for_argos_agent() -> None:
    compiled = compile_flow(NOTIFYING.request("argo"))
    assert isinstance(compiled, ArgoCompiled)
    templates = {entry["name"]: entry for entry in compiled.argo.workflow_template["spec"]["templates"]}
    assert templates["exit-hook-hack"] == {"name": "exit-hook-hack", "suspend": {"duration": "0"}}
    assert not [name for name, entry in templates.items() if "http" in entry]


def test_a_request_that_is_no_notification_is_refused() -> None:
    hook = {"name": "hook", "http": {"method": "GET", "url": "https://example.com", "headers": []}}
    with pytest.raises(ValueError, match="it has Argo ask https://example"):
        added_argo.without_agent(hook, Shape())


def test_no_secret_stands_in_the_flow() -> None:
    text = compile_flow(NOTIFYING.request("argo")).to_json()
    assert not [secret for secret in request_argo.SECRETS.values() if secret in text]


def test_a_claim_is_mounted_where_it_is_to_be_whatever_its_name() -> None:
    claims = {"models": "/m", "a.b": "/ab", "out": "/o", "dhsm": "/d"}
    own = {"out": "/metaflow", "dhsm": "/dev/shm"}
    volumes: list[dict[str, Any]] = [{"name": name, "emptyDir": {}} for name in own]
    volumes += [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    mounts = [{"name": name, "mountPath": path} for name, path in [*own.items(), *claims.items()]]
    name_claims(volumes, [{"volumeMounts": mounts}])
    by_name = {volume["name"]: volume for volume in volumes}
    assert len(by_name) == len(volumes)
    found = {mount["mountPath"]: by_name[mount["name"]].get("persistentVolumeClaim") for mount in mounts}
    assert found == {**dict.fromkeys(own.values()), **{path: {"claimName": name} for name, path in claims.items()}}
    assert by_name["models"]["persistentVolumeClaim"] == {"claimName": "models"}
