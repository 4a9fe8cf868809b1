"""WorkflowTemplates that were deployed by hand become entries of a stack's file; the cluster is only read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adopting import Adopting
from tests.unit.cluster_of import NAMESPACE, cluster_of

TOKEN = "trainflow-0-abcd"
STACK = """\
# production
config:
  kubernetes:kubeconfig: ../kubeconfig
  flowinfra:platform: {bucket: bkt, kubernetes: {namespace: flows}}
  flowinfra:defaults: {target: argo}
  flowinfra:flows:
    # trains each night
    - flow: flows/train.py # ann's
"""
SOURCE = 'from metaflow import FlowSpec\n\n\nclass {name}(FlowSpec):\n    """Trains."""\n'


def template(name: str, flow: str, token: str = TOKEN, options: str = "", **annotations: str) -> dict[str, Any]:
    """A WorkflowTemplate as Metaflow makes it, as far as it is read: test_by_hand_argo.py reads real ones."""
    task = (
        f"python train.py {options} --quiet --environment=local --with=argo_workflows_internal:auto-emit-argo-events=1"
    )
    container = {
        "image": "python:3.11",
        "command": ["bash", "-c", f"true && ({task} step start --run-id argo-1 --task-id 1) 1>> >(python -m tee)"],
        "env": [{"name": "METAFLOW_DATASTORE_SYSROOT_S3", "value": "s3://bkt/metaflow"}],
    }
    start = {
        "name": "start",
        "serviceAccountName": "runner",
        "metadata": {"annotations": {"metaflow/step_name": "start"}},
        "container": container,
    }
    own = {
        "metaflow/flow_name": flow,
        "metaflow/owner": "ann",
        "metaflow/production_token": token,
        "workflows.argoproj.io/title": flow,
        "workflows.argoproj.io/description": "Trains.",
    }
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": {**own, **annotations}, "labels": {}},
        "spec": {"parallelism": 100, "templates": [start, {"name": "error-msg-capture-hook"}]},
    }


class Site(Adopting):
    """A project's folder and a cluster."""

    def __init__(self, root: Path, objects: dict[str, list[Any]]) -> None:
        super().__init__(root, STACK)
        self.objects = objects
        (root / "flows").mkdir()
        (root / "flows" / "train.py").write_text(SOURCE.format(name="TrainFlow"))

    def has(self, *templates: dict[str, Any], crons: tuple[dict[str, Any], ...] = ()) -> None:
        self.objects |= {"workflowtemplates": list(templates), "cronworkflows": list(crons)}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    # nothing of AWS is asked
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    objects: dict[str, list[Any]] = {}
    with cluster_of(objects, tmp_path / "kubeconfig"):
        yield Site(root, objects)


def test_the_entry_gets_token_and_options(site: Site) -> None:
    annotations = {"metaflow/tags": '["nightly"]', "workflows.argoproj.io/title": "Nightly"}
    made = template("trainflow", "TrainFlow", options="--with retry:times=3", **annotations)
    made["spec"]["priority"] = 3
    site.has(made, crons=({"metadata": {"name": "trainflow"}, "spec": {"suspend": True}},))
    told = site.done()
    assert told.startswith("trainflow, deployed by ann: flows/train.py: production_token, with, tags")
    assert "its pods have the service account runner; from then on one of the flow's own" in told
    assert told.endswith("stacks/Pulumi.prod.yaml is changed; nothing else is.\nNext: pulumi preview -s prod\n")
    assert site.flows == [
        {
            "flow": "flows/train.py",
            "production_token": TOKEN,
            "with": ["retry:times=3"],
            "tags": ["nightly"],
            "python_version": "3.11",
            "argo": {"workflow_priority": 3, "workflow_title": "Nightly"},
            "schedule": {"enabled": False},
        }
    ]
    assert "# ann's" in site.file.read_text()
    assert "all of it is in the file" in site.done("TrainFlow")


def test_for_programs(site: Site) -> None:
    site.has(template("trainflow", "TrainFlow"))
    [found] = json.loads(site.done("--json", "--dry-run"))["adoptions"]
    assert (found["arn"], found["flow"]) == ("flows/trainflow", "trainflow")
    assert site.file.read_text() == STACK


def test_a_template_of_another_name(site: Site) -> None:
    site.has(template("nightly", "TrainFlow", description="x"))
    site.done("nightly")
    assert site.flows[0]["name"] == "nightly"


def test_a_description_of_its_own(site: Site) -> None:
    site.has(template("trainflow", "TrainFlow", **{"workflows.argoproj.io/description": "Each night."}))
    site.done()
    assert site.flows[0]["argo"] == {"workflow_description": "Each night."}


def test_a_flow_without_an_entry_gets_one_with_its_target(site: Site) -> None:
    site.file.write_text(
        "config:\n  kubernetes:kubeconfig: ../kubeconfig\n"
        "  flowinfra:platform: {bucket: bkt, kubernetes: {namespace: flows}}\n  flowinfra:flows: []\n"
    )
    site.has(template("trainflow", "TrainFlow"))
    site.done()
    assert (site.flows[0]["flow"], site.flows[0]["target"]) == ("flows/train.py", "argo")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            template("trainflow", "TrainFlow") | {"metadata": {"name": "trainflow", "annotations": {}}},
            "the namespace flows has no WorkflowTemplate of that flow",
        ),
        (template("trainflow", "OtherFlow"), "the namespace flows has no WorkflowTemplate of that flow"),
        (
            template("acme.user.ann.trainflow", "TrainFlow", "mfprj-abc-0-xyzw"),
            "a person's branch of a @project flow",
        ),
        (
            template("old-name", "TrainFlow", "mfprj-abc-0-xyzw", "--production"),
            "would have the name trainflow in this stack",
        ),
    ],
)
def test_what_is_refused(site: Site, made: dict[str, Any], reason: str) -> None:
    site.has(made)
    assert reason in site.refused("TrainFlow")


def test_another_stacks_is_refused_and_ones_own_is_left(site: Site) -> None:
    made = template("trainflow", "TrainFlow")
    made["metadata"]["labels"] = {"flowinfra/project": "acme", "flowinfra/stack": "dev"}
    site.has(made)
    assert "is that of the stack acme/dev: destroy it there first" in site.refused("trainflow")
    made["metadata"]["labels"]["flowinfra/stack"] = "prod"
    assert "trainflow is left alone: is this stack's already" in site.done("trainflow")


def test_a_cluster_that_is_not_known(site: Site) -> None:
    site.file.write_text(STACK.replace("../kubeconfig", "none"))
    assert "the Kubernetes cluster is not known" in site.refused()
