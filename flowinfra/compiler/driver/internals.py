"""Metaflow's own modules, without types: what flowinfra uses of them has none that would hold."""

from __future__ import annotations

import importlib
import inspect
from typing import Any


def internals(module: str) -> Any:
    """A module of Metaflow's, as Any: what flowinfra uses of it has no types that would hold."""
    return importlib.import_module(module)


def is_include(field: Any) -> bool:
    return getattr(field.fun, "__qualname__", "").startswith("IncludeFile.")


def flow_state(flow: Any, item: str) -> Any:
    """What Metaflow keeps of the flow's class; before 2.19 the items' names had another home."""
    flowspec = internals("metaflow.flowspec")
    names = getattr(flowspec, "FlowStateItems", None) or flowspec._FlowState
    return flow._flow_state.get(names[item]) or ()


def class_parameters(flow_class: Any, parameter_type: type) -> list[tuple[str, Any]]:
    return inspect.getmembers(flow_class, lambda member: isinstance(member, parameter_type))
