"""What is collected: only this stack's, only what no definition names, and nothing that a run may need again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from flowinfra.cli import main
from flowinfra.clouds.deployments import Deployments
from flowinfra.errors import ClusterError, ConfigError, StateError, ToolError
from flowinfra.model.deployments import KeptDeployment, KeptFlow
from flowinfra.operate.gc import Collection, Scope, collect, remove

AIRFLOW: Any = {"flowinfra:target": "airflow"}
ROLE = "arn:aws:iam::123456789012:role/states"
HOME = "s3://bkt/metaflow/Flow"
SCOPE = Scope("app", "dev")


class Account:
    """An account with one flow of stack `app/dev`."""

    def __init__(self) -> None:
        self.batch: Any = boto3.client("batch")
        self.s3: Any = boto3.client("s3")
        self.states: Any = boto3.client("stepfunctions")
        for bucket in ("bkt", "other"):
            self.s3.create_bucket(Bucket=bucket)

    def job(
        self,
        name: str,
        stack: str = "dev",
        image: str = "python:3.11",
        project: str = "app",
        variables: Mapping[str, str] | None = None,
        home: str = HOME,
    ) -> str:
        environment = [{"name": key, "value": value} for key, value in (variables or {}).items()]
        made = self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": image, "vcpus": 1, "memory": 128, "environment": environment},
            tags={**tags(stack, project), "flowinfra:datastore": home},
        )
        return f"{name}:{made['revision']}"

    def untagged_job(self, name: str) -> None:
        self.batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties={"image": "i", "vcpus": 1, "memory": 128}
        )

    def put(
        self,
        key: str,
        kind: str = "package",
        stack: str = "dev",
        body: bytes = b"x",
        ours: bool = True,
        bucket: str = "bkt",
        **other: str,
    ) -> str:
        more = {"ChecksumAlgorithm": "SHA256"} if ours else {}
        given = {**tags(stack), "flowinfra:kind": kind, **other}
        text = "&".join(f"{name}={value}" for name, value in given.items())
        self.s3.put_object(Bucket=bucket, Key=f"metaflow/{key}", Body=body, Tagging=text, **more)
        return f"s3://{bucket}/metaflow/{key}"

    def machine(self, name: str, *names: str) -> str:
        arn: str = self.states.create_state_machine(name=name, definition=definition(*names), roleArn=ROLE)[
            "stateMachineArn"
        ]
        return arn


def tags(stack: str = "dev", project: str = "app") -> dict[str, str]:
    return {"flowinfra:project": project, "flowinfra:stack": stack, "flowinfra:flow": "Flow"}


def definition(*names: str) -> str:
    """A definition as Metaflow's are, that names things."""
    states = {"start": {"Type": "Pass", "End": True, "Parameters": {"metaflow.owner": "flowinfra", "uses": names}}}
    return json.dumps({"StartAt": "start", "States": states})


def digest(letter: str) -> str:
    return letter * 40


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    monkeypatch.chdir(tmp_path)  # away from the project's own stacks
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    # an emulator in the same process tells moto to execute state machines; here executions go on until stopped
    with mock_aws(config={"stepfunctions": {"execute_state_machine": False}}):
        yield Account()


def names(found: Collection) -> set[str]:
    return {leftover.name for leftover in found.remove}


def test_job_definitions_that_nothing_names(account: Account) -> None:
    old, new = account.job("app-step"), account.job("app-step", image="python:3.12")
    gone = account.job("app-removed")
    account.machine("Flow", new)
    assert (old, new) == ("app-step:1", "app-step:2")
    assert names(collect(SCOPE)) == {old, gone}


def test_what_a_job_definition_names_is_referred_to_as_it_is_itself(account: Account) -> None:
    """A state machine names its job definitions, and these name the code package."""
    used, other = (account.put(f"Flow/data/{letter * 2}/{digest(letter)}") for letter in ("a", "b"))
    deployed = account.job("app-aaa", variables={"METAFLOW_CODE_URL": used})
    left = account.job("app-bbb", variables={"METAFLOW_CODE_URL": other})
    account.machine("Flow", deployed.rpartition(":")[0])
    assert names(collect(SCOPE)) == {left, other}


def test_a_job_definition_of_another_stack_keeps_what_both_share(account: Account) -> None:
    shared = account.put(f"Flow/data/aa/{digest('a')}")
    job = account.job("other-aaa", stack="prod", variables={"METAFLOW_CODE_URL": shared})
    scope = replace(SCOPE, datastores=("s3://bkt/metaflow",))
    assert names(collect(scope)) == {shared}
    account.machine("Flow", job.rpartition(":")[0])
    assert names(collect(scope)) == set()


def test_a_name_that_only_begins_alike_is_no_reference(account: Account) -> None:
    first = account.job("step")
    account.machine("Flow", f"{first}0", f"x-{first}")
    assert names(collect(SCOPE)) == {first}


class FakeCluster:
    """What a cluster's WorkflowTemplates and Workflows say; None where it cannot be asked."""

    found: ClassVar[list[str] | None] = []

    def __init__(self, _kubeconfig: str | None, _context: str | None) -> None:
        pass

    def texts(self, _plurals: object) -> list[str]:
        if self.found is None:
            raise ClusterError("the Kubernetes cluster cannot be reached")
        return self.found


@pytest.mark.parametrize("scope", [SCOPE, replace(SCOPE, on_argo=True)])
def test_what_argo_refers_to_stays(account: Account, monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    job = account.job("step")
    # two targets of one flow share their package: the last one's tags are on it
    other: Any = {} if scope.on_argo else {"flowinfra:target": "argo"}
    deployed, running, old = (
        account.put(f"Flow/data/{letter * 2}/{digest(letter)}", **other) for letter in ("a", "b", "c")
    )
    monkeypatch.setattr("flowinfra.operate.gc.Cluster", FakeCluster)
    monkeypatch.setattr(FakeCluster, "found", [f'{{"spec": "{deployed}"}}', f'{{"status": "{running}"}}'])
    assert names(collect(scope)) == {job, old}
    monkeypatch.setattr(FakeCluster, "found", None)
    found = collect(scope)
    assert names(found) == {job}
    assert found.unknown == "the Kubernetes cluster cannot be reached"


def test_runs_of_argo_may_be_resumed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.job("step")
    argo: Any = {"flowinfra:target": "argo"}
    account.put(f"Flow/data/aa/{digest('a')}", **argo)
    account.put("Flow/argo-flow-x/start/1/0.data.json", ours=False)
    monkeypatch.setattr("flowinfra.operate.gc.Cluster", FakeCluster)
    template = {"metadata": {"labels": {"flowinfra/project": "app", "flowinfra/stack": "dev"}}}
    monkeypatch.setattr(FakeCluster, "found", [json.dumps(template)])
    assert len(collect(SCOPE).kept) == 1
    template["metadata"]["labels"]["flowinfra/stack"] = "prod"
    monkeypatch.setattr(FakeCluster, "found", [json.dumps(template)])
    assert len(collect(SCOPE).kept) == 0


def test_other_stacks_and_what_is_not_ours_stay(account: Account) -> None:
    account.job("prod-step", stack="prod")
    account.job("other-step", project="other")
    account.untagged_job("metaflow_abc")
    mine = account.job("mine")
    account.put(f"Flow/data/aa/{digest('a')}", stack="prod")
    assert names(collect(SCOPE)) == {mine}


def test_a_running_execution_keeps_what_it_began_with(account: Account) -> None:
    old, new = account.job("step"), account.job("step", image="b")
    package = account.put(f"Flow/data/aa/{digest('a')}")
    arn = account.machine("Flow", old, package)
    execution = account.states.start_execution(stateMachineArn=arn)["executionArn"]
    account.states.update_state_machine(stateMachineArn=arn, definition=definition(new))
    session = boto3.Session()

    # moto tells the machine's present definition for an execution; AWS, and this, the one that it began with
    def began_with(**_: Any) -> Any:
        return SimpleNamespace(status_code=200), {"definition": definition(old, package)}

    session.events.register("before-call.sfn.DescribeStateMachineForExecution", began_with)
    assert names(collect(SCOPE, session)) == set()
    account.states.stop_execution(executionArn=execution)
    assert names(collect(SCOPE, session)) == {old, package}


def test_objects_that_nothing_names(account: Account) -> None:
    old, new = account.put(f"Flow/data/aa/{digest('a')}"), account.put(f"Flow/data/bb/{digest('b')}")
    file = account.put(f"data/Flow/{digest('c')}", "include-file")
    account.machine("Flow", account.job("step"), new)
    assert names(collect(SCOPE)) == {old, file}


@pytest.mark.parametrize("scope", [SCOPE, replace(SCOPE, on_airflow=True)])
def test_what_states_have_for_airflow_stays(account: Account, monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    scope = replace(scope, airflow_days=0)
    job = account.job("step")
    # two targets of one flow share their package: the last one's tags are on it
    other: Any = {} if scope.on_airflow else AIRFLOW
    deployed, old = (account.put(f"Flow/data/{letter * 2}/{digest(letter)}", **other) for letter in ("a", "b"))
    packages = account.put("conda/host/pkg.conda", "environment", **other)
    asked: list[str] = []

    def objects(_folder: Path, project: str) -> list[str]:
        asked.append(project)
        return [deployed]

    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", objects)
    assert names(collect(scope)) == {job, old}
    assert asked == ["app"]
    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", lambda *_: ())
    assert names(collect(scope)) == {job, deployed, old, packages}

    def refused(*_: Any) -> list[str]:
        raise ToolError("`pulumi stack ls` failed")

    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", refused)
    found = collect(scope)
    assert names(found) == {job}
    assert found.unknown == "what DAGs of the project 'app' name is not known: `pulumi stack ls` failed"


def test_after_a_deploy_to_airflow_its_objects_stay_for_days(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", lambda *_: ())
    job = account.job("step")
    mine = {account.put(f"Flow/data/aa/{digest('a')}", **AIRFLOW), account.put(f"Flow/data/bb/{digest('b')}")}
    found = collect(SCOPE)
    assert names(found) == {job}
    assert {leftover.name for leftover in found.recent} == mine
    assert names(collect(replace(SCOPE, airflow_days=0))) == {job, *mine}


def test_runs_of_airflow_may_be_resumed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", lambda *_: ())
    account.job("step")
    account.put(f"Flow/data/aa/{digest('a')}", **AIRFLOW)
    account.put("Flow/airflow-12ab/start/1/0.data.json", ours=False)
    assert len(collect(replace(SCOPE, airflow_days=0)).kept) == 1


def test_artifacts_are_not_looked_at(account: Account) -> None:
    account.job("step")
    account.put(f"Flow/data/aa/{digest('a')}", ours=False)
    assert names(collect(SCOPE)) == {"step:1"}


def test_what_another_stacks_definition_names_stays(account: Account) -> None:
    account.job("step")
    shared = account.put(f"Flow/data/aa/{digest('a')}")
    account.machine("prod-Flow", shared)
    assert names(collect(SCOPE)) == {"step:1"}


def test_a_deployed_command_keeps_its_package(account: Account) -> None:
    account.job("step")
    package = account.put(f"Flow/data/aa/{digest('a')}")
    command = account.put(f"Flow/data/bb/{digest('b')}", "command", body=f"get {package}".encode())
    account.machine("Flow", command)
    assert names(collect(SCOPE)) == {"step:1"}


@pytest.mark.parametrize("kind", ["package", "include-file"])
def test_equal_bytes_in_another_bucket_keep_nothing(account: Account, kind: str) -> None:
    """Two stacks have the same code: their packages have one digest, and each its own bucket."""
    key = f"Flow/data/aa/{digest('a')}" if kind == "package" else f"data/Flow/{digest('a')}"
    job, mine = account.job("dev-step"), account.put(key, kind)
    other = account.put(key, kind, stack="prod", bucket="other")
    variables = {"METAFLOW_CODE_URL": other, "METAFLOW_CODE_SHA": digest("a")}
    theirs = account.job("prod-step", stack="prod", variables=variables, home="s3://other/metaflow/Flow")
    # the default of an IncludeFile is JSON in JSON in JSON
    account.machine("prod-Flow", theirs, json.dumps(json.dumps({"url": other})))
    assert names(collect(SCOPE)) == {job, mine}


def test_a_digest_without_its_place_keeps_what_is_in_the_buckets_of_its_definition(account: Account) -> None:
    """As harsh as it can be told: where a text names a digest alone, all of the text's buckets may be meant."""
    key = f"Flow/data/aa/{digest('a')}"
    job, mine = account.job("step"), account.put(key)
    machine = account.machine("prod-Flow", digest("a"), "s3://other/metaflow/Flow")
    assert names(collect(SCOPE)) == {job, mine}
    account.states.delete_state_machine(stateMachineArn=machine)
    for place in ("s3://bkt/metaflow/Flow", "nowhere"):
        machine = account.machine("prod-Flow", digest("a"), place)
        assert names(collect(SCOPE)) == {job}
        account.states.delete_state_machine(stateMachineArn=machine)


def test_shared_bytes_go_with_the_last_stack_that_used_them(account: Account) -> None:
    """The last deploy's tags are on an object that two stacks share, also when that stack went first."""
    shared = account.put(f"Flow/data/aa/{digest('a')}", stack="prod")
    mine = account.job("dev-step", variables={"METAFLOW_CODE_URL": shared})
    theirs = account.job("prod-step", stack="prod", variables={"METAFLOW_CODE_URL": shared})
    prod = replace(SCOPE, stack="prod")
    machine = account.machine("Flow", mine)
    assert names(collect(prod)) == {theirs}
    list(remove(collect(prod).remove))
    account.states.delete_state_machine(stateMachineArn=machine)
    assert names(collect(SCOPE)) == {mine, shared}


def test_what_a_stack_that_is_there_left_is_its_own(account: Account) -> None:
    left = account.put(f"Flow/data/aa/{digest('a')}", stack="prod")
    theirs = account.job("prod-step", stack="prod")
    account.machine("prod-Flow", theirs)
    mine = account.job("dev-step", variables={"METAFLOW_CODE_URL": left})
    assert names(collect(SCOPE)) == {mine}
    elsewhere = account.put(f"Flow/data/bb/{digest('b')}", stack="nightly", **AIRFLOW)
    assert elsewhere not in names(collect(SCOPE))


def test_after_destroy_nothing_stays_unless_asked(account: Account) -> None:
    package = account.put(f"Flow/data/aa/{digest('a')}")
    old = account.put(f"Flow/data/bb/{digest('b')}")
    job = account.job("step", variables={"METAFLOW_CODE_URL": package})
    account.put("Flow/sfn-1/start/1/0.task_begin", ours=False)
    machine = account.machine("Flow", job)
    found = collect(SCOPE)
    assert (names(found), [each.name for each in found.kept], found.destroyed) == (set(), [old], False)
    account.states.delete_state_machine(stateMachineArn=machine)
    found = collect(SCOPE)
    assert (names(found), found.kept, found.destroyed) == ({job, old, package}, (), True)
    asked = collect(replace(SCOPE, keep_packages=True))
    assert (names(asked), {each.name for each in asked.kept}) == ({job}, {old, package})


def test_what_runs_need_to_be_resumed_stays_unless_asked(account: Account) -> None:
    job = account.job("step")
    account.machine("Flow", account.job("deployed"))
    package = account.put(f"Flow/data/aa/{digest('a')}")
    command = account.put(f"Flow/data/bb/{digest('b')}", "command")
    account.put("Flow/sfn-1/start/1/0.task_begin", ours=False)
    found = collect(SCOPE)
    assert names(found) == {job, command}
    assert [leftover.name for leftover in found.kept] == [package]
    assert names(collect(Scope("app", "dev", with_packages=True))) == {job, command, package}


def test_packages_of_environments_stay_while_anything_is_deployed(account: Account) -> None:
    job = account.job("step")
    environment = account.put("conda/host/pkg.conda", "environment")
    arn = account.machine("Flow", job, "s3://bkt/metaflow/Flow")
    assert names(collect(SCOPE)) == set()
    account.states.delete_state_machine(stateMachineArn=arn)
    assert names(collect(SCOPE)) == {job, environment}


def test_a_datastore_is_looked_through_where_no_job_definition_is_left(account: Account) -> None:
    package = account.put(f"Flow/data/aa/{digest('a')}")
    assert names(collect(SCOPE)) == set()
    assert names(collect(Scope("app", "dev", ("s3://bkt/metaflow",)))) == {package}


def keep(account: Account, *flows: str) -> None:
    """Keep a deployment of the stack whose flows have the packages of these letters."""
    made = [
        KeptFlow(
            name="Flow",
            flow="Flow",
            target="step-functions",
            digest=letter * 64,
            entry={},
            objects=(f"Flow/data/{letter * 2}/{digest(letter)}",),
        )
        for letter in flows
    ]
    kept = KeptDeployment(time="2026-01-31T06:00:00+00:00", deployed_by="ann", config={}, flows=tuple(made))
    store = Deployments(account.s3, "bkt", "metaflow", "app", "dev")
    store.keep(kept, {each.digest: "{}" for each in made}, lambda kind: {**tags(), "flowinfra:kind": kind})


def test_what_a_rollback_needs_stays_for_the_newest_deployments(account: Account) -> None:
    packages = {letter: account.put(f"Flow/data/{letter * 2}/{digest(letter)}") for letter in "abc"}
    for letter in "abc":
        keep(account, letter)
    job = account.job("app-step", variables={"METAFLOW_CODE_URL": packages["c"]})
    account.machine("Flow", job)
    assert collect(SCOPE).remove == ()
    assert {each.name for each in collect(SCOPE).rollback} == {packages["a"], packages["b"]}
    found = collect(replace(SCOPE, deployments=2))
    assert [each.name for each in found.rollback] == [packages["b"]]
    assert sorted((each.kind, each.name.rpartition("/")[2][:6]) for each in found.remove) == [
        ("compiled-flow", "aaaaaa"),
        ("deployment", "000001"),
        ("package", "aaaaaa"),
    ]
    said = CliRunner().invoke(main, ["gc", "dev", "--project", "app"]).output
    assert "2 packages stay: `flowinfra rollback` may bring their deployments back (--deployments)." in said


def test_after_destroy_no_deployment_is_kept(account: Account) -> None:
    package = account.put(f"Flow/data/aa/{digest('a')}")
    keep(account, "a")
    job = account.job("app-step", variables={"METAFLOW_CODE_URL": package})
    # another stack has the same bytes in the same place
    other = account.job("app-other", "prod", variables={"METAFLOW_CODE_URL": package})
    account.machine("Other", other)
    found = collect(SCOPE)
    assert found.destroyed
    assert {each.kind for each in found.remove} == {"job-definition", "deployment", "compiled-flow"}
    list(remove(found.remove))
    assert job not in names(collect(SCOPE))
    assert names(collect(SCOPE)) == set()


def test_a_history_that_cannot_be_read_removes_nothing(account: Account) -> None:
    keep(account, "a")
    store = Deployments(account.s3, "bkt", "metaflow", "app", "dev")
    account.s3.put_object(Bucket="bkt", Key=store.records()[0].key, Body=b'{"format": 99}')
    with pytest.raises(StateError, match="has format 99"):
        collect(replace(SCOPE, datastores=("s3://bkt/metaflow",)))


def test_removing(account: Account) -> None:
    account.job("step")
    account.put(f"Flow/data/aa/{digest('a')}")
    found = collect(SCOPE)
    assert list(remove(found.remove)) == list(found.remove)
    assert collect(Scope("app", "dev", ("s3://bkt/metaflow",))) == Collection(())
    assert account.s3.list_objects_v2(Bucket="bkt")["KeyCount"] == 0


def test_a_datastore_must_be_one(account: Account) -> None:
    with pytest.raises(
        ConfigError, match=r"'bkt' is not a datastore in S3, which is all that gc knows; allowed: s3://BUCKET/PREFIX"
    ):
        collect(Scope("app", "dev", ("bkt",)))


def test_aws_refusing_is_one_message(account: Account) -> None:
    with pytest.raises(ToolError, match=r"AWS refused: .*NoSuchBucket"):
        collect(Scope("app", "dev", ("s3://missing/metaflow",)))


# the command


def gc(*words: str, answer: str | None = None) -> Any:
    return CliRunner().invoke(main, ["gc", *words], input=answer)


def test_the_command_shows_and_asks(account: Account) -> None:
    account.job("step")
    declined = gc("dev", "--project", "app", answer="n\n")
    assert declined.exit_code == 3
    assert "step:1" in declined.output
    assert "Nothing was removed." in declined.output
    done = gc("dev", "--project", "app", answer="y\n")
    assert done.exit_code == 0
    assert "Removed 1 job-definition." in done.output
    again = gc("dev", "--project", "app")
    assert again.exit_code == 0
    assert "Nothing to remove for app/dev.\n" in again.output


def test_the_command_says_that_runs_of_a_destroyed_stack_cannot_be_resumed(account: Account) -> None:
    account.job("step")
    account.put(f"Flow/data/aa/{digest('a')}")
    account.put("Flow/sfn-1/start/1/0.task_begin", ours=False)
    words = ("gc", "dev", "--project", "app")
    declined = CliRunner().invoke(main, words, input="n\n")
    assert "app/dev is not deployed any more, so what its runs need to be resumed goes too" in declined.output
    assert "--keep-packages" in declined.output
    kept = CliRunner().invoke(main, [*words, "--keep-packages", "--yes"])
    assert "1 package stays" in kept.output
    both = CliRunner().invoke(main, [*words, "--keep-packages", "--with-packages"])
    assert both.exit_code == 2
    assert "--keep-packages and --with-packages contradict each other" in both.output


def test_the_command_for_programs(account: Account) -> None:
    account.job("step")
    shown = gc("org/app/dev", "--project", "app", "--json")
    assert shown.exit_code == 3
    assert json.loads(shown.output)["removed"] == []
    done = gc("org/app/dev", "--project", "app", "--json", "--yes")
    assert done.exit_code == 0
    assert json.loads(done.output)["removed"] == ["step:1"]


@pytest.mark.parametrize(("config", "said"), [("{}", True), ("{bucket: other}", False), ("{create: {}}", False)])
def test_the_command_says_where_it_did_not_look(
    account: Account, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, config: str, said: bool
) -> None:
    account.put(f"Flow/data/aa/{digest('a')}")
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  flowinfra:platform: {config}\n")
    monkeypatch.chdir(tmp_path)
    found = gc("dev")
    assert found.exit_code == 0
    assert ("Name the datastore to look through: --datastore s3://BUCKET/PREFIX" in found.output) == said
    whole = ["s3://other/metaflow"] if "bucket" in config else []
    assert json.loads(gc("dev", "--json").output)["datastores"] == whole


def test_project_and_datastore_of_the_folder(account: Account, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = account.put(f"Flow/data/aa/{digest('a')}")
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  flowinfra:platform: {bucket: bkt}\n")
    monkeypatch.chdir(tmp_path)
    assert [item["name"] for item in json.loads(gc("dev", "--json").output)["remove"]] == [package]


def test_the_command_says_what_stays_for_airflow(
    account: Account, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowinfra.operate.gc.deployed_objects", lambda *_: ())
    package = account.put(f"Flow/data/aa/{digest('a')}")
    account.put(f"Flow/data/bb/{digest('b')}", **AIRFLOW)
    platform = "{bucket: bkt, airflow: {namespace: jobs, dags: {folder: /dags}}}"
    (tmp_path / "Pulumi.yaml").write_text("name: app\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  flowinfra:platform: {platform}\n")
    said = gc("dev").output
    assert "Nothing to remove for app/dev." in said
    assert "2 packages stay: their flows were deployed to Airflow not long ago" in said
    assert package in [item["name"] for item in json.loads(gc("dev", "--json").output)["recent"]]
    assert len(json.loads(gc("dev", "--json", "--airflow-days", "0").output)["remove"]) == 2


def test_a_folder_without_a_project(account: Account, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = gc("dev")
    assert result.exit_code == 1
    assert "name the stack's Pulumi project with --project" in result.output
