"""Changes of flows on Argo and Airflow, in the report's words and risks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.engine.preview import parse_preview
from flowinfra.report.assemble import StackReport, assemble
from flowinfra.report.change import words
from flowinfra.report.changes import compare
from flowinfra.report.risk import Starter
from flowinfra.report.sources import Sources
from flowinfra.report.words import plain
from tests.unit.report.previews import TRAIN, changed, flow_step, resource, risks, update

TEMPLATE = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"
ARGO: dict[str, Any] = changed(
    TRAIN,
    {
        "target": "argo",
        "queue": None,
        "table": None,
        "schedule": {"cron": "0 6 * * ?", "timezone": "Europe/Berlin", "enabled": True},
        "kubernetes_namespace": "flows",
        "permissions": {"pods": ["argoproj.io/workflowtaskresults: create, patch"]},
        "triggers": {"data_ready": True},
    },
)


def test_the_same_is_no_risk() -> None:
    assert risks(update({"source.train.py": "eeeeeeeeeeee"}, ARGO)) == []


@pytest.mark.parametrize(
    ("changes", "kind", "line"),
    [
        ({"schedule.timezone": "UTC"}, "schedule-timezone", "the schedule's timezone Europe/Berlin → UTC"),
        ({"schedule.cron": "0 * * * *"}, "schedule-more-frequent", "fires more often (once a day → 24 times a day)"),
        ({"schedule": None}, "schedule-removed", "the schedule 0 6 * * ? Europe/Berlin (once a day) ends"),
        ({"triggers": None}, "trigger-removed", "event data_ready no longer starts the flow"),
        ({"triggers_off": True}, "trigger-removed", "event data_ready no longer starts the flow"),
        (
            {"triggers": {"data_ready": True, "model_ready": True}},
            "trigger-joined",
            "the flow starts only once model_ready has come, too",
        ),
        ({"kubernetes_namespace": "other"}, "namespace-changed", "the Kubernetes namespace flows → other"),
        (
            {
                "permissions": {
                    "pods": ["argoproj.io/workflowtaskresults: create, patch", "jobset.x-k8s.io/jobsets: create"]
                }
            },
            "role-widened",
            "the flow's pods may now: jobset.x-k8s.io/jobsets: create",
        ),
    ],
)
def test_risks(changes: dict[str, Any], kind: str, line: str) -> None:
    found = dict(risks(update(changes, ARGO)))
    assert kind in found
    assert line in found[kind]


def test_a_template_that_is_replaced() -> None:
    steps = [update({}, ARGO), resource("replace", TEMPLATE, "TrainFlow-workflow-template", {}, {})]
    assert [kind for kind, _ in risks(*steps)] == ["workflow-template-deleted"]


def test_a_flow_that_leaves() -> None:
    kinds = [kind for kind, _ in risks(flow_step("delete", ARGO))]
    assert kinds == ["workflow-template-deleted", "schedule-removed"]


def test_words_of_what_changes() -> None:
    new = changed(ARGO, {"service_account": "runner", "emit_events": "off", "triggers.more": True})
    told = [plain(words(change)) for change in compare(ARGO, new).changes]
    assert "service account: the flow's own → runner" in told
    assert "events of finished steps: on → off" in told
    assert "trigger more added: true" in told


def with_runs(number: int, *steps: dict[str, Any]) -> tuple[StackReport, list[Starter]]:
    """A report with a count of what runs, and what was asked for."""
    asked: list[Starter] = []

    def running(starter: Starter) -> int:
        asked.append(starter)
        return number

    document = {"config": {"kubernetes:context": "prod"}, "steps": list(steps)}
    report = assemble([parse_preview(json.dumps(document).encode(), "prod.json")], Sources(), running)
    return report.stacks[0], asked


@pytest.mark.parametrize(
    ("op", "number", "lines"),
    [
        ("update", 2, ["2 workflows running at this moment, to their end by the old template"]),
        (
            "delete",
            1,
            [
                "1 workflow running at this moment, to their end by the old template, "
                "but without a service account of the flow's own"
            ],
        ),
        ("update", 0, []),
    ],
)
def test_running_workflows(op: str, number: int, lines: list[str]) -> None:
    step = resource(op, TEMPLATE, "TrainFlow-workflow-template", {}, None if op == "delete" else {})
    step["oldState"]["id"] = "flows/train"
    found, asked = with_runs(number, update({"steps.a.memory": 1}, ARGO), step)
    assert [plain(risk.line) for _, risk in found.all_risks if risk.kind == "executions-running"] == lines
    assert asked == [Starter("WorkflowTemplate", "flows/train", "prod")]


def test_a_dag_that_leaves() -> None:
    airflow = changed(ARGO, {"target": "airflow", "triggers": None})
    kinds = [kind for kind, _ in risks(flow_step("delete", airflow))]
    assert kinds == ["dag-deleted", "schedule-removed"]


def test_airflow_is_not_asked_and_the_report_says_so() -> None:
    airflow = changed(ARGO, {"target": "airflow"})
    found, asked = with_runs(1, update({"steps.a.memory": 1}, airflow), flow_step("create", new=airflow, name="Other"))
    assert asked == []
    assert [each.message for each in found.diagnostics] == [
        "whether flows on Airflow run now is not known, Airflow is not asked: TrainFlow. Tasks that run go on as they "
        "began; those that start after the deploy are the new DAG's, or none where it leaves"
    ]
    assert not found.failed


def of_airflow(op: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A step of a resource of the flow's on Airflow."""
    made = resource(op, kind, name, *(({}, {}) if op == "replace" else ({},)), **more)
    urn = f"urn:pulumi:staging::project::app:index:Team$flowinfra:airflow:AirflowFlow${kind}::{name}"
    parent = "urn:pulumi:staging::project::app:index:Team$flowinfra:airflow:AirflowFlow::TrainFlow"
    made["oldState"] |= {"urn": urn, "parent": parent}
    return made | {"urn": urn}


S3_OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"


@pytest.mark.parametrize(
    "kind",
    [
        S3_OBJECT,
        "kubernetes:core/v1:ConfigMap",
        "pulumi-python:dynamic:Resource",
        "gcp:storage/bucketObject:BucketObject",
    ],
)
def test_a_dag_file_is_called_so_wherever_it_is(kind: str) -> None:
    steps = [
        of_airflow("replace", kind, "TrainFlow-dag", reasons=("key",)),
        of_airflow("delete", S3_OBJECT, "TrainFlow-owner"),
        of_airflow("delete", S3_OBJECT, "TrainFlow-package-3b63669daf14", retained=True),
        of_airflow("delete", S3_OBJECT, "a-package-3b63669daf14"),
        resource("delete", S3_OBJECT, "mine-dag", {}),
    ]
    document = {"steps": steps}
    found = assemble([parse_preview(json.dumps(document).encode(), "staging.json")], Sources()).stacks[0]
    assert {(change.noun, change.name) for change in found.all_resources} == {
        ("DAG file", "TrainFlow-dag"),
        ("owner record", "TrainFlow-owner"),
        ("datastore object", "TrainFlow-package-3b63669daf14"),
        ("datastore object", "a-package-3b63669daf14"),
        ("datastore object", "mine-dag"),
    }
    # runs refer to code and files, and to neither of those two
    assert [plain(risk.line) for _, risk in found.all_risks] == [
        "the DAG file leaves its place: an Airflow that finds it in no other starts no further tasks of it",
        "datastore object mine-dag is deleted: running executions that refer to it fail",
        "datastore object a-package-3b63669daf14 is deleted: running executions that refer to it fail",
    ]
