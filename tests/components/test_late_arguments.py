"""Arguments that may be Outputs, and providers that a program names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

from flowinfra import (
    AirflowFlow,
    AirflowPlatform,
    ArgoEvents,
    ArgoFlow,
    DagConfigMaps,
    KubernetesPlatform,
    Platform,
    StepFunctionsFlow,
)
from tests.components.mocked import ACCOUNT, Program, run
from tests.unit.components.airflow import airflow
from tests.unit.components.argo import argo
from tests.unit.components.compiled import compiled

POLICY = f"arn:aws:iam::{ACCOUNT}:policy/made"


def deploy(**args: Any) -> Program:
    platform = Platform.existing(bucket="bkt", queue="jobs", table="tbl", region="us-east-1", account=ACCOUNT)

    def program() -> None:
        made = {key: value() for key, value in args.items()}
        StepFunctionsFlow("flow", {"flow": compiled("log_history"), "platform": platform, **made})  # type: ignore[typeddict-item]

    return run(program)


def output(value: Any) -> Callable[[], Any]:
    return lambda: pulumi.Output.from_input(value)


def test_a_flow_takes_what_a_resource_gives() -> None:
    program = deploy(
        queue=output("queue-of-the-program"),
        log_retention_days=output(30),
        job_policies=lambda: ["arn:aws:iam::aws:policy/A", pulumi.Output.from_input(POLICY)],
        aws_tags=lambda: {"plain": "a", "made": pulumi.Output.from_input("b")},
    )
    attached = {item["policyArn"] for item in program.of("RolePolicyAttachment").values()}
    assert attached == {"arn:aws:iam::aws:policy/A", POLICY}
    assert program.one("LogGroup")["retentionInDays"] == 30
    assert program.one("StateMachine")["tags"]["made"] == "b"
    assert "queue-of-the-program" in program.one("StateMachine")["definition"]
    assert "queue-of-the-program" in program.of("RolePolicy")["flow-states-role-policy"]["policy"]
    assert "being-created" not in str([item.inputs for item in program.resources])


@pytest.mark.parametrize("key", ["job_policies", "aws_tags", "labels", "annotations"])
def test_what_decides_how_many_there_are_has_to_be_known(key: str) -> None:
    with pytest.raises(Exception, match=f"{key} is an Output; give a"):
        deploy(**{key: output([])})


def labels(team: str = "risk") -> dict[str, Any]:
    """Of a platform and a flow, half of them Outputs."""
    own = {"labels": {"team": pulumi.Output.from_input(team)}, "annotations": {"a/b": pulumi.Output.from_input("c")}}
    return {"platform": {"labels": {"stage": pulumi.Output.from_input("dev"), "team": "none"}}, "flow": own}


def deploy_argo(team: str = "risk") -> Program:
    def program() -> None:
        given = labels(team)
        platform = KubernetesPlatform(
            bucket="bkt", namespace="flows", events=ArgoEvents(), check_cluster=False, **given["platform"]
        )
        arguments: Any = {"flow": argo("schedule_timezone"), "platform": platform, **given["flow"]}
        ArgoFlow("flow", arguments)

    return run(program)


def test_labels_on_argo_may_be_made_by_the_program() -> None:
    program = deploy_argo()
    shown = program.one("ArgoFlow")
    assert (shown["labels"], shown["annotations"]) == ({"stage": "dev", "team": "risk"}, {"a/b": "c"})
    template, cron = program.one("WorkflowTemplate"), program.one("CronWorkflow")
    for found in (
        template["metadata"],
        template["spec"]["podMetadata"],
        template["spec"]["workflowMetadata"],
        cron["metadata"],
        cron["spec"]["workflowMetadata"],
        *(program.one(kind)["metadata"] for kind in ("ServiceAccount", "Role", "RoleBinding")),
    ):
        assert {"stage": "dev", "team": "risk", "flowinfra/stack": "dev"}.items() <= found["labels"].items()
        assert found["annotations"]["a/b"] == "c"
    assert "being-created" not in str([item.inputs for item in program.resources])


def test_a_label_that_is_known_late_is_checked_then() -> None:
    with pytest.raises(Exception, match=r"labels\.team is 'a b', allowed"):
        deploy_argo(team="a b")


def test_labels_on_airflow_may_be_made_by_the_program() -> None:
    def program() -> None:
        given = labels()
        dags = DagConfigMaps("airflow", check_cluster=False)
        platform = AirflowPlatform(bucket="bkt", namespace="jobs", dags=dags, **given["platform"])
        arguments: Any = {"flow": airflow("linear"), "platform": platform, **given["flow"]}
        AirflowFlow("flow", arguments)

    found = run(program)
    config_map = found.one("ConfigMap")
    assert {"stage": "dev", "team": "risk"}.items() <= config_map["metadata"]["labels"].items()
    assert config_map["metadata"]["annotations"] == {"a/b": "c"}
    text = config_map["data"]["LinearFlow.py"]
    assert all(word in text for word in ('"team": "risk"', '"stage": "dev"', '"team:risk"', '"a/b": "c"'))
    assert found.one("AirflowFlow")["labels"] == {"stage": "dev", "team": "risk"}


def test_labels_are_no_option_of_step_functions() -> None:
    with pytest.raises(Exception, match="'labels' is for Argo Workflows and Airflow alone, and this flow's target"):
        deploy(labels=lambda: {"team": "ml"})


class _Asked(mocks.Mocks):
    """Which provider each question went to."""

    def __init__(self) -> None:
        self.providers: dict[str, str] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        self.providers[args.token.rpartition(":")[2]] = args.provider
        answers: dict[str, dict[str, Any]] = {
            "getRegion": {"region": "eu-west-1"},
            "getCallerIdentity": {"accountId": ACCOUNT},
            "getVpc": {"id": "vpc-1"},
            "getSubnets": {"ids": ["subnet-1"]},
        }
        return answers[args.token.rpartition(":")[2]], []


def test_a_platform_asks_the_provider_that_it_is_given() -> None:
    asked = _Asked()
    mocks.set_mocks(asked, preview=False)
    pulumi.runtime.set_all_config({"aws:region": "us-east-1"})
    regions: list[str] = []

    def program() -> None:
        other = aws.Provider("other", region="eu-west-1")
        platform = Platform("own", opts=pulumi.ResourceOptions(providers=[other]))
        regions.append(platform.settings.region)

    try:
        _sync_await(run_pulumi_func(program))
    finally:
        pulumi.runtime.set_all_config({})
    assert set(asked.providers) == {"getRegion", "getCallerIdentity", "getVpc", "getSubnets"}
    assert all("other" in provider for provider in asked.providers.values()), asked.providers
    assert regions == ["eu-west-1"]
