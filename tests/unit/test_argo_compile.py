"""Compiling for Argo: the same bytes everywhere, no cluster, and clear errors for what does not fit."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compiler import CompileRequest, compile_flow, read_bundle, write_bundle
from flowinfra.errors import CompileError, FlowInfraError, Problems
from flowinfra.model.shape import Shape
from flowinfra.model.timezones import timezone_problem
from flowinfra.targets import shape_of
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.options import ArgoOptions
from tests.unit.constructs import FLOWS, Construct
from tests.unit.interpreters import interpreter
from tests.unit.sources import STEPS, source, write_flow

FLOW = source(
    head="from kubernetes_of_the_flow import ANSWER",
    decorators='@trigger(event="data.ready")\n@schedule(daily=True, timezone="Europe/Paris")',
    body=f"""
    words = IncludeFile("words", default="words.txt")
    kinds = Parameter("kinds", default=", ".join({{"x", "y", "z"}}))
    a = Parameter("a", default=ANSWER)
    b = Parameter("b", default=1)
    computed = Parameter("computed", default=lambda context: context.user_name)
{STEPS}""",
)


def lay_out(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "words.txt").write_text("words")
    (folder / "kubernetes_of_the_flow.py").write_text("ANSWER = 42\n")
    return write_flow(folder, FLOW)


def compiled(flow: Path, **more: Any) -> ArgoCompiled:
    found = compile_flow(CompileRequest(flow, target="argo", shape=ArgoOptions(events=True), folder="flow", **more))
    assert isinstance(found, ArgoCompiled)
    return found


def test_same_bytes_elsewhere(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another path, time, user, hash seed and interpreter; a kubeconfig and settings of the shell; no cache."""
    one = compiled(lay_out(tmp_path / "one"))
    other = lay_out(tmp_path / "grün and spaces" / "other")
    for file in other.parent.iterdir():
        os.utime(file, (86400, 86400))
    config = tmp_path / "kubeconfig"
    config.write_text("not: [a, kubeconfig")
    for name, value in {
        "KUBECONFIG": str(config),
        "KUBERNETES_SERVICE_HOST": "203.0.113.1",
        "METAFLOW_KUBERNETES_NAMESPACE": "mine",
        "METAFLOW_ARGO_EVENTS_EVENT_BUS": "mine",
        "USER": "bob",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    time.sleep(1.1)  # Metaflow writes the time of the deployment, gzip and tar theirs in seconds
    again = compiled(other, python=interpreter(tmp_path / "venv", {}))
    assert again.to_json() == one.to_json()
    write_bundle(one, tmp_path / "one.flow")
    write_bundle(again, tmp_path / "again.flow")
    assert (tmp_path / "one.flow").read_bytes() == (tmp_path / "again.flow").read_bytes()
    assert read_bundle(tmp_path / "one.flow") == one


def test_the_package_kubernetes_is_not_needed(tmp_path: Path) -> None:
    """And a flow that has one gets its own."""
    broken = interpreter(
        tmp_path / "venv", {"kubernetes/__init__.py": "VERSION = 'its own'\n", "boto3/__init__.py": ""}
    )
    flow = write_flow(
        tmp_path, source(head="import kubernetes", body=f"    p = Parameter('p', default=kubernetes.VERSION){STEPS}")
    )
    assert compiled(flow, python=broken, image_packages=["kubernetes"]).flow.parameters["p"].default == "its own"


def test_flow_in_human_terms(tmp_path: Path) -> None:
    flow = compiled(lay_out(tmp_path / "flow")).flow
    assert flow.schedule is not None
    assert (flow.schedule.cron, flow.schedule.timezone) == ("0 0 * * ?", "Europe/Paris")
    assert [trigger.name for trigger in flow.triggers] == ["data.ready"]
    assert flow.triggers[0].parameters == {name: name for name in ("a", "b", "computed", "kinds", "words")}
    steps = compile_flow(Construct("switch").request("argo")).flow.steps
    assert steps["start"].switch is not None
    assert steps["start"].switch.cases == {"small": "light", "large": "heavy"}
    parallel = compile_flow(Construct("parallel").request("argo")).flow.steps["train"]
    assert (parallel.kind, parallel.attempts) == ("parallel", 2)
    kubernetes = compile_flow(Construct("kubernetes").request("argo")).flow.steps
    assert kubernetes["placed"].resources.extra["node_selector"] == {"pool": "big"}
    assert not [name for step in kubernetes.values() for name in step.resources.extra if name == "namespace"]


@pytest.mark.parametrize(
    ("flow", "shape", "schedule"),
    [
        ("schedule_timezone", {"schedule": "0 3 * * *"}, ("0 3 * * *", "Europe/Paris")),
        ("schedule_timezone", {"schedule_timezone": "UTC"}, ("0 0 * * ?", "UTC")),
        ("schedule_weekly", {"schedule_timezone": "Asia/Tokyo"}, ("0 0 ? * SUN", "Asia/Tokyo")),
        ("inheritance", {"schedule_timezone": "Asia/Tokyo"}, ("0 0 ? * SUN", "Asia/Tokyo")),
        ("schedule_cron", {"schedule_timezone": "Asia/Tokyo"}, ("15 10 ? * MON-FRI", "Asia/Tokyo")),
        ("linear", {"schedule": "0 3 * * *", "schedule_timezone": "Asia/Tokyo"}, ("0 3 * * *", "Asia/Tokyo")),
        ("user_decorators", {"schedule": "0 5 * * *", "schedule_timezone": "UTC"}, ("0 5 * * *", "UTC")),
        ("linear", {"schedule_timezone": "Asia/Tokyo"}, None),
        ("schedule_timezone", {"schedule": "off", "schedule_timezone": "Asia/Tokyo"}, None),
    ],
)
def test_a_schedule_of_the_environment(
    flow: str, shape: dict[str, Any], schedule: tuple[str, str] | None, cache: Path
) -> None:
    """The flow's own with the cron or the timezone of the environment; one of a cron where the flow has none."""
    found = compile_flow(CompileRequest(FLOWS / flow / "flow.py", target="argo", shape=shape_of("argo", shape)))
    assert (found.flow.schedule and (found.flow.schedule.cron, found.flow.schedule.timezone)) == schedule
    if schedule is not None:
        assert isinstance(found, ArgoCompiled)
        assert found.argo.cron_workflow is not None
        assert found.argo.cron_workflow["spec"]["timezone"] == schedule[1]


def test_a_timezone_of_the_environment_is_given_to_what_a_mutator_adds(cache: Path) -> None:
    shape = Shape(schedule_timezone="Asia/Tokyo")
    made = compile_flow(CompileRequest(FLOWS / "user_decorators" / "flow.py", target="argo", shape=shape))
    assert made.flow.schedule
    assert made.flow.schedule.timezone == "Asia/Tokyo"


def test_a_machine_without_timezones_takes_any(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timezone_problem("Argo", "Europe/Pariss") is not None
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert timezone_problem("Argo", "Europe/Pariss") is None


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "batch",
        "@batch\n    @step",
        {},
        r"step start: @batch: is for AWS Batch; on Argo a step runs on Kubernetes: use @kubernetes, or @resources, .*",
    ),
    (
        "long name",
        "@step",
        {"name": "a" * 46},
        r"the workflow's name 'a{46}' is longer than 45 characters; give the workflow a shorter `name`",
    ),
    ("no DNS label", "@step", {"name": "Night_ly"}, r"Flow failed: Name 'Night_ly' contains invalid characters.*"),
    (
        "toleration",
        '@kubernetes(tolerations=[{"key": "a", "opertor": "Exists"}])\n    @step',
        {},
        r"step start: @kubernetes: tolerations\[0\]: has the key 'opertor' \(did you mean 'operator'\?\), allowed: .*",
    ),
    ("memory", '@resources(memory="lots")\n    @step', {}, r"step start: @resources: memory: found 'lots', .*"),
    (
        "security context",
        '@kubernetes(security_context={"run_as": 1})\n    @step',
        {},
        r"step start: @kubernetes: security_context: has the key 'run_as' .*, allowed: allow_privilege_escalation, .*",
    ),
    (
        "notification without a service",
        "@step",
        {"notify_on_error": True},
        r"notify_on_error: nobody is named who gets it; give one of notify_slack, notify_pager_duty, .*",
    ),
    (
        "alert without a source",
        "@step",
        {"notify_on_success": True, "notify_incident_io": "alerts/key"},
        r"notify_incident_io: incident\.io takes alerts of a source; give its id as incident_io_source",
    ),
    (
        "namespace of a step",
        '@kubernetes(namespace="other")\n    @step',
        {},
        r"step start: @kubernetes: namespace='other': all steps of a workflow run in one namespace, .*; take it away",
    ),
    (
        "cron of the environment",
        "@step",
        {"schedule": "once a day"},
        r"schedule\.cron: 'once a day': it has 3 fields; Argo takes five .*",
    ),
    (
        "timezone of the environment",
        "@step",
        {"schedule_timezone": "Europe/Pariss"},
        r"schedule\.timezone: 'Europe/Pariss' is not a timezone \(did you mean 'Europe/Paris'\?\); Argo takes .*",
    ),
    (
        "a folder of timezones",
        "@step",
        {"schedule_timezone": "Europe"},
        r"schedule\.timezone: 'Europe' is not a timezone.*",
    ),
    (
        "path",
        "@step",
        {"schedule_timezone": "/etc/localtime"},
        r"schedule\.timezone: '/etc/localtime' is not a timezone.*",
    ),
    (
        "secret",
        "@step",
        {"notify_slack": "https://hooks/x"},
        r"notify_slack: give a Secret of Kubernetes as NAME/KEY.*",
    ),
    (
        "secret as option",
        "@step",
        {"extra": ["--notify-pager-duty-integration-key", "k"]},
        r"option --notify-pager-duty-integration-key takes a secret; keep it in a Secret .*notify_pager_duty: NAME/KEY",
    ),
    (
        "other target's option",
        "@step",
        {"compress": True},
        r"compress is not an option of target argo \(but of step-functions\).*",
    ),
    (
        "queue",
        "@step",
        {"steps": {"start": {"queue": "q"}}},
        r"steps\.start: 'queue' is for target step-functions; known: annotations.*",
    ),
    (
        "identity",
        "@step",
        {"settings": {"METAFLOW_KUBERNETES_NAMESPACE": "x"}},
        r"settings: METAFLOW_KUBERNETES_NAMESPACE belongs to the stack's platform \(kubernetes\.namespace\), .*",
    ),
]


@pytest.mark.parametrize(("name", "decorated", "shape", "message"), BAD, ids=[bad[0] for bad in BAD])
def test_bad_input(name: str, decorated: str, shape: dict[str, Any], message: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(body=STEPS.replace("@step", decorated, 1)))
    with pytest.raises(FlowInfraError) as caught:
        compile_flow(CompileRequest(flow, target="argo", shape=shape_of("argo", shape, str(flow))))
    assert re.fullmatch(rf"{re.escape(str(flow))}(:\d+)?: {message}", str(caught.value), re.DOTALL), caught.value


def test_all_steps_on_another_compute_are_told_at_once(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(body=STEPS))
    with pytest.raises(Problems) as caught:
        compile_flow(CompileRequest(flow, target="argo", shape=Shape(decospecs=("batch",))))
    said = [str(error).split(": ")[1:3] for error in caught.value.errors]
    assert said == [["step start", "@batch"], ["step end", "@batch"]]


def test_a_timezone_of_the_flow_that_is_none(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(decorators='@schedule(daily=True, timezone="Paris")', body=STEPS))
    with pytest.raises(CompileError, match=r"@schedule: 'Paris' is not a timezone"):
        compile_flow(CompileRequest(flow, target="argo"))


@pytest.mark.parametrize(
    ("decorators", "said"),
    [
        ('@schedule(cron="daily")', "@schedule: 'daily': it has 1 field; Argo takes five"),
        ('@schedule(cron="CRON_TZ=Asia/Tokyo 0 8 * * *")', "names a timezone; give it as `timezone`"),
        (
            '@trigger(event="e", options={"reset_at": {"cron": "0 8 L * *"}})',
            "@trigger: reset_at: '0 8 L * *': the day of the month 'L' is not a number",
        ),
        (
            '@trigger_on_finish(flow="Other", options={"reset_at": {"cron": "0 8 * * *", "timezone": "Berlin"}})',
            "@trigger_on_finish: reset_at: 'Berlin' is not a timezone",
        ),
    ],
)
def test_a_time_of_the_flow_that_argo_refuses(decorators: str, said: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(decorators=decorators, body=STEPS))
    with pytest.raises(CompileError, match=re.escape(said)):
        compile_flow(CompileRequest(flow, target="argo", shape=ArgoOptions(events=True)))


@pytest.mark.parametrize(
    ("decorators", "said"),
    [
        ("@trigger(event='e', options={'reset_at': '0 8 * * *'})", "reset_at='0 8 * * *': write"),
        ("@trigger(event='e', options={'reset_at': {'cron': 5}})", "reset_at={'cron': 5}: write"),
        ("@trigger(event='e', options={'reset_at': {'corn': '0 8 * * *'}})", "reset_at={'corn': '0 8 * * *'}: write"),
        ("@trigger(event='e', options={'reset': 1})", "options={'reset': 1}: write"),
        ("@trigger(event='e', options=None)", "options=None: write"),
        ("@trigger_on_finish(flow='Other', options='x')", "options='x': write"),
        (
            "@trigger(event='e', options={'reset_at': {'cron': '0 8 * * *'}})\n@trigger_on_finish(flow='Other')",
            "Metaflow takes the options of @trigger_on_finish alone",
        ),
    ],
)
def test_options_of_a_trigger_without_effect(decorators: str, said: str, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(decorators=decorators, body=STEPS))
    with pytest.raises(FlowInfraError, match=re.escape(said)):
        compile_flow(CompileRequest(flow, target="argo", shape=ArgoOptions(events=True)))


def test_an_aws_cron_with_numbers_of_days_is_a_warning(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, source(decorators='@schedule(cron="0 8 ? * 2-6 *")', body=STEPS))
    found: list[str] = []
    compile_flow(CompileRequest(flow, target="argo"), warn=found.append)
    assert [text.partition(": ")[2] for text in found] == [
        "@schedule: '0 8 ? * 2-6 *' has the day of the week 2-6. The form with six fields is AWS's, where Sunday is 1; "
        "to Argo, which gets the first five, Sunday is 0, so the flow runs a day later: write the day's name, such as "
        "MON, which both read alike"
    ]


def test_command_line(tmp_path: Path) -> None:
    flow = str(FLOWS / "trigger" / "flow.py")
    arguments = ["compile", flow, "-t", "argo", "--events", "--workflow-priority", "3", "--no-emit-events"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["argo"]["workflow_template"]["spec"]["priority"] == 3
    assert found["shape"] == {
        "emit_events": False,
        "events": True,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "workflow_priority": 3,
    }
    one, two = tmp_path / "one.flow", tmp_path / "two.flow"
    assert CliRunner().invoke(main, [*arguments, "-o", str(one)]).exit_code == 0
    assert CliRunner().invoke(main, [*arguments, "--heartbeat", "-o", str(two)]).exit_code == 0
    why = CliRunner().invoke(main, ["why", str(one), str(two)])
    assert why.stdout.strip() == "option heartbeat: added (true)"
