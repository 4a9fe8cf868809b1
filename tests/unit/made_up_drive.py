"""Drives an option, or a target, that a test made up in a copy of flowinfra: prints as JSON what each way to it says.

`python made_up_drive.py FLOW TARGET KEY OPTION BASE`: the flow's file, the target and its key, an option of the target,
and the target whose platform and component it has.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compare.mirror_pair import _entry_paths
from flowinfra.compare.why import causes
from flowinfra.compiler import compile_flow
from flowinfra.components.inputs import describe
from flowinfra.components.options import compile_request
from flowinfra.components.source import Deployment
from flowinfra.model.compiled import CompiledFlow
from flowinfra.report.change import words
from flowinfra.report.changes import compare
from flowinfra.report.words import plain
from flowinfra.stack.compiling import StackFlow, platform_shape
from flowinfra.stack.parsing import parse_stack
from flowinfra.stack.schema import stack_schema
from flowinfra.targets import TARGETS
from tests.unit.options_table import tables

PLATFORMS: dict[str, dict[str, Any]] = {
    "argo": {"bucket": "bkt", "kubernetes": {"namespace": "flows"}},
    "airflow": {"bucket": "bkt", "airflow": {"namespace": "jobs", "dags": {"s3": "s3://acme/dags"}}},
}


def by_stack(file: Path, target: str, base: str, entry: dict[str, Any]) -> CompiledFlow:
    """The flow as a stack compiles and checks it."""
    values = {"platform": PLATFORMS[base], "flows": [{"flow": file.name, "target": target, **entry}]}
    stack = parse_stack(values, "Pulumi.x.yaml")
    [flow] = stack.flows
    compiled = compile_flow(compile_request(flow, platform_shape(stack, target), file.parent))
    program = TARGETS[target].part("stack").STACK(stack, Deployment("p", "x", file.parent, asks=False))
    program.check(file.name, StackFlow(file.name, flow, compiled, {}))
    return compiled


def by_program(file: Path, target: str, base: str, args: dict[str, Any]) -> Any:
    """The option as a component takes it."""
    stack = parse_stack({"platform": PLATFORMS[base], "flows": []}, "Pulumi.x.yaml")
    prepare, part = TARGETS[target].part("prepare"), TARGETS[target].part("stack")
    if base == "argo":
        platform = replace(part.kubernetes_platform(stack, None), check_cluster=False)
    else:
        platform = part.airflow_platform(stack, None)
    [how] = [each for each in vars(prepare).values() if getattr(each, "target", None) == target]
    deployment = Deployment("p", "x", file.parent, asks=False)
    return how.prepare("flow", {"flow": file.name, "platform": platform, **args}, deployment, print).plan.compiled


def drive(file: Path, target: str, key: str, option: str, base: str) -> dict[str, Any]:
    """What each way to the option says."""
    flag = f"--{option.replace('_', '-')}"
    command = CliRunner().invoke(main, ["compile", str(file), "-t", target, flag, "typed"])
    assert command.exit_code == 0, command.output
    plain_flow = by_stack(file, target, base, {})
    made = by_stack(file, target, base, {key: {option: "written"}})
    program = by_program(file, target, base, {option: "passed"})
    old, new = describe(plain_flow, {}), describe(made, {})
    section = stack_schema()["$defs"]["FlowConfig"]["properties"][key]["$ref"].rsplit("/", 1)[-1]
    return {
        "command line": getattr(TARGETS[target].options.model_validate(json.loads(command.stdout)["shape"]), option),
        "stack": getattr(made.shape, option),
        "program": getattr(program.shape, option),
        "target": made.target,
        "preview": new[option],
        "report": [plain(words(change)) for change in compare(old, new).changes],
        "why": [str(cause) for cause in causes(plain_flow, made)],
        "mirror": [path for _, path in _entry_paths({key: {option: "x"}}, TARGETS[target])],
        "schema": stack_schema()["$defs"][section]["properties"][option]["description"],
        "docs": f"| `{option}` |" in tables(),
        "help": flag in CliRunner().invoke(main, ["compile", "--help"]).output,
    }


if __name__ == "__main__":
    flow_, target_, key_, option_, base_ = sys.argv[1:]
    print(json.dumps(drive(Path(flow_), target_, key_, option_, base_)))
