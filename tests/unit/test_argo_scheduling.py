"""What Metaflow adds beside a flow's steps runs where the flow's first step may run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.targets import shape_of
from flowinfra.targets.argo.added import first_step
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.names import STEP
from tests.unit.golden import compiled as construct
from tests.unit.golden import constructs_of, document
from tests.unit.sources import source, write_flow

OF_PODS = ("serviceAccountName", "nodeSelector", "tolerations", "podSpecPatch")
OF_CONTAINERS = ("image", "imagePullPolicy", "securityContext")

NOTIFY = {
    "notify_on_error": True,
    "notify_on_success": True,
    "notify_slack": "alerts/slack",
    "notify_pager_duty": "alerts/pager",
    "notify_incident_io": "alerts/incident",
    "incident_io_source": "ABC",
    "heartbeat": True,
    "events": True,
}
PLACED = """
    @kubernetes(
        image="registry.example.com/start:1",
        image_pull_policy="Always",
        image_pull_secrets=["registry"],
        service_account="starter",
        node_selector={"pool": "start"},
        tolerations=[{"key": "pool", "operator": "Equal", "value": "start", "effect": "NoSchedule"}],
        security_context={"run_as_user": 1000, "run_as_non_root": True},
    )
"""
HOOKS = "def done(run):\n    pass\n\n\ndef failed():\n    pass\n"
FLOW = f"""{HOOKS}
@trigger(event="data.ready")
@exit_hook(on_success=[done], on_error=[failed]OPTIONS)
class F(FlowSpec):
{PLACED}
    @step
    def start(self):
        self.next(self.a_gang, num_parallel=2)

    @parallel
    @kubernetes(node_selector={{"pool": "gang"}}, service_account="ganger", image="example.com/gang:1")
    @step
    def a_gang(self):
        self.next(self.b_join)

    @step
    def b_join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
PLAIN = FLOW.replace("OPTIONS", "")
OTHER_NAME = PLAIN.replace("def start(", "def zero(").replace("@step", "@step(start=True)", 1)
MAIN = '\n\nif __name__ == "__main__":\n    F()\n'
HEAD = "from metaflow import FlowSpec, exit_hook, kubernetes, parallel, step, trigger\n\n\n"


def compiled(folder: Path, text: str, **shape: Any) -> ArgoCompiled:
    (folder / "flow").mkdir(exist_ok=True)
    flow = folder / "flow" / "flow.py"
    flow.write_text(HEAD + text + MAIN)
    found = compile_flow(CompileRequest(flow, target="argo", shape=shape_of("argo", shape), folder="flow"))
    assert isinstance(found, ArgoCompiled)
    return found


def beside_steps(spec: Any) -> Iterator[dict[str, Any]]:
    """Templates with a pod that runs no step itself."""
    for template in spec["templates"]:
        step = template.get("metadata", {}).get("annotations", {}).get(STEP)
        if step is None and not template.keys() & {"dag", "steps", "suspend"}:
            yield template


def scheduling(template: Any) -> dict[str, Any]:
    """What decides where a template's pod runs, as whom, and with which rights."""
    holders = ((template, OF_PODS), (template.get("container", {}), OF_CONTAINERS))
    return {key: holder[key] for holder, keys in holders for key in keys if holder.get(key)}


@pytest.mark.parametrize("text", [PLAIN, OTHER_NAME], ids=["start", "another name"])
def test_all_that_is_beside_the_steps_runs_as_the_first_step(text: str, tmp_path: Path) -> None:
    spec = compiled(tmp_path, text, **NOTIFY).argo.workflow_template["spec"]
    placed = scheduling(first_step(spec))
    assert placed == {
        "serviceAccountName": "starter",
        "nodeSelector": {"pool": "start"},
        "tolerations": [{"key": "pool", "operator": "Equal", "value": "start", "effect": "NoSchedule"}],
        "podSpecPatch": '{"imagePullSecrets": [{"name": "registry"}]}',
        "image": "registry.example.com/start:1",
        "imagePullPolicy": "Always",
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True},
    }
    found = {template["name"]: scheduling(template) for template in beside_steps(spec)}
    gang = found.pop("a-gang")
    assert {name for name in found if not name.startswith("notify-")} >= {
        "error-msg-capture-hook",
        "heartbeat-daemon",
        "error-failed",
    }
    assert len([name for name in found if name.startswith("notify-")]) == 6
    assert all(entry == placed for entry in found.values()), found
    # the pod that makes the JobSet has Argo's own image, and the account that may make it
    assert gang == {**{key: placed[key] for key in OF_PODS}, "serviceAccountName": "ganger"}


def test_an_exit_hook_with_an_image_of_its_own_keeps_it(tmp_path: Path) -> None:
    """And does not get the first step's pull policy, which is that image's (`Never`: it is on the nodes)."""
    own = ', options={"image": "example.com/hooks:1"}'
    spec = compiled(tmp_path, FLOW.replace("OPTIONS", own), events=True).argo.workflow_template["spec"]
    placed = scheduling(first_step(spec))
    del placed["imagePullPolicy"]
    hooks = [template for template in spec["templates"] if template["name"] in ("error-failed", "success-done")]
    assert [scheduling(hook) for hook in hooks] == 2 * [{**placed, "image": "example.com/hooks:1"}]


def test_defaults_of_metaflow_reach_all_pods(tmp_path: Path) -> None:
    settings = {
        "METAFLOW_KUBERNETES_NODE_SELECTOR": "pool=ml",
        "METAFLOW_KUBERNETES_TOLERATIONS": json.dumps([{"key": "pool", "operator": "Exists"}]),
        "METAFLOW_KUBERNETES_IMAGE_PULL_SECRETS": '["registry"]',
    }
    flow = write_flow(tmp_path, source())
    request = CompileRequest(
        flow, target="argo", shape=shape_of("argo", {**NOTIFY, "settings": settings}), folder="flow"
    )
    found = compile_flow(request)
    assert isinstance(found, ArgoCompiled)
    beside = list(beside_steps(found.argo.workflow_template["spec"]))
    assert len(beside) == 8
    for template in beside:
        assert template["nodeSelector"] == {"pool": "ml"}, template["name"]
        assert template["tolerations"] == [{"key": "pool", "operator": "Exists"}]
        assert json.loads(template["podSpecPatch"]) == {"imagePullSecrets": [{"name": "registry"}]}


def test_a_sensor_may_run_where_the_first_step_may(tmp_path: Path) -> None:
    """It stays for ever, so it is kept to no node: nodes that go when nothing runs on them would not go."""
    sensor = compiled(tmp_path, PLAIN, events=True).argo.sensor
    assert sensor is not None
    pod = sensor["spec"]["template"]
    assert pod["tolerations"] == [{"key": "pool", "operator": "Equal", "value": "start", "effect": "NoSchedule"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert "nodeSelector" not in pod
    assert pod["serviceAccountName"] == "flowinfra--events-service-account"


@pytest.mark.parametrize("name", constructs_of("argo"))
def test_whatever_is_compiled_is_scheduled_as_its_first_step(name: str) -> None:
    spec = document(construct(name, "argo"))["argo"]["workflow_template"]["spec"]
    placed = scheduling(first_step(spec))
    own = {"image", "imagePullPolicy"}
    for template in beside_steps(spec):
        if "container" in template:
            found = scheduling(template)
            differing = {key for key in placed.keys() | found.keys() if placed.get(key) != found.get(key)}
            assert differing <= (own if name == "exit_hook" else set()), template["name"]


@pytest.mark.parametrize(
    ("datastore", "variables"),
    [
        ("azure", {"METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", "METAFLOW_DATASTORE_SYSROOT_AZURE"}),
        ("gs", {"METAFLOW_DATASTORE_SYSROOT_GS"}),
        ("s3", {"METAFLOW_DATASTORE_SYSROOT_S3"}),
    ],
)
def test_whatever_downloads_the_code_package_finds_the_datastore(
    datastore: str, variables: set[str], tmp_path: Path
) -> None:
    spec = compiled(tmp_path, PLAIN, **NOTIFY, datastore=datastore).argo.workflow_template["spec"]
    given = {entry["name"]: entry["value"] for entry in first_step(spec)["container"]["env"] if "value" in entry}
    downloading = [
        template["container"]
        for template in beside_steps(spec)
        if any("job.tar" in word for word in template.get("container", {}).get("command", ()))
    ]
    assert len(downloading) == 4
    for container in downloading:
        env = [(entry["name"], entry["value"]) for entry in container["env"]]
        assert len(dict(env)) == len(env)
        assert {name: dict(env).get(name) for name in variables} == {name: given[name] for name in variables}
        [command] = [word for word in container["command"] if "job.tar" in word]
        # what the shell takes from its environment on the way to the package
        assert set(re.findall(r"\$\{(METAFLOW_AZURE\w+)%/\}", command)) <= variables
    others = [template for template in beside_steps(spec) if template["name"].startswith("notify-")]
    assert not [template for template in others if variables & {e["name"] for e in template["container"]["env"]}]
