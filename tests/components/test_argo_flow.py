"""What a flow on Argo is made of: exactly which resources, and how they are wired."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from flowinfra import ArgoEvents, ArgoFlow, KubernetesPlatform, PodRoles
from flowinfra.clouds.kubernetes import Named
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import ClusterError, ConfigError
from flowinfra.model.compiled import MARK
from flowinfra.targets.argo import cluster as argo_cluster
from flowinfra.targets.argo import ownership as taken
from flowinfra.targets.argo.options import ArgoOptions
from tests.components.mocked import Program, outputs, role_arn, run
from tests.unit.components.argo import FLOWS, argo, argo_plan

ROLE = "arn:aws:iam::123456789012:role/tasks"
POLICY = "arn:aws:iam::123456789012:policy/more"
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


class FakeCluster:
    """A cluster with Argo and one namespace."""

    def __init__(self, **changes: Any) -> None:
        self.resources = frozenset(("workflowtemplates", "cronworkflows", "sensors", "eventbus", "eventsources"))
        self.namespaces, self.accounts = {"flows"}, {"runner"}
        self.objects = {
            "eventbus": [Named("default", {}, {})],
            "eventsources": [Named("argo-events-webhook", {}, {})],
            "workflowtemplates": [],
            "cronworkflows": [],
            "sensors": [],
        }
        self.unreachable, self.job_sets, self.version = False, True, "4.1.4"
        self.there: dict[str, Named] = {}
        for name, value in changes.items():
            setattr(self, name, {**self.objects, **value} if name == "objects" else value)

    def argo_resources(self) -> frozenset[str]:
        if self.unreachable:
            raise ClusterError("the Kubernetes cluster cannot be reached")
        return self.resources

    def argo_version(self, _namespace: str) -> str | None:
        return self.version

    def of_that_name(self, _api_version: str, kind: str, namespace: str, _name: str) -> Named | None:
        assert namespace == "flows"
        if self.unreachable:
            raise ClusterError("the Kubernetes cluster cannot be reached")
        return self.there.get(kind)

    def has_job_sets(self) -> bool:
        return self.job_sets

    def has_namespace(self, name: str) -> bool:
        return name in self.namespaces

    def has_service_account(self, namespace: str, name: str) -> bool:
        return name in self.accounts

    def named(self, namespace: str, plural: str) -> list[Named] | None:
        return self.objects[plural]


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the cluster that is asked."""

    def replace(**changes: Any) -> None:
        for module in (argo_cluster, taken):
            monkeypatch.setattr(module, "named_cluster", lambda: FakeCluster(**changes))
        # the mocks of a user's test ask no cluster
        monkeypatch.setattr(argo_cluster, "mocked", lambda: False)

    replace()
    return replace


def platform(**changes: Any) -> KubernetesPlatform:
    return KubernetesPlatform(**{"bucket": "bkt", "namespace": "flows", "events": ArgoEvents(), **changes})


def flow(folder: str, settings: dict[str, Any] | None = None, **args: Any) -> ArgoFlow:
    given: Any = {"flow": argo(folder), "platform": platform(**(settings or {})), **args}
    return ArgoFlow("flow", given)


def deploy(folder: str, settings: dict[str, Any] | None = None, preview: bool = False, **args: Any) -> Program:
    return run(lambda: flow(folder, settings, **args) and None, preview)


def kinds(program: Program) -> dict[str, int]:
    return dict(Counter(item.type.rsplit(":", 1)[-1] for item in program.resources))


@pytest.mark.parametrize(
    ("folder", "settings", "more"),
    [
        ("linear", {}, {}),
        ("schedule_timezone", {}, {"CronWorkflow": 1}),
        ("trigger", {}, {"Sensor": 1, "ServiceAccount": 2, "Role": 2, "RoleBinding": 2}),
        ("include_file", {}, {"BucketObjectv2": 3}),
        ("linear", {"service_account": "runner"}, {"ServiceAccount": 0, "Role": 0, "RoleBinding": 0}),
    ],
)
def test_exactly_what_is_needed(folder: str, settings: dict[str, Any], more: dict[str, int]) -> None:
    expected = {
        "ArgoFlow": 1,
        "WorkflowTemplate": 1,
        "ServiceAccount": 1,
        "Role": 1,
        "RoleBinding": 1,
        "BucketObjectv2": 1,
        "Stash": 1,
    } | more
    assert kinds(deploy(folder, settings)) == {kind: count for kind, count in expected.items() if count}


def test_types_are_those_of_pulumi_kubernetes() -> None:
    import pulumi_kubernetes

    k8s: Any = pulumi_kubernetes
    tokens = {item.type for item in deploy("linear").resources if item.type.startswith("kubernetes:")}
    assert tokens == {
        "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate",
        *(kind.pulumi_type for kind in (k8s.core.v1.ServiceAccount, k8s.rbac.v1.Role, k8s.rbac.v1.RoleBinding)),
    }


def test_children_are_named_after_the_component() -> None:
    program = deploy("trigger")
    assert all(item.name.startswith("flow") for item in program.resources)
    assert len({item.name for item in program.resources}) == len(program.resources)


def test_what_others_change_in_an_object_is_set_back() -> None:
    objects = [item.inputs for item in deploy("trigger").resources if item.type.startswith("kubernetes:")]
    assert {item["metadata"]["annotations"]["pulumi.com/patchForce"] for item in objects} == {"true"}


def test_the_datastores_objects_say_whose_references_count() -> None:
    tags = deploy("linear", aws_tags={"team": "ml"}).one("BucketObjectv2")["tags"]
    assert tags == {
        "team": "ml",
        "flowinfra:project": "app",
        "flowinfra:stack": "dev",
        "flowinfra:flow": "linearflow",
        "flowinfra:kind": "package",
        "flowinfra:target": "argo",
    }


def test_a_role_and_registries_for_pods() -> None:
    account = deploy("linear", {"pod_role": ROLE, "image_pull_secrets": ("registry",)}).one("ServiceAccount")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == ROLE
    assert account["metadata"]["namespace"] == "flows"
    assert account["imagePullSecrets"] == [{"name": "registry"}]


def test_the_flow_in_human_terms() -> None:
    shown = deploy("schedule_timezone", schedule={"enabled": False}).one("ArgoFlow")
    assert shown["schedule"] == {"cron": "0 0 * * ?", "timezone": "Europe/Paris", "enabled": False}
    assert (shown["target"], shown["kubernetes_namespace"], shown["datastore"]) == (
        "argo",
        "flows",
        "s3://bkt/metaflow",
    )
    assert shown["permissions"] == {"pods": ["argoproj.io/workflowtaskresults: create, patch"]}
    assert "event_source" not in shown
    assert "compute" not in shown
    assert set(shown["steps"]) == {"start", "end"}
    assert deploy("trigger").one("ArgoFlow")["event_source"] == {
        "bus": "default",
        "source": "argo-events-webhook",
        "event": "metaflow-event",
    }


def test_the_outputs() -> None:
    def told() -> pulumi.Output[Any]:
        made = flow("trigger", {"ui_url": "https://argo.example.com/"})
        return pulumi.Output.all(
            made.workflow_template, made.kubernetes_namespace, made.namespace, made.authorize, made.trigger, made.ui_url
        )

    name, namespace, runs, authorize, trigger, url = outputs(told)
    assert (name, namespace) == ("triggerflow", "flows")
    assert runs.startswith("production:triggerflow-0-")
    assert authorize == f"python flow.py argo-workflows create --authorize {runs.removeprefix('production:')}"
    assert trigger == "python flow.py argo-workflows trigger"
    assert url == "https://argo.example.com/workflow-templates/flows/triggerflow"


def test_the_settings_of_the_compile_are_a_laptops_too() -> None:
    compiled = argo("linear")
    shape = compiled.shape.model_copy(update={"settings": {"METAFLOW_X": "of the compile"}})
    given = compiled.model_copy(update={"shape": shape})
    config = outputs(lambda: flow("linear", flow=given).metaflow_config)
    assert config["METAFLOW_X"] == "of the compile"
    assert config["METAFLOW_KUBERNETES_NAMESPACE"] == "flows"


def test_the_configuration_of_a_laptop() -> None:
    config = outputs(lambda: flow("linear").metaflow_config)
    assert config == {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bkt/metaflow",
        "METAFLOW_DATATOOLS_S3ROOT": "s3://bkt/metaflow/data",
        "METAFLOW_KUBERNETES_NAMESPACE": "flows",
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": deploy("linear").one("ServiceAccount")["metadata"]["name"],
        "METAFLOW_ARGO_EVENTS_EVENT": "metaflow-event",
        "METAFLOW_ARGO_EVENTS_EVENT_BUS": "default",
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": "argo-events-webhook",
        "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": "http://argo-events-webhook-eventsource-svc.flows:12000/metaflow-event",
        "METAFLOW_DEFAULT_METADATA": "local",
    }


def test_a_bucket_that_is_being_created() -> None:
    bucket = pulumi.Output.from_input("made-later")
    program = run(lambda: ArgoFlow("flow", {"flow": argo("linear"), "platform": platform(bucket=bucket)}) and None)
    template = json.dumps(program.one("WorkflowTemplate"))
    assert "s3://made-later/metaflow" in template
    assert MARK not in template


def test_a_file_is_compiled_for_argo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    (tmp_path / "flow.py").write_text((FLOWS / "linear" / "flow.py").read_text())
    monkeypatch.chdir(tmp_path)
    program = run(lambda: ArgoFlow("flow", {"flow": "flow.py", "platform": platform()}) and None)
    assert program.one("WorkflowTemplate")["metadata"]["name"] == "linearflow"


def test_deploy_time_values_are_evaluated_once_per_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    (tmp_path / "flow.py").write_text((FLOWS / "argo_deploy_time" / "flow.py").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWINFRA_USER", "ann")
    program = run(lambda: ArgoFlow("flow", {"flow": "flow.py", "platform": platform()}) and None)
    (stash,) = [inputs for name, inputs in program.of("Stash").items() if name == "flow-parameters"]
    assert json.loads(stash["input"]) == {"settings": '{"who": "ann"}'}
    parameters = program.one("WorkflowTemplate")["spec"]["arguments"]["parameters"]
    (argument,) = [entry for entry in parameters if entry["name"] == "settings"]
    assert json.loads(json.loads(argument["value"])) == {"who": "ann"}


def refused(folder: str, settings: dict[str, Any] | None = None, preview: bool = False, **args: Any) -> str:
    with pytest.raises(pulumi.RunError) as raised:
        deploy(folder, settings, preview, **args)
    return str(raised.value)


def test_a_platform_of_another_target() -> None:
    with pytest.raises(pulumi.RunError, match="flow: platform is None; give a KubernetesPlatform"):
        run(lambda: ArgoFlow("flow", {"flow": argo("linear"), "platform": None}) and None)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("key", [{"queue": "jobs"}, {"log_retention_days": 30}])
def test_a_key_of_another_target(key: dict[str, Any]) -> None:
    words = "is for AWS Step Functions alone, and this flow's target is argo; leave it out"
    assert f"key {next(iter(key))!r} {words}" in refused("linear", **key)


def test_alerts_are_told_what_argo_has() -> None:
    words = "leave it out, and use `notify_on_error`, `notify_on_success` or @exit_hook"
    assert words in refused("linear", alerts={"topic": "x"})


def test_a_bundle_for_events_on_a_platform_without() -> None:
    message = refused("trigger", {"events": None})
    assert "the compiled flow was made with events = True, this stack asks for events = False" in message


def test_two_flows_of_one_name() -> None:
    def twice() -> None:
        ArgoFlow("one", {"flow": argo("linear"), "platform": platform()})
        ArgoFlow("two", {"flow": argo("linear"), "platform": platform()})

    with pytest.raises(pulumi.RunError, match="one and two are both the WorkflowTemplate 'linearflow' in namespace"):
        run(twice)


def test_two_flows_with_one_sensor() -> None:
    """Metaflow writes - in a Sensor's name for a dot of the flow's."""

    def twice() -> None:
        for name in ("trigger.flow", "trigger-flow"):
            shape = ArgoOptions(events=True, name=name)
            flow = compile_flow(CompileRequest(FLOWS / "trigger" / "flow.py", "argo", shape, folder="flow"))
            ArgoFlow(name, {"flow": flow, "platform": platform()})

    with pytest.raises(pulumi.RunError, match=r"trigger\.flow and trigger-flow are both the Sensor 'trigger-flow' in"):
        run(twice)


def test_one_name_in_two_namespaces(cluster: Callable[..., None]) -> None:
    cluster(namespaces={"flows", "others"})

    def both() -> None:
        ArgoFlow("one", {"flow": argo("linear"), "platform": platform()})
        ArgoFlow("two", {"flow": argo("linear"), "platform": platform(namespace="others")})

    assert len(run(both).of("WorkflowTemplate")) == 2


def test_one_name_in_two_namespaces_that_are_being_created() -> None:
    namespaces = [pulumi.Output.from_input(name) for name in ("a", "b")]

    def both() -> None:
        for name, namespace in zip(("one", "two"), namespaces, strict=True):
            ArgoFlow(name, {"flow": argo("linear"), "platform": platform(namespace=namespace)})

    templates = run(both).of("WorkflowTemplate").values()
    assert {inputs["metadata"]["namespace"] for inputs in templates} == {"a", "b"}


LABELS = {"flowinfra/project": "app", "flowinfra/stack": "dev"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resources": frozenset()}, "install Argo Workflows, https://argo-workflows.readthedocs.io"),
        ({"namespaces": set()}, "the cluster has no namespace 'flows': make it (`kubectl create namespace flows`)"),
        ({"resources": frozenset(["workflowtemplates"])}, "install Argo Events, https://argoproj.github.io"),
        (
            {"objects": {"eventbus": []}},
            "has no EventBus 'default', without which Sensors hear nothing; there are: none",
        ),
        ({"objects": {"eventsources": [Named("hook", {}, {})]}}, "no EventSource 'argo-events-webhook'"),
        (
            {"objects": {"workflowtemplates": [Named("triggerflow", {}, {"metaflow/owner": "ann"})]}},
            "already has a WorkflowTemplate 'triggerflow', deployed by ann: it is not taken over",
        ),
        (
            {"objects": {"workflowtemplates": [Named("triggerflow", {**LABELS, "flowinfra/stack": "prod"}, {})]}},
            "deployed by the stack app/prod",
        ),
    ],
)
def test_what_the_cluster_lacks(cluster: Callable[..., None], changes: dict[str, Any], message: str) -> None:
    cluster(**changes)
    assert message in refused("trigger", preview=True)


def test_a_cluster_without_job_sets(cluster: Callable[..., None]) -> None:
    cluster(job_sets=False)
    assert "install JobSet, https://jobset.sigs.k8s.io" in refused("parallel", preview=True)
    deploy("linear")


def test_a_service_account_that_is_not_there() -> None:
    assert "namespace 'flows' has no service account 'nobody'" in refused("linear", {"service_account": "nobody"})


def test_our_own_template_is_no_other(cluster: Callable[..., None]) -> None:
    cluster(objects={"workflowtemplates": [Named("linearflow", LABELS, {})]})
    deploy("linear")
    token = outputs(lambda: flow("linear").namespace).removeprefix("production:")
    # by hand, by somebody who was authorized
    cluster(objects={"workflowtemplates": [Named("linearflow", {}, {"metaflow/production_token": token})]})
    deploy("linear")


def test_what_was_deployed_by_hand_is_taken_over_with_its_token(cluster: Callable[..., None]) -> None:
    by_hand = Named("linearflow", {}, {"metaflow/production_token": "linearflow-0-byik", "metaflow/owner": "ann"})
    cluster(objects={"workflowtemplates": [by_hand]})
    said = refused("linear")
    assert "deployed by ann: it is not taken over; to take it over, with Metaflow's namespace of its runs" in said
    assert "give the flow `production_token: linearflow-0-byik`. Else give this stack" in said
    made = deploy("linear", production_token="linearflow-0-byik")
    assert kinds(made)["WorkflowTemplate"] == 1
    other = {**by_hand.annotations, "metaflow/production_token": "linearflow-1-wxyz"}
    cluster(objects={"workflowtemplates": [Named("linearflow", {}, other)]})
    assert "production_token: linearflow-1-wxyz" in refused("linear", production_token="linearflow-0-byik")


def test_somebody_elses_cron_workflow(cluster: Callable[..., None]) -> None:
    cron = [Named("scheduleflow", {}, {})]
    cluster(objects={"cronworkflows": cron})
    assert "already has a CronWorkflow 'scheduleflow'" in refused("schedule_timezone")
    # beside a template of ours it is what Metaflow's own `create` made of it
    cluster(objects={"cronworkflows": cron, "workflowtemplates": [Named("scheduleflow", LABELS, {})]})
    deploy("schedule_timezone")


def test_somebody_elses_sensor(cluster: Callable[..., None]) -> None:
    cluster(objects={"sensors": [Named("triggerflow", {**LABELS, "flowinfra/stack": "prod"}, {})]})
    assert "already has a Sensor 'triggerflow', deployed by the stack app/prod" in refused("trigger", preview=True)


def inputs_of(kind: str) -> dict[str, Any]:
    versions = {"ServiceAccount": "v1", "Role": "rbac.authorization.k8s.io/v1"}
    version = versions.get(kind, "argoproj.io/v1alpha1")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "triggerflow", "namespace": "flows"}}


@pytest.mark.parametrize("kind", ["WorkflowTemplate", "CronWorkflow", "Sensor", "ServiceAccount", "Role"])
def test_an_object_of_somebody_else_is_not_taken_over(cluster: Callable[..., None], kind: str) -> None:
    plan, inputs = argo_plan("trigger"), inputs_of(kind)

    def look(**changes: Any) -> None:
        cluster(**changes)
        taken.look_in_cluster(plan, inputs)

    look()
    look(there={kind: Named("triggerflow", LABELS, {})})
    for labels, whose in (({}, "not of this stack"), ({**LABELS, "flowinfra/stack": "prod"}, "of the stack app/prod")):
        with pytest.raises(ConfigError) as refused:
            look(there={kind: Named("triggerflow", labels, {})})
        assert f"{kind} flows/triggerflow is there already, and is " in str(refused.value)
        assert f"{whose}: it is not replaced" in str(refused.value)
        assert f"`kubectl delete {kind.lower()} -n flows triggerflow`" in str(refused.value)
    # of a namespace that is being made
    inputs["metadata"]["namespace"] = None
    look(there={kind: Named("triggerflow", {}, {})})


def test_what_somebody_who_may_has_deployed_by_hand_is_ours(cluster: Callable[..., None]) -> None:
    plan = argo_plan("trigger")
    template = Named("triggerflow", {}, {"metaflow/production_token": plan.token})
    bare = Named("triggerflow", {}, {})
    cluster(there={"WorkflowTemplate": template, "CronWorkflow": bare, "Sensor": bare, "ServiceAccount": bare})
    for kind in ("WorkflowTemplate", "CronWorkflow", "Sensor"):
        taken.look_in_cluster(plan, inputs_of(kind))
    with pytest.raises(ConfigError):
        taken.look_in_cluster(plan, inputs_of("ServiceAccount"))


@pytest.mark.parametrize("preview", [True, False])
def test_a_cluster_that_cannot_be_asked_before_an_object_is_made(cluster: Callable[..., None], preview: bool) -> None:
    cluster(unreachable=True)

    def look() -> None:
        run(lambda: taken.look_in_cluster(argo_plan("linear"), inputs_of("Role")), preview)

    if preview:
        look()
    else:
        with pytest.raises(ClusterError, match="cannot be reached"):
            look()


@pytest.mark.parametrize(
    ("folder", "version", "message"),
    [
        (
            "schedule_daily",
            "3.5.15",
            "scheduleflow: Argo Workflows 3.5.15, which the cluster has, knows no `sch",
        ),
        ("switch", "3.7.11", "switchflow: Argo Workflows 3.7.11, which the cluster has, waits for ever"),
        ("switch", "4.0.6", "for ever for outputs of steps that a switch leaves out; install 4.1, or the newest 3.7"),
    ],
)
def test_what_the_clusters_argo_cannot_do(
    cluster: Callable[..., None], folder: str, version: str, message: str
) -> None:
    cluster(version=version)
    assert message in refused(folder, preview=True)
    deploy("linear")


@pytest.mark.parametrize("version", ["3.7.10", "3.7.16", "4.0.7", "4.1.4", "5.0.0", None])
def test_what_the_clusters_argo_can_do(
    cluster: Callable[..., None], version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda words, *_: warned.append(words))
    cluster(version=version)
    for folder in ("switch", "schedule_daily"):
        deploy(folder)
    assert warned == []


@pytest.mark.parametrize(("folder", "told"), [("linear", True), ("schedule_timezone", False)])
def test_a_timezone_without_a_schedule_is_told(folder: str, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda words, *_: warned.append(words))
    deploy(folder, flow=str(FLOWS / folder / "flow.py"), schedule={"timezone": "Europe/Paris"})
    words = "linearflow: schedule.timezone (Europe/Paris) has no effect, for the flow has no schedule: give `cron` too"
    assert [one.rpartition(",")[0] for one in warned if "timezone" in one] == ([words] if told else [])


def test_an_argo_that_is_older_than_those_that_are_tried(
    cluster: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda words, *_: warned.append(words))
    cluster(version="3.6.4")
    deploy("linear")
    assert warned == [
        "Argo Workflows 3.6.4, which the cluster has, is older than what flows are tried on; "
        "install 4.1, or the newest 3.7"
    ]


def test_a_cluster_that_cannot_be_reached(cluster: Callable[..., None]) -> None:
    cluster(unreachable=True)
    assert kinds(deploy("linear", preview=True))["WorkflowTemplate"] == 1
    assert "cannot be reached" in refused("linear")
    assert kinds(deploy("linear", {"check_cluster": False}))["WorkflowTemplate"] == 1


PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABCDEF"
ISSUER = PROVIDER.partition("oidc-provider/")[2]
"""Of an EKS cluster's service accounts."""


def of_policy(program: Program, name: str = "flow-pods-role-policy") -> dict[str, Any]:
    """Sid → statement of a role's policy."""
    policy = json.loads(program.of("RolePolicy")[name]["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def roles(**more: Any) -> PodRoles:
    return PodRoles(**{"region": "us-east-1", "account": "123456789012", **more})


def test_pod_identity_gives_each_flow_a_role() -> None:
    given = {"pod_roles": roles(cluster="prod"), "image_pull_secrets": ("registry",)}
    program = deploy("linear", given, aws_tags={"team": "ml"}, reads=["Train"], job_policies=[POLICY])
    assert kinds(program) == {
        "ArgoFlow": 1,
        "WorkflowTemplate": 1,
        "ServiceAccount": 1,
        "Role": 2,  # of IAM, and of Kubernetes
        "RolePolicy": 1,
        "RolePolicyAttachment": 1,
        "PodIdentityAssociation": 1,
        "RoleBinding": 1,
        "BucketObjectv2": 1,
        "Stash": 1,
    }
    role = program.of("Role")["flow-pods-role"]
    account = program.one("ServiceAccount")["metadata"]
    assert role["namePrefix"] == "app-dev-linearflow-pods-"
    assert json.loads(role["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:RequestTag/eks-cluster-name": "prod",
                    "aws:RequestTag/kubernetes-namespace": "flows",
                    "aws:RequestTag/kubernetes-service-account": account["name"],
                }
            },
        }
    ]
    association = program.one("PodIdentityAssociation")
    assert {key: association[key] for key in ("clusterName", "namespace", "serviceAccount", "roleArn")} == {
        "clusterName": "prod",
        "namespace": "flows",
        "serviceAccount": account["name"],
        "roleArn": role_arn("app-dev-linearflow-pods-1"),
    }
    assert association["tags"]["team"] == role["tags"]["team"] == "ml"
    assert "eks.amazonaws.com/role-arn" not in account["annotations"]
    assert program.one("RolePolicyAttachment")["policyArn"] == POLICY
    policy = of_policy(program)
    assert policy["Datastore"]["Resource"] == [
        f"arn:aws:s3:::bkt/metaflow/{part}LinearFlow/*" for part in ("", "data/", "mf.cards/")
    ]
    assert policy["ReadFlows"]["Resource"][0] == "arn:aws:s3:::bkt/metaflow/Train/*"
    shown = program.one("ArgoFlow")
    assert shown["pod_roles"] == {"cluster": "prod"}
    assert (shown["reads"], shown["job_policies"]) == (["Train"], [POLICY])
    template = program.one("WorkflowTemplate")["spec"]["templates"]
    names = {entry["serviceAccountName"] for entry in template if "container" in entry}
    assert names == {account["name"]}


def test_irsa_gives_each_flow_a_role() -> None:
    program = deploy("secrets", {"pod_roles": roles(oidc_provider=PROVIDER, kms_keys=(KEY,))})
    account = program.one("ServiceAccount")["metadata"]
    role = program.of("Role")["flow-pods-role"]
    assert account["annotations"]["eks.amazonaws.com/role-arn"] == role_arn("app-dev-secretsflow-pods-1")
    assert json.loads(role["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{ISSUER}:aud": "sts.amazonaws.com",
                    f"{ISSUER}:sub": f"system:serviceaccount:flows:{account['name']}",
                }
            },
        }
    ]
    assert not program.of("PodIdentityAssociation")
    policy = of_policy(program)
    assert policy["UseKeys"]["Resource"] == [KEY]
    assert all(arn.startswith("arn:aws:secretsmanager:") for arn in policy["Secrets"]["Resource"])


def test_roles_of_a_cluster_that_the_program_makes() -> None:
    made = {
        "pod_roles": roles(oidc_provider=pulumi.Output.from_input(PROVIDER), kms_keys=[pulumi.Output.from_input(KEY)]),
        "namespace": pulumi.Output.from_input("made"),
        "check_cluster": False,
    }
    program = run(lambda: flow("linear", made, job_policies=[pulumi.Output.from_input(POLICY)]) and None)
    trust = json.loads(program.of("Role")["flow-pods-role"]["assumeRolePolicy"])["Statement"][0]
    assert trust["Condition"]["StringEquals"][f"{ISSUER}:sub"].startswith("system:serviceaccount:made:flow-")
    assert program.one("RolePolicyAttachment")["policyArn"] == POLICY
    assert of_policy(program)["UseKeys"]["Resource"] == [KEY]


def test_region_and_account_of_a_role_are_asked_for() -> None:
    program = deploy("secrets", {"pod_roles": PodRoles(cluster="prod")})
    assert {call.rpartition(":")[2] for call in program.calls} >= {"getRegion", "getCallerIdentity"}
    assert all(":123456789012:" in arn for arn in of_policy(program)["Secrets"]["Resource"] if arn.endswith("??????"))


@pytest.mark.parametrize(
    ("settings", "args", "words"),
    [
        ({"pod_roles": roles()}, {}, "pod_roles: found nothing, allowed: one of cluster, oidc_provider"),
        (
            {"pod_roles": roles(cluster="a", oidc_provider=PROVIDER)},
            {},
            "found cluster, oidc_provider, allowed: one of",
        ),
        ({"pod_roles": roles(cluster="a b")}, {}, "pod_roles.cluster is 'a b', allowed: the name of an EKS cluster"),
        ({"pod_roles": roles(cluster="a\n")}, {}, "pod_roles.cluster is 'a\\n', allowed: the name"),
        ({"pod_roles": roles(oidc_provider=ROLE)}, {}, "allowed: the ARN of an OIDC provider"),
        (
            {"pod_roles": roles(cluster="a"), "service_account": "runner"},
            {},
            "both pod_roles, a role for each flow, and",
        ),
        ({"pod_roles": roles(cluster="a"), "pod_role": ROLE}, {}, "and pod_role, one for all of them"),
        ({}, {"reads": ["Train"]}, "reads is for a role of the flow's own: give the platform `pod_roles`"),
        ({}, {"job_policies": [POLICY]}, "job_policies is for a role of the flow's own"),
        ({"pod_roles": roles(cluster="a")}, {"reads": ["x" * 4000]}, "the policy of the role for pods has"),
    ],
)
def test_what_does_not_go_with_roles_is_refused(settings: dict[str, Any], args: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        deploy("linear", settings, **args)
    assert words in str(caught.value)
