"""What Airflow does not take of a flow: all of it at once, each with its place.

Metaflow refuses the same, one thing at a time, and for some of them names neither step nor line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from . import places, refusals_sensors
from .protocol import Part
from .refusals_kubernetes import other_compute

FLOW_DECORATORS = {
    "trigger": "Airflow has none of Metaflow's events; give the flow a @schedule, or let it wait with "
    "@airflow_s3_key_sensor or @airflow_external_task_sensor",
    "trigger_on_finish": "Airflow has none of Metaflow's events; let the flow wait for the other one's DAG with "
    "@airflow_external_task_sensor",
    "exit_hook": "Metaflow runs no functions after a run on Airflow; use Airflow's own notifications",
}
"""Decorators of flows that Airflow does not take → why, and what to do."""
ATTRIBUTES = ("image_pull_policy", "persistent_volume_claims", "tmpfs_size", "use_tmpfs")
"""Attributes of @kubernetes that Metaflow refuses for Airflow."""


def refusals(flow: Any, graph: Any) -> Iterator[Part]:
    """What must change before the flow can run on Airflow."""
    yield from _flow_refusals(flow)
    yield from refusals_sensors.refusals(flow, graph.sorted_nodes)
    yield from _parameter_refusals(flow)
    for name in graph.sorted_nodes:
        node = graph[name]
        for words in (*_graph_refusals(node, graph), *_decorator_refusals(node)):
            yield {"subject": f"step {name}", "words": words, **places.of_step(node)}


def _flow_refusals(flow: Any) -> Iterator[Part]:
    for decorator in (each for group in flow._flow_decorators.values() for each in group):
        name, words = decorator.name, FLOW_DECORATORS.get(decorator.name)
        if name == "schedule" and decorator.attributes["timezone"] is not None:
            words = (
                f"timezone={decorator.attributes['timezone']!r}: Metaflow gives Airflow no timezone; "
                "write the cron in Airflow's own (UTC unless it is configured otherwise)"
            )
        if words is not None:
            place = places.of_flow_decorator(type(flow), name)
            yield {"subject": f"@{name} of {flow.name}", "words": words, **place}


def _parameter_refusals(flow: Any) -> Iterator[Part]:
    for attribute, parameter in flow._get_parameters():
        default, words = parameter.kwargs.get("default"), None
        if default is None and not parameter.IS_CONFIG_PARAMETER:
            words = "has no default; on Airflow every parameter needs one, which may be a function"
        elif isinstance(default, float) and not math.isfinite(default):
            words = f"its default is {default}, for which a DAG file has no number; take a finite one"
        if words is not None:
            place = places.of_attribute(type(flow), attribute)
            yield {"subject": f"parameter {parameter.name}", "words": words, **place}


def _graph_refusals(node: Any, graph: Any) -> Iterator[str]:
    if node.type == "split-switch":
        cases = ", ".join(dict.fromkeys(node.out_funcs))
        again = " (it may repeat itself)" if node.name in node.out_funcs else ""
        yield f"is a switch to {cases}{again}; Airflow has no switches: decide within a step"
    if node.type != "foreach":
        return
    if node.is_inside_foreach:
        [*_, outer] = [name for name in node.split_parents if graph[name].type == "foreach"]
        yield f"is a foreach within the foreach of step {outer}; Airflow has one level: make one list of both"
        return
    inside = [
        other
        for other in map(graph.__getitem__, graph.sorted_nodes)
        if node.name in other.split_parents and other.name != node.matching_join
    ]
    if len(inside) > 1 and not any(other.type == "foreach" for other in inside):
        names = ", ".join(other.name for other in inside)
        yield f"its foreach has more than one step before its join: {names}; Airflow takes one: do their work in it"


def _decorator_refusals(node: Any) -> Iterator[str]:
    for decorator in node.decorators:
        if getattr(decorator, "IS_PARALLEL", False):
            yield f"@{decorator.name}: Airflow has no steps that run on several machines at once; use a foreach"
        elif words := other_compute(decorator.name, "Airflow"):
            yield words
        elif decorator.name == "kubernetes":
            given = [name for name in ATTRIBUTES if decorator.attributes.get(name)]
            if given:
                yield f"@kubernetes: {', '.join(given)}: Metaflow does not give this to Airflow; take it away"
