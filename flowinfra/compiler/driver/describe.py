"""The flow in plain data: what its graph, decorators and parameters say."""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

from . import places, secret_sources
from .internals import flow_state, internals, is_include
from .protocol import Decorator, Flow, Parameter, Project, Step, Switch, Trigger


def describe_flow(flow: Any, graph: Any) -> Flow:
    """The flow in plain data: what the graph and the decorators say."""
    decorators = flow._flow_decorators
    return {
        "name": flow.name,
        "doc": inspect.cleandoc(type(flow).__doc__ or "") if _own_doc(flow) else "",
        "start": getattr(graph, "start_step", "start"),
        "parameters": {p.name: describe_parameter(p) for _, p in flow._get_parameters() if not p.IS_CONFIG_PARAMETER},
        "configs": describe_configs(flow),
        "decorators": [
            *(describe_decorator(d) for group in decorators.values() for d in group),
            *(describe_own_decorator(d) for d in flow_state(flow, "FLOW_MUTATORS")),
        ],
        "project": describe_project(),
        "steps": [describe_step(graph[name]) for name in topological(graph)],
    }


def _own_doc(flow: Any) -> bool:
    from metaflow.flowspec import FlowSpec

    return bool(type(flow).__doc__) and type(flow).__doc__ != FlowSpec.__doc__


def topological(graph: Any) -> list[str]:
    """Step names in the order in which they can run, ties as the source has them."""
    nodes = {node.name: node for node in graph}
    start = getattr(graph, "start_step", "start")
    order: list[str] = []
    waiting = [start]
    seen_inputs: dict[str, set[str]] = {name: set() for name in nodes}
    while waiting:
        name = waiting.pop(0)
        order.append(name)
        for following in nodes[name].out_funcs:
            seen_inputs[following].add(name)
            if (
                following not in order
                and following not in waiting
                and seen_inputs[following] >= set(nodes[following].in_funcs) - {following}
            ):
                waiting.append(following)
    return order + [name for name in nodes if name not in order]


def describe_step(node: Any) -> Step:
    kinds = {"start": "start", "end": "end"}
    kind = kinds.get(node.type, node.type)
    if getattr(node, "parallel_foreach", False) or getattr(node, "parallel_step", False):
        kind = "parallel"
    return {
        "name": node.name,
        "kind": kind,
        "next": list(node.out_funcs),
        "switch": describe_switch(node),
        "doc": node.doc or "",
        "place": places.of_step(node),
        "secrets": secret_sources.described(node),
        "decorators": [
            *(describe_decorator(decorator) for decorator in node.decorators),
            *(describe_own_decorator(decorator) for decorator in (*node.wrappers, *node.config_decorators)),
        ],
    }


def describe_switch(node: Any) -> Switch | None:
    if node.type != "split-switch":
        return None
    return {"condition": node.condition, "cases": {str(value): step for value, step in node.switch_cases.items()}}


def describe_trigger(trigger: Any) -> Trigger:
    return {
        "name": trigger["name"],
        "type": trigger["type"],
        "parameters": dict(sorted((trigger.get("parameters") or {}).items())),
    }


def describe_decorator(decorator: Any) -> Decorator:
    attributes = {name: plain(value) for name, value in decorator.attributes.items() if value is not None}
    defaults = type(decorator).defaults
    own = [name for name in attributes if decorator.attributes[name] != defaults.get(name)]
    return {"name": decorator.name, "attributes": attributes, "own": own}


def describe_own_decorator(decorator: Any) -> Decorator:
    """A decorator or mutator that the user wrote; positional arguments are named by their place."""
    given = {**{str(place): value for place, value in enumerate(decorator._args)}, **decorator._kwargs}
    name = type(decorator).decorator_name.rsplit(".", 1)[-1]
    return {"name": name, "attributes": plain(given), "own": list(given)}


def described_type(parameter: Any) -> str:
    """The type that a parameter is declared with, by its name in Python or click.

    That of an IncludeFile is `file`, with its encoding where that is not UTF-8: `file (bytes)`, `file (latin-1)`.
    """
    from metaflow.includefile import FilePathClass

    kind = parameter.kwargs.get("type", str)
    if isinstance(kind, FilePathClass):
        encoding = (kind._encoding or "utf-8").lower() if kind._is_text is not False else "bytes"
        return "file" if encoding == "utf-8" else f"file ({encoding})"
    return str(getattr(kind, "name", None) or getattr(kind, "__name__", None) or type(kind).__name__)


def describe_parameter(parameter: Any) -> Parameter:
    from metaflow.parameters import DeployTimeField

    default = parameter.kwargs.get("default")
    described: Parameter = {
        "type": described_type(parameter),
        "default": None,
        "required": bool(parameter.kwargs.get("required", False)),
        "deploy_time": False,
        "help": parameter.kwargs.get("help"),
    }
    if isinstance(default, DeployTimeField):
        if is_include(default):
            described["default"] = _portable(plain(default.user_print_representation))
        else:
            described["deploy_time"] = True
    elif default is not None:
        described["default"] = plain(default)
    return described


def _portable(path: Any) -> Any:
    """An included file that is given by a machine's path: by that from the flow's folder, or the working folder.

    One outside of both is known by its name alone.
    """
    if not isinstance(path, str) or not os.path.isabs(path):
        return path
    for folder in (os.path.dirname(os.path.abspath(sys.argv[0])), os.getcwd()):
        inside = os.path.relpath(path, folder)
        if not inside.startswith(os.pardir):
            return inside
    return os.path.basename(path)


def describe_configs(flow: Any) -> dict[str, Any]:
    configs = flow_state(flow, "CONFIGS")
    return {name: plain(value[0] if isinstance(value, tuple) else value) for name, value in dict(configs).items()}


def describe_project() -> Project | None:
    current = internals("metaflow").current
    if not current.get("project_name"):
        return None
    return {
        "name": current.project_name,
        "branch": current.branch_name,
        "production": bool(current.is_production),
    }


def plain(value: Any) -> Any:
    """`value` as JSON data; what JSON has no word for becomes its text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return str(value)
