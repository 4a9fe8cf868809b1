"""What Argo does not take of a flow: all of it at once, each with its place.

Metaflow refuses the same, one thing at a time, in words about decorators and namespaces that the user has not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import places, refusals_events, refusals_hooks
from .internals import internals
from .protocol import Part
from .recording import MARK
from .refusals_kubernetes import other_compute

_PLATFORMS_NAMESPACE = MARK + "kubernetes-namespace"
"""What a decorator that names no namespace has got from Metaflow's settings by now."""
SWITCHES = (2, 19, 39)
"""The first Metaflow whose switches run on Argo.

Those before make a `when` that Argo cannot read (Netflix/metaflow#2713), hand a step the results of one branch alone
(#3230), start a join though a branch has failed (#3002), or name the wrong tasks in a foreach (#2699). This release
brought the last repair, of a switch within a branch of another one (#3334).
"""

_TEMPLATE = "{{"
"""What Argo puts something else in for, wherever it stands in a workflow (util/template/template.go)."""


def template_refusals(flow: Any, graph: Any) -> Iterator[Part]:
    """Texts of decorators that Argo would take for templates of its own, and that can be written in no other way.

    The flow is checked when it is made, because a stack gives a step @kubernetes, too.
    """
    for name in graph.sorted_nodes:
        node = graph[name]
        for decorator in node.decorators:
            if decorator.name == "kubernetes":
                for words in _template_refusals(decorator):
                    yield {"subject": f"step {name}", "words": words, **places.of_step(node)}
    for decorator in flow._flow_decorators.get("exit_hook", ()):
        for words in _template_refusals(decorator):
            yield {"subject": f"flow {flow.name}", "words": words, **places.of_flow_decorator(type(flow), "exit_hook")}


def refusals(flow: Any, graph: Any) -> Iterator[Part]:
    """What must change before the flow can run on Argo."""
    yield from refusals_events.option_refusals(flow)
    yield from refusals_hooks.refusals(flow)
    for name in graph.sorted_nodes:
        node = graph[name]
        for words in (*_switch_refusals(node), *_decorator_refusals(node)):
            yield {"subject": f"step {name}", "words": words, **places.of_step(node)}


def _switch_refusals(node: Any) -> Iterator[str]:
    found = internals("metaflow").__version__
    if node.type == "split-switch" and tuple(map(int, re.findall(r"\d+", found)[:3])) < SWITCHES:
        needed = ".".join(map(str, SWITCHES))
        yield (
            f"is a switch to {', '.join(dict.fromkeys(node.out_funcs))}; found Metaflow {found}, with which it fails "
            f"on Argo or loses results, needed: {needed} or newer; upgrade Metaflow, or decide within a step"
        )


def _decorator_refusals(node: Any) -> Iterator[str]:
    for decorator in node.decorators:
        if words := other_compute(decorator.name, "Argo"):
            yield words
        elif decorator.name == "kubernetes" and decorator.attributes["namespace"] not in (None, _PLATFORMS_NAMESPACE):
            yield (
                f"@kubernetes: namespace={decorator.attributes['namespace']!r}: all steps of a workflow run in one "
                "namespace, which the stack's platform names; take it away"
            )


def _template_refusals(decorator: Any) -> Iterator[str]:
    for key, value in decorator.attributes.items():
        for name, text in _texts(key, value):
            if _TEMPLATE in text:
                yield (
                    f"@{decorator.name}: {name}: found {text!r}, but Argo puts something else in where {{{{ stands; "
                    "write it without two braces that follow each other"
                )


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a value, with where it stands; a key of a mapping is a text of it, too."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield name, str(key)
            yield from _texts(f"{name}[{key!r}]", item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(name, item)
