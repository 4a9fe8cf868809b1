"""Each kind of flow on Argo, run to its end: what is looked at, whichever release of Argo runs it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.rig.api import Object
from tests.cluster.rig.cluster import Cluster
from tests.cluster.support import ARGO, SOURCE, ArgoStack, python
from tests.receiver import Receiver

FLOWS = Path(__file__).parent / "flows"
EVENTS = FLOWS / "events"
HOOKS = FLOWS / "hooks" / "hook_flow.py"
TOLD = {"notify_on_success": True, "notify_on_error": True, "notify_slack": "alerts/slack"}
KINDS: tuple[Mapping[str, Any], ...] = (
    {"flow": str(EVENTS / "event_flow.py")},
    {"flow": str(EVENTS / "after_flow.py")},
    # no reader of their events, which the test would wait for
    {"flow": str(FLOWS / "switch" / "switch_flow.py"), "argo": {"emit_events": False}},
    {"flow": str(FLOWS / "gang" / "gang_flow.py"), "argo": {"emit_events": False}},
    {"flow": str(FLOWS / "braces" / "braces_flow.py"), "argo": {"emit_events": False}},
    {
        "flow": str(FLOWS / "tick" / "tick_flow.py"),
        "argo": {"emit_events": False},
        "schedule": {"cron": "@every 3s", "enabled": False},
    },
    {"flow": str(HOOKS), "argo": {"emit_events": False, "heartbeat": True, **TOLD}},
    {"flow": str(HOOKS), "argo": {"emit_events": False, **TOLD, "capture_errors": False}, "name": "hookflow-silent"},
)
"""Flows of a stack: those that events and the clock start, switches, loops, @parallel, and those whose end is told."""


@contextlib.contextmanager
def deployed(cluster: Cluster, receiver: Receiver, folder: Path, *more: Mapping[str, Any]) -> Iterator[ArgoStack]:
    """A stack of `KINDS` and more flows; at the end nothing of it is left."""
    namespace = cluster.namespace("run")
    cluster.event_bus(namespace)
    cluster.api.create(SOURCE, namespace)
    source = cluster.ready_pod(namespace, {"eventsource-name": SOURCE["metadata"]["name"]})
    address = {"slack": f"{receiver.url}/services/T/B"}
    cluster.api.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alerts"}, "stringData": address}, namespace
    )
    stack = ArgoStack(cluster, folder, namespace)
    events = {"webhook_url": f"http://{source['status']['podIP']}:12000/metaflow-event"}
    stack.configure(*KINDS, *more, events=events)
    stack.project.up()
    yield stack
    stack.project.pulumi("destroy", "--yes", "--skip-preview")
    assert [stack.live(kind) for kind in ("workflowtemplates", "cronworkflows", "sensors")] == [{}, {}, {}]


def results(stack: ArgoStack, flow: str, run: str, names: str, folder: Path, template: str | None = None) -> Any:
    """Artifacts of a run's last task, once it is pulled, by the Client API."""
    template = template or flow.lower()
    variables = stack.variables(template)
    stack.cluster.run(["flowinfra", "pull", f"{flow}/{run}"], folder, **variables).succeeded()
    code = f"""
import json
from metaflow import Run, namespace
namespace({stack.outputs()[template]["namespace"]!r})
run = Run("{flow}/{run}")
assert run.successful
print(json.dumps([getattr(run.data, name) for name in {names!r}.split()]))
"""
    return python(code, variables, folder)


def the_clock_starts_a_flow(stack: ArgoStack) -> None:
    """Once: the schedule is off before and after, so that its runs do not slow the others down."""
    path = f"{ARGO}/namespaces/{stack.namespace}/cronworkflows/tickflow"
    label = {"workflows.argoproj.io/cron-workflow": "tickflow"}
    stack.cluster.api.patch(path, {"spec": {"suspend": False}})
    started = stack.cluster.wait_for(lambda: stack.cluster.workflows(stack.namespace, **label), "a run of the schedule")
    stack.cluster.api.patch(path, {"spec": {"suspend": True}})
    stack.cluster.ended(stack.namespace, started[0]["metadata"]["name"])


def texts_arrive_as_they_are(stack: ArgoStack, folder: Path) -> None:
    """Texts with Argo's own braces, in a flow whose name and whose hook's name have others than Argo takes."""
    given = "{{workflow.uid}} {{"
    run = stack.cluster.submit(stack.namespace, "bracesflow", given=json.dumps(given))
    stack.cluster.ended(stack.namespace, run)
    found = results(stack, "Braces_Flow", f"argo-{run}", "same parameters", folder, "bracesflow")
    assert found == [True, ["{{workflow.nothing}} {{=1+1}}", given]]


def branches_of_a_switch_meet(stack: ArgoStack, folder: Path) -> None:
    """Whichever was left out, also for each of a list; a step repeats itself."""
    ways = {"quick": "quick", "full": "full and more"}
    started = {mode: stack.cluster.submit(stack.namespace, "switchflow", mode=json.dumps(mode)) for mode in ways}
    for mode, way in ways.items():
        stack.cluster.ended(stack.namespace, started[mode])
        found = results(stack, "SwitchFlow", f"argo-{started[mode]}", "way found rounds", folder)
        assert found == [way, ["1 odd", "2 even"], 3]


def a_step_on_several_nodes_at_once(stack: ArgoStack, tmp_path: Path) -> None:
    """One node's first attempt fails, so that all of them start again, as another JobSet."""
    cluster = stack.cluster
    name = cluster.submit(stack.namespace, "gangflow")
    cluster.ended(stack.namespace, name)
    found = cluster.api.items(f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{stack.namespace}/jobsets")
    ends = {each["metadata"]["name"][-1]: each["status"]["terminalState"] for each in found}
    assert ends == {"0": "Failed", "1": "Completed"}
    assert {owner["name"] for each in found for owner in each["metadata"]["ownerReferences"]} == {name}
    # node → its attempt, and whom it has spoken to
    expected = {"0": [1, 1], "1": [1, 0]}
    assert results(stack, "GangFlow", f"argo-{name}", "nodes", tmp_path) == [expected]
    code = f"""
import json
from metaflow import Step, namespace
namespace(None)
tasks = list(Step("GangFlow/argo-{name}/train"))
print(json.dumps(sorted([task.id.split("-")[0], task.successful, task.data.node] for task in tasks)))
"""
    told = python(code, stack.variables("gangflow"), tmp_path)
    assert told == [["control", True, 0], ["worker", True, 1]]


def the_end_of_a_run_is_told(stack: ArgoStack, receiver: Receiver) -> None:
    """With and without Metaflow's own handler of failures, in whose place Argo would run what it calls a hack."""
    cluster = stack.cluster
    good = cluster.submit(stack.namespace, "hookflow-silent")
    bad = cluster.submit(stack.namespace, "hookflow", broken="true")
    for name, phase, nodes in (
        (good, "Succeeded", {"success-cheer", "notify-slack-on-success", "exit-hook-hack"}),
        (bad, "Failed", {"error-complain", "notify-slack-on-error", "error-msg-capture-hook"}),
    ):
        ended = cluster.ended(stack.namespace, name, phase)["status"]["nodes"].values()
        hooks = {node["templateName"]: node["phase"] for node in ended if node.get("templateName") in nodes}
        assert hooks == dict.fromkeys(nodes, "Succeeded")
    ended = cluster.ended(stack.namespace, bad, "Failed")["status"]["nodes"].values()
    daemons = {node["phase"] for node in ended if node.get("templateName") == "heartbeat-daemon"}
    assert daemons == {"Succeeded"}
    told = {json.loads(each.body)["text"] for each in receiver.received}
    assert {
        f":white_check_mark: _HookFlow/argo-{good}_ succeeded!",
        f":rotating_light: _HookFlow/argo-{bad}_ failed!",
    } <= told
    assert {each.path for each in receiver.received} == {"/services/T/B"}


def an_event_starts_a_flow_whose_end_starts_another(stack: ArgoStack, tmp_path: Path) -> None:
    """As Metaflow itself publishes it."""
    cluster = stack.cluster
    for name in ("eventflow", "afterflow"):
        cluster.ready_pod(stack.namespace, {"sensor-name": name})

    def started(template: str) -> list[Object]:
        found = cluster.workflows(stack.namespace)
        return [each for each in found if each["spec"]["workflowTemplateRef"]["name"] == template]

    def published() -> list[Object]:
        code = 'from metaflow.integrations import ArgoEvent; ArgoEvent("data_ready").publish({"day": "monday"})'
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            cluster.run(["python", "-c", code], tmp_path, **stack.variables("eventflow")).succeeded()
        return started("eventflow")

    first = cluster.wait_for(published, "a workflow that the event starts")[0]["metadata"]["name"]
    cluster.ended(stack.namespace, first)
    second = cluster.wait_for(lambda: started("afterflow"), "a workflow that the first one starts")[0]["metadata"][
        "name"
    ]
    cluster.ended(stack.namespace, second)
    assert results(stack, "EventFlow", f"argo-{first}", "day", tmp_path) == ["monday"]
    (ended,) = results(stack, "AfterFlow", f"argo-{second}", "event", tmp_path)
    assert ended.startswith(f"EventFlow/argo-{first}/end/")
