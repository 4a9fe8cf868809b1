"""What a flow is made of: exactly which resources, and how they are wired."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from flowinfra import AwsProvider, Platform, StepFunctionsFlow
from flowinfra.aws_plugin import STATE_MACHINE
from flowinfra.components.platform import PlatformSettings
from flowinfra.model.compiled import MARK
from flowinfra.targets.step_functions.states import submitting_states
from tests.components.mocked import ACCOUNT, Program, outputs, role_arn, run
from tests.unit.components.compiled import compiled

SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:key-AbCdEf"


def platform(**changes: Any) -> PlatformSettings:
    given = {"bucket": "bkt", "queue": "jobs", "table": "tbl", "region": "us-east-1", "account": ACCOUNT}
    return Platform.existing(**{**given, **changes})


def deploy(name: str, settings: dict[str, Any] | None = None, **args: Any) -> Program:
    shape = compiled(name).shape
    settings = {"compute": shape.compute, "partition": shape.partition, "name_prefix": shape.name_prefix} | (
        settings or {}
    )
    given: Any = {"flow": compiled(name), "platform": platform(**settings), **args}
    return run(lambda: StepFunctionsFlow("flow", given))


def kinds(program: Program) -> dict[str, int]:
    return dict(Counter(item.type.rsplit(":", 1)[-1] for item in program.resources))


@pytest.mark.parametrize(
    ("name", "settings", "more"),
    [
        ("linear", {}, {}),
        ("trigger", {}, {"Role": 3, "RolePolicy": 3, "EventRule": 1, "EventTarget": 1}),
        ("trigger", {"events_role": f"arn:aws:iam::{ACCOUNT}:role/e"}, {"EventRule": 1, "EventTarget": 1}),
        (
            "triggers",
            {"table": "foreach"},
            {"Role": 5, "RolePolicy": 5, "EventRule": 2, "EventTarget": 2, "StateMachine": 2, "Schedule": 1, "Row": 1}
            | {"flowinfra-aws": 1},
        ),
        (
            "trigger_on_finish_project",
            {"table": "foreach", "states_role": f"arn:aws:iam::{ACCOUNT}:role/s"},
            {"RolePolicy": 2, "EventRule": 2, "EventTarget": 2, "StateMachine": 2, "Row": 1, "flowinfra-aws": 1},
        ),
        ("schedule_daily", {}, {"Role": 3, "RolePolicy": 3, "Schedule": 1}),
        ("include_file", {}, {"BucketObjectv2": 3}),
        ("log_history", {}, {"LogGroup": 1}),
        ("fargate", {}, {"Role": 3, "RolePolicy": 3}),
        ("project_branch", {}, {"flowinfra-aws": 1}),
        (
            "linear",
            {"job_role": f"arn:aws:iam::{ACCOUNT}:role/j", "states_role": f"arn:aws:iam::{ACCOUNT}:role/s"},
            {"Role": 0, "RolePolicy": 0},
        ),
        ("linear", {"job_policies": ["arn:aws:iam::aws:policy/A", "arn:x/B"]}, {"RolePolicyAttachment": 2}),
        ("linear", {"kms_keys": [pulumi.Output.from_input(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1")]}, {}),
    ],
)
def test_exactly_what_is_needed(name: str, settings: dict[str, Any], more: dict[str, int]) -> None:
    expected = {
        "StepFunctionsFlow": 1,
        "StateMachine": 1,
        "JobDefinition": len(compiled(name).step_functions.job_definitions),
        "Role": 2,
        "RolePolicy": 2,
        "BucketObjectv2": 1,
        "Stash": 1,
    } | more
    assert kinds(deploy(name, settings)) == {kind: count for kind, count in expected.items() if count}


def test_other_flows_and_keys_reach_the_jobs_policy() -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    program = deploy("linear", {"kms_keys": [pulumi.Output.from_input(key)]}, reads=["Train"])
    policy = json.loads(program.of("RolePolicy")["flow-jobs-role-policy"]["policy"])
    granted = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert granted["UseKeys"] == [key]
    assert "arn:aws:s3:::bkt/metaflow/Train/*" in granted["ReadFlows"]
    assert program.one("StepFunctionsFlow")["reads"] == ["Train"]


def test_events_that_jobs_may_send_reach_their_policy() -> None:
    bus = pulumi.Output.from_input("acme")
    program = deploy("linear", {"event_bus": bus}, sends=["data.ready"])
    policy = json.loads(program.of("RolePolicy")["flow-jobs-role-policy"]["policy"])
    [right] = [statement for statement in policy["Statement"] if statement["Sid"] == "SendEvents"]
    assert right["Resource"] == [f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/acme"]
    shown = program.one("StepFunctionsFlow")
    assert (shown["sends"], shown["event_bus"]) == (["data.ready"], "acme")


def test_children_are_named_after_the_component() -> None:
    program = deploy("schedule_daily")
    assert all(item.name.startswith("flow") for item in program.resources)
    assert len({item.name for item in program.resources}) == len(program.resources)


def test_the_definition_names_job_definitions_by_their_content() -> None:
    program = deploy("batch")
    definition = json.loads(program.one("StateMachine")["definition"])
    made = program.of("JobDefinition").values()
    assert {state["Parameters"]["JobDefinition"] for state in submitting_states(definition)} == {
        item["name"] for item in made
    }
    assert MARK not in json.dumps(definition)
    other = deploy("batch", aws_tags={"team": "ml"})
    assert {item["name"] for item in other.of("JobDefinition").values()} == {item["name"] for item in made}


def test_what_all_steps_have_stands_once() -> None:
    program = deploy("split")
    (job,) = program.of("JobDefinition").values()
    variables = {each["name"]: each["value"] for each in json.loads(job["containerProperties"])["environment"]}
    definition = program.one("StateMachine")["definition"]
    assert variables["METAFLOW_CODE_SHA"] not in definition
    assert job["timeout"] == {"attemptDurationSeconds": 432000}
    assert job["retryStrategy"] == {"attempts": 1}
    assert job["parameters"]["metaflow.owner"] == "flowinfra"


def test_job_definitions_outlive_a_deploy() -> None:
    for inputs in deploy("linear").of("JobDefinition").values():
        assert inputs["deregisterOnNewRevision"] is False
        assert inputs["propagateTags"] is True


def test_everything_that_takes_tags_has_them() -> None:
    program = deploy("schedule_daily", aws_tags={"team": "ml"})
    untagged = {"StepFunctionsFlow", "RolePolicy", "Schedule", "Stash"}
    for item in program.resources:
        if item.type.rsplit(":", 1)[-1] not in untagged:
            assert (
                item.inputs["tags"].items()
                >= {
                    "team": "ml",
                    "flowinfra:project": "app",
                    "flowinfra:stack": "dev",
                    "flowinfra:flow": compiled("schedule_daily").name,
                }.items()
            )


def test_tags_that_gc_goes_by() -> None:
    program = deploy("linear")
    assert {inputs["tags"]["flowinfra:kind"] for inputs in program.of("BucketObjectv2").values()} == {"package"}
    for inputs in program.of("JobDefinition").values():
        assert inputs["tags"]["flowinfra:datastore"] == f"s3://bkt/metaflow/{compiled('linear').flow.name}"


def test_objects_are_where_tasks_look_for_them() -> None:
    program = deploy("include_file")
    keys = {inputs["key"] for inputs in program.of("BucketObjectv2").values()}
    assert keys == {f"metaflow/{entry.key}" for entry in compiled("include_file").objects.values()}
    named = (
        program.one("StateMachine")["definition"] + program.of("JobDefinition")["flow-job-start"]["containerProperties"]
    )
    assert all(key in named for key in keys)


def test_compressed_commands_are_objects_with_the_identity_in_them() -> None:
    program = deploy("compress")
    definition = program.one("StateMachine")["definition"]
    commands = [inputs for inputs in program.of("BucketObjectv2").values() if "content" in inputs]
    assert len(commands) == len(compiled("compress").flow.steps)
    for inputs in commands:
        assert "s3://bkt/metaflow" in inputs["content"]
        assert MARK not in inputs["content"]
        assert inputs["key"] in definition


def test_the_schedule() -> None:
    schedule = deploy("schedule_daily").one("Schedule")
    assert (schedule["scheduleExpression"], schedule["state"]) == ("cron(0 0 * * ? *)", "ENABLED")
    assert (schedule["scheduleExpressionTimezone"], schedule["groupName"]) == ("UTC", "default")
    assert schedule["description"] == "Metaflow flow ScheduleFlow of the stack app/dev"
    assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
    target = schedule["target"]
    assert target["arn"].endswith(f"stateMachine:{schedule['name']}")
    assert json.loads(target["input"]) == {"Parameters": "{}"}
    assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 12}
    assert "deadLetterConfig" not in target
    assert deploy("schedule_daily", schedule={"enabled": False}).one("Schedule")["state"] == "DISABLED"


def test_the_schedule_of_a_place() -> None:
    program = deploy("schedule_timezone")
    schedule = program.one("Schedule")
    assert schedule["scheduleExpressionTimezone"] == "Europe/Paris"
    assert program.one("StepFunctionsFlow")["schedule"]["timezone"] == "Europe/Paris"


def test_several_schedules() -> None:
    entries = {
        "nightly": {"cron": "0 3 * * ? *", "timezone": "Europe/Berlin", "parameters": {"wanted": 2, "ratio": 0.5}},
        "often": {"rate": "1 hours", "enabled": False, "parameters": {"wanted": 3}},
    }
    late = {"computed": "x", "typed": 1}
    program = deploy("parameters", deploy_time=late, schedules=entries, schedule={"timezone": "Asia/Tokyo"})
    made = {inputs["name"]: inputs for inputs in program.of("Schedule").values()}
    machine = compiled("parameters").name
    assert sorted(made) == [f"{machine}--nightly", f"{machine}--often"]
    nightly, often = made[f"{machine}--nightly"], made[f"{machine}--often"]
    assert json.loads(json.loads(nightly["target"]["input"])["Parameters"]) == {"wanted": 2, "ratio": 0.5}
    assert (nightly["scheduleExpressionTimezone"], nightly["state"]) == ("Europe/Berlin", "ENABLED")
    assert (often["scheduleExpression"], often["state"]) == ("rate(1 hour)", "DISABLED")
    assert often["scheduleExpressionTimezone"] == "UTC"  # a rate has none
    assert program.one("StepFunctionsFlow")["schedules"] == {
        "nightly": {
            "cron": "0 3 * * ? *",
            "timezone": "Europe/Berlin",
            "parameters": {"wanted": 2, "ratio": 0.5},
            "enabled": True,
        },
        "often": {"cron": "rate(1 hour)", "parameters": {"wanted": 3}, "enabled": False},
    }
    off = deploy("parameters", deploy_time=late, schedules=entries, schedule={"enabled": False})
    assert {inputs["state"] for inputs in off.of("Schedule").values()} == {"DISABLED"}


def test_several_schedules_are_in_place_of_the_flows_own() -> None:
    program = deploy(
        "schedule_daily", schedules={"late": {"cron": "0 22 * * ? *"}}, schedule={"timezone": "Asia/Tokyo"}
    )
    schedule, inputs = program.one("Schedule"), program.one("StepFunctionsFlow")
    assert (schedule["name"], schedule["scheduleExpressionTimezone"]) == ("ScheduleFlow--late", "Asia/Tokyo")
    assert ("schedule" in inputs, list(inputs["schedules"])) == (False, ["late"])


def test_a_dead_letter_queue() -> None:
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"
    for program in (
        deploy("schedule_daily", {"dead_letter_queue": pulumi.Output.from_input(queue)}),
        deploy("schedule_daily", dead_letter_queue=pulumi.Output.from_input(queue)),
    ):
        assert program.one("Schedule")["target"]["deadLetterConfig"] == {"arn": queue}
        assert program.one("StepFunctionsFlow")["dead_letter_queue"] == queue
        policies = [json.loads(inputs["policy"]) for inputs in program.of("RolePolicy").values()]
        statements = [each for policy in policies for each in policy["Statement"] if each["Sid"] == "TellOfFailures"]
        assert [(each["Action"], each["Resource"]) for each in statements] == [(["sqs:SendMessage"], [queue])]


def test_a_flow_without_a_schedule_needs_no_dead_letter_queue() -> None:
    program = deploy("linear", {"dead_letter_queue": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"})
    assert "dead_letter_queue" not in program.one("StepFunctionsFlow")
    assert program.of("Schedule") == {}


def test_who_may_take_on_the_role_of_the_schedule() -> None:
    roles = deploy("schedule_daily").of("Role")
    trust = json.loads(next(inputs for name, inputs in roles.items() if "events" in name)["assumeRolePolicy"])
    group = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/default"
    assert [(each["Principal"]["Service"], each["Condition"]["StringEquals"]) for each in trust["Statement"]] == [
        ("scheduler.amazonaws.com", {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}),
        ("events.amazonaws.com", {"aws:SourceAccount": ACCOUNT}),
    ]


def test_what_starts_a_flow_on_events() -> None:
    program = deploy("trigger_on_finish")
    rule, target = program.one("EventRule"), program.one("EventTarget")
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine"
    assert json.loads(rule["eventPattern"])["detail"] == {
        "stateMachineArn": [f"{arn}:LinearFlow"],
        "status": ["SUCCEEDED"],
    }
    assert rule["state"] == "ENABLED"
    assert len(rule["namePrefix"]) <= 38
    assert target["arn"] == f"{arn}:TriggerOnFinishFlow"
    assert target["roleArn"] == role_arn("app-dev-TriggerOnFinishFlow-triggers-1")
    assert target["inputTransformer"]["inputPaths"] == {"run": "$.detail.name", "time": "$.time"}
    assert program.one("StepFunctionsFlow")["triggers"] == {"metaflow.LinearFlow.end": True}
    policies = [json.loads(inputs["policy"])["Statement"] for inputs in program.of("RolePolicy").values()]
    allowed = {statement["Sid"]: statement["Resource"] for statements in policies for statement in statements}
    assert allowed["StartFlow"] == [f"{arn}:TriggerOnFinishFlow"]
    assert allowed["ReadTrigger"] == [f"{arn.replace('stateMachine', 'execution')}:TriggerOnFinishFlow:*"]


def test_an_event_by_a_name_of_the_stacks_own() -> None:
    files = {"data.ready": {"s3": {"bucket": "landing", "suffix": ".csv"}, "payload": {"day": "object.key"}}}
    program = deploy("trigger", {"events": files, "event_bus": "ours"})
    rule, target = program.one("EventRule"), program.one("EventTarget")
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["landing"]}, "object": {"key": [{"suffix": ".csv"}]}},
    }
    assert json.loads(rule["eventPattern"]) == pattern
    # events of AWS' own services come to the default bus
    assert "eventBusName" not in rule
    assert "eventBusName" not in target
    shown = program.one("StepFunctionsFlow")
    assert shown["event_patterns"] == {"data.ready": pattern}
    assert "event_bus" not in shown


@pytest.mark.parametrize("events", [{}, {"data.ready": {"pattern": {"source": ["my.team"]}}}])
def test_a_bus_of_ones_own(events: dict[str, Any]) -> None:
    program = deploy("trigger", {"event_bus": "ours", "events": events})
    assert {program.one(kind)["eventBusName"] for kind in ("EventRule", "EventTarget")} == {"ours"}
    assert program.one("StepFunctionsFlow")["event_bus"] == "ours"


def test_the_end_of_a_flow_comes_to_the_default_bus() -> None:
    program = deploy("trigger_on_finish", {"event_bus": "ours"})
    assert "eventBusName" not in program.one("EventRule")
    assert "event_bus" not in program.one("StepFunctionsFlow")


def test_a_required_parameter_that_a_file_does_not_set() -> None:
    with pytest.raises(pulumi.RunError) as raised:
        deploy("trigger", {"events": {"data.ready": {"s3": {"bucket": "landing"}}}})
    told = "sets the required parameter 'day' from 'day', which such an event does not have; allowed: bucket, key"
    assert told in str(raised.value)
    deploy("trigger", {"events": {"data.ready": {"s3": {"bucket": "landing"}, "payload": {"day": "object.key"}}}})


def test_all_that_is_wrong_with_a_programs_events_is_told() -> None:
    events = {"a": {"pattern": {}}, "b": {"pattern": {"source": "x"}}, "c": {}, "d": {"s3": {"bukket": "landing"}}}
    with pytest.raises(pulumi.RunError) as raised:
        deploy("trigger", {"events": events})
    told = str(raised.value)
    for line in (
        "events.a.pattern: found {}, allowed: a pattern that EventBridge takes (Empty objects are not allowed)",
        'allowed: a pattern that EventBridge takes ("source" must be an object or an array)',
        "the platform's events.c: found {}, allowed: one of pattern, s3 and run",
        "the platform's events.d.s3.bukket: unknown key 'bukket' (did you mean 'bucket'?)",
    ):
        assert line in told, told


def test_what_starts_a_flow_on_several_events() -> None:
    program = deploy("triggers", {"table": "foreach", "event_bus": "ours"})
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:TriggersFlow"
    waits = program.of("StateMachine")["flow-events-machine"]
    assert (waits["name"], waits["roleArn"]) == ("TriggersFlow-events", role_arn("app-dev-TriggersFlow-together-1"))
    start = json.loads(waits["definition"])["States"]["Start"]["Parameters"]
    assert (start["StateMachineArn"], start["Name.$"]) == (arn, "$$.Execution.Name")
    for target in program.of("EventTarget").values():
        assert (target["arn"], target["eventBusName"]) == (f"{arn}-events", "ours")
        assert target["inputTransformer"]["inputPaths"] == {"id": "$.id"}
    reset = program.one("Schedule")
    assert (reset["scheduleExpression"], reset["scheduleExpressionTimezone"]) == ("cron(0 0 * * ? *)", "Europe/Paris")
    assert (reset["target"]["arn"], reset["target"]["input"]) == (f"{arn}-events", '{"forget":true}')
    row = program.one("Row")
    assert (row["table"], row["hashKey"], row["key"]) == ("foreach", "pathspec", "flowinfra/events/TriggersFlow")
    shown = program.one("StepFunctionsFlow")
    assert shown["starts_when"] == "all of data.ready, model.ready have come"
    assert shown["table"] == "foreach"


def test_several_events_that_are_turned_off() -> None:
    program = deploy("triggers", {"table": "foreach"}, triggers={"enabled": False})
    states = [inputs["state"] for kind in ("EventRule", "Schedule") for inputs in program.of(kind).values()]
    assert states == ["DISABLED"] * 3


def test_several_events_need_a_table() -> None:
    with pytest.raises(pulumi.RunError, match=r"TriggersFlow: waits for all of .*, and what has come is kept"):
        deploy("triggers", {"table": None})


def test_triggers_that_are_turned_off() -> None:
    program = deploy("trigger", triggers={"enabled": False})
    assert program.one("EventRule")["state"] == "DISABLED"
    assert program.one("StepFunctionsFlow")["triggers_off"] is True


def test_a_prefix_is_that_of_the_other_flow_too() -> None:
    shape = {"compute": "EC2", "partition": "aws", "name_prefix": "prod"}
    made = compiled("trigger_on_finish")
    named = made.model_copy(update={"shape": made.shape.model_copy(update=shape)})
    given: Any = {"flow": named, "platform": platform(**shape)}
    pattern = json.loads(run(lambda: StepFunctionsFlow("flow", given)).one("EventRule")["eventPattern"])
    assert pattern["detail"]["stateMachineArn"][0].endswith(":prod_LinearFlow")


def test_a_platforms_role_of_jobs_must_be_able_to_read_what_started_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda words, *_: said.append(words))
    deploy("trigger", {"job_role": f"arn:aws:iam::{ACCOUNT}:role/j"})
    [told] = [words for words in said if "states:DescribeExecution" in words]
    assert "execution:TriggerFlow:*" in told


def test_a_name_with_dots_goes_through_our_own_provider() -> None:
    program = deploy("project_branch")
    inputs = program.one("StateMachine")
    assert {item.type for item in program.resources if item.type.endswith("StateMachine")} == {STATE_MACHINE}
    assert inputs["name"] == compiled("project_branch").name
    assert "." in inputs["name"]
    kinds = ("project", "stack", "flow", "definition")
    assert set(inputs["tags"]) == {f"flowinfra:{kind}" for kind in kinds}
    assert MARK not in inputs["definition"]
    assert inputs["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert [item.type for item in program.resources].count("pulumi:providers:flowinfra-aws") == 1


def test_our_provider_is_configured_as_that_of_aws() -> None:
    pulumi.runtime.set_all_config(
        {"aws:region": "eu-west-1", "aws:assumeRoles": "[]", "aws:token": "t", "aws:s3UsePathStyle": "true"}
    )
    try:
        (inputs,) = deploy("project_branch").of("pulumi:providers:flowinfra-aws").values()
    finally:
        pulumi.runtime.set_all_config({})
    assert inputs.pop("token")["value"] == "t"  # wrapped: a secret
    assert inputs == {"region": "eu-west-1", "assumeRoles": "[]"}


def test_a_flow_with_an_aws_provider_of_its_own_needs_one_of_ours() -> None:
    flow = compiled("project_branch")

    def make(*ours: type[AwsProvider]) -> None:
        providers = [
            aws.Provider("other", region="eu-west-1"),
            *(kind("mine", {"region": "eu-west-1"}) for kind in ours),
        ]
        opts = pulumi.ResourceOptions(providers=providers)
        StepFunctionsFlow("flow", {"flow": flow, "platform": platform()}, opts)

    with pytest.raises(pulumi.RunError, match="the flow has an aws provider of its own"):
        run(make)
    assert set(run(lambda: make(AwsProvider)).of("pulumi:providers:flowinfra-aws")) == {"mine"}


def test_what_is_empty_is_not_sent() -> None:
    recorded = compiled("linear").step_functions.job_definitions["start"].properties["containerProperties"]
    assert recorded["linuxParameters"] == {}
    for inputs in deploy("linear").of("JobDefinition").values():
        container = json.loads(inputs["containerProperties"])
        assert {"image", "command", "jobRoleArn", "resourceRequirements"} <= container.keys()
        assert all(value not in ({}, []) for value in container.values())


def test_logging_that_is_off_is_said_to_be() -> None:
    logging = deploy("linear").one("StateMachine")["loggingConfiguration"]
    assert logging == {"level": "OFF", "includeExecutionData": False}


def test_logging_goes_to_the_flows_own_group() -> None:
    program = deploy("log_history")
    group = program.one("LogGroup")
    assert group["namePrefix"].startswith("/aws/vendedlogs/states/app-dev-")
    logging = program.one("StateMachine")["loggingConfiguration"]
    assert group["retentionInDays"] == 90
    assert logging["logDestination"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group['namePrefix']}1:*"


def test_the_metadata_services_key_is_a_reference() -> None:
    program = deploy("metadata_service", {"service_url": "https://meta.example", "service_auth_secret": SECRET})
    for inputs in program.of("JobDefinition").values():
        container = json.loads(inputs["containerProperties"])
        assert container["secrets"] == [{"name": "METAFLOW_SERVICE_AUTH_KEY", "valueFrom": SECRET}]
        assert container["executionRoleArn"] == role_arn("app-dev-LinearFlow-execution-1")
        assert {"name": "METAFLOW_SERVICE_URL", "value": "https://meta.example"} in container["environment"]
    assert len(program.of("Role")) == 3


def test_roles_and_what_uses_them() -> None:
    program = deploy("schedule_daily", {"permissions_boundary": "arn:aws:iam::1:policy/b"})
    assert program.one("StateMachine")["roleArn"] == role_arn("app-dev-ScheduleFlow-states-1")
    assert program.one("Schedule")["target"]["roleArn"] == role_arn("app-dev-ScheduleFlow-events-1")
    container = json.loads(program.of("JobDefinition")["flow-job-start"]["containerProperties"])
    assert container["jobRoleArn"] == role_arn("app-dev-ScheduleFlow-jobs-1")
    assert all(inputs["permissionsBoundary"] == "arn:aws:iam::1:policy/b" for inputs in program.of("Role").values())


def test_a_queue_of_the_flows_own() -> None:
    program = deploy("linear", queue="big")
    states = submitting_states(json.loads(program.one("StateMachine")["definition"]))
    assert {state["Parameters"]["JobQueue"] for state in states} == {"big"}
    assert program.one("StepFunctionsFlow")["queue"] == "big"


def test_a_log_retention_of_the_flows_own() -> None:
    program = deploy("log_history", log_retention_days=7)
    assert program.one("LogGroup")["retentionInDays"] == 7
    assert program.one("StepFunctionsFlow")["log_retention_days"] == 7


def test_a_name_prefix_of_the_flows_own() -> None:
    prefix = compiled("name_prefix").shape.name_prefix
    program = deploy("name_prefix", {"name_prefix": "shop"}, name_prefix=prefix)
    assert program.one("StateMachine")["name"] == f"{prefix}_LinearFlow"
    with pytest.raises(pulumi.RunError, match="name_prefix"):
        deploy("name_prefix", {"name_prefix": "shop"})


def test_the_inputs_are_the_flow() -> None:
    inputs = deploy("schedule_daily").one("StepFunctionsFlow")
    flow = compiled("schedule_daily")
    assert set(inputs["steps"]) == set(flow.flow.steps)
    assert inputs["schedule"] == {"cron": "0 0 * * ? *", "enabled": True}
    assert inputs["datastore"] == "s3://bkt/metaflow"
    assert inputs["package"] == flow.package.object[:12]


def test_what_an_output_is_made_of_may_be_unknown_until_later() -> None:
    """A platform of the same program: values are Outputs, and everything comes out alike."""

    def later(value: str) -> pulumi.Output[str]:
        return pulumi.Output.from_input(value)

    eager = deploy("foreach")
    lazy = deploy("foreach", {"bucket": later("bkt"), "queue": later("jobs"), "table": later("tbl")})
    for kind in ("StateMachine", "JobDefinition", "RolePolicy", "BucketObjectv2", "StepFunctionsFlow"):
        assert {name: {**item, "source": 0} for name, item in lazy.of(kind).items()} == {
            name: {**item, "source": 0} for name, item in eager.of(kind).items()
        }


def test_outputs() -> None:
    def make() -> pulumi.Output[Any]:
        flow = StepFunctionsFlow("flow", {"flow": compiled("schedule_daily"), "platform": platform()})
        return pulumi.Output.all(
            flow.arn, flow.state_machine, flow.namespace, flow.authorize, flow.trigger, flow.metaflow_config
        )

    arn, name, namespace, authorize, trigger, config = outputs(make)
    token = namespace.removeprefix("production:")
    assert arn == f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}"
    assert authorize == f"python flow.py step-functions create --authorize {token}"
    assert trigger == "python flow.py step-functions trigger"
    assert config["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://bkt/metaflow"
    assert config["METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE"].endswith("-events-1")


def test_deploy_time_values_are_stashed_and_bound() -> None:
    program = deploy("parameters", deploy_time={"computed": "it's $(id)", "typed": 7})
    assert json.loads(program.of("Stash")["flow-parameters"]["input"]) == {"computed": "it's $(id)", "typed": 7}
    start = json.loads(program.one("StateMachine")["definition"])["States"]["start"]["Parameters"]
    (text,) = [
        entry["Value"]
        for entry in start["ContainerOverrides"]["Environment"]
        if entry["Name"] == "METAFLOW_DEFAULT_PARAMETERS"
    ]
    assert json.loads(text)["computed"] == "it's $(id)"
    assert json.loads(text)["typed"] == 7
    assert program.one("StepFunctionsFlow")["parameters"]["computed"]["default"] == "evaluated at deploy time"


# what is refused, before anything is made


def refused(make: Any, match: str) -> None:
    made: list[Program] = []
    with pytest.raises(pulumi.RunError, match=match):
        made.append(run(make))


def test_two_flows_of_one_name() -> None:
    def make() -> None:
        for name in ("first", "second"):
            StepFunctionsFlow(name, {"flow": compiled("linear"), "platform": platform()})

    refused(make, "first and second are both the state machine 'LinearFlow'; give one of them another `name`")


def test_the_same_flow_in_another_program_is_fine() -> None:
    deploy("linear")
    deploy("linear")


@pytest.mark.parametrize(
    ("name", "settings", "args", "match"),
    [
        ("linear", {"bucket": "a b"}, {}, "bucket is 'a b'"),
        ("linear", {"queue": "$(id)"}, {}, "queue is '\\$\\(id\\)'"),
        ("foreach", {"table": None}, {}, "the flow needs table, which the platform does not have"),
        ("linear", {}, {"schedle": 1}, "flow: schedle: unknown key 'schedle'"),
        ("linear", {}, {"with": ["retry"]}, "compile it again"),
        ("parameters", {}, {}, "parameter 'computed' is evaluated at deploy time, but has no value"),
        ("linear", {"job_role": f"arn:aws:iam::{ACCOUNT}:role/j"}, {"job_policies": ["arn:x"]}, "the platform brings"),
        ("linear", {"job_role": f"arn:aws:iam::{ACCOUNT}:role/j"}, {"reads": "all"}, "reads is for a role of the flow"),
        ("linear", {"job_role": f"arn:aws:iam::{ACCOUNT}:role/j"}, {"sends": ["a"]}, "let that one send them"),
        ("linear", {}, {"sends": ["a*"]}, "found 'a\\*', allowed: 1 to 128 printable characters"),
        ("linear", {"events": {"a": {"s3": {"bucket": "bkt"}}}}, {"sends": ["a"]}, "which AWS alone sends"),
        ("linear", {}, {"aws_tags": {"aws:x": "y"}}, "aws_tags has the key 'aws:x'"),
        ("linear", {"compute": "FARGATE"}, {}, "compute = 'EC2', this stack asks for compute = 'FARGATE'"),
    ],
)
def test_bad_input(name: str, settings: dict[str, Any], args: dict[str, Any], match: str) -> None:
    with pytest.raises(pulumi.RunError, match=match):
        deploy(name, settings, **args)


def test_a_platform_must_be_given() -> None:
    refused(
        lambda: StepFunctionsFlow("flow", {"flow": compiled("linear"), "platform": {"bucket": "b"}}),  # type: ignore[typeddict-item]
        "platform is .*; give Platform.existing",
    )


def test_nothing_is_made_of_a_flow_with_problems() -> None:
    program = Program()

    def make() -> None:
        with pytest.raises(pulumi.RunError):
            StepFunctionsFlow("flow", {"flow": compiled("linear"), "platform": platform(bucket="a b")})

    program = run(make)
    assert program.resources == []
