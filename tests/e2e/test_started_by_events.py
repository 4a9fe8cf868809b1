"""Flows that events start, from the rule to what the run and the Client API know of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from tests.e2e.support import Cloud, Execution, Project, ask, wait_for

HARD = 'it\'s "$HOME" `id` $(id) \\ {{x}} <aws.events.event.json> Grüße 🙂\n'
FIRST, SECOND, LOADED = (f"flows/events/{name}_flow.py" for name in ("first", "second", "loaded"))
LARGE = 60_000


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project]) -> Project:
    """Three flows, deployed."""
    project = make_project()
    project.flow("events")
    project.configure(FIRST, SECOND, LOADED)
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


@pytest.fixture(scope="module")
def runs(cloud: Cloud, project: Project) -> dict[str, Execution]:
    """A chain of two flows, and a flow that an event, a large event and a person started; ended."""
    first = cloud.start("FirstFlow").ended()
    found = {"chained": started(cloud, "SecondFlow")}
    loaded = {
        "event": {"text": HARD, "count": 7, "tree": {"a": [HARD, None]}, "Flag": False, "unset": None},
        "large": {"text": "é" * (LARGE // 2)},
    }
    for name, detail in loaded.items():
        entry = {"Source": "tests", "DetailType": "data.ready", "Detail": json.dumps(detail)}
        assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        found[name] = started(cloud, "LoadedFlow", {run.arn for run in found.values()})
    found["by hand"] = cloud.start("LoadedFlow", {"words": HARD, "count": 3})
    found["alone"] = cloud.start("SecondFlow")
    return {"first": first} | {name: run.ended() for name, run in found.items()}


@pytest.fixture(scope="module")
def seen(cloud: Cloud, runs: dict[str, Execution], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the Client API sees of the runs."""
    folder = tmp_path_factory.mktemp("client")
    for flow in ("FirstFlow", "SecondFlow", "LoadedFlow"):
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
            "alone": [alone.data.first, alone.data.last, told(alone.trigger)],
        }}
        for name in ("event", "large", "by hand"):
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


def test_a_run_that_a_person_started_has_no_trigger(seen: Any) -> None:
    assert seen["alone"] == [None, None, None]
    assert seen["by hand"] == [HARD, 3, {}, True, "as before", None, None]


def test_an_events_payload_sets_parameters_with_their_types(seen: Any) -> None:
    by = ["data.ready", "event", None]
    assert seen["event"] == [HARD, 7, {"a": [HARD, None]}, False, "as before", "data.ready", by]
    assert seen["large"] == ["é" * (LARGE // 2), 1, {}, True, "as before", "data.ready", by]


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
