"""Two stacks compared: what the environment explains, what is declared, and what drifted."""

from __future__ import annotations

from typing import Any

import pytest

from flowinfra.compare.mirror import Comparison, Declared, Finding, Flow, Side, compare_stacks
from flowinfra.report.words import plain
from tests.unit.report.previews import TRAIN, changed


def declared(*keys: str) -> tuple[Declared, ...]:
    return tuple(Declared(f"s.yaml: {key}", tuple(key.split("."))) for key in keys)


def side(*flows: Flow, stack: str = "staging", **platform: Any) -> Side:
    return Side(stack, flows, platform)


def compared(changes: dict[str, Any], *keys: str, base: dict[str, Any] | None = None) -> Comparison:
    """TrainFlow with changes (path → value) against TrainFlow."""
    old = changed(TRAIN, base or {})
    flow = Flow("TrainFlow", changed(old, changes), declared(*keys))
    return compare_stacks(side(flow), side(Flow("TrainFlow", old), stack="prod"), declared())


def lines(findings: tuple[Finding, ...]) -> list[str]:
    return [plain(finding.line) for finding in findings]


def test_equal_stacks() -> None:
    found = compared({})
    assert (found.drift, found.declared, found.environment) == ((), (), ())
    assert (found.flows, found.mirrors) == (1, True)


def test_where_a_stack_lives_is_expected() -> None:
    found = compared(
        {
            "datastore": "s3://other/metaflow",
            "queue": "other",
            "table": "other",
            "name_prefix": "staging",
            "name": "staging_TrainFlow",
            "project": {"name": "p", "branch": "test.staging"},
            "service_url": "https://staging",
        },
        base={"project": {"name": "p", "branch": "prod", "production": True}, "service_url": "https://prod"},
    )
    assert found.drift == found.declared == ()
    assert sorted(lines(found.environment)) == [
        "datastore: s3://bucket/metaflow → s3://other/metaflow",
        "foreach table: foreach → other",
        "job queue: jobs → other",
        "metadata service: https://prod → https://staging",
        "name prefix: none → staging",
        "project branch: prod → test.staging",
        "project production removed, was true",
    ]


def test_where_a_stack_lives_on_airflow_is_expected() -> None:
    inputs = {"dags": "s3://other/dags", "kubernetes_namespace": "other", "service_account": "other"}
    found = compared(inputs, base={"dags": "s3://dags/x", "kubernetes_namespace": "jobs", "service_account": "flows"})
    assert found.drift == ()
    assert "folder of DAG files: s3://dags/x → s3://other/dags" in lines(found.environment)
    mirror = side(airflow={"namespace": "a", "service_account": "a", "dags": {"config_maps": "a"}})
    other = side(stack="prod", airflow={"namespace": "b", "service_account": "b", "dags": {"s3": "s3://b/dags"}})
    whole = compare_stacks(mirror, other, ())
    assert (whole.drift, len(whole.environment)) == ((), 4)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"steps.b.memory": 8192}, "step b: memory 4096 → 8192 MB"),
        ({"steps.b.memory": 8192, "overrides": {"steps.b.memory": True}}, "step b: memory 4096 → 8192 MB"),
        ({"parameters.alpha.default": 0.5}, "parameter alpha: default 0.01 → 0.5"),
        ({"schedule.enabled": False}, "schedule: 0 0 * * ? * → off (was once a day)"),
        ({"schedule": None}, "schedule: 0 0 * * ? * → off (was once a day)"),
        (
            {"source": {"train.py": "eeeeeeeeeeee", "shared.py": "bbbbbbbbbbbb"}, "package": "ffffffffffff"},
            "file train.py changed (aaaaaaaaaaaa → eeeeeeeeeeee)",
        ),
        ({"package": "ffffffffffff"}, "package: cccccccccccc → ffffffffffff"),
        ({"settings": {"METAFLOW_X": "y"}}, "setting METAFLOW_X added: y"),
        ({"aws_tags": {"a": "b"}}, "AWS tag a added: b"),
        ({"labels": {"a": "b"}}, "label a added: b"),
        ({"job_policies": ["arn:x"]}, "managed policy arn:x added"),
        ({"metaflow": "2.18.0"}, "Metaflow: 2.19.39 → 2.18.0"),
        ({"compute": "FARGATE"}, "compute: none → FARGATE"),
        ({"service_url": "https://x"}, "metadata service: none → https://x"),
        ({"metadata": "service"}, "metadata: local → service"),
        ({"name": "Renamed"}, "name: TrainFlow → Renamed"),
        ({"unheard": {"of": 1}}, 'unheard: none → {"of": 1}'),
    ],
)
def test_what_nothing_explains_is_drift(changes: dict[str, Any], line: str) -> None:
    found = compared(changes)
    assert lines(found.drift) == [line]
    assert found.declared == ()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"steps.b.memory": 8192}, "steps.b.memory"),
        ({"steps.b.retries": 2, "steps.b.attempts": 4, "steps.b.decorators": {"retry": True}}, "steps.b.retries"),
        ({"parameters.alpha.default": 0.5}, "parameters.alpha"),
        ({"parameters": {"alpha": {"type": "str"}}}, "configs.which"),
        ({"schedule.enabled": False}, "schedule.enabled"),
        ({"schedule.cron": "0 3 * * ? *"}, "schedule.cron"),
        ({"schedule.timezone": "Europe/Berlin"}, "schedule.timezone"),
        ({"schedule.timezone": "Europe/Berlin"}, "configs.place"),
        ({"tags": ["a"]}, "tags"),
        ({"aws_tags": {"stage": "x"}}, "aws_tags.stage"),
        ({"labels": {"stage": "x"}}, "labels.stage"),
        ({"labels": {"stage": "x"}}, "platform.kubernetes.labels.stage"),
        ({"annotations": {"stage": "x"}}, "platform.airflow.annotations"),
        ({"settings": {"METAFLOW_X": "y"}}, "settings.METAFLOW_X"),
        ({"env": {"SITE": "0123"}, "steps.b.memory": 1, "package": "x"}, "env.SITE"),
        ({"with": ["retry"], "steps.b.retries": 3, "steps.a.decorators": {"retry": {"times": 3}}}, "with"),
        ({"image": "i", "steps.a.image": "i"}, "image"),
        ({"source": {"train.py": "x"}, "packaging": {"exclude": ["shared.py"]}, "package": "x"}, "package.exclude"),
        ({"compute": "FARGATE"}, "platform.compute"),
        ({"compute": "FARGATE"}, "platform.create.max_vcpus"),
        ({"service_url": "https://x", "metadata": "service"}, "platform.service_url"),
        ({"max_workers": 5}, "max_workers"),
        ({"target": "argo"}, "target"),
    ],
)
def test_what_the_mirrors_file_declares_is_expected_and_its_key_named(changes: dict[str, Any], key: str) -> None:
    found = compared(changes, key)
    assert found.drift == ()
    assert {finding.key for finding in found.declared} == {f"s.yaml: {key}"}
    assert found.declared


NIGHTLY = {"cron": "0 3 * * ? *", "timezone": "Europe/Berlin", "enabled": True}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"schedules.nightly.enabled": False}, "schedule.enabled"),
        ({"schedules.nightly.timezone": "Asia/Tokyo"}, "schedule.timezone"),
        ({"schedules.nightly.cron": "0 4 * * ? *"}, "schedules.nightly"),
        ({"schedules.hourly": {"cron": "rate(1 hour)", "enabled": True}}, "schedules.hourly"),
    ],
)
def test_several_schedules_of_a_mirror(changes: dict[str, Any], key: str) -> None:
    base = {"schedule": None, "schedules": {"nightly": NIGHTLY}}
    found = compared(changes, key, base=base)
    assert (found.drift, len(found.declared)) == ((), 1)
    assert compared(changes, base=base).declared == ()


def test_a_schedule_that_only_the_mirror_has_is_declared_by_its_cron() -> None:
    found = compared({"schedule": {"cron": "0 3 * * ? *", "enabled": True}}, "schedule.cron", base={"schedule": None})
    assert (found.drift, lines(found.declared)) == ((), ["schedule: off → 0 3 * * ? * (once a day)"])


def test_a_declaration_covers_what_it_names_and_no_more() -> None:
    found = compared({"steps.b.memory": 8192, "steps.b.cpu": 8, "steps.a.memory": 1}, "steps.b.memory")
    assert lines(found.drift) == ["step a: memory 4096 → 1 MB", "step b: cpu 2 → 8"]
    assert lines(found.declared) == ["step b: memory 4096 → 8192 MB"]


def test_of_several_declarations_the_first_that_names_it_has_the_say() -> None:
    found = compared({"steps.b.memory": 8192}, "with", "steps.b.memory", "configs.x")
    assert [finding.key for finding in found.declared] == ["s.yaml: steps.b.memory"]


def test_the_same_difference_of_several_flows_is_told_once() -> None:
    other = {**TRAIN, "flow": "ScoreFlow"}
    mirror = [Flow(name, {**inputs, "queue": "x"}) for name, inputs in (("TrainFlow", TRAIN), ("ScoreFlow", other))]
    found = compare_stacks(side(*mirror), side(Flow("TrainFlow", TRAIN), Flow("ScoreFlow", other), stack="prod"))
    assert [(finding.flows, plain(finding.line)) for finding in found.environment] == [
        (("TrainFlow", "ScoreFlow"), "job queue: jobs → x")
    ]


def test_a_flow_that_only_one_stack_has_is_drift_unless_it_is_declared() -> None:
    flow = Flow("TrainFlow", TRAIN)
    found = compare_stacks(side(), side(flow, stack="prod"), ())
    assert [(f.kind, f.flows, plain(f.line)) for f in found.drift] == [("removed", ("TrainFlow",), "only in prod")]
    found = compare_stacks(side(flow), side(stack="prod"), ())
    assert [(f.kind, plain(f.line)) for f in found.drift] == [("added", "only in staging")]
    off = Flow("TrainFlow", TRAIN, declared("enabled"))
    found = compare_stacks(side(), side(off, stack="prod"), ())
    assert (found.drift, [f.key for f in found.declared]) == ((), ["s.yaml: enabled"])


def test_the_platform() -> None:
    mirror = side(region="eu-west-1", job_role="b", create={"max_vcpus": 4, "subnets": ["s"]})
    other = side(stack="prod", region="us-east-1", job_role="a", permissions_boundary="p")
    found = compare_stacks(mirror, other, declared("platform.create.max_vcpus"))
    assert lines(found.drift) == []
    assert lines(found.declared) == ["platform.create.max_vcpus: none → 4"]
    assert sorted(lines(found.environment)) == [
        'platform.create.subnets: none → ["s"]',
        "platform.job_role: a → b",
        "platform.permissions_boundary: p → none",
        "platform.region: us-east-1 → eu-west-1",
    ]


def test_values_of_the_platform_never_read_alike() -> None:
    found = compare_stacks(side(region="none", account="1"), side(stack="prod", account=1), ())
    assert sorted(lines(found.environment)) == ['platform.account: 1 → "1"', 'platform.region: none → "none"']


def test_a_stack_that_is_no_mirror_is_said_so() -> None:
    assert not compare_stacks(side(), side(stack="prod")).mirrors


def test_hostile_names_are_made_printable() -> None:
    nasty = "\x1b[31m‮@team\n"
    found = compared({"steps": {nasty: {"kind": "start", "next": [], "memory": 1}}, "source": {nasty: "x"}})
    text = "".join(lines(found.drift))
    assert "\x1b" not in text
    assert "\n" not in text
    assert "‮" not in text
