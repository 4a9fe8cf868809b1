"""Labels and annotations: on all that a flow is in a cluster, and refused where they would not be what is given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.errors import ConfigError, Problems
from flowinfra.model.metadata import is_annotation_key, is_key, is_label_value
from flowinfra.stack.parsing import check_stack
from flowinfra.targets.airflow.plan import AirflowPlan
from flowinfra.targets.airflow.plan import check as check_airflow
from flowinfra.targets.airflow.platform import AirflowPlatform, DagBucket
from flowinfra.targets.argo.job_set import loaded_job_set
from flowinfra.targets.argo.plan import check
from tests.unit.components.airflow import airflow
from tests.unit.components.argo import argo_plan, argo_site

LABELS = {"team": "risk", "acme.com/cost-center": "4711"}
ANNOTATIONS = {"acme.com/runbook": "https://wiki.acme.com/fraud?x=1 and more: text"}
OWN = {"flowinfra/project": "app", "flowinfra/stack": "dev"}


def metadata(value: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and metadata of an object, and of all objects that are made of it."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        place = f"{where}.{key}"
        if key in ("metadata", "workflowMetadata", "podMetadata"):
            yield place, item
        elif key == "manifest":
            yield from metadata(loaded_job_set(item), place)
        else:
            yield from metadata(item, place)


@pytest.mark.parametrize("folder", ["linear", "schedule_timezone", "trigger", "parallel", "kubernetes", "exit_hook"])
def test_all_objects_workflows_and_pods_have_them(folder: str) -> None:
    plan = argo_plan(folder)
    site = argo_site(labels=LABELS, annotations=ANNOTATIONS)
    assert check(plan, site) == []
    objects = [*plan.workflow_objects(site).values()]
    for who in plan.own_accounts(site):
        objects += plan.account_objects(who, site).values()
    wanted = {**LABELS, **OWN, "flowinfra/flow": plan.name}
    for value in objects:
        for place, found in metadata(value):
            # a template's own metadata is added to that of the workflow's pods, and a Job's is not its pods'
            of_template = place.startswith(".spec.templates") and "manifest" not in place
            of_job = "replicatedJobs" in place and not place.endswith(".spec.template.metadata")
            if not of_template and not of_job:
                assert wanted.items() <= found["labels"].items(), (value["kind"], place)
                assert ANNOTATIONS.items() <= found["annotations"].items(), (value["kind"], place)
    template = plan.workflow_objects(site)["workflow-template"]
    kinds = {place for place, _ in metadata(template)}
    assert {".metadata", ".spec.workflowMetadata", ".spec.podMetadata"} <= kinds
    if folder == "schedule_timezone":
        cron = plan.workflow_objects(site)["cron-workflow"]
        assert wanted.items() <= cron["spec"]["workflowMetadata"]["labels"].items()
    if folder == "trigger":
        sensor = plan.workflow_objects(site)["sensor"]["spec"]
        workflow = sensor["triggers"][0]["template"]["k8s"]["source"]["resource"]["metadata"]
        assert wanted.items() <= workflow["labels"].items()
        assert "metaflow/triggered_by" in workflow["annotations"]
    if folder == "parallel":
        assert len([place for place in kinds if place.endswith(".spec.template.metadata")]) == 2


def test_only_metadata_differs_and_nothing_is_compiled_anew() -> None:
    """Of a JobSet too, which is text."""
    plan = argo_plan("parallel")
    plain, more = (plan.bound(argo_site(labels=labels)).workflow_template for labels in ({}, LABELS))
    assert plain != more

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: without(loaded_job_set(item) if key == "manifest" else item)
                for key, item in value.items()
                if key not in LABELS
            }
        return [without(item) for item in value] if isinstance(value, list) else value

    assert without(plain) == without(more)
    assert "{{=asInt(inputs.parameters.workerCount)}}\n" in json.dumps(more).replace("\\n", "\n")


def test_what_metaflow_sets_and_a_steps_own_labels_stay() -> None:
    pod = argo_plan("kubernetes").bound(argo_site(labels={"team": "other"})).workflow_template["spec"]
    placed = next(template for template in pod["templates"] if template["name"] == "placed")
    assert placed["metadata"]["labels"] == {"team": "risk"}
    assert pod["podMetadata"]["labels"]["app.kubernetes.io/name"] == "metaflow-task"
    assert pod["podMetadata"]["labels"]["team"] == "other"


@pytest.mark.parametrize("name", ["a b", "x" * 90, "ünïcode", "-", "a.b_c-d"])
def test_default_labels_fit_and_do_not_meet(name: str) -> None:
    labels = Names(name, "dev", "Flow").labels
    assert all(is_key(key) and is_label_value(value) and value for key, value in labels.items())
    others = [Names(other, "dev", "Flow").labels for other in ("a-b", "x" * 91, "unicode", "_", "a.b_c-e")]
    assert labels not in others


def airflow_plan(folder: str = "linear") -> AirflowPlan:
    flow = airflow(folder)
    return AirflowPlan(flow, Names("app", "dev", flow.name), file=FlowFile("flow.py"))


def airflow_platform(**more: Any) -> AirflowPlatform:
    return AirflowPlatform(bucket="bkt", namespace="jobs", dags=DagBucket("dags"), **more)


def test_pods_and_tags_on_airflow_have_them() -> None:
    plan, platform = airflow_plan("split"), airflow_platform(labels={**LABELS, "marked": ""}, annotations=ANNOTATIONS)
    assert check_airflow(plan, platform) == []
    bound = plan.bound(platform.site())
    for state in bound.dag["states"].values():
        arguments = state["operator_args"]
        assert {**LABELS, **OWN, "flowinfra/flow": "SplitFlow"}.items() <= arguments["labels"].items()
        assert arguments["labels"]["app"] == "metaflow"
        assert ANNOTATIONS.items() <= arguments["annotations"].items()
    assert bound.dag["dag_instantiation_params"]["tags"] == [
        "team:risk",
        "acme.com/cost-center:4711",
        "marked",
        "flowinfra/project:app",
        "flowinfra/stack:dev",
        "flowinfra/flow:SplitFlow",
    ]
    assert "acme.com/cost-center" in bound.file
    config_map = plan.config_map("airflow", "", platform.labels, platform.annotations)["metadata"]
    assert {*LABELS, "flowinfra/dag"} <= config_map["labels"].keys()
    assert config_map["annotations"] == ANNOTATIONS


@pytest.mark.parametrize(
    ("labels", "annotations", "words"),
    [
        ({"": "x"}, {}, "labels has the key ''"),
        ({"a b": "x"}, {}, "labels has the key 'a b'"),
        ({"A.com/x": "x"}, {}, "labels has the key 'A.com/x'"),
        ({"x/y/z": "x"}, {}, "labels has the key 'x/y/z'"),
        ({"x" * 64: "x"}, {}, "labels has the key"),
        ({"team": "-x"}, {}, "labels.team is '-x', allowed: up to 63"),
        ({"team": "x" * 64}, {}, "an annotation takes any text"),
        ({"team": 7}, {}, "labels.team is 7, allowed: text"),
        ({"metaflow/x": "y"}, {}, "which Metaflow, "),
        ({"flowinfra/stack": "prod"}, {}, "which Metaflow, "),
        ({"batch.kubernetes.io/job-name": "x"}, {}, "which Metaflow, "),
        ({"app.kubernetes.io/part-of": "x"}, {}, "which Metaflow, "),
        ({"workflows.argoproj.io/workflow": "x"}, {}, "which Metaflow, "),
        ({}, {"a b": "x"}, "annotations has the key 'a b'"),
        ({}, {"metaflow/owner": "me"}, "annotations has the key 'metaflow/owner', which Metaflow"),
        ({}, {"note": "{{workflow.name}}"}, "and {{ begins a template of"),
        ({}, {"note": None}, "annotations.note is None, allowed: text"),
        ({}, {"note": "x" * 262_144}, "annotations have 262,148 bytes"),
    ],
)
def test_what_would_be_refused_or_replaced_is_an_error(labels: Any, annotations: Any, words: str) -> None:
    for target, problems in (
        ("Argo", check(argo_plan("linear"), argo_site(labels=labels, annotations=annotations))),
        ("Airflow", check_airflow(airflow_plan(), airflow_platform(labels=labels, annotations=annotations))),
    ):
        (problem,) = problems
        assert words in str(problem), target
        assert "Metaflow, " not in words or f"Metaflow, {target} or flowinfra" in str(problem)


def test_what_one_target_alone_sets_is_refused_there() -> None:
    assert check(argo_plan("linear"), argo_site(labels={"run_id": "x", "app": "x"}, annotations={"a": "{% x %}"})) == []
    found = check_airflow(
        airflow_plan(), airflow_platform(labels={"run_id": "x", "app": "x"}, annotations={"a": "{% x"})
    )
    assert len(found) == 3
    labels = {"task_id_entropy": "x", "job-name": "x", "sensor-name": "x"}
    assert len(check(argo_plan("parallel"), argo_site(labels=labels))) == 2
    assert len(check(argo_plan("trigger"), argo_site(labels=labels))) == 1
    assert check(argo_plan("linear"), argo_site(labels=labels)) == []


def test_the_label_that_names_a_controller_is_the_users() -> None:
    labels = {"workflows.argoproj.io/controller-instanceid": "ml"}
    assert check(argo_plan("schedule_timezone"), argo_site(labels=labels)) == []


def test_all_mistakes_of_a_stacks_file_are_told_with_their_place() -> None:
    values: Any = {
        "platform": {
            "bucket": "b",
            "kubernetes": {
                "namespace": "x",
                "labels": {"a b": "x", "team": "x y"},
                "annotations": {"A.B/c": "any: {}"},
            },
            "airflow": {"namespace": "x", "dags": {"config_maps": "a"}, "annotations": {"": "x"}},
        },
        "flows": [{"flow": "a.py", "target": "argo", "argo": {"labels": {"n": 4}}}],
    }
    with pytest.raises(Problems) as caught:
        check_stack(values, "stacks/Pulumi.x.yaml")
    assert [str(error).partition(", allowed")[0] for error in caught.value.errors] == [
        "stacks/Pulumi.x.yaml: flowinfra:platform.kubernetes.labels.a b: found 'a b'",
        "stacks/Pulumi.x.yaml: flowinfra:platform.kubernetes.labels.team: found 'x y'",
        "stacks/Pulumi.x.yaml: flowinfra:platform.airflow.annotations.: found ''",
        "stacks/Pulumi.x.yaml: flowinfra:flows[0].argo.labels.n: found 4",
    ]
    assert all(isinstance(error, ConfigError) for error in caught.value.errors)


@pytest.mark.parametrize(
    ("key", "label", "annotation"),
    [
        ("a", True, True),
        ("a.B_c-9", True, True),
        ("a.b/c", True, True),
        ("A.B/c", False, True),
        ("a_b/c", False, False),
        ("a..b/c", False, False),
        ("/c", False, False),
        ("a/", False, False),
        ("-a", False, False),
        ("a" * 63, True, True),
        (".".join(["a" * 49] * 5) + "aaaa/c", True, True),
        (".".join(["a" * 49] * 5) + "aaaaa/c", False, False),
        ("ü", False, False),
        ("a\n", False, False),
    ],
)
def test_keys_are_those_of_kubernetes(key: str, label: bool, annotation: bool) -> None:
    assert (is_key(key), is_annotation_key(key)) == (label, annotation)
