"""Checks, diffs and previews of each resource type, without any AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from flowinfra.local.plugin import settings
from flowinfra.local.plugin.cloud import CloudError
from flowinfra.local.plugin.naming import Naming
from flowinfra.local.plugin.provider import Provider
from flowinfra.local.plugin.registry import FUNCTIONS, RESOURCES, function, resource
from flowinfra.plugin.answers import Difference
from flowinfra.plugin.wire import UNKNOWN, decode_struct, encode, has_secret

# Nothing answers there: a check, a diff or a preview that asked AWS would fail.
KNOWN = settings.settings({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"})
ROLE = "arn:aws:iam::123456789012:role/x"
DEFINITION = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}})
CONTAINER = json.dumps({"image": "i", "memory": 4, "vcpus": 1})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})

MACHINE = "aws:sfn/stateMachine:StateMachine"
JOB = "aws:batch/jobDefinition:JobDefinition"
QUEUE = "aws:batch/jobQueue:JobQueue"
COMPUTE = "aws:batch/computeEnvironment:ComputeEnvironment"
ROLE_TYPE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SCHEDULE = "aws:scheduler/schedule:Schedule"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
MESSAGES = "aws:sqs/queue:Queue"
MESSAGES_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
POLICY = "aws:iam/policy:Policy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
UNMADE = "aws:kms/key:Key"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:t"

INPUTS: dict[str, dict[str, Any]] = {
    MACHINE: {"name": "n", "definition": DEFINITION, "roleArn": ROLE},
    JOB: {"name": "n", "type": "container", "containerProperties": CONTAINER},
    QUEUE: {"name": "n", "priority": 1, "state": "ENABLED"},
    COMPUTE: {"name": "n", "type": "MANAGED"},
    ROLE_TYPE: {"name": "n", "assumeRolePolicy": TRUST},
    ROLE_POLICY: {"name": "n", "policy": TRUST, "role": "r"},
    RULE: {"name": "n", "scheduleExpression": "rate(1 day)"},
    TARGET: {"rule": "r", "targetId": "t", "arn": ROLE},
    SCHEDULE: {
        "name": "n",
        "scheduleExpression": "rate(1 day)",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {"arn": ROLE, "roleArn": ROLE},
    },
    LOGS: {"name": "n"},
    TABLE: {
        "name": "nnn",
        "hashKey": "k",
        "attributes": [{"name": "k", "type": "S"}],
        "billingMode": "PAY_PER_REQUEST",
    },
    BUCKET: {"bucket": "nnn"},
    OBJECT: {"bucket": "b", "key": "k", "content": "c"},
    MESSAGES: {"name": "n"},
    MESSAGES_POLICY: {"queueUrl": "http://127.0.0.1/1/n", "policy": TRUST},
    TOPIC: {"name": "n"},
    TOPIC_POLICY: {"arn": TOPIC_ARN, "policy": TRUST},
    POLICY: {"name": "n", "policy": TRUST},
    ALARM: {
        "name": "n",
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1,
        "metricName": "m",
        "namespace": "AWS/States",
        "period": 60,
        "statistic": "Sum",
        "threshold": 0.5,
    },
    SUBSCRIPTION: {"topic": TOPIC_ARN, "protocol": "sqs", "endpoint": "arn:aws:sqs:us-east-1:123456789012:n"},
}


def struct(values: dict[str, Any]) -> Struct:
    return Struct(fields={key: encode(value) for key, value in values.items()})


def check(token: str, values: dict[str, Any], olds: dict[str, Any] | None = None) -> tuple[Struct, dict[str, str]]:
    inputs, found = Provider(KNOWN).check(token, Naming("urn-name", b"seed"), struct(olds or {}), struct(values))
    return inputs, {problem.path: problem.reason for problem in found}


def checked(token: str, **changed: Any) -> Struct:
    inputs, found = check(token, {**INPUTS[token], **changed})
    assert found == {}
    return inputs


def diff(token: str, found: dict[str, Any] | None = None, /, **changed: Any) -> Difference:
    """From a state that came out of `INPUTS` (and what AWS tells, in `found`) to inputs that differ in `changed`."""
    old = decode_struct(checked(token))
    return Provider(KNOWN).diff(token, struct({**old, **(found or {})}), checked(token, **changed))


@pytest.mark.parametrize("token", sorted(RESOURCES))
def test_every_type_is_there(token: str) -> None:
    kind = resource(token)
    assert kind.token == token
    assert kind.schema.identity is None or kind.schema.identity in kind.schema.properties


def test_every_function_is_there() -> None:
    assert all(callable(function(token)) for token in FUNCTIONS)


def test_a_type_that_is_not_known_goes_into_the_state_as_it_is() -> None:
    provider, urn = Provider(KNOWN), "urn:pulumi:dev::app::aws:kms/key:Key::key"
    news = struct({"deletionWindowInDays": 7, "policy": UNKNOWN})
    news.fields["description"].CopyFrom(encode("hush", secret=True))
    inputs, found = provider.check(UNMADE, Naming("key"), Struct(), news)
    assert (inputs, found) == (news, [])
    identifier, state = provider.create(UNMADE, inputs, preview=True, urn=urn)
    plain = decode_struct(state)
    assert (identifier, plain["arn"], plain["name"], plain["policy"]) == ("", UNKNOWN, UNKNOWN, UNKNOWN)
    assert has_secret(state.fields["description"])
    known = struct({"deletionWindowInDays": 7, "name": "key-1", "arn": "arn:1"})
    assert provider.diff(UNMADE, known, struct({"deletionWindowInDays": 7})) == Difference([], False)
    changes = provider.diff(UNMADE, known, struct({"tags": {"a": "b"}})).changes
    assert [(change.path, change.kind, change.replaces) for change in changes] == [
        ("deletionWindowInDays", "delete", False),
        ("tags", "add", False),
    ]
    updated = decode_struct(provider.update(UNMADE, "key-1", known, struct({"tags": {"a": "b"}}), preview=False))
    assert updated == {"tags": {"a": "b"}, "name": "key-1", "arn": "arn:1"}
    assert provider.read(UNMADE, "key-1", known, Struct()).properties == known
    with pytest.raises(CloudError, match="so it cannot be imported"):
        provider.read(UNMADE, "key-1", Struct(), Struct())
    provider.delete(UNMADE, "key-1", known)


def test_a_type_that_is_not_there() -> None:
    with pytest.raises(CloudError, match=r"no resource type 'aws:kms/key:Key'"):
        resource("aws:kms/key:Key")
    with pytest.raises(CloudError, match="no function"):
        function("aws:index/getArn:getArn")


@pytest.mark.parametrize("token", sorted(INPUTS))
def test_nothing_to_do(token: str) -> None:
    assert diff(token) == Difference([], False)


def test_defaults_names_tags_and_region_are_filled_in() -> None:
    inputs, found = check(MACHINE, {"definition": DEFINITION, "roleArn": ROLE, "tags": {"a": "b"}})
    assert found == {}
    plain = decode_struct(inputs)
    assert plain.pop("name").startswith("urn-name-")
    assert plain == {
        "__defaults": ["name", "publish", "type"],
        "definition": DEFINITION,
        "publish": False,
        "region": "us-east-1",
        "roleArn": ROLE,
        "tags": {"a": "b"},
        "tagsAll": {"a": "b"},
        "type": "STANDARD",
    }


def test_a_made_up_name_stays_and_depends_on_the_seed_alone() -> None:
    values = {"definition": DEFINITION, "roleArn": ROLE}
    first = decode_struct(check(MACHINE, values)[0])
    assert first["name"] == decode_struct(check(MACHINE, values)[0])["name"]
    kept = decode_struct(check(MACHINE, values, olds={**first, "name": "urn-name-0000000"})[0])
    assert kept["name"] == "urn-name-0000000"
    # A name that the program gave and took back is made up anew.
    given = {**first, "name": "given", "__defaults": ["publish", "type"]}
    assert decode_struct(check(MACHINE, values, olds=given)[0])["name"] == first["name"]


def test_names_of_buckets_and_objects() -> None:
    inputs, _ = Provider(KNOWN).check(BUCKET, Naming("Data", b""), Struct(), Struct())
    assert decode_struct(inputs)["bucket"].startswith("data-")
    inputs, _ = check(OBJECT, {"bucket": "b", "content": "c"})
    assert decode_struct(inputs)["key"] == "urn-name"


@pytest.mark.parametrize(("token", "fifo"), [(MESSAGES, "fifoQueue"), (TOPIC, "fifoTopic")])
def test_names_of_queues_and_topics_say_that_they_are_in_order(token: str, fifo: str) -> None:
    assert not decode_struct(check(token, {})[0])["name"].endswith(".fifo")
    inputs, found = check(token, {fifo: True})
    assert (found, decode_struct(inputs)["name"][-5:]) == ({}, ".fifo")


def test_automatic_naming_can_be_configured() -> None:
    provider, values = Provider(KNOWN), struct({"assumeRolePolicy": TRUST})
    inputs, _ = provider.check(ROLE_TYPE, Naming("n", b"", "enforce", "ours"), Struct(), values)
    assert decode_struct(inputs)["name"] == "ours"
    _, found = provider.check(ROLE_TYPE, Naming("n", b"", "disable"), Struct(), values)
    assert "automatic naming is disabled" in found[0].reason
    _, found = provider.check(ROLE_TYPE, Naming("n" * 60), Struct(), values)
    assert "longer than maximum length 64" in found[0].reason


@pytest.mark.parametrize(
    ("token", "changed", "path", "reason"),
    [
        (MACHINE, {"name": "a.b"}, "name", "the name should only contain 0-9, A-Z, a-z, - and _"),
        (MACHINE, {"name": "n" * 81}, "name", "expected length of name to be in the range (1 - 80)"),
        (MACHINE, {"type": "FAST"}, "type", 'expected type to be one of ["STANDARD" "EXPRESS"], got FAST'),
        (MACHINE, {"definition": "{"}, "definition", "ERROR (INVALID_JSON_DESCRIPTION)"),
        (MACHINE, {"definition": "x" * 1_048_577}, "definition", "in the range (0 - 1048576)"),
        (MACHINE, {"roleArn": "me"}, "roleArn", '"role_arn" (me) is an invalid ARN'),
        (MACHINE, {"tags": {"a": 1}}, "tags.a", "expected string"),
        (MACHINE, {"loggingConfiguration": {"level": "SOME"}}, "loggingConfiguration.level", "to be one of"),
        (JOB, {"name": "a.b"}, "name", "must be up to 128 letters"),
        (JOB, {"containerProperties": "{"}, "containerProperties", "container_properties is invalid: not JSON"),
        (JOB, {"containerProperties": '{"image": 1}'}, "containerProperties", "Invalid type for parameter image"),
        (JOB, {"containerProperties": '{"imge": "i"}'}, "containerProperties", 'Unknown parameter in input: "imge"'),
        (JOB, {"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds", "at least (60)"),
        (JOB, {"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts", "in the range (1 - 10)"),
        (ROLE_TYPE, {"name": "r" * 65}, "name", "expected length of name to be in the range (1 - 64)"),
        (ROLE_TYPE, {"assumeRolePolicy": "{"}, "assumeRolePolicy", "contains an invalid JSON"),
        (ROLE_POLICY, {"policy": json.dumps({"a": "x" * 10_240})}, "policy", "quota for PolicySize: 10240"),
        (ROLE_POLICY, {"role": ROLE}, "role", "must be the role's name not its ARN"),
        (RULE, {"name": "r" * 65}, "name", "cannot be longer than 64 characters"),
        (RULE, {"state": "ON"}, "state", "to be one of"),
        (TARGET, {"input": "{"}, "input", "contains an invalid JSON"),
        (TARGET, {"input": "{}", "inputPath": "$"}, "input", "conflicts with input_path"),
        (SCHEDULE, {"name": "s" * 65}, "name", "expected length of name to be in the range (1 - 64)"),
        (SCHEDULE, {"name": "a b"}, "name", "The name must consist of alphanumerics, hyphens, and underscores."),
        (SCHEDULE, {"state": "OFF"}, "state", "to be one of"),
        (SCHEDULE, {"tags": {"a": "b"}}, "tags", "no property 'tags'"),
        (SCHEDULE, {"target": {"arn": ROLE}}, "target.roleArn", 'The argument "role_arn" is required'),
        (SCHEDULE, {"scheduleExpressionTimezone": "z" * 51}, "scheduleExpressionTimezone", "in the range (1 - 50)"),
        (
            SCHEDULE,
            {"target": {"arn": ROLE, "roleArn": ROLE, "retryPolicy": {"maximumEventAgeInSeconds": 59}}},
            "target.retryPolicy.maximumEventAgeInSeconds",
            "in the range (60 - 86400)",
        ),
        (LOGS, {"retentionInDays": 8}, "retentionInDays", "to be one of"),
        (TABLE, {"rangeKey": "r"}, "attributes", "Unmatched indexes: ['r']"),
        (TABLE, {"billingMode": "PROVISIONED"}, "billingMode", "must be at least 1"),
        (BUCKET, {"bucket": "Big"}, "bucket", "only lowercase"),
        (OBJECT, {"contentBase64": "aa=="}, "content", "conflicts with content_base64"),
        (OBJECT, {"metadata": {"Key": "x"}}, "metadata", "Metadata must be lowercase only"),
        (QUEUE, {"prioritiy": 2}, "prioritiy", "no property 'prioritiy'"),
        (MESSAGES, {"name": "a.b"}, "name", "invalid queue name: a.b"),
        (MESSAGES, {"name": "n", "fifoQueue": True}, "name", "invalid queue name: n"),
        (MESSAGES, {"contentBasedDeduplication": True}, "contentBasedDeduplication", "only be set for FIFO queue"),
        (MESSAGES, {"delaySeconds": 901}, "delaySeconds", "in the range (0 - 900)"),
        (MESSAGES, {"redrivePolicy": "{"}, "redrivePolicy", "contains an invalid JSON"),
        (MESSAGES_POLICY, {"policy": "x"}, "policy", "contains an invalid JSON"),
        (POLICY, {"name": "n n"}, "name", "must match"),
        (POLICY, {"policy": "[]"}, "policy", "contains a JSON array"),
        (ALARM, {"period": 45}, "period", "expected period to be divisible by 60, got: 45"),
        (ALARM, {"threshold": "high"}, "threshold", "expected number for threshold, got str"),
        (ALARM, {"statistic": None}, "statistic", "One of `statistic` or `extended_statistic` must be set"),
        (ALARM, {"alarmActions": ["page"]}, "alarmActions[0]", "is an invalid ARN"),
        (ALARM, {"treatMissingData": "guess"}, "treatMissingData", "to be one of"),
        (TOPIC, {"name": "n.fifo"}, "name", "invalid topic name: n.fifo"),
        (
            TOPIC,
            {"archivePolicy": '{"a": 1}'},
            "archivePolicy",
            "message archive policy can only be set for FIFO topics",
        ),
        (TOPIC, {"sqsSuccessFeedbackSampleRate": 101}, "sqsSuccessFeedbackSampleRate", "in the range (0 - 100)"),
        (TOPIC, {"policy": "[]"}, "policy", "contains a JSON array, not a JSON object"),
        (TOPIC_POLICY, {"arn": "t"}, "arn", '"arn" (t) is an invalid ARN'),
        (SUBSCRIPTION, {"protocol": "fax"}, "protocol", "to be one of"),
        (SUBSCRIPTION, {"filterPolicyScope": "MessageBody"}, "filterPolicyScope", "filter_policy is required when"),
    ],
)
def test_refused(token: str, changed: dict[str, Any], path: str, reason: str) -> None:
    _, found = check(token, {**INPUTS[token], **changed})
    assert list(found) == [path]
    assert reason in found[path]


def test_a_rule_needs_a_schedule_or_a_pattern() -> None:
    _, found = check(RULE, {"name": "n"})
    assert "one of `event_pattern,schedule_expression` must be specified" in found["scheduleExpression"]


def test_a_definition_is_validated_only_when_it_changes() -> None:
    broken = {**INPUTS[MACHINE], "definition": "{}"}
    assert check(MACHINE, broken)[1]
    assert check(MACHINE, broken, olds=broken)[1] == {}


@pytest.mark.parametrize(
    ("token", "changed", "paths", "replaces"),
    [
        (MACHINE, {"name": "m"}, ["name"], True),
        (MACHINE, {"type": "EXPRESS"}, ["type"], True),
        (MACHINE, {"definition": DEFINITION + " "}, ["definition"], False),
        (MACHINE, {"roleArn": ROLE + "2"}, ["roleArn"], False),
        (MACHINE, {"tags": {"a": "b"}}, ["tags", "tagsAll.a"], False),
        (MACHINE, {"region": "eu-west-1"}, ["region"], True),
        (MACHINE, {"definition": UNKNOWN}, ["definition"], False),
        (JOB, {"name": "m"}, ["name"], True),
        (JOB, {"containerProperties": CONTAINER.replace("4", "8")}, ["containerProperties"], False),
        (JOB, {"containerProperties": " " + CONTAINER}, [], False),
        (JOB, {"type": "CONTAINER"}, ["type"], False),
        (JOB, {"deregisterOnNewRevision": False}, ["deregisterOnNewRevision"], False),
        (QUEUE, {"name": "m"}, ["name"], True),
        (QUEUE, {"priority": 2, "state": "DISABLED"}, ["priority", "state"], False),
        (COMPUTE, {"type": "UNMANAGED"}, ["type"], True),
        (COMPUTE, {"type": "managed"}, [], False),
        (ROLE_TYPE, {"name": "m"}, ["name"], True),
        (ROLE_TYPE, {"path": "/x/"}, ["path"], True),
        (ROLE_TYPE, {"assumeRolePolicy": " " + TRUST}, [], False),
        (ROLE_TYPE, {"description": "d", "maxSessionDuration": 7200}, ["description", "maxSessionDuration"], False),
        (ROLE_POLICY, {"role": "s"}, ["role"], True),
        (RULE, {"name": "m"}, ["name"], True),
        (RULE, {"scheduleExpression": "rate(2 days)", "state": "DISABLED"}, ["scheduleExpression", "state"], False),
        (TARGET, {"rule": "s"}, ["rule"], True),
        (TARGET, {"targetId": "u"}, ["targetId"], True),
        (TARGET, {"arn": ROLE + "2"}, ["arn"], False),
        (SCHEDULE, {"name": "m"}, ["name"], True),
        (SCHEDULE, {"groupName": "g"}, ["groupName"], True),
        (SCHEDULE, {"scheduleExpression": "rate(2 days)", "state": "DISABLED"}, ["scheduleExpression", "state"], False),
        (SCHEDULE, {"scheduleExpressionTimezone": "Asia/Tokyo"}, ["scheduleExpressionTimezone"], False),
        (SCHEDULE, {"target": {"arn": ROLE, "roleArn": ROLE, "input": "{}"}}, ["target.input"], False),
        (LOGS, {"retentionInDays": 7}, ["retentionInDays"], False),
        (LOGS, {"name": "m"}, ["name"], True),
        (TABLE, {"hashKey": "j", "attributes": [{"name": "j", "type": "S"}]}, ["attributes", "hashKey"], True),
        (BUCKET, {"bucket": "mmm"}, ["bucket"], True),
        (BUCKET, {"forceDestroy": True}, ["forceDestroy"], False),
        (OBJECT, {"key": "l"}, ["key"], True),
        (OBJECT, {"content": "d"}, ["content"], False),
        (MESSAGES, {"name": "m"}, ["name"], True),
        (POLICY, {"policy": TRUST.replace(" ", "")}, [], False),
        (POLICY, {"description": "d"}, ["description"], True),
        (ALARM, {"threshold": 0.25}, ["threshold"], False),
        (ALARM, {"name": "m"}, ["name"], True),
        (MESSAGES, {"name": "n.fifo", "fifoQueue": True}, ["fifoQueue", "name"], True),
        (MESSAGES, {"delaySeconds": 5}, ["delaySeconds"], False),
        (MESSAGES, {"kmsDataKeyReusePeriodSeconds": 60}, [], False),
        (
            MESSAGES,
            {"kmsDataKeyReusePeriodSeconds": 60, "sqsManagedSseEnabled": True},
            ["kmsDataKeyReusePeriodSeconds", "sqsManagedSseEnabled"],
            False,
        ),
        (MESSAGES_POLICY, {"policy": " " + TRUST}, [], False),
        (MESSAGES_POLICY, {"queueUrl": "http://127.0.0.1/1/m"}, ["queueUrl"], True),
        (TOPIC, {"displayName": "d"}, ["displayName"], False),
        (TOPIC, {"name": "m"}, ["name"], True),
        (SUBSCRIPTION, {"protocol": "sms", "endpoint": "+15551234567"}, ["endpoint", "protocol"], True),
        (SUBSCRIPTION, {"rawMessageDelivery": True}, ["rawMessageDelivery"], False),
    ],
)
def test_what_differs_and_what_replaces(token: str, changed: dict[str, Any], paths: list[str], replaces: bool) -> None:
    found = diff(token, **changed).changes
    assert sorted(change.path for change in found) == paths
    assert any(change.replaces for change in found) is replaces


def test_what_aws_fills_in_is_no_difference() -> None:
    state = {"loggingConfiguration": {"level": "OFF"}, "tracingConfiguration": {"enabled": False}, "arn": "arn:x"}
    assert diff(MACHINE, state).changes == []
    assert diff(RULE, {"state": "ENABLED", "isEnabled": True}).changes == []
    target = {"arn": ROLE, "roleArn": ROLE}
    policy = {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
    assert diff(SCHEDULE, {"groupName": "default", "target": {**target, "retryPolicy": policy}}).changes == []
    assert diff(TABLE, {"ttl": {"enabled": False}, "readCapacity": 0}).changes == []


def test_a_name_that_stays_is_deleted_first() -> None:
    assert diff(MACHINE, type="EXPRESS").delete_first
    assert not diff(MACHINE, name="m").delete_first
    made_up = {key: value for key, value in INPUTS[MACHINE].items() if key != "name"}
    old, _ = check(MACHINE, made_up)
    new, _ = check(MACHINE, {**made_up, "type": "EXPRESS"}, olds=decode_struct(old))
    # The replacement has the same made-up name here, but the engine makes up another: no need to delete first.
    assert not Provider(KNOWN).diff(MACHINE, old, new).delete_first


def test_a_preview_of_a_create() -> None:
    identifier, state = Provider(KNOWN).create(JOB, checked(JOB, tags={"a": "b"}), preview=True)
    plain = decode_struct(state)
    assert identifier == ""
    assert plain["arn"] is plain["revision"] is UNKNOWN
    assert (plain["name"], plain["tagsAll"]) == ("n", {"a": "b"})
    assert "__defaults" not in plain


@pytest.mark.parametrize(
    ("token", "changed", "unknown"),
    [
        (JOB, {"containerProperties": CONTAINER.replace("4", "8")}, {"arn", "revision"}),
        (JOB, {"retryStrategy": {"attempts": 2}}, {"arn", "revision"}),
        (JOB, {"deregisterOnNewRevision": False}, {"arn", "revision"}),
        (JOB, {"tags": {"a": "b"}}, set()),
        (MACHINE, {"definition": DEFINITION + " "}, set()),
        (OBJECT, {"content": "d"}, {"etag", "versionId"}),
        (OBJECT, {"tags": {"a": "b"}}, set()),
    ],
)
def test_a_preview_of_an_update(token: str, changed: dict[str, Any], unknown: set[str]) -> None:
    outputs = {"arn": "arn:1", "arnPrefix": "arn", "revision": 1, "etag": "e", "versionId": "v"}
    names = {*resource(token).schema.outputs, *(["etag"] if token == OBJECT else [])}
    known = {name: value for name, value in outputs.items() if name in names}
    old = struct({**decode_struct(checked(token)), **known})
    state = Provider(KNOWN).update(token, "id", old, checked(token, **changed), preview=True)
    plain = decode_struct(state)
    assert {name for name, value in plain.items() if value is UNKNOWN} == unknown
    assert all(plain[name] == value for name, value in known.items() if name not in unknown)


def test_secrets_unknowns_and_what_follows_from_them_go_through() -> None:
    news = struct({**INPUTS[MACHINE], "roleArn": UNKNOWN})
    news.fields["tags"].CopyFrom(encode({"a": "hush"}, secret=True))
    inputs, found = Provider(KNOWN).check(MACHINE, Naming("n"), Struct(), news)
    assert found == []
    assert inputs.fields["roleArn"].string_value == rpc.UNKNOWN
    assert has_secret(inputs.fields["tags"])
    assert not has_secret(inputs.fields["tagsAll"]), "as upstream: a tag is no place for a secret"
    _, state = Provider(KNOWN).create(MACHINE, inputs, preview=True)
    assert has_secret(state.fields["tags"])


def test_a_provider_that_is_not_known_yet_previews() -> None:
    unknown = Provider(None)
    inputs, found = unknown.check(MACHINE, Naming("n"), Struct(), struct(INPUTS[MACHINE]))
    assert found == []
    assert decode_struct(inputs)["region"] is UNKNOWN
    assert unknown.create(MACHINE, inputs, preview=True)[0] == ""
    with pytest.raises(CloudError, match="not known yet"):
        unknown.create(MACHINE, inputs, preview=False)


def test_an_aws_that_does_not_answer() -> None:
    with pytest.raises(CloudError, match=r"does not answer .* `flowinfra local start` starts it"):
        Provider(KNOWN).create(LOGS, checked(LOGS), preview=False)
