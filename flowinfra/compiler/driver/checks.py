"""What is refused of a flow although Metaflow takes it."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any

from . import places
from .describe import describe_project
from .internals import class_parameters, internals
from .override_flow import mutators_project
from .protocol import Request
from .recording import MARK
from .refusal import Refusal


def refuse_second_flow(module: dict[str, Any]) -> None:
    """Metaflow ends the process with the first flow that a file starts: another one would be left out in silence."""
    flow_spec = internals("metaflow.flowspec").FlowSpec
    tree = places.tree(module["__file__"])
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    later = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", None) == "FlowSpec" for base in node.bases)
    }
    made = {name for name, value in module.items() if inspect.isclass(value) and issubclass(value, flow_spec)}
    flows = called & (later | made)
    if len(flows) > 1:
        raise Refusal("two-flows", "it starts more than one flow: " + ", ".join(sorted(flows)))


def refuse_configs(flow: Any, request: Request) -> None:
    """Metaflow's command line takes a value for any Config: of one that the flow has not, of one that wants text."""
    parameter_type = internals("metaflow.parameters").Parameter
    known = {p.name: p for _, p in class_parameters(type(flow), parameter_type) if p.IS_CONFIG_PARAMETER}
    for name in request["configs"]:
        if name not in known:
            raise Refusal("unknown-config", json.dumps({"name": name, "known": sorted(known)}))
    for name, value in request["structures"].items():
        if (parser := known[name].parser) is not None:
            called = parser if isinstance(parser, str) else getattr(parser, "__qualname__", type(parser).__name__)
            raise Refusal("config-parser", json.dumps({"name": name, "parser": called, "value": value}))


def refuse_personal_branch(flow: Any) -> None:
    """A @project flow without branch or production would be deployed to the branch of whoever compiles."""
    project = describe_project()
    if project and MARK in project["branch"]:
        [decorator] = flow._flow_decorators["project"]
        if decorator.inserted_by is not None:
            raise Refusal("overrides", json.dumps([mutators_project(decorator, None)]))
        raise Refusal("project-branch", project["name"])
