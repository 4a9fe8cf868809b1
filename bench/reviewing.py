"""What a reviewer waits for: `flowinfra report` of a preview, and `flowinfra mirror` of two stacks. Whole processes.

The preview is made here, in the form and of the size that Pulumi prints for flows of which each changes a step's
memory and its code: the component, the state machine with both definitions, and the step's job definition.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from bench.embedded import usual_environment
from bench.figures import Figure, Report, Target
from bench.flows import BenchFlow, write_flows
from bench.processes import run
from flowinfra.compiler import CompileRequest, compile_flows
from flowinfra.components.inputs import describe_deployed
from flowinfra.model.base import canonical_json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled

Say = Callable[[str], AbstractContextManager[object]]

REPORT_SECONDS, MIRROR_SECONDS = 1.0, 2.0
_REPEATS = 5
"""Measurements, of which the median counts."""
_FILLS = 2
"""Runs that fill the compile cache: what is written while it is compiled is not kept."""
_FLOW = "flowinfra:aws:StepFunctionsFlow"


def measure_report(report: Report, sizes: Sequence[int], folder: Path, say: Say) -> None:
    """Add the time of a report of a preview with the most flows."""
    count = max(sizes)
    flows = write_flows(folder / "report" / "flows", count)
    with say(f"{count} flows: compiling what a preview shows"):
        compiled = compile_flows([CompileRequest(flow=flow.file) for flow in flows])
    file = folder / "report" / "preview.json"
    file.write_text(json.dumps(preview(compiled)), encoding="utf-8")
    with say(f"{count} flows: flowinfra report ({file.stat().st_size / 1e6:.1f} MB)"):
        seconds = _median(["report", str(file), "-f", "markdown"], usual_environment(), folder)
    report.figures.append(_figure(f"report of a preview of {count} flows", seconds, count, REPORT_SECONDS))


def measure_mirror(report: Report, sizes: Sequence[int], folder: Path, say: Say) -> None:
    """Add the time of a comparison of two stacks with the most flows, all of them in the cache."""
    count = max(sizes)
    root = folder / "mirror"
    flows = write_flows(root / "flows", count)
    _write_stacks(root, flows)
    environment = {**usual_environment(), "FLOWINFRA_CACHE": str(root / "cache")}
    command = ["mirror", "staging", "prod"]
    with say(f"{count} flows: compiling both stacks"):
        for _ in range(_FILLS):
            _median(command, environment, root, 1)
    with say(f"{count} flows: flowinfra mirror"):
        seconds = _median(command, environment, root)
    report.figures.append(_figure(f"mirror of {count} flows, cached", seconds, count, MIRROR_SECONDS))


def _median(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, repeats: int = _REPEATS) -> float:
    command = [str(Path(sys.executable).with_name("flowinfra")), *arguments]
    return statistics.median(run(command, environment, folder).seconds for _ in range(repeats))


def _figure(name: str, seconds: float, count: int, limit: float) -> Figure:
    # a target for a hundred flows: what starting Python takes is the same for one
    return Figure(name, seconds, "s", Target(limit) if count >= 100 else None)


def _write_stacks(root: Path, flows: Sequence[BenchFlow]) -> None:
    """Two stacks of one account: the mirror has a prefix, no schedules, and half of its flows a smaller step."""
    platform = {"bucket": "prod-metaflow", "queue": "prod", "table": "prod"}
    files = [str(flow.file.relative_to(root)) for flow in flows]
    stacks: dict[str, dict[str, Any]] = {
        "prod": {"platform": platform, "flows": [{"flow": file} for file in files]},
        "staging": {
            "platform": {**platform, "bucket": "staging-metaflow", "queue": "staging"},
            "name_prefix": "staging",
            "mirrors": "prod",
            "defaults": {"schedule": {"enabled": False}},
            "flows": [{"flow": file, "steps": {"train": {"memory": 4096}}} for file in files[::2]],
        },
    }
    (root / "stacks").mkdir()
    project = {"name": "bench", "runtime": "python", "stackConfigDir": "stacks"}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    for stack, values in stacks.items():
        config = {f"flowinfra:{key}": value for key, value in values.items()}
        text = yaml.safe_dump({"config": {"aws:region": "us-east-1", **config}})
        (root / "stacks" / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def preview(compiled: Sequence[CompiledFlow]) -> dict[str, Any]:
    """What `pulumi preview --json` prints where each flow's code and the memory of one of its steps change."""
    return {"steps": [step for flow in compiled for step in _steps(flow)], "changeSummary": {}}


def _steps(compiled: CompiledFlow) -> list[dict[str, Any]]:
    assert isinstance(compiled, StepFunctionsCompiled)
    bound = {"datastore": "s3://prod/metaflow", "queue": "prod", "table": "prod"}
    new = describe_deployed(compiled, True, True, bound)
    train = {**new["steps"]["train"], "memory": 4096}
    source = {**new["source"], "models.py": "0" * 12}
    old = {**new, "steps": {**new["steps"], "train": train}, "source": source, "package": "0" * 12}
    definition = canonical_json(compiled.step_functions.definition)
    container = canonical_json(compiled.step_functions.job_definitions["start"].properties)
    name = compiled.name
    component = f"urn:pulumi:prod::bench::{_FLOW}::{name}"
    return [
        _update(component, _FLOW, old, new),
        _update(
            _child("aws:sfn/stateMachine:StateMachine", f"{name}-state-machine"),
            "aws:sfn/stateMachine:StateMachine",
            {"definition": definition.replace("8192", "4096")},
            {"definition": definition},
            component,
        ),
        _update(
            _child("aws:batch/jobDefinition:JobDefinition", f"{name}-job-start"),
            "aws:batch/jobDefinition:JobDefinition",
            {"containerProperties": container.replace("8192", "4096")},
            {"containerProperties": container},
            component,
        ),
    ]


def _child(kind: str, name: str) -> str:
    return f"urn:pulumi:prod::bench::{_FLOW}${kind}::{name}"


def _update(
    urn: str, kind: str, old: Mapping[str, Any], new: Mapping[str, Any], parent: str | None = None
) -> dict[str, Any]:
    def state(inputs: Mapping[str, Any]) -> dict[str, Any]:
        found = {"urn": urn, "type": kind, "custom": parent is not None, "inputs": dict(inputs)}
        return found | ({"parent": parent} if parent else {})

    reasons = sorted(key for key in new if old.get(key) != new[key])
    return {"op": "update", "urn": urn, "oldState": state(old), "newState": state(new), "diffReasons": reasons}
