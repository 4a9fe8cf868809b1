"""What a flow's deployment to Argo consists of, and what is refused of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flowinfra.components.names import Names, label_value
from flowinfra.components.plan import same_name_problems
from flowinfra.errors import BindError, Problems
from flowinfra.model.compiled import MARK
from flowinfra.targets.argo import limits
from flowinfra.targets.argo.plan import PODS, SENSOR, check, workflow_template
from flowinfra.targets.argo.platform import ArgoEvents, KubernetesPlatform
from flowinfra.targets.argo.roles import pod_rules
from tests.unit.components.argo import SITE, argo, argo_plan, argo_site

OWN = {"flowinfra/project": "app", "flowinfra/stack": "dev"}
RESULTS = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}


@pytest.mark.parametrize(
    ("flow", "kinds"),
    [
        ("linear", ["workflow-template"]),
        ("schedule_timezone", ["workflow-template", "cron-workflow"]),
        ("trigger", ["workflow-template", "sensor"]),
        ("trigger_on_finish", ["workflow-template", "sensor"]),
    ],
)
def test_the_objects_of_a_flow(flow: str, kinds: list[str]) -> None:
    objects = argo_plan(flow).workflow_objects(SITE)
    assert list(objects) == kinds
    for found in objects.values():
        assert found["metadata"]["namespace"] == "flows"
        assert found["metadata"]["labels"].items() >= {**OWN, "flowinfra/flow": argo(flow).name}.items()
        assert MARK not in json.dumps(found)


def test_metaflows_own_marks_are_kept() -> None:
    plan = argo_plan("linear")
    metadata = plan.workflow_objects(SITE)["workflow-template"]["metadata"]
    assert metadata["labels"]["app.kubernetes.io/part-of"] == "metaflow"
    assert (
        metadata["annotations"].items()
        >= {
            "metaflow/owner": "flowinfra",
            "metaflow/production_token": plan.token,
            "metaflow/flow_name": "LinearFlow",
        }.items()
    )


def test_a_schedule_that_is_off_is_suspended() -> None:
    on = argo_plan("schedule_timezone").workflow_objects(SITE)["cron-workflow"]
    off = argo_plan("schedule_timezone", schedule_enabled=False).workflow_objects(SITE)["cron-workflow"]
    assert (on["spec"]["suspend"], off["spec"]["suspend"]) == (False, True)
    assert on["spec"]["timezone"] == "Europe/Paris"


def test_service_accounts_of_the_flows_own() -> None:
    plan = argo_plan("trigger")
    assert plan.own_accounts(SITE) == (PODS, SENSOR)
    account = plan.account(PODS, SITE)
    template = plan.workflow_objects(SITE)["workflow-template"]
    used = {found["serviceAccountName"] for found in template["spec"]["templates"] if "container" in found}
    assert used == {account}
    sensor = plan.workflow_objects(SITE)["sensor"]
    assert sensor["spec"]["template"]["serviceAccountName"] == plan.account(SENSOR, SITE) != account
    objects = plan.account_objects(SENSOR, SITE)
    assert [found["kind"] for found in objects.values()] == ["ServiceAccount", "Role", "RoleBinding"]
    assert objects["role-binding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": plan.account(SENSOR, SITE), "namespace": "flows"}
    ]


def test_service_accounts_of_the_platform() -> None:
    given = argo_site(service_account="runner", events=ArgoEvents(service_account="sensor"))
    plan = argo_plan("trigger")
    assert plan.own_accounts(given) == ()
    assert (plan.account(PODS, given), plan.account(SENSOR, given)) == ("runner", "sensor")


def test_the_least_privileges() -> None:
    for folder in ("linear", "exit_hook"):
        assert argo_plan(folder).rules(PODS) == [RESULTS]
    assert argo_plan("trigger").rules(SENSOR) == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}
    ]
    assert argo_plan("parallel").rules(PODS) == [
        RESULTS,
        {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["create", "get"]},
    ]


def test_an_object_that_is_not_known_is_refused() -> None:
    bound = argo_plan("parallel").bound(SITE)
    (job_set,) = [found for found in bound.workflow_template["spec"]["templates"] if "resource" in found]
    job_set["resource"]["manifest"] = "apiVersion: batch/v1\nkind: Job\n"
    with pytest.raises(BindError, match=f"step '{job_set['name']}': makes a batch/v1/Job in the cluster"):
        pod_rules(bound.workflow_template)


def test_a_value_that_breaks_its_grammar() -> None:
    problem = "\n".join(map(str, check(argo_plan("linear"), argo_site(namespace="My_Flows"))))
    assert "kubernetes_namespace is 'My_Flows', allowed: up to 63 lower-case letters" in problem


def test_deploy_time_values_reach_template_and_sensor() -> None:
    (name,) = [name for name, entry in argo("argo_deploy_time").flow.parameters.items() if entry.deploy_time]
    value: Any = {"who": 'a "quoted" $(name)'}
    plan = argo_plan("argo_deploy_time", parameters={name: value})
    objects = plan.workflow_objects(SITE)
    (argument,) = [
        entry for entry in objects["workflow-template"]["spec"]["arguments"]["parameters"] if entry["name"] == name
    ]
    # as Metaflow hands a JSON parameter to Argo: the text of its text
    assert json.loads(json.loads(argument["value"])) == value
    told = json.loads(objects["workflow-template"]["metadata"]["annotations"]["metaflow/parameters"])
    assert told[name]["value"] == argument["value"]
    assert MARK not in json.dumps(objects)
    assert json.dumps(argument["value"]) in json.dumps(objects["sensor"])


def test_a_deploy_time_value_that_is_missing() -> None:
    with pytest.raises(Problems, match="is evaluated at deploy time, but has no value"):
        argo_plan("argo_deploy_time").bound(SITE)


def test_a_template_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OBJECT_BYTES", 9_000)
    (problem,) = check(argo_plan("linear"), SITE)
    assert str(problem).startswith("linearflow: the WorkflowTemplate has ")
    assert "bytes for 3 steps, allowed are 9,000; split the flow" in str(problem)


def test_the_largest_of_too_many_steps_is_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OBJECT_BYTES", 9_000)
    plan = replace(argo_plan("linear"), compiled=argo("linear").model_copy(deep=True))
    template = plan.compiled.argo.workflow_template
    (graph,) = [found for found in template["spec"]["templates"] if "dag" in found]
    graph["dag"]["tasks"] *= 100
    (step,) = [found for found in template["spec"]["templates"] if found["name"] == "end"]
    step["metadata"]["annotations"] |= {"metaflow/step_name": "the_end", "note": "n" * 9_000}
    (problem,) = check(plan, SITE)
    assert "(the largest, 'the_end', has 1" in str(problem)


def test_annotations_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANNOTATIONS_BYTES", 100)
    (problem,) = check(argo_plan("trigger"), SITE)
    assert "give large defaults as IncludeFile" in str(problem)


@pytest.mark.parametrize(("letter", "most"), [("x", 92_000), ("é", 46_000)])
def test_defaults_that_are_too_large_for_a_command(letter: str, most: int) -> None:
    """The first step's command has them as base64, which makes four bytes of three."""

    def found(length: int) -> list[str]:
        plan = argo_plan("argo_deploy_time", parameters={"settings": letter * length})
        return [str(problem) for problem in check(plan, SITE)]

    assert found(most) == []
    (problem,) = found(most + 5_000)
    assert "deploytimeflow: step 'start': its command has 13" in problem
    assert "allowed are 131,071" in problem
    assert "or parameters smaller defaults (the largest, 'settings', has 1" in problem


def test_a_variable_that_is_too_large() -> None:
    plan = replace(argo_plan("linear"), compiled=argo("linear").model_copy(deep=True))
    (step,) = [found for found in plan.compiled.argo.workflow_template["spec"]["templates"] if found["name"] == "end"]
    step["container"]["env"].append({"name": "BIG", "value": "x" * 131_067})
    assert check(plan, SITE) == []
    step["container"]["env"][-1]["value"] += "x"
    (problem,) = check(plan, SITE)
    assert "linearflow: step 'end': its variable BIG has 131,072 bytes, allowed are 131,071" in str(problem)


def test_a_namespace_too_long_for_the_host_names_of_a_parallel_step() -> None:
    # its step may be retried once, which adds a digit to each of two names
    assert check(argo_plan("parallel"), argo_site(namespace="n" * 12)) == []
    (problem,) = check(argo_plan("parallel"), argo_site(namespace="n" * 13))
    assert str(problem) == (
        "parallelflow: step 'train': @parallel: its pods' host names, which the namespace is a part of, would have 65 "
        "characters, and Kubernetes starts none with more than 64; take a namespace of at most 12 characters in place "
        "of 'nnnnnnnnnnnnn'"
    )
    assert check(argo_plan("linear"), argo_site(namespace="n" * 63)) == []
    # of a namespace that a preview does not know yet
    assert check(argo_plan("parallel"), argo_site(namespace=KubernetesPlatform.stand_ins["namespace"])) == []


def test_two_flows_of_one_name_in_a_namespace() -> None:
    flows = {"flows[0] (a.py)": ("ml", "x"), "flows[1] (b.py)": ("ml", "x"), "flows[2] (c.py)": ("other", "x")}
    (problem,) = same_name_problems({label: workflow_template(*place) for label, place in flows.items()})
    assert str(problem).startswith(
        "flows[0] (a.py) and flows[1] (b.py) are both the WorkflowTemplate 'x' in namespace 'ml'"
    )


@pytest.mark.parametrize("text", ["dev", "a" * 64, "org/dev", "-", "x_", "é"])
def test_values_of_labels(text: str) -> None:
    value = label_value(text)
    assert 1 <= len(value) <= 63
    assert value[0].isalnum()
    assert value[-1].isalnum()
    assert value == label_value(text)
    assert (value == text) is (text == "dev")


def test_names_of_kubernetes_objects() -> None:
    names = Names("My_Project", "dev", "fraud.prod.scoreflow" + "x" * 60)
    assert len(names.kubernetes("sensor")) <= 63
    assert names.kubernetes().startswith("flow-my-project-dev-fraud-prod-scoreflowxx")
    assert names.kubernetes() != Names("My_Project", "prod", names.flow).kubernetes()
