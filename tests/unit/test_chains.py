"""Which flows of a stack start which, and what nobody in it sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.components.source import Deployment
from flowinfra.model.base import Json
from flowinfra.model.compiled import Project, Trigger
from flowinfra.model.events import EventConfig
from flowinfra.program.deploy import check_flows
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.targets.step_functions.chains import Chains
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from tests.unit.golden import compiled


def waiting(name: str, *others: str, project: str | None = None) -> StepFunctionsCompiled:
    base = compiled("linear")
    assert isinstance(base, StepFunctionsCompiled)
    found = tuple(Trigger(name=f"metaflow.{other}.end", type="run") for other in others)
    of = None if project is None else Project(name=project, branch="prod", production=True)
    return base.model_copy(
        update={"flow": base.flow.model_copy(update={"name": name, "triggers": found, "project": of})}
    )


def test_a_flow_that_is_not_in_the_stack_is_told() -> None:
    flows = {"b.py": waiting("B", "A"), "c.py": waiting("C", "p.prod.D"), "d.py": waiting("D", project="p")}
    [told] = Chains(flows).warnings()
    assert told.startswith("b.py: is started by the end of A, which this stack does not deploy to Step Functions")
    assert "state machine 'A'" in told


def test_flows_that_start_each_other_are_told_once() -> None:
    flows = {"a.py": waiting("A", "C"), "b.py": waiting("B", "A"), "c.py": waiting("C", "B"), "d.py": waiting("D", "A")}
    assert list(Chains(flows).warnings()) == [
        "a.py → b.py → c.py → a.py: these flows start each other, so that they run for ever once one of them succeeds"
    ]


def test_a_name_of_an_event_that_no_flow_waits_for_is_told() -> None:
    flow = waiting("A")
    heard = flow.flow.model_copy(update={"triggers": (Trigger(name="file.arrived", type="event"),)})
    event = EventConfig.model_validate({"s3": {"bucket": "landing"}})
    flows = {"a.py": flow.model_copy(update={"flow": heard})}
    told = Chains(flows, events={"file.arrived": event, "file.arived": event}).warnings()
    assert list(told) == [
        "platform.events.file.arived: no flow of the stack on Step Functions has @trigger(event='file.arived') "
        "(did you mean 'file.arrived'?)"
    ]


def hearing(name: str, *events: str) -> StepFunctionsCompiled:
    base = waiting(name)
    heard = tuple(Trigger(name=event, type="event") for event in events)
    return base.model_copy(update={"flow": base.flow.model_copy(update={"triggers": heard})})


FILE = EventConfig.model_validate({"s3": {"bucket": "landing"}})


@pytest.mark.parametrize(
    ("sends", "events", "off", "unsent"),
    [
        ({}, {}, (), ("a", "b")),
        ({"other.py": ["a"]}, {}, (), ("b",)),
        ({"flow.py": ["b"], "other.py": ["a", "c"]}, {}, (), ()),
        ({}, {"a": FILE}, (), ("b",)),
        ({}, {}, ("flow.py",), ()),
    ],
)
def test_events_that_nobody_in_the_stack_sends(
    sends: dict[str, list[str]], events: dict[str, EventConfig], off: tuple[str, ...], unsent: tuple[str, ...]
) -> None:
    chains = Chains({"flow.py": hearing("Flow", "b", "a"), "other.py": hearing("Other")}, sends, events, off)
    assert chains.unsent("flow.py") == unsent
    assert chains.unsent("other.py") == ()


def test_an_event_whose_name_looks_misspelt_is_told() -> None:
    flows = {"a.py": hearing("A", "data.redy", "elsewhere")}
    assert list(Chains(flows, {"b.py": ["data.ready"]}).warnings()) == [
        "a.py: @trigger(event='data.redy'): no flow of the stack sends this event (did you mean 'data.ready'?)"
    ]


def test_circles_by_events() -> None:
    flows = {"a.py": hearing("A", "x"), "b.py": hearing("B", "y"), "c.py": hearing("C", "x")}
    sends = {"a.py": ["y"], "b.py": ["x"]}
    chains = Chains(flows, sends)
    assert [chains.circles_of(label) for label in flows] == [("A → y → B → x → A",)] * 2 + [()]
    told = "a.py → y → b.py → x → a.py: these flows may start each other for ever, by events"
    assert list(chains.warnings()) == [told]
    assert Chains(flows, sends, off=["b.py"]).circles == ()


def test_a_flow_that_starts_itself() -> None:
    assert Chains({"a.py": hearing("A", "x")}, {"a.py": ["x"]}).circles_of("a.py") == ("A → x → A",)


def test_a_flow_that_its_own_failure_starts() -> None:
    flow = hearing("A", "failed")
    ended = EventConfig.model_validate({"run": {"state_machine": flow.name}})
    chains = Chains({"a.py": flow}, events={"failed": ended})
    assert list(chains.warnings()) == ["a.py → failed → a.py: these flows may start each other for ever, by events"]
    assert chains.circles_of("a.py") == ("A → failed → A",)


def test_a_run_of_what_the_stack_does_not_deploy_is_told() -> None:
    flow = hearing("A", "failed")
    ended = EventConfig.model_validate({"run": {"state_machine": f"{flow.name}s"}})
    [told] = Chains({"a.py": flow}, events={"failed": ended}).warnings()
    assert told == (
        f"platform.events.failed: this stack deploys no state machine '{flow.name}s' (did you mean {flow.name!r}?): "
        "the event comes when one of that name ends, whoever deploys it"
    )


def stack(target: str, **platform: Json) -> tuple[StackConfig, list[StackFlow], list[str]]:
    """A stack with a flow that waits for data.ready, and the warnings of its preview."""
    place: dict[str, Json] = {"bucket": "bkt", "queue": "jobs", "region": "us-east-1", "account": "123456789012"}
    if target == "airflow":
        place["airflow"] = {"namespace": "jobs", "dags": {"folder": "/dags"}}
    entry = {"flow": "a.py", "target": target}
    config = StackConfig.model_validate({"platform": {**place, **platform}, "flows": [entry]})
    flow = compiled("trigger" if target == "step-functions" else "linear", target)
    return config, [StackFlow("a.py", config.flows[0], flow, {})], []


def test_a_stacks_flow_knows_what_nobody_sends() -> None:
    config, flows, told = stack("step-functions")
    [prepared] = check_flows(flows, config, Deployment("app", "dev", Path()), told.append).prepared
    assert prepared.plan.unsent == ("data.ready",)


def test_events_of_a_stack_without_flows_that_know_them_are_told() -> None:
    config, flows, told = stack("airflow", events={"a": {"s3": {"bucket": "landing"}}}, event_bus="acme")
    check_flows(flows, config, Deployment("app", "dev", Path()), told.append)
    assert told == [
        "platform.events.a: the stack has no flow on Step Functions, whose @trigger alone knows it",
        "platform.event_bus: the stack has no flow on Step Functions, whose @trigger alone listens to it",
    ]
