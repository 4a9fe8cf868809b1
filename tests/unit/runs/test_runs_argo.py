"""`flowinfra run` and `flowinfra runs` of a flow on Argo, where an apiserver's stand-in answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from flowinfra.cli import main
from flowinfra.operate.runs import cluster
from flowinfra.operate.runs import reach as reach_module
from tests.unit.argo_api import ArgoApi, argo_api
from tests.unit.runs.argo_nodes import node, started, template, workflow

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/flows/workflows"
URN = "urn:pulumi:prod::shop::"
STORE = {"METAFLOW_DATASTORE_SYSROOT_S3": "s3://shop/metaflow"}
PARAMETERS = {
    "words": {"type": "file (bytes)"},
    "alpha": {"type": "float"},
    "day": {"type": "str", "required": True},
    "tree": {"type": "JSON"},
}
SAID = {"message": "Error (exit code 1)", "outputs": {"exitCode": "1"}}
OVER = workflow("Failed", started(1), node(4, "join", "Failed", **SAID))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ArgoApi]:
    """The cluster of the stack prod, which has one flow deployed; its kubeconfig is a secret of the stack."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_USER", "ann")
    monkeypatch.setattr(cluster.WorkflowRuns, "interval", 0.0)
    with argo_api() as (api, kubeconfig):
        shown = state(kubeconfig)
        monkeypatch.setattr(reach_module, "export_state", lambda *_: shown)
        monkeypatch.setattr(reach_module, "pulumi", lambda *_: shown.decode())
        api.put("workflowtemplates", template())
        yield api


def state(kubeconfig: str) -> bytes:
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": json.dumps(kubeconfig),
    }
    resources = [
        {
            "urn": f"{URN}pulumi:providers:kubernetes::default",
            "id": "p",
            "type": "pulumi:providers:kubernetes",
            "inputs": {"kubeconfig": secret, "context": "it"},
        },
        {
            "urn": f"{URN}flowinfra:argo:ArgoFlow::train",
            "type": "flowinfra:argo:ArgoFlow",
            "inputs": {"flow": "TrainFlow", "name": "trainflow", "target": "argo", "parameters": PARAMETERS},
            "outputs": {
                "kubernetes_namespace": "flows",
                "trigger": "python train.py argo-workflows trigger",
                "metaflow_config": STORE,
            },
        },
        {
            "urn": f"{URN}WorkflowTemplate::train-workflow-template",
            "type": "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate",
            "provider": f"{URN}pulumi:providers:kubernetes::default::p",
            "inputs": {"metadata": {"name": "trainflow", "namespace": "flows"}},
        },
    ]
    return json.dumps({"version": 3, "deployment": {"resources": resources}}).encode()


def flowinfra(*words: str) -> Result:
    return CliRunner().invoke(main, [*words[:1], "TrainFlow", "-s", "prod", *words[1:]])


def test_a_run_is_started_as_metaflows_trigger_does_it(api: ArgoApi) -> None:
    result = flowinfra("run", "--no-follow", "--json", "--day=mon", "--alpha", "1", "--tree", '{"a": [1]}')
    assert json.loads(result.output) == {
        "flow": "TrainFlow",
        "run_id": "argo-trainflow-x1",
        "workflow": "flows/trainflow-x1",
        "status": "RUNNING",
    }
    made = api.objects["workflows"]["trainflow-x1"]
    # body of `trigger_workflow_template` in Metaflow's plugins/argo/argo_client.py
    assert made["metadata"]["generateName"] == "trainflow-"
    assert made["metadata"]["annotations"] == {"metaflow/triggered_by_user": '{"type": "user", "name": "ann"}'}
    assert made["spec"] == {
        "workflowTemplateRef": {"name": "trainflow"},
        "arguments": {
            "parameters": [
                {"name": "day", "value": '"mon"'},
                {"name": "alpha", "value": "1.0"},
                {"name": "tree", "value": json.dumps('{"a": [1]}')},
            ]
        },
    }


def test_a_file_is_stored_before_the_run_begins(api: ArgoApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class S3:
        def head_object(self, **_asked: Any) -> None:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")

        def put_object(self, **stored: Any) -> None:
            assert api.objects["workflows"] == {}
            places.append(f"s3://{stored['Bucket']}/{stored['Key']}")

    class Session:
        def session(self) -> Any:
            return self

        def client(self, _service: str) -> Any:
            return S3()

    places: list[str] = []
    monkeypatch.setattr(reach_module, "access_of", lambda *_: Session())
    (tmp_path / "words.bin").write_bytes(b"\xff")
    result = flowinfra("run", "--no-follow", "--day=mon", "--words", "words.bin")
    assert (result.exit_code, result.output) == (0, "argo-trainflow-x1\n")
    given = api.objects["workflows"]["trainflow-x1"]["spec"]["arguments"]["parameters"]
    words = next(json.loads(json.loads(each["value"])) for each in given if each["name"] == "words")
    assert (words["url"], words["is_text"]) == (places[0], False)
    assert words["url"].startswith("s3://shop/metaflow/data/TrainFlow/")


def test_parameters_are_checked_before_the_cluster_is_asked(api: ArgoApi) -> None:
    result = flowinfra("run", "--alhpa", "1", "--tree", "{")
    assert result.exit_code == 1
    for said in ("did you mean --alpha?", "parameter --tree is JSON", "TrainFlow needs --day"):
        assert said in result.output
    assert api.asked == []


def test_a_template_that_is_gone_or_not_metaflows_starts_nothing(api: ArgoApi) -> None:
    api.objects["workflowtemplates"]["trainflow"]["metadata"]["annotations"] = {}
    assert "the WorkflowTemplate flows/trainflow is not Metaflow's" in flowinfra("run", "--day", "mon").output
    del api.objects["workflowtemplates"]["trainflow"]
    result = flowinfra("run", "--day", "mon")
    assert (result.exit_code, api.objects["workflows"]) == (1, {})
    assert "`pulumi up --refresh` makes it again" in result.output


def test_a_run_is_followed_to_its_end(api: ArgoApi, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [
        workflow("Running", node(1, "start", "Pending", message="Unschedulable: 0/1 nodes are available")),
        workflow("Running", started(2), node(2, "fit-one", "Running")),
        OVER,
    ]
    answer = api.answer

    def moving(method: str, url: str, accept: str, body: Any) -> tuple[int, Any]:
        if method == "GET" and url.split("?")[0] == f"{WORKFLOWS}/trainflow-x1":
            api.put("workflows", looks.pop(0) if len(looks) > 1 else looks[0])
        return answer(method, url, accept, body)

    monkeypatch.setattr(api, "answer", moving)
    api.pods = {"trainflow-x1-join-4"}
    result = flowinfra("run", "--day", "mon")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "argo-trainflow-x1",
        "start: queued (Unschedulable: 0/1 nodes are available)",
        "start: succeeded, 60 s",
        "fit_one: running, 0/2 tasks",
        "join: failed, 60 s",
    ]
    assert result.stderr.splitlines() == [
        "argo-trainflow-x1 FAILED, step join: Error (exit code 1)",
        "  logs    kubectl --context it -n flows logs trainflow-x1-join-4 -c main",
        "  resume  python train.py resume --origin-run-id argo-trainflow-x1",
    ]


def test_the_last_runs_are_those_of_this_template_however_they_were_started(api: ArgoApi) -> None:
    for day, name in enumerate(("trainflow-x1", "trainflow-1769839200", "trainflow-other-y", "unlike"), 10):
        made = workflow("Succeeded", started(1), name=name)
        made["spec"]["workflowTemplateRef"]["name"] = "trainflow-other" if "other" in name else "trainflow"
        api.put("workflows", made, f"2026-01-{day}T06:00:00Z")
    listed = json.loads(flowinfra("runs", "--json").output)
    assert [each["run_id"] for each in listed] == ["argo-trainflow-1769839200", "argo-trainflow-x1"]
    assert listed[0] == {
        "flow": "TrainFlow",
        "run_id": "argo-trainflow-1769839200",
        "workflow": "flows/trainflow-1769839200",
        "status": "SUCCEEDED",
        "started": "2026-01-31T06:00:00+00:00",
        "stopped": "2026-01-31T07:00:05+00:00",
        "seconds": 3605.0,
        **dict.fromkeys(("failed_step", "failed_task", "reason", "exit_code", "logs", "resume")),
    }
    assert [each["run_id"] for each in json.loads(flowinfra("runs", "--json", "-n", "1").output)] == [
        "argo-trainflow-1769839200"
    ]
    # of a namespace with thousands, the workflows themselves are asked of those that are shown
    assert f"GET {WORKFLOWS}/unlike" not in api.asked


def test_a_run_whose_pod_is_gone_has_its_log_in_the_datastore(api: ArgoApi) -> None:
    api.put("workflows", OVER)
    # a workflow has its template, whatever became of that since
    del api.objects["workflowtemplates"]["trainflow"]
    result = CliRunner().invoke(main, ["runs", "TrainFlow/argo-trainflow-x1", "-s", "prod"])
    assert result.exit_code == 3
    assert result.stdout.startswith("argo-trainflow-x1 FAILED, started 2026-01-31 06:00:00 UTC, took 1:00:05\n")
    assert "  logs    python train.py logs argo-trainflow-x1/join\n" in result.stderr


def test_runs_that_the_cluster_does_not_have(api: ArgoApi) -> None:
    api.put("workflows", {"metadata": {"name": "theirs"}, "spec": {"entrypoint": "main"}})
    said = (
        "trainflow has no run (a run is known as long as the cluster has its workflow: until its time to live is over)"
    )
    assert flowinfra("runs").output.startswith(said)
    for name, told in (
        ("argo-trainflow-old", "there is no workflow flows/trainflow-old in the cluster"),
        ("theirs", "the workflow flows/theirs was not made from the WorkflowTemplate trainflow"),
    ):
        result = CliRunner().invoke(main, ["runs", f"TrainFlow/{name}", "-s", "prod"])
        assert result.exit_code == 1
        assert told in result.output


def test_what_one_may_not_do_is_told_in_kubernetes_words(api: ArgoApi) -> None:
    api.forbidden = WORKFLOWS
    for words in (("run", "--day", "mon"), ("runs",)):
        result = flowinfra(*words)
        assert result.exit_code == 1
        assert "answers 403: cannot" in result.output


def test_a_deploy_that_did_not_come_so_far(api: ArgoApi, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = json.loads(state(""))
    del resources["deployment"]["resources"][2]
    monkeypatch.setattr(reach_module, "pulumi", lambda *_: json.dumps(resources))
    assert "trainflow has no WorkflowTemplate in the state of the stack 'prod'" in flowinfra("runs").output
