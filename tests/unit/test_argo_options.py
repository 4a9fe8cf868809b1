"""Argo and Kubernetes find nothing wrong with any option that a flow on Argo may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowinfra.compiler import compile_flows
from flowinfra.targets import TARGETS
from tests.judge import prepared, problems
from tests.unit.argo_bound import bound_objects
from tests.unit.sources import request, write_flow

_SLACK = {"notify_slack": "alerts/slack-url"}
_INCIDENT = {"notify_incident_io": "alerts/incident.io", "incident_io_source": "01GW2G3V0S59R238FAHPDS1R66"}
_ON_ERROR = {"notify_on_error": True}

OPTIONS: list[dict[str, Any]] = [
    {"capture_errors": False, "workflow_priority": -5},
    {"capture_errors": False, **_ON_ERROR, **_SLACK},
    {"emit_events": True, "events": True, "notify_on_success": True, "workflow_priority": 0, **_SLACK},
    {"emit_events": False, "events": True, "notify_on_success": True, **_INCIDENT},
    {
        **_ON_ERROR,
        **_INCIDENT,
        **_SLACK,
        "notify_on_success": True,
        "notify_pager_duty": "alerts/pager",
        "incident_io_metadata": {"team": 'the "risk" team', "ä": "="},
        "workflow_priority": 2_000_000_000,
    },
    {
        "heartbeat": True,
        "workflow_title": 'it\'s *the* "line" ä: #{}',
        "workflow_description": 'it\'s\n\n*one* $HOME `id` "of" ä: #{}',
    },
]
OVERRIDES: dict[str, list[Any]] = {
    "annotations": [{"note": "it's *small* ä", "example.com/a": "", "scale": "1"}],
    "disk": [1, 30720, 1_000_000],
    "extended_resources": [{"example.com/device": "1", "hugepages-2Mi": "4Mi"}],
    "gpu_vendor": ["amd", "nvidia"],
    "image_pull_policy": ["Always", "IfNotPresent", "Never"],
    "image_pull_secrets": [["registry"], ["registry", "a.b-c"]],
    "labels": [{"team": "risk", "example.com/a.b_c": "", "On": "true", "number": "1"}],
    "node_selector": [{"pool": "big"}, {"topology.kubernetes.io/zone": "eu-1a"}],
    "persistent_volume_claims": [{"models": "/mnt/models", "a.b": "/mnt/ü", "out": "/o", "dhsm": "/d", "c" * 64: "/c"}],
    "port": [1, 8080, 65535],
    "qos": ["Guaranteed", "Burstable"],
    "secrets": [["database"], ["database", "a.b-c"]],
    "security_context": [{"run_as_non_root": True, "run_as_user": 1000, "capabilities": {"drop": ["ALL"]}}],
    "service_account": ["own-account", "a.b"],
    "shared_memory": [1, 4096],
    "tmpfs_path": ["/mnt/tmp"],
    "tmpfs_size": [1, 4096],
    "tolerations": [
        [{"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
        [{"operator": "Exists"}],
    ],
    "use_tmpfs": [True, False],
}

PARALLEL = """
    @kubernetes
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @kubernetes
    @parallel
    @step
    def train(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @kubernetes
    @step
    def end(self):
        pass
"""


def test_every_option_is_tried() -> None:
    assert {key for shape in OPTIONS for key in shape} == TARGETS["argo"].own
    assert OVERRIDES.keys() == TARGETS["argo"].overrides


def judged(requests: dict[str, Any]) -> dict[str, list[str]]:
    """What either release finds wrong."""
    versions = prepared()
    compiled = compile_flows(list(requests.values()), warn=lambda _: None)
    flows = dict(zip(requests, map(bound_objects, compiled), strict=True))
    return {f"{name} ({version})": said for version in versions for name, said in problems(version, flows).items()}


def test_options_of_a_workflow(tmp_path: Path) -> None:
    flow = write_flow(tmp_path)
    assert judged({str(shape): request(flow, target="argo", **shape) for shape in OPTIONS}) == {}


def test_options_of_a_step(tmp_path: Path) -> None:
    """Each value at a step that is a pod, and at one that is a JobSet."""
    flow = write_flow(tmp_path, body=PARALLEL)
    requests = {}
    for turn in range(max(map(len, OVERRIDES.values()))):
        given = {key: values[turn % len(values)] for key, values in OVERRIDES.items()}
        requests[str(given)] = request(flow, target="argo", steps={"start": given, "train": given, "end": given})
    assert judged(requests) == {}
