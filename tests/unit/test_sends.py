"""`sends`: the right of a flow's tasks to send events, and no others."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber
from pydantic import ValidationError

from flowinfra.compare.mirror import Declared, Flow, Side, compare_stacks
from flowinfra.compare.why import input_causes
from flowinfra.local.authorization import allows, needed
from flowinfra.local.calls import record
from flowinfra.model.events import EventConfig
from flowinfra.operate.permissions import permissions
from flowinfra.report.change import words
from flowinfra.report.changes import compare
from flowinfra.report.words import plain
from flowinfra.targets.step_functions import iam, sends
from flowinfra.targets.step_functions.plan import JOBS
from flowinfra.targets.step_functions.section import StepFunctionsSection
from tests.unit.components.compiled import compiled, plan, site
from tests.unit.sources import source, write_flow

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/"


def policy(names: list[str], events: dict[str, EventConfig] | None = None, **where: Any) -> dict[str, Any]:
    resolved = sends.resolved(names, events or {})
    return iam.jobs_policy(compiled("linear"), site(**where), sends=resolved)


def call(*types: str, bus: str | None = None) -> dict[str, Any]:
    entries = [{"Source": "x", "DetailType": each, "Detail": "{}", "EventBusName": bus} for each in types]
    return {"service": "events", "operation": "PutEvents", "resource": record({"Entries": entries})}


def may(allowed: dict[str, Any], *types: str, bus: str | None = None) -> bool:
    asked = call(*types, bus=bus)
    return all(allows([allowed], what, arn, asked) for what, arn in needed(asked))


def test_only_these_events_may_be_sent_and_only_to_the_platforms_bus() -> None:
    allowed = policy(["data.ready", "other"])
    assert may(allowed, "data.ready")
    assert may(allowed, "data.ready", "other")
    assert not may(allowed, "data.ready", "third")
    assert not may(allowed, "data.ready", bus="acme")
    assert not may(policy([]), "data.ready")
    own = policy(["data.ready"], event_bus="acme")
    assert may(own, "data.ready", bus="acme")
    assert not may(own, "data.ready")


def test_the_statement_is_one_of_least_privilege() -> None:
    [found] = [each for each in policy(["b", "a", "a"])["Statement"] if each["Sid"] == "SendEvents"]
    assert found["Resource"] == [f"{BUS}default"]
    assert found["Action"] == ["events:PutEvents"]
    assert found["Condition"] == {"StringEquals": {"events:detail-type": ["a", "b"]}}


@pytest.mark.parametrize("bus", ["acme", f"{BUS}acme"])
def test_a_bus_is_a_name_or_an_arn(bus: str) -> None:
    assert sends.bus_arn(site(event_bus=bus)) == f"{BUS}acme"


def test_the_plan_of_a_flow_has_the_right() -> None:
    made = replace(plan("linear"), sends=sends.resolved(["a"], {}))
    assert "SendEvents" in {each["Sid"] for each in made.policy(JOBS, site())["Statement"]}


def test_a_name_of_the_stacks_own_stands_for_the_type_of_its_pattern() -> None:
    events = {"pushed": EventConfig(pattern={"source": ["acme"], "detail-type": ["Image Pushed", "Image Copied"]})}
    assert sends.resolved(["pushed", "plain"], events) == {
        "pushed": ("Image Pushed", "Image Copied"),
        "plain": ("plain",),
    }
    anything = {"any": EventConfig(pattern={"source": ["acme"]})}
    assert sends.resolved(["any"], anything) == {"any": ("any",)}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"s3": {"bucket": "landing"}}, "which AWS alone sends: leave it out"),
        ({"pattern": {"source": ["aws.ecr"]}}, "which AWS alone sends: leave it out"),
        ({"pattern": {"detail-type": [{"prefix": "Image"}]}}, "a `detail-type` that is not plain text"),
    ],
)
def test_what_no_task_can_be_allowed_to_send_is_an_error(event: dict[str, Any], words: str) -> None:
    events = {"arrived": EventConfig.model_validate(event)}
    [problem] = sends.problems("Flow", sends.resolved(["arrived"], events), events)
    assert str(problem).startswith("Flow: sends: 'arrived' stands for events (platform.events.arrived), ")
    assert words in str(problem)


@pytest.mark.parametrize("name", ["", " a", "a*", "who?", "${aws:username}", "a\nb", "x" * 129])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 128 printable characters"):
        StepFunctionsSection(sends=[name])


def test_report_why_and_mirror_know_it() -> None:
    old, new = ({"flow": "F", "datastore": "s3://b/m", "sends": names} for names in (["a"], ["a", "b"]))
    assert [plain(words(change)) for change in compare(old, new).changes] == ["right to send event b added"]
    assert [str(cause) for cause in input_causes(old, new)] == ['stack sends: ["a"] → ["a","b"]']
    flows = Flow("F", new, (Declared("s.yaml: sends", ("sends",)),)), Flow("F", old)
    found = compare_stacks(Side("staging", flows[:1], {}), Side("prod", flows[1:], {}), ())
    assert (len(found.declared), found.drift) == (1, ())


def test_a_laptop_may_send_where_a_flow_does(tmp_path: Path) -> None:
    write_flow(tmp_path, source())
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    platform = {"bucket": "bkt", "queue": "jobs", "account": "123456789012", "event_bus": "acme"}
    for own, bus in (({}, None), ({"step_functions": {"sends": ["a"]}}, [f"{BUS}acme"])):
        flows = [{"flow": "flow.py", **own}]
        config = {"aws:region": "us-east-1", "flowinfra:platform": platform, "flowinfra:flows": flows}
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
        found = {statement["Sid"]: statement for statement in permissions("dev", "laptop", tmp_path)["Statement"]}
        assert found.get("SendEvents", {}).get("Resource") == bus


def snippet() -> str:
    found: str
    [found] = [code for code in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL) if "def send(" in code]
    return found


def test_the_lines_of_the_guide_send_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("events", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    entry = {"Source": "my.team", "DetailType": "data.ready", "Detail": json.dumps({"day": "2026-11-29"})}
    names: dict[str, Any] = {}
    with Stubber(client) as stub:
        monkeypatch.setattr(boto3, "client", lambda service: {"events": client}[service])
        exec(snippet(), names)
        stub.add_response("put_events", {"Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
        names["send"]("data.ready", day="2026-11-29")
        stub.add_response("put_events", {"Entries": [{"ErrorCode": "Oops", "ErrorMessage": "no"}]})
        with pytest.raises(RuntimeError, match=r"data\.ready: Oops: no"):
            names["send"]("data.ready")


def test_a_flow_of_the_end_to_end_tests_sends_with_the_lines_of_the_guide() -> None:
    flow = ROOT / "tests" / "e2e" / "flows" / "events" / "file_flow.py"
    function = snippet().split("\n\n\n", 1)[1]
    assert function in flow.read_text(encoding="utf-8")
