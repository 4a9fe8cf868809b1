"""Policies: least privilege, derived from the compiled flow, and right in the eyes of a linter."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import Any

import pytest

from flowinfra.components.iam import Policy, secret_arns
from flowinfra.components.names import Names
from flowinfra.components.site import Site
from flowinfra.model.compiled import Secret
from flowinfra.targets.step_functions import iam
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import warnings as warnings_of
from tests.unit.components.compiled import SITE, compiled, plan, site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parliament import analyze_policy_string

FLOWS = ["linear", "foreach", "distributed_map", "log_history", "secrets", "batch_tags", "overrides", "project_branch"]
ACCEPTED = {"RESOURCE_EFFECTIVELY_STAR"}
"""Actions that know no resources are granted on `*`, which the linter notes."""


def names(flow: StepFunctionsCompiled) -> Names:
    return Names("app", "dev", flow.name)


def statements(policy: Policy) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def states(name: str) -> dict[str, dict[str, Any]]:
    flow = compiled(name)
    return statements(iam.states_policy(flow, SITE, names(flow)))


def jobs(name: str, **changes: Any) -> dict[str, dict[str, Any]]:
    return statements(iam.jobs_policy(compiled(name), site(**changes)))


def policies(name: str, where: Site) -> list[Policy]:
    flow = compiled(name)
    return [
        iam.states_policy(flow, where, names(flow)),
        iam.jobs_policy(flow, where),
        iam.events_policy(flow, where),
        iam.execution_policy(flow, where),
    ]


@pytest.mark.parametrize("name", FLOWS)
def test_the_linter_finds_nothing(name: str) -> None:
    for policy in policies(name, site(service_auth_secret=SECRET)):
        found = analyze_policy_string(json.dumps(policy)).findings
        assert [finding for finding in found if finding.issue not in ACCEPTED and not _express(finding)] == []


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_every_arn_is_of_the_partition(partition: str) -> None:
    for name in FLOWS:
        for policy in policies(name, site(partition=partition)):
            # roles that a flow names for its secrets stand as they are written
            made = [statement for statement in policy["Statement"] if statement["Sid"] != "SecretsOfOthers"]
            arns = [arn for statement in made for arn in statement["Resource"]]
            assert all(arn == "*" or arn.startswith(f"arn:{partition}:") for arn in arns)


def _express(finding: Any) -> bool:
    """The linter wants DescribeExecution for express executions too, which a distributed map of Metaflow's is not."""
    return finding.issue == "RESOURCE_MISMATCH" and all(
        ":express:" in each["required_format"] for each in finding.detail
    )


SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:service-key-AbCdEf"


def test_step_functions_submits_only_the_flows_own_jobs() -> None:
    granted = states("linear")
    prefix = names(compiled("linear")).prefix
    assert granted["SubmitJobs"]["Resource"] == [
        f"arn:aws:batch:us-east-1:123456789012:job-definition/{prefix}-*",
        "arn:aws:batch:us-east-1:123456789012:job-queue/jobs",
        "arn:aws:batch:us-east-1:123456789012:job/*",
    ]
    assert set(granted) == {"SubmitJobs", "StopJobs", "FollowJobs", "HearOfJobs"}


def test_the_prefix_covers_every_step_that_was_or_will_be() -> None:
    flow = compiled("split")
    own = names(flow)
    assert all(own.job(step).startswith(f"{own.prefix}-") for step in [*flow.flow.steps, "x" * 128])


def test_a_steps_own_queue_is_granted() -> None:
    assert "arn:aws:batch:us-east-1:123456789012:job-queue/big" in states("overrides")["SubmitJobs"]["Resource"]


def test_a_queue_may_be_an_arn() -> None:
    flow = compiled("linear")
    queue = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
    granted = statements(iam.states_policy(flow, replace(SITE, queue=queue), names(flow)))
    assert queue in granted["SubmitJobs"]["Resource"]


def test_only_a_foreach_may_touch_the_table() -> None:
    table = ["arn:aws:dynamodb:us-east-1:123456789012:table/foreach-table"]
    assert "ReadForeach" not in states("linear")
    assert "Foreach" not in jobs("linear")
    assert states("foreach")["ReadForeach"] | {"Sid": 0} == {
        "Sid": 0,
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem"],
        "Resource": table,
    }
    assert jobs("foreach")["Foreach"]["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert jobs("foreach")["Foreach"]["Resource"] == table


def test_a_distributed_map_may_start_itself_and_write_its_results() -> None:
    granted = states("distributed_map")
    machine = compiled("distributed_map").name
    assert granted["StartMapRuns"]["Resource"] == [f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"]
    assert granted["MapResults"]["Resource"] == ["arn:aws:s3:::bkt/metaflow/sfn_distributed_map_output/*"]
    definition = json.dumps(compiled("distributed_map").step_functions.definition)
    assert f'"Prefix": "flowinfra--prefix/{iam.MAP_OUTPUT}' in definition


def test_log_delivery_only_where_history_is_logged() -> None:
    assert "DeliverLogs" in states("log_history")
    assert "DeliverLogs" not in states("linear")


def test_tagged_jobs_need_leave_to_tag() -> None:
    document = compiled("foreach").model_dump(mode="json")
    inner = next(
        state["Iterator"]["States"]
        for state in document["step_functions"]["definition"]["States"].values()
        if state["Type"] == "Map"
    )
    next(iter(inner.values()))["Parameters"]["Tags"] = {"team": "ml"}
    flow = StepFunctionsCompiled.model_validate(document)
    granted = statements(iam.states_policy(flow, SITE, names(flow)))
    assert granted["TagJobs"]["Action"] == ["batch:TagResource"]
    assert "TagJobs" not in states("foreach")


def test_tasks_reach_their_own_flows_objects_only() -> None:
    granted = jobs("linear")
    name = compiled("linear").flow.name
    assert granted["Datastore"]["Resource"] == [
        f"arn:aws:s3:::bkt/metaflow/{name}/*",
        f"arn:aws:s3:::bkt/metaflow/data/{name}/*",
        f"arn:aws:s3:::bkt/metaflow/mf.cards/{name}/*",
    ]
    assert all("Delete" not in action for statement in granted.values() for action in statement["Action"])


def test_every_object_of_the_flow_is_readable() -> None:
    for name in ("linear", "include_file", "compress"):
        flow = compiled(name)
        allowed = [arn.removesuffix("*") for arn in jobs(name)["Datastore"]["Resource"]]
        for entry in flow.objects.values():
            assert any(f"arn:aws:s3:::bkt/metaflow/{entry.key}".startswith(start) for start in allowed)


def test_exactly_the_secrets_that_are_named() -> None:
    assert jobs("secrets")["Secrets"] | {"Sid": 0} == {
        "Sid": 0,
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue"],
        "Resource": [
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api-key-??????",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-login-??????",
        ],
    }
    assert jobs("secrets")["SecretsOfOthers"] | {"Sid": 0} == {
        "Sid": 0,
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Resource": ["arn:aws:iam::210987654321:role/ledger-reader"],
    }
    assert not {"Secrets", "SecretsOfOthers"} & set(jobs("linear"))


def with_secrets(*secrets: Secret, **settings: str) -> StepFunctionsCompiled:
    flow = compiled("linear")
    assert isinstance(flow, StepFunctionsCompiled)
    steps = {**flow.flow.steps, "start": flow.flow.steps["start"].model_copy(update={"secrets": secrets})}
    return flow.model_copy(
        update={
            "flow": flow.flow.model_copy(update={"steps": steps}),
            "shape": flow.shape.model_copy(update={"settings": settings}),
        }
    )


def test_secrets_by_arn_and_of_other_clouds() -> None:
    flow = with_secrets(
        Secret(backend="aws-secrets-manager", id=SECRET),
        Secret(backend="aws-secrets-manager", id="db"),
        Secret(backend="gcp-secret-manager", id="x"),
        Secret(backend="inline", id="y"),
    )
    assert secret_arns(flow, SITE) == [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-??????",
        SECRET,
        f"{SECRET}-??????",
    ]


def test_the_region_of_a_secret_is_its_own_or_the_settings_or_the_stacks() -> None:
    secrets = Secret(backend="aws-secrets-manager", id="a"), Secret(backend="aws-secrets-manager", id="b", region="r")
    flow = with_secrets(*secrets, METAFLOW_AWS_SECRETS_MANAGER_DEFAULT_REGION="s")
    assert [arn.split(":")[3] for arn in secret_arns(flow, SITE)] == ["r", "s"]
    assert [arn.split(":")[3] for arn in secret_arns(with_secrets(*secrets), SITE)] == ["r", "us-east-1"]


def test_roles_are_for_this_account_only() -> None:
    policy = iam.trust_policy("states.amazonaws.com", "123456789012")
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_execution_role_reads_the_service_key_and_nothing_else() -> None:
    granted = statements(iam.execution_policy(compiled("linear"), site(service_auth_secret=SECRET)))
    assert granted["ServiceKey"]["Resource"] == [SECRET]
    assert "ServiceKey" not in statements(iam.execution_policy(compiled("linear"), SITE))


@pytest.mark.parametrize(
    ("name", "changes", "kinds"),
    [
        ("linear", {}, ("states", "jobs")),
        ("schedule_daily", {}, ("states", "jobs", "events")),
        ("schedule_daily", {"events_role": "arn:x"}, ("states", "jobs")),
        ("fargate", {}, ("states", "jobs", "execution")),
        ("metadata_service", {"service_auth_secret": SECRET}, ("states", "jobs", "execution")),
        ("fargate", {"job_role": "arn:x", "states_role": "arn:x", "execution_role": "arn:x"}, ()),
    ],
)
def test_roles_of_the_flows_own(name: str, changes: dict[str, str], kinds: tuple[str, ...]) -> None:
    assert plan(name).role_kinds(site(**changes)) == kinds


def test_other_flows_are_read_where_the_stack_says_so() -> None:
    flow = compiled("linear")
    granted = statements(iam.jobs_policy(flow, SITE, ("Train", "Fit")))["ReadFlows"]
    assert granted["Action"] == ["s3:GetObject"]
    assert granted["Resource"] == [
        f"arn:aws:s3:::bkt/metaflow/{part}{name}/*" for part in ("", "data/", "mf.cards/") for name in ("Fit", "Train")
    ]
    every = statements(iam.jobs_policy(flow, SITE, ("*",)))["ReadFlows"]
    assert every["Resource"] == ["arn:aws:s3:::bkt/metaflow/*"]
    assert "ReadFlows" not in jobs("linear")


KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def test_customers_keys_are_granted_to_whoever_meets_them() -> None:
    where = site(kms_keys=(KEY,), service_auth_secret=SECRET)
    flow, use = compiled("linear"), ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statements(iam.jobs_policy(flow, where))["UseKeys"]["Resource"] == [KEY]
    assert statements(iam.jobs_policy(flow, where))["UseKeys"]["Action"] == use
    assert statements(iam.execution_policy(flow, where))["UseKeys"]["Action"] == ["kms:Decrypt"]
    assert "UseKeys" not in statements(iam.execution_policy(flow, site(kms_keys=(KEY,))))
    assert "UseKeys" not in statements(iam.states_policy(flow, where, names(flow)))
    for name in ("foreach", "distributed_map"):
        other = compiled(name)
        assert statements(iam.states_policy(other, where, names(other)))["UseKeys"]["Action"] == use
    assert all("UseKeys" not in statements(policy) for policy in policies("foreach", SITE))


def with_logs(**logs: Any) -> StepFunctionsCompiled:
    """The flow `fargate` with another log configuration of its step `start`."""
    document = compiled("fargate").model_dump(mode="json")
    job = document["step_functions"]["job_definitions"]["start"]
    job["properties"]["containerProperties"]["logConfiguration"] = logs
    return StepFunctionsCompiled.model_validate(document)


def test_containers_write_to_the_log_groups_that_their_steps_name() -> None:
    def arn(name: str, region: str = "us-east-1") -> str:
        return f"arn:aws:logs:{region}:123456789012:log-group:{name}:*"

    def granted(**logs: Any) -> dict[str, dict[str, Any]]:
        return statements(iam.execution_policy(with_logs(**logs), SITE))

    own = granted(logDriver="awslogs", options={"awslogs-group": "/own", "awslogs-region": "eu-west-1"})
    assert own["WriteLogs"]["Resource"] == [arn("/own", "eu-west-1"), arn("/aws/batch/job")]
    assert "MakeLogGroups" not in own
    made = granted(options={"awslogs-group": "/own", "awslogs-create-group": "true"})
    assert made["MakeLogGroups"]["Resource"] == [arn("/own")]
    assert granted(logDriver="splunk")["WriteLogs"]["Resource"] == [arn("/aws/batch/job")]


def test_a_flow_that_is_named_and_not_read_is_told() -> None:
    flow = compiled("linear")
    named = flow.model_copy(update={"flow": flow.flow.model_copy(update={"reads": ("Train", "Fit")})})
    (told,) = replace(plan("linear"), compiled=named, reads=("Fit",)).unread
    assert "the code names Train," in told
    assert "`reads: [Fit, Train]`" in told
    assert list(replace(plan("linear"), compiled=named, reads=("*",)).unread) == []
    assert (
        list(
            warnings_of(
                replace(plan("linear"), compiled=named), site(job_role="arn:aws:iam::123456789012:role/own"), ()
            )
        )
        == []
    )
    assert list(plan("linear").unread) == []
