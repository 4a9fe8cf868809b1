"""Events on the embedded AWS: who sends them, which rule takes them, and what its target gets."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowinfra.local import control, identity, platform, run
from flowinfra.local.mends import events, execution_events, object_events
from tests.local.support import Aws, machine, unique, wait_for

ROLE = platform.role_arn(platform.EVENTS_ROLE)
PASS = machine(only={"Type": "Pass", "End": True})
FAIL = machine(only={"Type": "Fail", "Error": "Broken", "Cause": 'it said "no"'})


class Rules:
    """Rules, topics and queues on an emulator."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.events, self.sns, self.sqs, self.s3 = (
            run.client(aws.instance, service) for service in ("events", "sns", "sqs", "s3")
        )

    def rule(self, pattern: dict[str, Any], arn: str, bus: str = "default", state: str = "ENABLED", **more: Any) -> str:
        """A rule with one target; its name."""
        name = unique("rule")
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern), EventBusName=bus, State=state)
        self.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "one", "Arn": arn, **more}])
        return name

    def topic(self, *, open_to: str | None = "*") -> str:
        """A topic that EventBridge may publish to for the rules whose ARN this matches."""
        arn: str = self.sns.create_topic(Name=unique("topic"))["TopicArn"]
        if open_to is not None:
            policy = _policy("sns:Publish", arn, open_to)
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        return arn

    def queue(self, *, is_open: bool = True) -> tuple[str, str]:
        """URL and ARN of a queue."""
        name = unique("queue")
        arn = f"arn:aws:sqs:{identity.REGION}:{identity.ACCOUNT}:{name}"
        attributes = {"Policy": _policy("sqs:SendMessage", arn, "*")} if is_open else {}
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn

    def published(self, topic: str) -> list[str]:
        """The texts of a topic's messages."""
        return [each["message"] for each in control.messages(self.aws.instance)["topics"][topic]]

    def lost(self, target: str) -> list[str]:
        """Why events did not reach a target."""
        return [each["reason"] for each in control.messages(self.aws.instance)["lost"] if each["target"] == target]

    def received(self, url: str) -> Any:
        """The next message of a queue."""
        found = wait_for(lambda: self.sqs.receive_message(QueueUrl=url).get("Messages"))
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        return json.loads(found[0]["Body"])

    def send(self, source: str, detail: Any, **more: Any) -> dict[str, Any]:
        """Send one event; the answer for it."""
        entry = {"Source": source, "DetailType": "made", "Detail": json.dumps(detail), **more}
        return dict(self.events.put_events(Entries=[entry])["Entries"][0])


def _policy(action: str, resource: str, rule: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnLike": {"aws:SourceArn": rule}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def rules(aws: Aws) -> Rules:
    return Rules(aws)


def test_executions_send_events(rules: Rules) -> None:
    url, queue = rules.queue()
    arn = rules.aws.deploy(FAIL)
    rules.rule({"source": ["aws.states"], "detail": {"stateMachineArn": [arn]}}, queue)
    execution = rules.aws.states.start_execution(stateMachineArn=arn, name="one", input='{"a": "é"}')["executionArn"]
    begun, ended = rules.received(url), rules.received(url)
    described = rules.aws.ended(execution)
    assert {name: begun[name] for name in ("version", "detail-type", "source", "account", "region", "resources")} == {
        "version": "0",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": identity.ACCOUNT,
        "region": identity.REGION,
        "resources": [execution],
    }
    assert set(begun) == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources"),
        "detail",
    }
    common = {
        "executionArn": execution,
        "stateMachineArn": arn,
        "name": "one",
        "startDate": int(described["startDate"].timestamp() * 1000),
        "input": '{"a": "é"}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
    }
    assert begun["detail"] == {
        **common,
        "status": "RUNNING",
        "stopDate": None,
        "error": None,
        "cause": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
    }
    assert ended["detail"] == {
        **common,
        "status": "FAILED",
        "error": "Broken",
        "cause": 'it said "no"',
        "redriveStatus": "REDRIVABLE",
        "redriveStatusReason": None,
        "stopDate": int(described["stopDate"].timestamp() * 1000),
    }
    with execution_events.MEND.withdrawn():
        rules.aws.ended(rules.aws.states.start_execution(stateMachineArn=arn)["executionArn"])
        rules.send("after", {})
    assert "Messages" not in rules.sqs.receive_message(QueueUrl=url)


def test_a_stopped_execution_says_why_and_a_large_input_is_left_out(rules: Rules) -> None:
    url, queue = rules.queue()
    arn = rules.aws.deploy(machine(only={"Type": "Wait", "Seconds": 600, "End": True}))
    rules.rule({"detail": {"stateMachineArn": [arn], "status": ["ABORTED"]}}, queue)
    large = json.dumps({"text": "x" * 255_000})
    execution = rules.aws.states.start_execution(stateMachineArn=arn, input=large)["executionArn"]
    rules.aws.states.stop_execution(executionArn=execution, error="Enough", cause="of it")
    detail = rules.received(url)["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("ABORTED", "Enough", "of it")
    assert (detail["input"], detail["inputDetails"]) == (None, {"included": False})


def test_a_chain_of_state_machines(rules: Rules) -> None:
    first, second = rules.aws.deploy(PASS), rules.aws.deploy(PASS)
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [first], "status": ["SUCCEEDED"]}}
    template = '{"by": <name>, "rule": <aws.events.rule-name>}'
    transformer = {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": template}
    rule = rules.rule(pattern, second, RoleArn=ROLE, InputTransformer=transformer)
    rules.aws.states.start_execution(stateMachineArn=first, name="run-1")
    found = wait_for(lambda: rules.aws.states.list_executions(stateMachineArn=second)["executions"])
    assert json.loads(rules.aws.ended(found[0]["executionArn"])["input"]) == {"by": "run-1", "rule": rule}


def test_events_that_are_put(rules: Rules) -> None:
    url, queue = rules.queue()
    source = unique("source")
    rules.rule({"source": [source], "detail": {"n": [{"numeric": [">", 1]}]}}, queue)
    assert "EventId" in rules.send(source, {"n": 1})
    answer = rules.send(source, {"n": 2, "ü": 'a "quote"'}, Resources=["arn:aws:s3:::x"])
    found = rules.received(url)
    assert (found["id"], found["detail"]) == (answer["EventId"], {"n": 2, "ü": 'a "quote"'})
    assert (found["detail-type"], found["resources"]) == ("made", ["arn:aws:s3:::x"])
    for entry, code in (
        ({"Source": "aws.s3"}, "NotAuthorizedForSourceException"),
        ({"Detail": "[]"}, "MalformedDetail"),
        ({"Detail": "{"}, "MalformedDetail"),
        ({"DetailType": ""}, "InvalidArgument"),
    ):
        whole = {"Source": source, "DetailType": "made", "Detail": '{"n": 9}', **entry}
        answers = rules.events.put_events(Entries=[whole, {**whole, "Source": "x", "DetailType": "y", "Detail": "{}"}])
        assert (answers["FailedEntryCount"], answers["Entries"][0]["ErrorCode"]) == (1, code)
    with pytest.raises(ClientError, match="over the limit"):
        rules.send(source, {"text": "x" * 300_000})
    assert "Messages" not in rules.sqs.receive_message(QueueUrl=url)


def test_objects_send_events_if_the_bucket_says_so(rules: Rules) -> None:
    url, queue = rules.queue()
    bucket = unique("bucket")
    rules.s3.create_bucket(Bucket=bucket)
    key = {"key": [{"wildcard": "in/*.csv"}]}
    rules.rule({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}, "object": key}}, queue)
    rules.s3.put_object(Bucket=bucket, Key="in/before.csv", Body=b"")
    rules.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rules.s3.put_object(Bucket=bucket, Key="in/ä b.txt", Body=b"")
    etag = rules.s3.put_object(Bucket=bucket, Key="in/ä b.csv", Body=b"12345")["ETag"]
    rules.s3.delete_object(Bucket=bucket, Key="in/ä b.csv")
    made, gone = rules.received(url), rules.received(url)
    assert (made["detail-type"], made["resources"]) == ("Object Created", [f"arn:aws:s3:::{bucket}"])
    about = made["detail"]["object"]
    assert about.pop("sequencer") < gone["detail"]["object"]["sequencer"]
    assert about == {"key": "in/ä b.csv", "size": 5, "etag": etag.strip('"')}
    assert (made["detail"]["reason"], gone["detail"]["reason"]) == ("PutObject", "DeleteObject")
    assert gone["detail-type"] == "Object Deleted"
    assert gone["detail"]["deletion-type"] == "Permanently Deleted"
    with object_events.MEND.withdrawn():
        rules.s3.put_object(Bucket=bucket, Key="in/c.csv", Body=b"")
        assert "eTag" in rules.received(url)["detail"]["object"]


def test_a_topic_gets_what_its_policy_lets_in(rules: Rules) -> None:
    source = unique("source")
    topic, closed, others = (
        rules.topic(),
        rules.topic(open_to=None),
        rules.topic(open_to="arn:aws:events:*:*:rule/other"),
    )
    text = '"A <kind> of \\"<name>\\""\n"and <gone>."'
    paths = {"kind": "$.detail-type", "name": "$.detail.name", "gone": "$.detail.gone"}
    for arn in (topic, closed, others):
        rules.rule({"source": [source]}, arn, InputTransformer={"InputPathsMap": paths, "InputTemplate": text})
    rules.send(source, {"name": 'a "b"'})
    assert wait_for(lambda: rules.published(topic)) == ['"A made of \\"a "b"\\""\n"and ."']
    for arn in (closed, others):
        assert "policy does not let events.amazonaws.com publish" in wait_for(functools.partial(rules.lost, arn))[0]
        assert rules.published(arn) == []


def test_other_buses(rules: Rules) -> None:
    url, queue = rules.queue()
    one, other = unique("bus"), unique("bus")
    arns = [rules.events.create_event_bus(Name=name)["EventBusArn"] for name in (one, other)]
    source = unique("source")
    rules.rule({"source": [source]}, arns[0], RoleArn=ROLE)
    rules.rule({"source": [source]}, arns[1], bus=one, RoleArn=ROLE)
    rules.rule({"source": [source]}, queue, bus=one, InputPath="$.detail.a")
    rules.rule({"source": [source]}, queue, bus=other)
    rules.send(source, {"a": [1, "ö"]})
    assert rules.received(url) == [1, "ö"]
    assert wait_for(lambda: rules.lost(arns[1])) == ["EventBridge sends no event on that came from another bus"]
    rules.send(source, {"a": "direct"}, EventBusName=other)
    assert rules.received(url)["detail"] == {"a": "direct"}
    with pytest.raises(ClientError, match="does not exist"):
        rules.send(source, {}, EventBusName="none")


def test_a_disabled_rule_takes_nothing(rules: Rules) -> None:
    url, queue = rules.queue()
    source = unique("source")
    rules.rule({"source": [source]}, queue, state="DISABLED", Input='"disabled"')
    rules.rule({"source": [source]}, queue, Input='"enabled"')
    rules.send(source, {})
    assert rules.received(url) == "enabled"
    assert "Messages" not in rules.sqs.receive_message(QueueUrl=url)


def test_a_quote_in_a_template_of_json_loses_the_event(rules: Rules) -> None:
    arn = rules.aws.deploy(PASS)
    source = unique("source")
    transformer = {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": '{"text": "it is <name>"}'}
    rules.rule({"source": [source]}, arn, RoleArn=ROLE, InputTransformer=transformer)
    rules.send(source, {"name": 'a "b"'})
    assert wait_for(lambda: rules.lost(arn)) == ['its input is not JSON: {"text": "it is a "b""}']


def test_what_eventbridge_refuses(rules: Rules) -> None:
    with pytest.raises(ClientError, match=r"Event pattern is not valid\. Reason: Unrecognized match type start"):
        rules.events.put_rule(Name=unique("rule"), EventPattern='{"source": [{"start": "a"}]}')
    name = unique("rule")
    rules.events.put_rule(Name=name, EventPattern='{"source": ["a"]}')
    machine_arn = rules.aws.deploy(PASS)
    for target, words in (
        ({}, "RoleArn is required"),
        ({"RoleArn": ROLE, "Input": "{"}, "JSON syntax error"),
        ({"RoleArn": ROLE, "Input": "{}", "InputPath": "$.a"}, "Only one of"),
        ({"RoleArn": ROLE, "InputTransformer": {"InputTemplate": '"<gone>"'}}, "invalid placeholder gone"),
        ({"RoleArn": ROLE, "InputTransformer": {"InputTemplate": "plain"}}, "Invalid InputTemplate"),
    ):
        with pytest.raises(ClientError, match=words):
            rules.events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": machine_arn, **target}])
    assert rules.events.list_targets_by_rule(Rule=name)["Targets"] == []
    with events.MEND.withdrawn():
        rules.events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": machine_arn}])


def test_patterns_are_tried(rules: Rules) -> None:
    event = {"id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": [], "detail-type": "d"}
    for source, expected in (("a", True), ("b", False)):
        pattern = json.dumps({"source": [source]})
        answer = rules.events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        assert answer["Result"] is expected
    del event["detail-type"]
    with pytest.raises(ClientError, match="missing detail-type"):
        rules.events.test_event_pattern(EventPattern='{"source": ["a"]}', Event=json.dumps(event))
