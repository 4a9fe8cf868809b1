"""What a flow on Airflow is made of: exactly which resources, and how they are wired."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes
import pytest

from flowinfra import AirflowFlow, AirflowPlatform, DagBucket, DagConfigMaps, DagFolder, PodRoles
from flowinfra.clouds.kubernetes import Named
from flowinfra.components.creation import Making
from flowinfra.components.local_file import LAUNCHER, LocalFileProvider, lacks_launcher
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.ownership import refuse
from flowinfra.errors import ClusterError, ConfigError
from flowinfra.targets.airflow import ownership as taken
from flowinfra.targets.airflow.needs import needs
from flowinfra.targets.airflow.ownership import look_in_folder
from flowinfra.targets.airflow.plan import AirflowPlan
from tests.components.mocked import Program, outputs, role_arn, run
from tests.unit.components.airflow import airflow

S3 = DagBucket("acme-airflow")


def flow(folder: str, settings: dict[str, Any] | None = None, **args: Any) -> AirflowFlow:
    platform = AirflowPlatform(**{"bucket": "bkt", "namespace": "jobs", "dags": S3, **(settings or {})})
    given: Any = {"flow": airflow(folder), "platform": platform, **args}
    return AirflowFlow("flow", given)


def deploy(folder: str, settings: dict[str, Any] | None = None, preview: bool = False, **args: Any) -> Program:
    return run(lambda: flow(folder, settings, **args) and None, preview)


@pytest.mark.parametrize(
    ("settings", "delivered"),
    [
        ({}, {"BucketObjectv2": 3}),
        ({"dags": DagConfigMaps("airflow")}, {"BucketObjectv2": 2, "ConfigMap": 1}),
        ({"dags": DagFolder("/dags")}, {"BucketObjectv2": 2, "Resource": 1}),
    ],
)
def test_exactly_what_is_needed(settings: dict[str, Any], delivered: dict[str, int]) -> None:
    kinds = Counter(item.type.rsplit(":", 1)[-1] for item in deploy("linear", settings).resources)
    assert kinds == {"AirflowFlow": 1, "Stash": 1, **delivered}


def test_what_has_no_effect_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda words, _resource: told.append(words))
    deploy("linear")
    assert told == []
    deploy("resources_kubernetes")
    [words] = told
    assert words.startswith("ResourcesFlow: step 'start': no effect on Airflow of what its pod is given: shared_memory")


def test_dag_in_s3() -> None:
    program = deploy("linear", {"dags": DagBucket("acme-airflow", "dags/metaflow")}, aws_tags={"team": "ml"})
    made = program.of("BucketObjectv2")
    dag, owner = made["flow-dag"], made["flow-owner"]
    assert (dag["bucket"], dag["key"]) == ("acme-airflow", "dags/metaflow/LinearFlow.py")
    assert dag["tags"]["team"] == "ml"
    assert dag["contentType"] == "text/x-python"
    ast.parse(dag["content"])
    assert (owner["bucket"], owner["key"]) == ("bkt", "metaflow/mf.airflow/LinearFlow")
    assert json.loads(owner["content"])["owner"] == "flowinfra"
    [package] = [inputs for name, inputs in made.items() if name.endswith("-package")]
    assert package["tags"]["flowinfra:target"] == "airflow"
    assert package["key"] in dag["content"].replace("s3://bkt/", "")


def test_dag_in_a_config_map() -> None:
    program = deploy("linear", {"dags": DagConfigMaps("airflow")})
    kubernetes: Any = pulumi_kubernetes
    [found] = [item for item in program.resources if item.type.startswith("kubernetes:")]
    assert found.type == kubernetes.core.v1.ConfigMap.pulumi_type
    assert found.inputs["metadata"]["namespace"] == "airflow"
    assert found.inputs["metadata"]["labels"]["flowinfra/dag"] == "true"
    assert sorted(found.inputs["data"]) == [".airflowignore", "LinearFlow.py"]
    ast.parse(found.inputs["data"]["LinearFlow.py"])


def test_inputs_are_the_flow_and_not_the_dag() -> None:
    shown = deploy("foreach", {"service_account": "runner"}).one("AirflowFlow")
    assert shown["target"] == "airflow"
    assert shown["dags"] == "s3://acme-airflow/dags"
    assert shown["kubernetes_namespace"] == "jobs"
    assert shown["service_account"] == "runner"
    assert shown["steps"]["work"] == {"next": "join"}
    assert "CONFIG" not in json.dumps(shown)


def test_schedule_that_is_off() -> None:
    program = deploy("schedule_daily", schedule={"enabled": False})
    assert program.one("AirflowFlow")["schedule"] == {"cron": "@daily", "enabled": False}
    assert '"schedule": None' in program.of("BucketObjectv2")["flow-dag"]["content"]


def test_deploy_time_values_are_kept() -> None:
    program = deploy("airflow_parameters", deploy_time={"made-late": 7})
    assert json.loads(program.of("Stash")["flow-parameters"]["input"]) == {"made-late": 7}
    assert '"default": "7"' in program.of("BucketObjectv2")["flow-dag"]["content"]


def test_what_is_being_created_is_bound_when_it_is_there() -> None:
    program = run(lambda: flow("linear", {"bucket": pulumi.Output.from_input("late-bucket")}) and None)
    assert "s3://late-bucket/metaflow" in program.of("BucketObjectv2")["flow-dag"]["content"]


def test_outputs() -> None:
    def made() -> pulumi.Output[dict[str, Any]]:
        component = flow("linear", {"dags": DagConfigMaps("airflow")})
        names = ("dag_id", "file", "namespace", "authorize", "trigger", "metaflow_config", "version")
        return pulumi.Output.all(**{name: getattr(component, name) for name in names})

    found = outputs(made)
    assert found["dag_id"] == "LinearFlow"
    assert found["file"].startswith("configmap://airflow/flow-")
    assert found["file"].endswith("/LinearFlow.py")
    assert found["trigger"] == "airflow dags trigger LinearFlow"
    token = found["namespace"].removeprefix("production:")
    assert found["authorize"] == f"python flow.py airflow create --authorize {token} LinearFlow.py"
    assert found["metaflow_config"]["METAFLOW_KUBERNETES_NAMESPACE"] == "jobs"
    shape = airflow("linear").shape.model_copy(update={"settings": {"METAFLOW_X": "of the compile"}})
    given = airflow("linear").model_copy(update={"shape": shape})
    assert outputs(lambda: flow("linear", flow=given).metaflow_config)["METAFLOW_X"] == "of the compile"
    assert found["version"]["id"] == airflow("linear").digest[:12]


@pytest.mark.parametrize(
    ("settings", "args", "words"),
    [
        ({"dags": DagFolder("dags")}, {}, "allowed: an absolute path"),
        (
            {},
            {"queue": "gpu"},
            "key 'queue' is for AWS Step Functions alone, and this flow's target is airflow",
        ),
        ({"namespace": "Jobs"}, {}, "kubernetes_namespace is 'Jobs', allowed"),
    ],
)
def test_refused_before_anything_is_made(settings: dict[str, Any], args: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError, match=words):
        deploy("linear", settings, **args)


def test_two_flows_of_one_id() -> None:
    def both() -> None:
        flow("linear")
        AirflowFlow(
            "other",
            {"flow": airflow("linear"), "platform": AirflowPlatform(bucket="bkt", namespace="jobs", dags=S3)},
        )

    with pytest.raises(pulumi.RunError, match="flow and other are both the DAG 'LinearFlow'"):
        run(both)


def test_file_in_a_folder(tmp_path: Path) -> None:
    provider, path = LocalFileProvider(), tmp_path / "LinearFlow.py"
    first, second = ({"path": str(path), "content": text} for text in ("one", "two"))
    assert provider.create(first).id == str(path)
    assert path.read_text() == "one"
    assert provider.diff(str(path), first, first).changes is False
    changed = provider.diff(str(path), first, second)
    assert (changed.changes, changed.replaces) == (True, [])
    provider.update(str(path), first, second)
    assert path.read_text() == "two"
    moved = provider.diff(str(path), first, {**first, "path": "/elsewhere"})
    assert (moved.changes, moved.replaces) == (True, ["path"])
    assert provider.read(str(path), first).outs == second
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    provider.delete(str(path), second)
    provider.delete(str(path), second)
    assert not path.exists()
    assert provider.read(str(path), second).id is None


def test_pulumi_without_what_writes_to_a_folder(tmp_path: Path) -> None:
    program, elsewhere = tmp_path / "bin" / "pulumi", tmp_path / "elsewhere"
    launcher = program.with_name(LAUNCHER)
    for folder in (program.parent, elsewhere):
        folder.mkdir()
    assert lacks_launcher(str(elsewhere)) == ""
    for file in (program, launcher):
        file.touch(mode=0o755)
    (elsewhere / "pulumi").symlink_to(program)
    assert lacks_launcher(str(elsewhere)) == ""
    launcher.rename(elsewhere / LAUNCHER)
    assert lacks_launcher(str(elsewhere)) == ""
    (elsewhere / LAUNCHER).unlink()
    words = lacks_launcher(str(elsewhere))
    assert words.startswith(f"{LAUNCHER} is neither beside {elsewhere}/pulumi nor on PATH; ")
    assert "`make setup`" in words


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dags = DagFolder(str(tmp_path / "dags"))
    plan = AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py"))
    with pytest.raises(ConfigError, match=r"^there is no folder \S+/dags for DAGs on this machine; `up` needs it"):
        look_in_folder(plan, dags)
    warned: list[str] = []
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: True)
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    look_in_folder(plan, dags)
    assert len(warned) == 1


def test_file_of_somebody_else_in_a_folder(tmp_path: Path) -> None:
    plan, dags = (
        AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py")),
        DagFolder(str(tmp_path)),
    )
    look_in_folder(plan, dags)
    path = tmp_path / "LinearFlow.py"
    path.write_text(f"# of a deploy that was killed: {plan.token}")
    look_in_folder(plan, dags)
    path.write_text("mine")
    with pytest.raises(
        ConfigError, match=rf"{path} is there already, and is not of this stack: .*Remove it \(`rm {path}"
    ):
        look_in_folder(plan, dags)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match=r"LinearFlow.py cannot be read \(Is a directory\), so it is not replaced"):
        look_in_folder(plan, dags)


RECORD = {"bucket": "bkt", "key": "metaflow/mf.airflow/LinearFlow", "content": '{"production_token": "linear-0-a"}'}
OWN = {"flowinfra:project": "app", "flowinfra:stack": "dev"}


def to_its_end(awaitable: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of its own: `asyncio.run` leaves the thread without the one that Pulumi's mocks take."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(awaitable)
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("inputs", "there", "refused"),
    [
        (RECORD, None, ""),
        (RECORD, {"tags": {**OWN, "team": "ml"}, "etag": "x"}, ""),
        (RECORD, {"tags": {}, "etag": hashlib.md5(RECORD["content"].encode()).hexdigest()}, ""),
        (
            RECORD,
            {"tags": {}, "etag": "x"},
            r"and is not of this stack: it is not replaced\. Remove it \(`aws s3 rm s3",
        ),
        (RECORD, {"tags": {**OWN, "flowinfra:stack": "prod"}, "etag": "x"}, "and is that of the stack app/prod: it is"),
        ({**RECORD, "content": None}, {"tags": {}, "etag": "x"}, "and is not of this stack"),
        ({**RECORD, "bucket": None}, {"tags": {}, "etag": "x"}, ""),
        (RECORD, OSError("api error NoSuchBucket"), ""),
        (RECORD, OSError("AccessDenied"), "whether it is there, and whose it is, cannot be known: AccessDenied"),
    ],
)
def test_record_of_somebody_else(
    monkeypatch: pytest.MonkeyPatch, inputs: dict[str, Any], there: dict[str, Any] | OSError | None, refused: str
) -> None:
    async def asked(function: str, arguments: dict[str, Any], _parent: object) -> dict[str, Any]:
        if isinstance(there, OSError):
            raise there
        if function == "getObjects":
            assert arguments["prefix"] == RECORD["key"]
            return {"keys": [f"{RECORD['key']}2"] if there is None else [RECORD["key"]]}
        assert there is not None
        return there

    monkeypatch.setattr(taken, "_asked", asked)
    plan = AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py"))
    platform = AirflowPlatform(bucket="bkt", namespace="jobs", dags=S3)
    making = Making("flow", plan, platform, pulumi.ResourceOptions())
    look = taken.look_in_bucket(making, inputs, "the record, {},", "another `prefix`")
    if not refused:
        to_its_end(look)
        return
    with pytest.raises(ConfigError, match=refused) as caught:
        to_its_end(look)
    url = f"s3://bkt/{RECORD['key']}"
    assert str(caught.value).startswith((f"the record, {url}, is there already, ", f"{url}: whether it is there"))
    assert "or the platform another `prefix`" in str(caught.value) or "cannot be known" in refused


@pytest.mark.parametrize("preview", [True, False])
def test_config_map_of_somebody_else(monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    plan, found = AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py")), Labels()
    monkeypatch.setattr(taken, "named_cluster", lambda: found)

    def look(**more: bool) -> None:
        run(lambda: taken.look_in_cluster(plan, DagConfigMaps("airflow", **more)), preview)

    look()
    assert found.asked == [("airflow", plan.names.kubernetes("dag"))]
    found.labels = {"flowinfra/project": "app", "flowinfra/stack": "dev"}
    look()
    found.labels = {"app": "theirs"}
    with pytest.raises(ConfigError, match=r"ConfigMap airflow/flow-app-dev-.* not of this stack: .*`kubectl delete"):
        look()
    found.labels = None
    look()
    found.has_the_namespace = False
    with pytest.raises(ConfigError, match=r"no namespace 'airflow' for DAG files: make it \(`kubectl create n"):
        look()
    found.gone = True
    look(check_cluster=False)
    if preview:
        look()
    else:
        with pytest.raises(ClusterError, match="cannot be reached"):
            look()


class Labels:
    """A cluster in which a ConfigMap has these labels; None: there is none."""

    def __init__(self) -> None:
        self.labels: dict[str, str] | None = None
        self.gone = False
        self.has_the_namespace = True
        self.asked: list[tuple[str, str]] = []

    def of_that_name(self, api_version: str, kind: str, namespace: str, name: str) -> Named | None:
        assert (api_version, kind) == ("v1", "ConfigMap")
        self.asked.append((namespace, name))
        if self.gone:
            raise ClusterError("the cluster cannot be reached")
        return None if self.labels is None else Named(name, self.labels, {})

    def has_namespace(self, _name: str) -> bool:
        return self.has_the_namespace


@pytest.mark.parametrize("preview", [True, False])
def test_a_bucket_that_is_not_there_is_a_warning(monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    async def asked(*_: object) -> dict[str, Any]:
        raise OSError("api error NoSuchBucket")

    warned: list[str] = []
    monkeypatch.setattr(taken, "_asked", asked)
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: preview)
    plan = AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py"))
    making = Making("flow", plan, AirflowPlatform(bucket="bkt", namespace="jobs", dags=S3), pulumi.ResourceOptions())
    inputs = {**RECORD, "bucket": f"none-{preview}"}
    for _ in range(2):
        to_its_end(taken.look_in_bucket(making, inputs, "{}", "other `dags`"))
    told = [f"there is no bucket none-{preview} yet; `up` needs it: make it, or name the one that is there"]
    assert warned == (told if preview else [])


@pytest.mark.parametrize(
    ("folder", "shape", "words"),
    [
        ("linear", {}, []),
        ("linear", {"worker_pool": "ml"}, ["in the pool 'ml'"]),
        ("foreach", {"worker_pool": "ml"}, ["in the pool 'ml'", "at most 1,024"]),
    ],
)
def test_what_a_dag_needs_of_airflow(folder: str, shape: dict[str, Any], words: list[str]) -> None:
    said = list(needs(airflow(folder, **shape)))
    assert len(said) == len(words)
    assert all(part in one for part, one in zip(words, said, strict=True))


def test_whose_it_is_is_told() -> None:
    own, keys = {"project": "app", "stack": "dev", "team": "ml"}, ("project", "stack")
    refuse("s3://dags/a.py", {**own, "team": "x"}, own, keys, "aws s3 rm s3://dags/a.py", "other `dags`")
    words = r"s3://dags/a\.py is there already, and is that of the stack app/prod: .*`aws s3 rm s3://dags/a\.py`"
    with pytest.raises(ConfigError, match=words):
        refuse("s3://dags/a.py", {**own, "stack": "prod"}, own, keys, "aws s3 rm s3://dags/a.py", "other `dags`")


ACCOUNT, KEYS = "123456789012", {"region": "us-east-1", "account": "123456789012"}
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABCDEF"


@pytest.mark.parametrize("way", [{"cluster": "prod"}, {"oidc_provider": PROVIDER}], ids=["pod identity", "irsa"])
def test_each_flow_has_a_service_account_and_a_role(way: dict[str, str]) -> None:
    settings = {"pod_roles": PodRoles(**way, **KEYS), "labels": {"team": "risk"}}
    program = deploy("linear", settings, reads=["Train"], job_policies=["arn:aws:iam::aws:policy/More"])
    account, role = program.one("ServiceAccount")["metadata"], program.one("Role")
    assert account["namespace"] == "jobs"
    assert account["labels"] == {
        "team": "risk",
        "flowinfra/project": "app",
        "flowinfra/stack": "dev",
        "flowinfra/flow": "LinearFlow",
    }
    trust = json.dumps(json.loads(role["assumeRolePolicy"]))
    assert account["name"] in trust
    assert ("pods.eks.amazonaws.com" in trust) == ("cluster" in way)
    named = account["annotations"].get("eks.amazonaws.com/role-arn")
    assert named == (None if "cluster" in way else role_arn(f"{role['namePrefix']}1"))
    assert len(program.of("PodIdentityAssociation")) == ("cluster" in way)
    assert program.one("RolePolicyAttachment")["policyArn"].endswith("/More")
    assert "metaflow/Train/*" in program.one("RolePolicy")["policy"]
    dag = program.of("BucketObjectv2")["flow-dag"]["content"]
    assert f'"service_account_name": "{account["name"]}"' in dag
    shown = program.one("AirflowFlow")
    assert shown["pod_roles"] == way
    assert "service_account" not in shown


def test_a_role_for_each_flow_and_one_for_all_are_refused_together() -> None:
    settings = {"pod_roles": PodRoles(cluster="prod", **KEYS), "service_account": "runner"}
    with pytest.raises(pulumi.RunError, match="both pod_roles, a role for each flow, and service_account"):
        deploy("linear", settings)
    with pytest.raises(pulumi.RunError, match="reads is for a role of the flow's own"):
        deploy("linear", reads=["Train"])


def test_a_service_account_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = AirflowPlan(airflow("linear"), Names("app", "dev", "LinearFlow"), file=FlowFile("flow.py"))
    inputs = {"metadata": {"namespace": "jobs", "name": plan.names.kubernetes()}}
    found: list[Named | None] = [None]

    class Cluster:
        def of_that_name(self, *_: str) -> Named | None:
            return found[0]

    monkeypatch.setattr(taken, "named_cluster", Cluster)
    taken.look_for_account(plan, inputs)
    found[0] = Named("x", plan.names.labels, {})
    taken.look_for_account(plan, inputs)
    found[0] = Named("x", {**plan.names.labels, "flowinfra/stack": "prod"}, {})
    with pytest.raises(ConfigError, match=r"ServiceAccount jobs/flow-.* that of the stack app/prod"):
        taken.look_for_account(plan, inputs)
    taken.look_for_account(plan, {"metadata": {"name": None}})
