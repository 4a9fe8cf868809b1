"""What Argo does not take of a flow: all of it at once, each with its place.

Metaflow refuses the same, one thing at a time, in words about decorators and namespaces that the user has not given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import places
from .recording import MARK
from .refusals_kubernetes import Part, other_compute

_PLATFORMS_NAMESPACE = MARK + "kubernetes-namespace"
"""What a decorator that names no namespace has got from Metaflow's settings by now."""


def refusals(graph: Any) -> Iterator[Part]:
    """What must change before the flow can run on Argo."""
    for name in graph.sorted_nodes:
        node = graph[name]
        for words in _decorator_refusals(node):
            yield {"subject": f"step {name}", "words": words, **places.of_step(node)}


def event_refusals(flow: Any, triggers: list[dict[str, Any]]) -> Iterator[Part]:
    """Parameters that events set, and that Metaflow would not find: it looks for the name in lower case."""
    wanted = {name for trigger in triggers for name in trigger.get("parameters") or ()}
    for attribute, parameter in flow._get_parameters():
        if parameter.name.lower() in wanted - {parameter.name}:
            words = "is set by an event (@trigger), for which Metaflow wants its name in lower case: write it so"
            place = places.of_attribute(type(flow), attribute)
            yield {"subject": f"parameter {parameter.name}", "words": words, **place}


def _decorator_refusals(node: Any) -> Iterator[str]:
    for decorator in node.decorators:
        if words := other_compute(decorator.name, "Argo"):
            yield words
        elif decorator.name == "kubernetes" and decorator.attributes["namespace"] not in (None, _PLATFORMS_NAMESPACE):
            yield (
                f"@kubernetes: namespace={decorator.attributes['namespace']!r}: all steps of a workflow run in one "
                "namespace, which the stack's platform names; take it away"
            )
