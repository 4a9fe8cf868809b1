"""Flows that events start, from the rule to what the run and the Client API know of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from tests.e2e.support import PLATFORM, Cloud, Execution, Project, ask, unique, wait_for

HARD = 'it\'s "$HOME" `id` $(id) \\ {{x}} <aws.events.event.json> Grüße 🙂\n'
FIRST, SECOND, THIRD, LOADED, FILE, BOTH = (
    f"flows/events/{name}_flow.py" for name in ("first", "second", "third", "loaded", "file", "both")
)
LARGE = 60_000
ARRIVED = "orders/Größe 1.csv"


@pytest.fixture(scope="module")
def landing(cloud: Cloud) -> str:
    """A bucket that sends its events to EventBridge."""
    bucket = unique("landing")
    cloud.s3.create_bucket(Bucket=bucket)
    cloud.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return bucket


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project], landing: str) -> Project:
    """Six flows, deployed."""
    project = make_project()
    project.flow("events")
    files = {"s3": {"bucket": landing, "prefix": "orders/", "suffix": ".csv"}}
    sends = {"flow": FILE, "step_functions": {"sends": ["data.ready"]}}
    names = {**PLATFORM, "events": {"file.arrived": files}}
    project.configure(FIRST, SECOND, THIRD, LOADED, sends, BOTH, platform=names)
    project.up()
    return project


def started(cloud: Cloud, machine: str, known: Collection[str] = ()) -> Execution:
    """The execution that an event starts: the only one of a state machine beside those that are known."""
    arn = cloud.machine(machine)

    def new() -> list[str]:
        listed = cloud.sfn.list_executions(stateMachineArn=arn)["executions"]
        return [each["executionArn"] for each in listed if each["executionArn"] not in known]

    [found] = wait_for(new)
    return cloud.execution(found)


def _both(cloud: Cloud, project: Project) -> Execution:
    """A run for which two events are needed: the first one comes twice, and is forgotten once in between."""
    machine = cloud.machine("BothFlow-events")

    def sent(name: str, count: int, **payload: Any) -> str:
        words = ("event", name, "--payload", json.dumps(payload), "-s", project.stack)
        said = cloud.flowinfra("local", "exec", "--", "flowinfra", *words, cwd=project.folder).succeeded()
        wait_for(lambda: _ended(cloud, machine) == count)
        return said.output

    assert "BothFlow starts once right.ready has come, too" in sent("left.ready", 1, day="early")
    [schedule] = cloud.client("scheduler").list_schedules(NamePrefix="BothFlow-events")["Schedules"]
    target = cloud.client("scheduler").get_schedule(Name=schedule["Name"])["Target"]
    cloud.sfn.start_execution(stateMachineArn=target["Arn"], input=target["Input"])
    wait_for(lambda: _ended(cloud, machine) == 2)
    sent("right.ready", 3, n=7)
    assert cloud.sfn.list_executions(stateMachineArn=cloud.machine("BothFlow"))["executions"] == []
    sent("left.ready", 4, day=HARD)
    return started(cloud, "BothFlow")


def _ended(cloud: Cloud, machine: str) -> int:
    """How many executions have succeeded; none fails."""
    found = cloud.sfn.list_executions(stateMachineArn=machine)["executions"]
    assert {each["status"] for each in found} <= {"SUCCEEDED", "RUNNING"}
    return sum(each["status"] == "SUCCEEDED" for each in found)


@pytest.fixture(scope="module")
def runs(cloud: Cloud, project: Project, landing: str) -> dict[str, Execution]:
    """A chain of three flows, and flows that events, a large one, a file and a person started; ended."""
    first = cloud.start("FirstFlow").ended()
    found = {"chained": started(cloud, "SecondFlow")}
    detail = {"text": HARD, "count": 7, "tree": {"a": [HARD, None]}, "Flag": False, "unset": None}
    words = ("event", "data.ready", "--payload", json.dumps(detail), "-s", project.stack)
    said = cloud.flowinfra("local", "exec", "--", "flowinfra", *words, cwd=project.folder).succeeded()
    assert "data.ready is sent: it starts LoadedFlow" in said.output
    found["event"] = started(cloud, "LoadedFlow")
    entry = {"Source": "tests", "DetailType": "data.ready", "Detail": json.dumps({"text": "é" * (LARGE // 2)})}
    assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    found["large"] = started(cloud, "LoadedFlow", {found["event"].arn})
    for key in ("orders/note.txt", "other/1.csv", ARRIVED):
        cloud.s3.put_object(Bucket=landing, Key=key, Body=b"1")
    found["file"] = started(cloud, "FileFlow")
    found["sent"] = started(cloud, "LoadedFlow", {found["event"].arn, found["large"].arn})
    found["both"] = _both(cloud, project)
    found["by hand"] = cloud.start("LoadedFlow", {"words": HARD, "count": 3})
    found["third"] = started(cloud, "ThirdFlow")
    found["alone"] = cloud.start("SecondFlow")
    found["after alone"] = started(cloud, "ThirdFlow", {found["third"].arn})
    return {"first": first} | {name: run.ended() for name, run in found.items()}


@pytest.fixture(scope="module")
def seen(cloud: Cloud, runs: dict[str, Execution], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the Client API sees of the runs."""
    folder = tmp_path_factory.mktemp("client")
    for flow in ("FirstFlow", "SecondFlow", "ThirdFlow", "LoadedFlow", "FileFlow", "BothFlow"):
        cloud.flowinfra("local", "exec", "--", "flowinfra", "pull", flow, cwd=folder).succeeded()
    script = f"""
        from metaflow import Run, namespace
        namespace(None)
        ids = {json.dumps({name: run.run_id for name, run in runs.items()})}
        def told(trigger):
            return trigger and [trigger.event.name, trigger.event.type, trigger.run and trigger.run.pathspec]
        chained, alone = (Run("SecondFlow/" + ids[name]) for name in ("chained", "alone"))
        found = {{
            "chained": [chained.data.first, chained.data.last, told(chained.trigger)],
            "upstream": chained.trigger.run.data.made,
            "third": [Run("ThirdFlow/" + ids[name]).data.by for name in ("third", "after alone")],
            "alone": [alone.data.first, alone.data.last, told(alone.trigger)],
        }}
        file = Run("FileFlow/" + ids["file"])
        found["file"] = [file.data.path, told(file.trigger)]
        both = Run("BothFlow/" + ids["both"])
        found["both"] = [both.data.day, both.data.size, both.data.by, sorted(e.name for e in both.trigger.events)]
        for name in ("event", "large", "sent", "by hand"):
            run = Run("LoadedFlow/" + ids[name])
            names = ["words", "count", "tree", "flag", "unset", "by"]
            found[name] = [*(getattr(run.data, each) for each in names), told(run.trigger)]
        answer(found)
    """
    return ask(script, cloud.environment, folder)


def test_a_flow_knows_which_run_started_it(runs: dict[str, Execution], seen: Any) -> None:
    first = runs["first"].run_id
    told = ["metaflow.FirstFlow.end", "run", f"FirstFlow/{first}/end", True]
    assert seen["chained"] == [told, told, ["metaflow.FirstFlow.end", "run", f"FirstFlow/{first}"]]
    assert seen["upstream"] == 42
    assert seen["third"] == [f"SecondFlow/{runs[name].run_id}/end" for name in ("chained", "alone")]


def test_a_run_that_a_person_started_has_no_trigger(seen: Any) -> None:
    assert seen["alone"] == [None, None, None]
    assert seen["by hand"] == [HARD, 3, {}, True, "as before", None, None]


def test_an_events_payload_sets_parameters_with_their_types(seen: Any) -> None:
    by = ["data.ready", "event", None]
    assert seen["event"] == [HARD, 7, {"a": [HARD, None]}, False, "as before", "data.ready", by]
    assert seen["large"] == ["é" * (LARGE // 2), 1, {}, True, "as before", "data.ready", by]


def test_a_file_that_arrives_starts_a_flow_with_its_key(seen: Any) -> None:
    assert seen["file"] == [ARRIVED, ["file.arrived", "event", None]]


def test_a_task_sends_an_event_that_starts_a_flow(seen: Any) -> None:
    assert seen["sent"] == [ARRIVED, 5, {}, True, "as before", "data.ready", ["data.ready", "event", None]]


def test_several_events_start_one_run_with_the_parameters_of_all(cloud: Cloud, seen: Any) -> None:
    names = ["left.ready", "right.ready"]
    assert seen["both"] == [HARD, 7, names, names]
    assert len(cloud.sfn.list_executions(stateMachineArn=cloud.machine("BothFlow"))["executions"]) == 1


def test_what_came_is_forgotten_in_a_places_time(cloud: Cloud, project: Project) -> None:
    [schedule] = [item for urn, item in project.resources().items() if urn.endswith("BothFlow-events-reset")]
    found = schedule["inputs"]
    assert (found["scheduleExpression"], found["scheduleExpressionTimezone"], found["state"]) == (
        "cron(30 6 ? * 2-6 *)",
        "Europe/Berlin",
        "ENABLED",
    )


def test_nothing_changes_on_a_second_preview(project: Project) -> None:
    project.is_unchanged()


def test_packages_of_other_flows_have_nothing_of_it(project: Project) -> None:
    flows = {
        urn.rpartition("::")[2]: item["inputs"]["source"]
        for urn, item in project.resources().items()
        if item["type"] == "flowinfra:aws:StepFunctionsFlow"
    }
    assert {name: "flowinfra_trigger.py" in source for name, source in flows.items()} == {
        "FirstFlow": False,
        "SecondFlow": True,
        "LoadedFlow": True,
        "FileFlow": True,
        "BothFlow": True,
        "ThirdFlow": True,
    }


def test_verify_finds_a_rule_that_somebody_changed(cloud: Cloud, project: Project) -> None:
    [rule] = [item for urn, item in project.resources().items() if "::SecondFlow-trigger-" in urn and "Rule" in urn]
    events = cloud.client("events")
    words = ("local", "exec", "--", "flowinfra", "verify", project.stack)
    cloud.flowinfra(*words, cwd=project.folder).succeeded()
    events.put_rule(Name=rule["outputs"]["name"], EventPattern='{"source": ["other"]}', State="DISABLED")
    said = cloud.flowinfra(*words, cwd=project.folder)
    assert said.code == 3
    assert "listens to" in said.output
    assert "DISABLED" in said.output
    project.up("--refresh")


def test_nothing_that_came_is_left_of_a_flow_that_is_gone(cloud: Cloud, project: Project) -> None:
    table = cloud.client("dynamodb")

    def kept() -> list[str]:
        keys = (item["pathspec"]["S"] for item in table.scan(TableName=str(PLATFORM["table"]))["Items"])
        return [key for key in keys if key.startswith("flowinfra/")]

    assert kept() == ["flowinfra/events/BothFlow"]
    project.destroy()
    assert kept() == []
    names = [each["name"] for each in cloud.sfn.list_state_machines()["stateMachines"]]
    assert "BothFlow-events" not in names
