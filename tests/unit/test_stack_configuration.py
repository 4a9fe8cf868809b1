"""Stack configuration: errors that name file, key, what was found and what is allowed, all at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.project import StackFile, stack_file
from flowinfra.errors import ConfigError, Problems
from flowinfra.stack.flow import CommonStep, FlowConfig, PackageConfig
from flowinfra.stack.loading import read_stack, stored_stack
from flowinfra.stack.parsing import parse_flow, parse_stack
from flowinfra.stack.platform import CreatePlatform, PlatformConfig
from tests.unit import options_table

FILE = "stacks/Pulumi.dev.yaml"
PLATFORM = {"bucket": "bkt", "queue": "jobs"}
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:metaflow-AbCdEf"


def problems(**values: Any) -> list[str]:
    with pytest.raises(Problems) as raised:
        parse_stack({"platform": PLATFORM, **values}, FILE)
    assert all(isinstance(error, ConfigError) for error in raised.value.errors)
    return [str(error) for error in raised.value.errors]


def test_the_least_that_is_needed() -> None:
    stack = parse_stack({"platform": PLATFORM, "flows": [{"flow": "a.py"}]}, FILE)
    assert stack.platform.prefix == "metaflow"
    assert stack.flows[0].target == "step-functions"
    assert stack.flows[0].schedule.enabled


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"schedle": {}}, "flowinfra:flows[0].schedle: unknown key 'schedle' (did you mean 'schedule'?), allowed: "),
        (
            {"target": "lambda"},
            "flowinfra:flows[0].target: found 'lambda', allowed: 'step-functions', 'argo' or 'airflow'",
        ),
        ({"with": "retry"}, "flowinfra:flows[0].with: found 'retry', allowed: list"),
        (
            {"steps": {"train": {"memory": "4G"}}},
            "flowinfra:flows[0].steps.train.memory: found '4G', allowed: integer of MB, without a unit",
        ),
        (
            {"steps": {"train": {"memory": 0}}},
            "flowinfra:flows[0].steps.train.memory: found 0, allowed: greater than 0",
        ),
        (
            {"steps": {"t": {"mem": 1}}},
            "flows[0].steps.t.mem: unknown key 'mem' (did you mean 'memory'?), allowed: cpu,",
        ),
        ({"schedule": {"enabled": "no"}}, "flowinfra:flows[0].schedule.enabled: found 'no', allowed: boolean"),
        (
            {"schedule": {"timezone": ""}},
            "flowinfra:flows[0].schedule.timezone: found '', allowed: at least 1 character",
        ),
        ({"production": 1}, "flowinfra:flows[0].production: found 1, allowed: boolean"),
        ({"max_workers": 0}, "flowinfra:flows[0].max_workers: found 0, allowed: greater than 0"),
        ({"env": {"A": 1}}, "flowinfra:flows[0].env.A: found 1, allowed: string"),
        ({"env": []}, "flowinfra:flows[0].env: found [], allowed: mapping"),
        ({"name": ""}, "flowinfra:flows[0].name: found '', allowed: at least 1 character"),
        ({"digest": "1"}, "flowinfra:flows[0].digest: found '1', allowed: text that matches '^[0-9a-f]{64}$'"),
        (
            {"step_functions": {"log_retention_days": 8}},
            "flowinfra:flows[0].step_functions.log_retention_days: found 8, allowed: 1, 3, 5, 7, 14, ",
        ),
        (
            {"step_functions": {"alerts": {"on": ["BROKEN"]}}},
            "flowinfra:flows[0].step_functions.alerts.on[0]: found 'BROKEN', allowed: 'SUCCEEDED', ",
        ),
        (
            {"step_functions": {"alerts": {"topics": "x"}}},
            "flowinfra:flows[0].step_functions.alerts.topics: unknown key 'topics' (did you mean 'topic'?)",
        ),
        (
            {"step_functions": {"alerts": True}},
            "flowinfra:flows[0].step_functions.alerts: found True, allowed: a mapping",
        ),
    ],
)
def test_a_mistake_in_a_flow(flow: dict[str, Any], message: str) -> None:
    found = problems(flows=[{"flow": "a.py", **flow}])
    assert found[0].startswith(f"{FILE}: ")
    assert message in found[0]
    assert len(found) == 1


def test_several_schedules_are_for_step_functions() -> None:
    several = {"schedules": {"nightly": {"cron": "0 3 * * ? *"}}}
    stack = parse_stack({"platform": PLATFORM, "flows": [{"flow": "a.py", "step_functions": several}]}, FILE)
    assert stack.flows[0].own.schedules["nightly"].enabled
    for target, platform in (("argo", KUBERNETES), ("airflow", AIRFLOW)):
        flow = {"flow": "a.py", "target": target, "step_functions": several}
        (message,) = problems(platform=platform, flows=[flow])
        assert f"flows[0].step_functions: is for the target step-functions, this flow's is {target}" in message
    (message,) = problems(flows=[{"flow": "a.py", **several}])
    assert "flowinfra:flows[0].schedules: " in message
    assert "step_functions" in message


def test_a_flow_without_a_file() -> None:
    assert problems(flows=[{"name": "x"}]) == [f"{FILE}: flowinfra:flows[0].flow: is missing"]


def test_mistakes_are_told_all_at_once() -> None:
    found = problems(flos=[], flows=[{"flow": "a.py", "target": "x"}, {"schedle": 1}], name_prefix="")
    assert len(found) == 5
    assert any("did you mean 'flows'?" in message for message in found)


@pytest.mark.parametrize("key", ["bucket", "queue"])
def test_a_platform_without_what_it_needs(key: str) -> None:
    platform = {name: value for name, value in PLATFORM.items() if name != key}
    (message,) = problems(platform=platform)
    assert message.startswith(f"{FILE}: flowinfra:platform.{key}: is missing; give the {key} that is there already")


def test_no_platform_at_all() -> None:
    with pytest.raises(Problems, match=r"flowinfra:platform: is missing"):
        parse_stack({}, FILE)


def test_create_and_adopt_are_not_mixed() -> None:
    (message,) = problems(platform={"create": {}, "bucket": "b"})
    assert "flowinfra:platform.bucket: found 'b', but `create` makes one; give one of both" in message


def test_a_platform_to_create() -> None:
    assert parse_stack({"platform": {"create": {"max_vcpus": 4}}}, FILE).platform.create is not None
    assert "instance_profile: is missing" in problems(platform={"create": {"compute": "EC2"}})[0]


def test_the_services_key_needs_the_service() -> None:
    assert "given without `service_url`" in problems(platform={**PLATFORM, "service_auth_secret": SECRET})[0]


def test_defaults_are_taken_where_a_flow_says_nothing() -> None:
    stack = parse_stack(
        {
            "platform": PLATFORM,
            "defaults": {"with": ["retry"], "tags": {"team": "ml"}, "env": {"A": "1"}, "max_workers": 5},
            "flows": [
                {"flow": "a.py"},
                {"flow": "b.py", "with": [], "tags": {"own": "x"}, "env": {"A": "2", "B": "3"}, "max_workers": 6},
            ],
        },
        FILE,
    )
    first, second = stack.flows
    assert (first.with_, first.tags, first.env, first.max_workers) == (["retry"], {"team": "ml"}, {"A": "1"}, 5)
    assert second.with_ == []
    assert second.tags == {"team": "ml", "own": "x"}
    assert second.env == {"A": "2", "B": "3"}
    assert second.max_workers == 6


def test_defaults_are_checked_too() -> None:
    assert "flowinfra:defaults.flow: unknown key 'flow'" in problems(defaults={"flow": "x"})[0]


def test_a_components_arguments_are_checked_alike() -> None:
    with pytest.raises(Problems, match=r"my-flow: schedle: unknown key 'schedle' \(did you mean 'schedule'\?\)"):
        parse_flow({"flow": "a.py", "schedle": 1}, "my-flow")


# what the engine hands over


def project(folder: Path, stack: str = "config: {}\n") -> StackFile:
    (folder / "Pulumi.yaml").write_text("name: app\nruntime: python\nstackConfigDir: stacks\n")
    (folder / "stacks").mkdir()
    (folder / "stacks" / "Pulumi.dev.yaml").write_text(stack)
    return stack_file(folder, "dev")


def test_the_stacks_file_is_named(tmp_path: Path) -> None:
    assert project(tmp_path).label == FILE


def test_values_arrive_as_text(tmp_path: Path) -> None:
    config = {
        "flowinfra:platform": json.dumps(PLATFORM),
        "flowinfra:name_prefix": "123",
        "flowinfra:flows": json.dumps([{"flow": "a.py"}]),
        "aws:region": "us-east-1",
    }
    stack = read_stack(config, [], project(tmp_path))
    assert stack.name_prefix == "123"
    assert [flow.flow for flow in stack.flows] == ["a.py"]


def test_what_is_no_structure_is_told(tmp_path: Path) -> None:
    config = {"flowinfra:platform": json.dumps(PLATFORM), "flowinfra:flows": "a.py"}
    with pytest.raises(Problems, match=r"flowinfra:flows: found 'a.py', allowed: list"):
        read_stack(config, [], project(tmp_path))


def test_a_secret_is_refused_where_it_stands(tmp_path: Path) -> None:
    file = project(
        tmp_path,
        "config:\n  flowinfra:flows:\n    - flow: a.py\n      configs:\n        c:\n          key: {secure: abc}\n",
    )
    with pytest.raises(Problems) as raised:
        read_stack({"flowinfra:flows": "[]"}, ["flowinfra:flows", "other:key"], file)
    (message,) = [str(error) for error in raised.value.errors]
    assert message.startswith(f"{FILE}:6: flowinfra:flows[0].configs.c.key: is a secret, which would be readable")
    assert "Secrets Manager" in message
    assert "abc" not in message


def test_a_secret_elsewhere_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="flowinfra:platform: is a secret"):
        read_stack({}, ["flowinfra:platform"], project(tmp_path))


# documentation


def test_keys_of_targets_are_documented_as_they_are_declared() -> None:
    text = options_table.PAGE.read_text(encoding="utf-8")
    assert text == options_table.page(text), "run `make golden`"


def test_every_key_is_documented() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "stacks.md").read_text()
    for model in (FlowConfig, PlatformConfig, CreatePlatform, CommonStep, PackageConfig):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text or f"`{field.alias or name}:" in text, name


KUBERNETES = {"bucket": "metaflow", "kubernetes": {"namespace": "flows"}}


def test_a_platform_of_kubernetes_alone() -> None:
    stack = parse_stack({"platform": KUBERNETES, "flows": [{"flow": "a.py", "target": "argo"}]}, FILE)
    assert stack.platform.kubernetes is not None
    assert (stack.platform.kubernetes.namespace, stack.platform.kubernetes.events) == ("flows", None)


@pytest.mark.parametrize(
    ("platform", "flow", "message"),
    [
        (KUBERNETES, {}, "flowinfra:platform.queue: is missing, and a.py has the target 'step-functions'"),
        (PLATFORM, {"target": "argo"}, "flowinfra:platform.kubernetes: is missing, and a.py has the target 'argo'"),
        ({"bucket": "b"}, {"target": "argo"}, "flowinfra:platform.kubernetes: is missing, and a.py has the target"),
        ({"bucket": "b"}, {"target": "airflow"}, "flowinfra:platform.airflow: is missing, and a.py has the target"),
        ({"bucket": "b"}, {}, "flowinfra:platform.queue: is missing; give the queue that is there already"),
        (
            {**KUBERNETES, "kubernetes": {"namespace": "My_Flows"}},
            {"target": "argo"},
            "flowinfra:platform.kubernetes.namespace: found 'My_Flows', allowed: text that matches",
        ),
        (
            {**KUBERNETES, "kubernetes": {}},
            {"target": "argo"},
            "flowinfra:platform.kubernetes.namespace: is missing",
        ),
    ],
)
def test_a_platform_that_a_target_lacks(platform: dict[str, Any], flow: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems, match=re.escape(f"{FILE}: {message}")):
        parse_stack({"platform": platform, "flows": [{"flow": "a.py", **flow}]}, FILE)


AIRFLOW: dict[str, Any] = {"bucket": "metaflow", "airflow": {"namespace": "jobs", "dags": {"s3": "s3://acme/dags"}}}


def test_a_platform_of_airflow_alone() -> None:
    stack = parse_stack(
        {"platform": AIRFLOW, "flows": [{"flow": "a.py", "target": "airflow", "airflow": {"paused": True}}]}, FILE
    )
    assert stack.platform.airflow is not None
    assert (stack.platform.airflow.service_account, stack.flows[0].own.paused) == ("default", True)
    message = f"{FILE}: flowinfra:platform.airflow: is missing, and a.py has the target 'airflow'"
    with pytest.raises(Problems, match=re.escape(message)):
        parse_stack({"platform": PLATFORM, "flows": [{"flow": "a.py", "target": "airflow"}]}, FILE)


@pytest.mark.parametrize(
    ("dags", "message"),
    [
        ({}, "platform.airflow.dags: found nothing, allowed: one of s3, config_maps, folder"),
        ({"folder": "/dags", "s3": "s3://acme/dags"}, "platform.airflow.dags: found folder, s3, allowed: one of"),
        ({"folder": "dags"}, "platform.airflow.dags.folder: found 'dags', allowed: text that matches"),
        ({"s3": "acme/dags"}, "platform.airflow.dags.s3: found 'acme/dags', allowed: text that matches"),
    ],
)
def test_dags_are_delivered_in_one_way(dags: dict[str, str], message: str) -> None:
    platform = {**AIRFLOW, "airflow": {"namespace": "jobs", "dags": dags}}
    with pytest.raises(Problems, match=re.escape(message)):
        parse_stack({"platform": platform, "flows": []}, FILE)


def test_a_stack_from_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    config = {"flowinfra:platform": PLATFORM, "flowinfra:name_prefix": "dev", "flowinfra:flows": [{"flow": "a.py"}]}
    (tmp_path / FILE).write_text(json.dumps({"config": {"aws:region": "us-east-1", **config}}))
    stack = stored_stack(tmp_path, "dev")
    assert (stack.name_prefix, [flow.flow for flow in stack.flows]) == ("dev", ["a.py"])
    with pytest.raises(ConfigError, match=r"there is no stack 'prod': stacks/Pulumi\.prod\.yaml does not exist"):
        stored_stack(tmp_path, "prod")
    config["flowinfra:flows"] = [{"flow": "a.py", "parameters": {"key": {"secure": "v1:abc"}}}]
    (tmp_path / FILE).write_text(json.dumps({"config": config}))
    with pytest.raises(Problems, match=r"flowinfra:flows\[0\]\.parameters\.key: is a secret"):
        stored_stack(tmp_path, "dev")


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"alerts": {}}, "flows[0].alerts: key 'alerts' is for AWS Step Functions alone; write it under"),
        ({"heartbeat": True}, "flows[0].heartbeat: key 'heartbeat' is for Argo Workflows alone; write it under `argo`"),
        (
            {"labels": {}},
            "flows[0].labels: key 'labels' is for Argo Workflows and Airflow alone; write it under `argo` or `airflow`",
        ),
        (
            {"steps": {"a": {"queue": "x"}}},
            "flows[0].steps.a.queue: key 'queue' is for AWS Step Functions alone; write it under `step_functions`",
        ),
        ({"argo": {"heartbeet": True}}, "flows[0].argo.heartbeet: unknown key 'heartbeet' (did you mean 'heartbeat'?)"),
        ({"argo": {"heartbeat": 1}}, "flows[0].argo.heartbeat: found 1, allowed: boolean"),
        (
            {"argo": {"heartbeat": True}},
            "flows[0].argo: is for the target argo, this flow's is step-functions; leave it out, or write it into",
        ),
        (
            {"steps": {"a": {"airflow": {"disk": 4}}}},
            "flows[0].steps.a.airflow: is for the target airflow, this flow's is step-functions; leave it out",
        ),
    ],
)
def test_keys_of_a_target_stand_under_its_name(flow: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems, match=re.escape(f"{FILE}: flowinfra:{message}")):
        parse_stack({"platform": PLATFORM, "flows": [{"flow": "a.py", **flow}]}, FILE)


def test_defaults_of_a_target_are_for_flows_that_have_it() -> None:
    defaults = {"step_functions": {"compress": True}, "argo": {"heartbeat": True, "labels": {"a": "x"}}}
    flows = [{"flow": "a.py"}, {"flow": "b.py", "target": "argo", "argo": {"labels": {"b": "y"}}}]
    found = parse_stack({"platform": {**PLATFORM, **KUBERNETES}, "defaults": defaults, "flows": flows}, FILE).flows
    assert found[0].own.compress
    assert (found[1].own.heartbeat, found[1].own.labels) == (True, {"a": "x", "b": "y"})
