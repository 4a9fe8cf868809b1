"""Events that start a flow on Step Functions: rules, inputs, and what a task makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow.metaflow_current import current
from metaflow.plugins.aws.step_functions import step_functions_cli

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError
from flowinfra.local.events import shapes
from flowinfra.model.compiled import Trigger
from flowinfra.model.events import EventConfig
from flowinfra.model.events.patterns import compiled as compiled_pattern
from flowinfra.targets import shape_of
from flowinfra.targets.step_functions import flowinfra_trigger, triggers
from tests.unit.golden import compiled
from tests.unit.sources import STEPS, write_flow
from tests.unit.test_versions import VERSIONS, python_with

HARD = 'it\'s "$HOME" `id` $(id) \\ Grüße 🙂\n'
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Flow"


@pytest.mark.parametrize("prefix", [None, "prod", "First", "x" * 50])
@pytest.mark.parametrize("flow", ["FirstFlow", "risk.prod.FirstFlow", "risk.test.an_experiment.FirstFlow"])
def test_state_machines_are_called_as_metaflow_calls_them(
    flow: str, prefix: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_functions_cli, "SFN_STATE_MACHINE_PREFIX", prefix)
    values: dict[str, Any] = {"flow_name": flow.rpartition(".")[2]}
    if "." in flow:
        project, branch = flow.rpartition(".")[0].split(".", 1)
        values |= {"project_name": project, "branch_name": branch, "project_flow_name": flow}
    monkeypatch.setattr(step_functions_cli, "current", SimpleNamespace(**values, get=values.get))
    resolve: Any = step_functions_cli.resolve_state_machine_name
    assert triggers.machine_name(flow, prefix) == resolve(SimpleNamespace(), None)[0]


def test_the_end_of_a_flow_is_its_state_machines_success() -> None:
    [trigger] = compiled("trigger_on_finish").flow.triggers
    assert triggers.upstream(trigger) == "LinearFlow"
    assert triggers.pattern(trigger, MACHINE) == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [MACHINE], "status": ["SUCCEEDED"]},
    }


def test_an_event_is_known_by_its_type() -> None:
    [trigger] = compiled("trigger").flow.triggers
    assert triggers.upstream(trigger) is None
    assert triggers.pattern(trigger, None) == {"detail-type": ["data.ready"]}


def test_the_input_is_one_that_metaflows_definition_takes() -> None:
    [trigger] = compiled("trigger").flow.triggers
    paths, template = triggers.transformer(trigger)
    event = {"id": "1", "detail": {"day": HARD}}
    given = json.loads(template.replace("<aws.events.event.json>", json.dumps(event)))
    assert paths == {}
    assert given["Parameters"] == "{}"
    assert given["Triggers"] == [
        {
            "name": "data.ready",
            "type": "event",
            "parameters": {"day": "day", "size": "size", "tree": "tree"},
            "event": event,
        }
    ]


def test_of_a_run_only_its_name_is_taken() -> None:
    trigger = Trigger(name="metaflow.risk.prod.FirstFlow.end", type="run")
    paths, template = triggers.transformer(trigger)
    assert paths == {"run": "$.detail.name", "time": "$.time"}
    given = json.loads(template.replace("<run>", '"r"').replace("<time>", '"t"'))
    assert given["Triggers"] == [
        {"name": trigger.name, "type": "run", "flow": "FirstFlow", "run": "r", "time": "t"},
    ]


def test_other_flows_packages_and_definitions_have_nothing_of_it() -> None:
    flow = compiled("linear")
    assert "flowinfra_trigger" not in flow.to_json()
    assert "FLOWINFRA_STATE_MACHINE" not in flow.to_json()


@pytest.mark.parametrize("compress", [False, True])
def test_each_task_is_told_and_the_first_reads_parameters(compress: bool, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, decorators="@trigger(event={'name': 'a', 'parameters': {'day': 'd'}})", body=DAY)
    made = compile_flow(CompileRequest(flow, "step-functions", shape_of("step-functions", {"compress": compress})))
    texts = made.to_json()
    assert "python -m flowinfra_trigger && . `pwd`/parameters.sh" in texts
    assert "--with=step_functions_internal --with=flowinfra_trigger.Started step" in texts.replace("\\", "") or (
        "--with=flowinfra_trigger.Started" in texts
    )
    assert texts.count('"Value.$":"$$.StateMachine.Id"') == 2
    assert "flowinfra_trigger.py" in made.package.files


DAY = f"    day = Parameter('day', default='x')\n{STEPS}"


def test_a_file_of_the_users_with_its_name_is_refused(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, decorators="@trigger(event='a')")
    (flow.parent / "flowinfra_trigger.py").write_text("")
    with pytest.raises(CompileError, match=r"flowinfra_trigger\.py: is what flowinfra calls a file of its own"):
        compile_flow(CompileRequest(flow, "step-functions", shape_of("step-functions", {})))


def test_deferred_names_are_evaluated(tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        head="def flows(context): return ['AFlow']\n",
        decorators="@trigger_on_finish(flows=flows)",
    )
    made = compile_flow(CompileRequest(flow, "step-functions", shape_of("step-functions", {})))
    assert [trigger.name for trigger in made.flow.triggers] == ["metaflow.AFlow.end"]


def exported(variables: dict[str, str], started_by: list[dict[str, Any]], name: str) -> str:
    """What a shell has in a variable after the lines."""
    lines = flowinfra_trigger.exports(variables, started_by)
    script = f'{lines} printf %s "${{{name}-not set}}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={}).stdout.decode()


@pytest.mark.parametrize(
    ("detail", "given", "expected"),
    [
        ({"text": HARD}, {}, HARD),
        ({"text": 7}, {}, "7"),
        ({"text": True}, {}, "true"),
        ({"text": {"a": [HARD, None]}}, {}, json.dumps({"a": [HARD, None]})),
        ({"text": None}, {}, "default"),
        ({"text": ""}, {}, ""),
        ({}, {}, "default"),
        ("no object", {}, "default"),
        ({"text": "event"}, {"words": "by hand"}, "by hand"),
        ({"text": "é" * 30_000}, {}, "é" * 30_000),
    ],
)
def test_values_of_parameters(detail: Any, given: dict[str, Any], expected: str) -> None:
    variables = {
        "METAFLOW_DEFAULT_PARAMETERS": json.dumps({"words": "default"}),
        "METAFLOW_PARAMETERS": json.dumps(given),
    }
    event = {"name": "x", "type": "event", "parameters": {"words": "text"}, "event": {"detail": detail}}
    assert exported(variables, [event], "METAFLOW_INIT_WORDS") == expected


def test_a_value_that_linux_does_not_take_is_told() -> None:
    event = {"parameters": {"words": "text"}, "event": {"detail": {"text": "x" * 131_072}}}
    with pytest.raises(ValueError, match="parameter words has more than 131,069 bytes"):
        flowinfra_trigger.exports({}, [event])


def test_the_execution_is_the_runs_own() -> None:
    variables = {
        "FLOWINFRA_STATE_MACHINE": f"{MACHINE}/map-label",
        "SFN_STATE_MACHINE": "Flow",
        "METAFLOW_RUN_ID": "run-1",
    }
    assert flowinfra_trigger.execution(variables) == "arn:aws:states:eu-west-1:123456789012:execution:Flow:run-1"


def test_what_cannot_be_read_is_an_error_that_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_service: str) -> Any:
        raise PermissionError("AccessDenied")

    monkeypatch.setattr(flowinfra_trigger, "get_aws_client", denied)
    for name, value in (("FLOWINFRA_STATE_MACHINE", MACHINE), ("SFN_STATE_MACHINE", "Flow"), ("METAFLOW_RUN_ID", "r")):
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=r"states:DescribeExecution on arn:aws:states:.*:execution:Flow:r"):
        flowinfra_trigger.triggers()
    assert not hasattr(current, "trigger")


@pytest.mark.parametrize(
    ("status", "machine", "on", "starts"),
    [
        ("FAILED", "TrainFlow", {}, True),
        ("TIMED_OUT", "TrainFlow", {}, True),
        ("SUCCEEDED", "TrainFlow", {}, False),
        ("SUCCEEDED", "TrainFlow", {"on": ["SUCCEEDED"]}, True),
        ("FAILED", "TrainFlow", {"on": ["SUCCEEDED"]}, False),
        ("FAILED", "OtherTrainFlow", {}, False),
        ("RUNNING", "TrainFlow", {}, False),
    ],
)
def test_a_run_that_fails_is_an_event(status: str, machine: str, on: dict[str, Any], starts: bool) -> None:
    event = EventConfig.model_validate({"run": {"state_machine": "TrainFlow", **on}})
    arn = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{machine}"
    execution = SimpleNamespace(
        execution_arn="arn:e",
        state_machine_arn=arn,
        name="run-1",
        execution_input="{}",
        output={},
        start_date="2026-11-30T01:00:00+00:00",
        stop_date="2026-11-30T02:00:00+00:00",
        error="E",
        cause="why",
    )
    sent = shapes.execution_changed(execution, status)
    assert compiled_pattern(json.dumps(event.listens_to)).matches(sent) == starts
    assert event.of_aws
    assert {name: sent["detail"][key] for name, key in event.names.items()} == {
        "run": "run-1",
        "status": status,
        "execution": "arn:e",
        "error": None if status == "RUNNING" else "E",
        "cause": None if status == "RUNNING" else "why",
    }


def test_names_of_a_payload_lead_into_the_event() -> None:
    trigger = Trigger(name="file.arrived", type="event", parameters={"path": "key", "day": "day", "who": "who"})
    given = {"s3": {"bucket": "landing"}, "payload": {"who": "requester"}}
    _, template = triggers.transformer(trigger, EventConfig.model_validate(given))
    told = json.loads(template.replace("<aws.events.event.json>", "1"))["Triggers"][0]
    assert told["parameters"] == {"path": "object.key", "day": "day", "who": "requester"}


KEYS = [
    ({}, "anything", True),
    ({"prefix": "in/"}, "in/a.csv", True),
    ({"prefix": "in/"}, "out/in/a.csv", False),
    ({"suffix": ".csv"}, "in/a.csv", True),
    ({"suffix": ".csv"}, "in/a.csv.gz", False),
    ({"prefix": "in/", "suffix": ".csv"}, "in/a.csv", True),
    ({"prefix": "in/", "suffix": ".csv"}, "in/a.txt", False),
    ({"prefix": "in/", "suffix": ".csv"}, "out/a.csv", False),
    ({"prefix": "in*/", "suffix": ".csv"}, "in*/a.csv", True),
    ({"prefix": "in*/", "suffix": ".csv"}, "inner/a.csv", False),
]


@pytest.mark.parametrize(("given", "key", "heard"), KEYS)
def test_a_file_that_arrived(given: dict[str, str], key: str, heard: bool) -> None:
    event = EventConfig.model_validate({"s3": {"bucket": "landing", **given}})
    arrived: dict[str, Any] = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "landing"}, "object": {"key": key}},
    }
    found = compiled_pattern(json.dumps(event.listens_to))
    assert found.matches(arrived) is heard
    assert not found.matches({**arrived, "detail": {**arrived["detail"], "bucket": {"name": "other"}}})


@pytest.mark.versions
@pytest.mark.parametrize("minor", VERSIONS)
def test_tasks_know_what_started_the_run(minor: str, tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        head="from metaflow import current\n",
        body=STEPS.replace("self.next(self.end)", "print(TOLD); self.next(self.end)").replace("pass", "print(TOLD)"),
    )
    flow.write_text(flow.read_text().replace("TOLD", '"TOLD", getattr(current, "trigger", None).event'))
    event = {"name": "a", "type": "event", "event": {"id": "e-1", "time": "2026-11-29T12:00:00Z", "detail": {}}}
    module = triggers.in_package()["flowinfra_trigger.py"].decode()
    (tmp_path / "flowinfra_trigger.py").write_text(
        f"{module}\nclass Client:\n    def describe_execution(self, executionArn):\n"
        f"        return {{'input': json.dumps({{'Triggers': [{event!r}]}})}}\n"
        "get_aws_client = lambda _: Client()\n"
    )
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "METAFLOW_USER": "somebody",
        "FLOWINFRA_STATE_MACHINE": MACHINE,
        "SFN_STATE_MACHINE": "Flow",
        "METAFLOW_RUN_ID": "r",
    }
    words = [python_with(VERSIONS[minor]), flow.name, "--with", "flowinfra_trigger.Started", "run"]
    done = subprocess.run(words, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("TOLD MetaflowEvent(name='a', id='e-1'") == 2
    kept = [json.loads(path.read_text()) for path in tmp_path.rglob("*execution-triggers*")]
    assert [json.loads(each["value"])[0]["id"] for each in kept] == ["e-1"]
