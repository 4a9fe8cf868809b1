"""What Argo does not take of a flow's steps: all of it at once, each with its place.

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


def _decorator_refusals(node: Any) -> Iterator[str]:
    for decorator in node.decorators:
        if words := other_compute(decorator.name, "Argo"):
            yield words
        elif decorator.name == "kubernetes" and decorator.attributes["namespace"] not in (None, _PLATFORMS_NAMESPACE):
            yield (
                f"@kubernetes: namespace={decorator.attributes['namespace']!r}: all steps of a workflow run in one "
                "namespace, which the stack's platform names; take it away"
            )
