"""Each mend: right with it, wrong without it. The second half fails once moto has the behaviour itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from moto.core.base_backend import BaseBackend
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from flowinfra.local import calls, platform, run
from flowinfra.local.mends import (
    MENDS,
    asked_by_providers,
    clients,
    deletions,
    execution_logs,
    execution_names,
    executions,
    integrations,
    job_definitions,
    job_details,
    job_tasks,
    json_paths,
    map_results,
    nested_errors,
    pod_identities,
    query_languages,
    redeploys,
    service_roles,
    submissions,
    threads,
)
from tests.local.support import Aws, job_state, machine, unique, wait_for


def test_every_mend_has_its_own_name() -> None:
    assert len({mend.name for mend in MENDS}) == len(MENDS)


# asked_by_providers


def test_a_definition_is_validated(aws: Aws) -> None:
    good, bad = (json.dumps(machine(only={"Type": "Pass", **more})) for more in ({"End": True}, {"Next": "nowhere"}))
    answer = aws.states.validate_state_machine_definition(definition=good, type="STANDARD")
    assert (answer["result"], answer["diagnostics"], answer["truncated"]) == ("OK", [], False)
    answer = aws.states.validate_state_machine_definition(definition=bad)
    (found,) = answer["diagnostics"]
    assert (answer["result"], found["severity"], found["code"]) == ("FAIL", "ERROR", "MISSING_TRANSITION_TARGET")
    assert (found["message"], found["location"]) == ("Missing 'Next' target: nowhere", "/States/only/Next")
    with asked_by_providers.MEND.withdrawn(), pytest.raises(ClientError):
        aws.states.validate_state_machine_definition(definition=good)


def test_published_versions_are_listed(aws: Aws) -> None:
    arn = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    assert aws.states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    made = [
        aws.states.update_state_machine(
            stateMachineArn=arn, definition=json.dumps(machine(only={"Type": kind})), publish=True
        )["stateMachineVersionArn"]
        for kind in ("Succeed", "Fail")
    ]
    listed = aws.states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in listed] == made[::-1]
    with asked_by_providers.MEND.withdrawn(), pytest.raises(ClientError):
        aws.states.list_state_machine_versions(stateMachineArn=arn)


# pod_identities


def test_a_service_account_has_a_role(aws: Aws) -> None:
    eks = run.client(aws.instance, "eks")
    cluster, role = unique("cluster"), platform.role_arn(platform.STATES_ROLE)
    eks.create_cluster(name=cluster, roleArn=role, resourcesVpcConfig={"subnetIds": []})
    place = {"clusterName": cluster, "namespace": "flows", "serviceAccount": "runner"}
    made = eks.create_pod_identity_association(**place, roleArn=role, tags={"a": "b"})["association"]
    assert made["associationArn"].endswith(f":podidentityassociation/{cluster}/{made['associationId']}")
    one = {"clusterName": cluster, "associationId": made["associationId"]}
    with pytest.raises(ClientError, match=r"ResourceInUseException.*Association already exists: a-"):
        eks.create_pod_identity_association(**place, roleArn=role)
    with pytest.raises(ClientError, match=r"InvalidParameterException.*Role provided in the request does not exist"):
        eks.update_pod_identity_association(**one, roleArn=platform.role_arn("nobody"))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        eks.create_pod_identity_association(**{**place, "clusterName": "nothing"}, roleArn=role)
    other = platform.role_arn(platform.JOB_ROLE)
    assert eks.update_pod_identity_association(**one, roleArn=other)["association"]["roleArn"] == other
    eks.tag_resource(resourceArn=made["associationArn"], tags={"c": "d"})
    eks.untag_resource(resourceArn=made["associationArn"], tagKeys=["a"])
    found = eks.describe_pod_identity_association(**one)["association"]
    assert (found["tags"], found["roleArn"]) == ({"c": "d"}, other)
    assert len(eks.list_pod_identity_associations(clusterName=cluster, serviceAccount="runner")["associations"]) == 1
    assert eks.list_pod_identity_associations(clusterName=cluster, namespace="others")["associations"] == []
    with pod_identities.MEND.withdrawn(), pytest.raises(ClientError):
        eks.describe_pod_identity_association(**one)
    eks.delete_pod_identity_association(**one)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        eks.describe_pod_identity_association(**one)


# execution_names


def test_execution_without_a_name_gets_a_uuid(aws: Aws) -> None:
    arn = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    assert len(aws.begin(arn).rpartition(":")[2]) == 36
    with execution_names.MEND.withdrawn():
        assert aws.begin(arn).endswith(":None")


def test_execution_names_are_checked(aws: Aws) -> None:
    arn = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    with pytest.raises(ClientError, match="InvalidName"):
        aws.states.start_execution(stateMachineArn=arn, name="a/b")


# redeploys


def test_create_of_an_existing_name_with_another_definition_is_refused(aws: Aws) -> None:
    name = unique("redeploy")
    first, second = (machine(only={"Type": "Pass", "Result": each, "End": True}) for each in (1, 2))
    arn = aws.deploy(first, name)
    assert aws.deploy(first, name) == arn
    with pytest.raises(aws.states.exceptions.StateMachineAlreadyExists, match=f"'{arn}'"):
        aws.deploy(second, name)
    with redeploys.MEND.withdrawn():
        assert aws.deploy(second, name) == arn
    found = aws.states.describe_state_machine(stateMachineArn=arn)
    assert json.loads(found["definition"]) == first


def test_names_with_dots_are_taken(aws: Aws) -> None:
    name = unique("fraud.prod.Flow")
    assert aws.deploy(machine(only={"Type": "Pass", "End": True}), name).endswith(f":stateMachine:{name}")


# deletions


def test_a_state_machine_that_runs_is_deleted_at_its_next_state(aws: Aws) -> None:
    last = {"Type": "Pass", "End": True}
    name = unique("deleted")
    arn = aws.deploy(machine(first={"Type": "Wait", "Seconds": 4, "Next": "last"}, last=last), name)
    execution = aws.begin(arn)
    aws.states.delete_state_machine(stateMachineArn=arn)
    assert aws.states.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
    tries: list[Callable[[], str]] = [lambda: aws.begin(arn), lambda: aws.deploy(machine(only=last), name)]
    for refused in tries:
        with pytest.raises(aws.states.exceptions.StateMachineDeleting):
            refused()
    assert aws.states.describe_execution(executionArn=execution)["status"] == "RUNNING"

    def gone() -> bool:
        machines = aws.states.list_state_machines()["stateMachines"]
        return arn not in {each["stateMachineArn"] for each in machines}

    wait_for(gone)
    other = aws.deploy(machine(first={"Type": "Wait", "Seconds": 60, "End": True}))
    aws.begin(other)
    with deletions.MEND.withdrawn():
        aws.states.delete_state_machine(stateMachineArn=other)
    with pytest.raises(aws.states.exceptions.StateMachineDoesNotExist):
        aws.states.describe_state_machine(stateMachineArn=other)


# query_languages


def test_jsonata_is_refused_when_it_is_deployed(aws: Aws) -> None:
    definition = {"QueryLanguage": "JSONata", **machine(only={"Type": "Pass", "End": True})}
    with pytest.raises(ClientError, match="does not run QueryLanguage JSONata"):
        aws.deploy(definition)
    with query_languages.MEND.withdrawn():
        aws.deploy(definition)


# json_paths

DATA = {"a": {"x": 1, "y": 2, "z": 3}, "list": [{"JobId": "1"}, {"JobId": "2"}], "b.c": 4}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a['x','y']", {"x": 1, "y": 2}),
        ("$.a['x','nothing']", {"x": 1}),
        ("$.a.['x','y']", {"x": 1, "y": 2}),
        ("$.list.[0].JobId", "1"),
        ("$.list[1].JobId", "2"),
        ("$.list[*].JobId", ["1", "2"]),
        ("$.['b.c']", 4),
        ("$.a", DATA["a"]),
    ],
)
def test_json_paths(path: str, value: object) -> None:
    assert json_paths.extract(path, DATA) == value


def test_json_path_of_nothing() -> None:
    with pytest.raises(NoSuchJsonPathError):
        json_paths.extract("$.nothing", DATA)


def test_json_paths_are_those_of_the_interpreter(aws: Aws) -> None:
    definition = machine(
        only={
            "Type": "Pass",
            "Parameters": {"some.$": "$.a['x','y']", "first.$": "$.list.[0].JobId"},
            "End": True,
        }
    )
    assert json.loads(aws.execute(definition, DATA)["output"]) == {"some": {"x": 1, "y": 2}, "first": "1"}
    with json_paths.MEND.withdrawn():
        assert json.loads(aws.execute(definition, DATA)["output"]) == {"some": [1, 2], "first": ["1"]}


# integrations


def test_batch_tasks_are_spelled_in_pascal_case(aws: Aws) -> None:
    definition = machine(only=job_state(aws.define(), "true"))
    done = aws.execute(definition)
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"])["Status"] == "SUCCEEDED"
    with integrations.MEND.withdrawn():
        assert aws.execute(definition)["error"] == "States.Runtime"


def test_tasks_start_executions(aws: Aws) -> None:
    inner = aws.deploy(machine(only={"Type": "Pass", "End": True}))
    only = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": inner, "Name.$": "$$.Execution.Name", "Input.$": "$"},
        "End": True,
    }
    done = aws.execute(machine(only=only), {"text": "it's \""})
    started = json.loads(done["output"])["ExecutionArn"]
    assert started.endswith(f":{done['name']}")
    assert json.loads(aws.ended(started)["input"]) == {"text": "it's \""}
    with integrations.MEND.withdrawn():
        assert aws.execute(machine(only=only))["error"] == "States.Runtime"


def test_sdk_integrations_read_bodies(aws: Aws) -> None:
    aws.s3.put_object(Bucket=platform.NAME, Key="answer.json", Body=b'{"n": 1}')
    definition = machine(
        read={
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
            "Parameters": {"Bucket": platform.NAME, "Key": "answer.json"},
            "ResultSelector": {"body.$": "States.StringToJson($.Body)"},
            "End": True,
        }
    )
    assert json.loads(aws.execute(definition)["output"]) == {"body": {"n": 1}}
    with integrations.MEND.withdrawn():
        assert aws.execute(definition)["status"] == "FAILED"


# clients


def test_calls_of_a_state_machine_are_its_roles(aws: Aws) -> None:
    name = unique("role")
    definition = machine(only=job_state(aws.define(), "true", parameters={"JobName": name}))
    aws.execute(definition)
    with clients.MEND.withdrawn():
        aws.execute(definition)
    submits = [call for call in calls.read(aws.state.call_log) if call["resource"].get("jobName") == name]
    assert [(call["kind"], call["role"]) for call in submits] == [
        ("states", platform.STATES_ROLE),
        ("user", "ak"),
    ]


# job_tasks


def test_stopping_an_execution_terminates_its_job(aws: Aws) -> None:
    name = unique("stopped")
    arn = aws.begin(aws.deploy(machine(only=job_state(aws.define(), "sleep", "600", parameters={"JobName": name}))))
    job = wait_for(lambda: aws.jobs_named(name))[0]
    wait_for(lambda: aws.job(job["jobId"])["status"] == "RUNNING")
    stopped = aws.states.stop_execution(executionArn=arn, error="Because", cause="of a test")
    assert stopped["stopDate"]
    found = aws.states.describe_execution(executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Because", "of a test")
    assert aws.ended_job(job["jobId"])["statusReason"] == "Terminated by Step Functions"


def test_a_timed_out_task_terminates_its_job(aws: Aws) -> None:
    name = unique("timeout")
    task = job_state(aws.define(), "sleep", "600", parameters={"JobName": name}, TimeoutSeconds=1)
    assert aws.execute(machine(only=task))["error"] == "States.Timeout"
    assert aws.ended_job(aws.jobs_named(name)[0]["jobId"])["status"] == "FAILED"


def test_without_the_mend_a_timed_out_task_leaves_its_job_running(aws: Aws) -> None:
    name = unique("left")
    task = job_state(aws.define(), "sleep", "600", parameters={"JobName": name}, TimeoutSeconds=1)
    with job_tasks.MEND.withdrawn():
        assert aws.execute(machine(only=task))["error"] == "States.Timeout"
        job_id = aws.jobs_named(name)[0]["jobId"]
        assert not aws.job(job_id).get("stoppedAt")
    aws.batch.terminate_job(jobId=job_id, reason="end of the test")
    aws.ended_job(job_id)


@pytest.mark.parametrize(("mended", "jobs"), [(True, 3), (False, 1)])
def test_a_failed_job_is_retried_by_its_state(aws: Aws, mended: bool, jobs: int) -> None:
    name = unique("retry")
    again = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 2}]
    definition = machine(only=job_state(aws.define(), "false", parameters={"JobName": name}, Retry=again))
    if mended:
        done = aws.execute(definition)
    else:
        with job_tasks.MEND.withdrawn():
            done = aws.execute(definition)
    assert done["error"] == ("States.TaskFailed" if mended else "States.Timeout")
    assert sum(job["status"] == "FAILED" for job in aws.jobs_named(name)) >= jobs


# nested_errors


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_a_failed_job_fails_what_encloses_it_with_its_error(aws: Aws, kind: str) -> None:
    failing = machine(inner=job_state(aws.define(), "false"))
    parts = {"Branches": [failing]} if kind == "Parallel" else {"ItemsPath": "$.items", "Iterator": failing}
    definition = machine(outer={"Type": kind, "End": True, **parts})
    assert aws.execute(definition, {"items": [1]})["error"] == "States.TaskFailed"
    with nested_errors.MEND.withdrawn():
        assert aws.execute(definition, {"items": [1]})["error"] == "States.Runtime"


def test_a_failed_branch_terminates_its_siblings(aws: Aws) -> None:
    name = unique("sibling")
    waiting = machine(waits=job_state(aws.define(), "sleep", "600", parameters={"JobName": name}))
    # the failure comes after the sibling has begun
    failing = machine(fails=job_state(aws.define(), "sh", "-c", "sleep 1; exit 1"))
    definition = machine(both={"Type": "Parallel", "Branches": [waiting, failing], "End": True})
    assert aws.execute(definition)["status"] == "FAILED"
    assert aws.ended_job(aws.jobs_named(name)[0]["jobId"])["status"] == "FAILED"


# executions


def test_a_timed_out_execution_has_a_stop_date(aws: Aws) -> None:
    wait = machine(only={"Type": "Wait", "Seconds": 600, "End": True})
    arn = aws.deploy({**wait, "TimeoutSeconds": 1})
    done = aws.ended(aws.begin(arn))
    assert done["status"] == "TIMED_OUT"
    assert done["stopDate"]
    listed = aws.states.list_executions(stateMachineArn=arn, statusFilter="TIMED_OUT")["executions"]
    assert listed[0]["stopDate"]
    with executions.MEND.withdrawn():
        assert "stopDate" not in aws.states.describe_execution(executionArn=done["executionArn"])


def test_a_running_execution_keeps_its_definition(aws: Aws) -> None:
    definition = aws.define()
    marker = aws.state.root / unique("marker")
    waits = job_state(definition, "sh", "-c", f"until [ -e {marker} ]; do sleep 0.1; done", following="then")
    before = machine(first=waits, then={"Type": "Pass", "Result": "old", "End": True})
    after = machine(first=waits, then={"Type": "Pass", "Result": "new", "End": True})
    arn = aws.deploy(before)
    execution = aws.begin(arn)
    aws.states.update_state_machine(stateMachineArn=arn, definition=json.dumps(after))
    found = aws.states.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(found["definition"]) == before
    with executions.MEND.withdrawn():
        found = aws.states.describe_state_machine_for_execution(executionArn=execution)
        assert json.loads(found["definition"]) == after
    assert [
        each["executionArn"]
        for each in aws.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    ] == [execution]
    marker.touch()
    assert aws.ended(execution)["output"] == '"old"'
    assert aws.ended(aws.begin(arn))["output"] == '"new"'


def test_a_history_is_given_in_pages_from_either_end(aws: Aws) -> None:
    names = [f"s{number}" for number in range(60)]
    passes = {name: {"Type": "Pass", "Next": after} for name, after in zip(names, [*names[1:], "end"], strict=True)}
    execution = aws.ended(aws.begin(aws.deploy(machine(**passes, end={"Type": "Succeed"}))))["executionArn"]
    first = aws.states.get_execution_history(executionArn=execution)
    assert (len(first["events"]), first["events"][0]["type"]) == (100, "ExecutionStarted")
    rest = aws.states.get_execution_history(executionArn=execution, nextToken=first["nextToken"])
    assert "nextToken" not in rest
    assert rest["events"][-1]["type"] == "ExecutionSucceeded"
    last = aws.states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=2)["events"]
    assert [event["id"] for event in last] == [event["id"] for event in rest["events"][:-3:-1]]
    with executions.MEND.withdrawn():
        whole = aws.states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=2)["events"]
        assert whole[0]["type"] == "ExecutionStarted"


# execution_logs


def test_history_goes_to_the_log_group(aws: Aws) -> None:
    group = f"/states/{unique('history')}"
    aws.logs.create_log_group(logGroupName=group)
    arn = aws.deploy(machine(only={"Type": "Pass", "Result": 1, "End": True}))
    destination = {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}
    configuration = {
        "level": "ALL",
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": destination}],
    }
    aws.states.update_state_machine(stateMachineArn=arn, loggingConfiguration=configuration)

    def logged(execution: str) -> list[str]:
        aws.ended(execution)
        events = aws.logs.filter_log_events(logGroupName=group)["events"]
        messages = [json.loads(event["message"]) for event in events]
        return [message["type"] for message in messages if message["execution_arn"] == execution]

    expected = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert logged(aws.begin(arn)) == expected
    with execution_logs.MEND.withdrawn():
        assert logged(aws.begin(arn)) == []


# map_results


def test_a_distributed_map_writes_its_results(aws: Aws) -> None:
    inner = machine(double={"Type": "Pass", "Parameters": {"n.$": "$"}, "End": True})
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    definition = machine(
        each={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"ProcessorConfig": config, **inner},
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": platform.NAME, "Prefix": "results"},
            },
            "End": True,
        }
    )

    def manifest() -> dict[str, list[dict[str, str]]]:
        writer = json.loads(aws.execute(definition, {"items": [1, 2]})["output"])["ResultWriterDetails"]
        body = aws.s3.get_object(Bucket=writer["Bucket"], Key=writer["Key"])["Body"].read()
        files: dict[str, list[dict[str, str]]] = json.loads(body)["ResultFiles"]
        return files

    (file,) = manifest()["SUCCEEDED"]
    children = json.loads(aws.s3.get_object(Bucket=platform.NAME, Key=file["Key"])["Body"].read())
    assert [json.loads(child["Output"]) for child in children] == [{"n": 1}, {"n": 2}]
    with map_results.MEND.withdrawn():
        assert manifest()["SUCCEEDED"] == []


# job_definitions


def test_a_revision_holds_what_was_registered(aws: Aws) -> None:
    name = unique("revisions")
    aws.define(name=name, platformCapabilities=["EC2"], propagateTags=True, parameters={"a": "1"})
    second = {"platformCapabilities": ["FARGATE"], "propagateTags": False, "tags": {"stack": "local"}}
    properties = {
        "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}],
        "networkConfiguration": {"assignPublicIp": "ENABLED"},
    }
    strategy, timeout = {"attempts": 3}, {"attemptDurationSeconds": 90}
    arn = aws.define(name=name, properties=properties, retryStrategy=strategy, timeout=timeout, **second)
    (found,) = aws.batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    assert found["revision"] == 2
    assert found["parameters"] == {}
    assert {key: found[key] for key in second} == second
    assert (found["retryStrategy"]["attempts"], found["timeout"]) == (3, timeout)
    assert {key: found["containerProperties"][key] for key in properties} == properties
    with job_definitions.MEND.withdrawn():
        arn = aws.define(name=name, platformCapabilities=["EC2"])
    (found,) = aws.batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    assert found["platformCapabilities"] == ["FARGATE"]


def test_revisions_count_on_after_a_deregistration_and_stay_describable(aws: Aws) -> None:
    name = unique("counting")
    first = aws.define(name=name)
    aws.batch.deregister_job_definition(jobDefinition=first)
    assert aws.define(name=name).endswith(f"{name}:2")
    listed = aws.batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
    assert {each["revision"]: each["status"] for each in listed} == {1: "INACTIVE", 2: "ACTIVE"}
    active = aws.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
    assert [each["revision"] for each in active] == [2]


def test_job_definitions_are_found_by_name_and_revision(aws: Aws) -> None:
    name = unique("found")
    arn = aws.define(name=name)
    query = {"jobDefinitions": [f"{name}:1"]}
    assert aws.batch.describe_job_definitions(**query)["jobDefinitions"][0]["jobDefinitionArn"] == arn
    with job_definitions.MEND.withdrawn():
        assert aws.batch.describe_job_definitions(**query)["jobDefinitions"] == []


def test_tags_of_job_definitions(aws: Aws) -> None:
    arn = aws.define(tags={"a": "1"})
    aws.batch.tag_resource(resourceArn=arn, tags={"b": "2"})
    aws.batch.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


# submissions


def test_an_inactive_job_definition_is_refused(aws: Aws) -> None:
    arn = aws.define()
    aws.batch.deregister_job_definition(jobDefinition=arn)
    for identifier in (arn, arn.rpartition("/")[2], arn.rpartition("/")[2].rpartition(":")[0]):
        with pytest.raises(aws.batch.exceptions.ClientException, match="not in ACTIVE status"):
            aws.submit(identifier)
    with submissions.MEND.withdrawn():
        aws.ended_job(aws.submit(arn))


def test_a_name_alone_means_the_latest_active_revision(aws: Aws) -> None:
    name = unique("latest")
    first, second = aws.define(name=name), aws.define(name=name)
    aws.batch.deregister_job_definition(jobDefinition=second)
    assert aws.ended_job(aws.submit(name))["jobDefinition"] == first


def test_the_submissions_retry_strategy_counts(aws: Aws) -> None:
    arn = aws.define("false")
    assert len(aws.ended_job(aws.submit(arn, retryStrategy={"attempts": 2}))["attempts"]) == 2
    with submissions.MEND.withdrawn():
        assert len(aws.ended_job(aws.submit(arn, retryStrategy={"attempts": 2}))["attempts"]) == 1


# job_details


def test_describing_a_job_changes_nothing(aws: Aws) -> None:
    job_id = aws.submit(aws.define(), "sh", "-c", "exit 3", overrides={"environment": [{"name": "A", "value": "1"}]})
    aws.ended_job(job_id)
    assert aws.job(job_id) == aws.job(job_id)
    assert aws.job(job_id)["container"]["exitCode"] == 3
    with job_details.MEND.withdrawn():
        aws.job(job_id)
        assert "exitCode" not in aws.job(job_id)["container"]


# service_roles


def test_a_compute_environment_takes_the_service_linked_role(aws: Aws) -> None:
    (queue,) = aws.batch.describe_job_queues(jobQueues=[platform.FARGATE_QUEUE])["jobQueues"]
    environment = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    (there,) = aws.batch.describe_compute_environments(computeEnvironments=[environment])["computeEnvironments"]

    def create() -> str:
        name = unique("compute")
        aws.batch.create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources=there["computeResources"],
        )
        found = aws.batch.describe_compute_environments(computeEnvironments=[name])
        return str(found["computeEnvironments"][0]["serviceRole"])

    roles = {create() for _ in range(2)}
    assert {role.rpartition("/")[2] for role in roles} == {"AWSServiceRoleForBatch"}
    with service_roles.MEND.withdrawn(), pytest.raises(ClientError, match="ServiceRole is required"):
        create()


# threads


class Things(BaseBackend):
    """A backend as moto's are."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.things: dict[str, int] = {"a": 1, "b": 2}


def grown(things: dict[str, int], way: str) -> int:
    """How many are listed in a way, while as many come."""
    return len([things.update({f"{way}-{number}": 0}) for number, _ in enumerate(getattr(things, way)())])


def test_what_changes_while_it_is_listed() -> None:
    with threads.MEND.withdrawn():
        plain = Things("us-east-1", "1").things
    threads.MEND.apply()
    try:
        steady = Things("us-east-1", "1").things
    finally:
        threads.MEND.withdraw()
    for way in ("__iter__", "keys", "values", "items"):
        with pytest.raises(RuntimeError, match="changed size during iteration"):
            grown(plain, way)
        assert grown(steady, way) == len(steady) / 2
    assert json.loads(json.dumps(steady)) == dict(steady.items())
