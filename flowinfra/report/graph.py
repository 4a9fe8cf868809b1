"""A flow's graph before and after as one graph with marks, and the same as a Mermaid diagram. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flowinfra.model import clean
from flowinfra.report.change import Change, on_step
from flowinfra.report.steps import in_order, strings
from flowinfra.report.words import plain

Json = Any
Mark = Literal["same", "added", "removed", "changed", "renamed"]

MOST_NODES = 60
"""Most nodes that are drawn; of a larger graph only what changes and its neighbours are."""
NOTES = 3
"""Changes that a node lists; the rest is counted."""
NOTE = 34
"""Characters of one."""


@dataclass(frozen=True)
class Node:
    """A step."""

    name: str
    """Name of the step in the flow, untrusted; `label` is made printable."""
    mark: Mark = "same"
    notes: tuple[str, ...] = ()
    """What changes, made printable and short."""

    @property
    def label(self) -> str:
        """The name that the drawing shows."""
        return clean.name(self.name)


@dataclass(frozen=True)
class Edge:
    """One step follows another."""

    tail: str
    head: str
    mark: Mark = "same"


@dataclass(frozen=True)
class Graph:
    """Nodes in the flow's order, removed ones last."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = 0
    """Steps that are not drawn."""

    @property
    def changes(self) -> bool:
        """Something in it is marked."""
        return any(mark != "same" for mark in [node.mark for node in self.nodes] + [edge.mark for edge in self.edges])


def merged(
    old: Mapping[str, Json], new: Mapping[str, Json], renamed: Mapping[str, str], changes: Iterable[Change]
) -> Graph:
    """The graph of two versions of a flow's steps; a renamed step is one node."""
    back = {now: then for then, now in renamed.items()}
    notes: dict[str, list[str]] = {}
    for change in changes:
        if change.subject == "step" and (change.what or change.key):
            # what is next is told by the edges
            told = [] if change.what == "next" else [_note(change)]
            for name in change.names:
                notes.setdefault(name, []).extend(told)
    nodes: list[Node] = []
    for name in in_order(new):
        told = notes.get(clean.name(name), [])
        mark: Mark = "changed" if clean.name(name) in notes else "same"
        if name in back:
            mark, told = "renamed", [f"was {clean.name(back[name])}", *told]
        elif name not in old:
            mark, told = "added", []
        nodes.append(Node(name, mark, _few(told)))
    nodes += [Node(name, "removed") for name in in_order(old) if name not in new and name not in renamed]
    return _focused(Graph(tuple(nodes), tuple(_edges(old, new, renamed))))


def unmarked(steps: Mapping[str, Json]) -> Graph:
    """The graph of a flow that is new as a whole."""
    return _focused(Graph(tuple(map(Node, in_order(steps))), tuple(_edges(steps, steps, {}))))


def mermaid(graph: Graph) -> str:
    """The graph in Mermaid's language. Nothing in a name can end a label: what is not a letter or digit is encoded."""
    ids = {node.name: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        told = [node.label, *([node.mark] if node.mark in ("added", "removed") else []), *node.notes]
        style = "" if node.mark == "same" else f":::{node.mark}"
        lines.append(f'  {ids[node.name]}["{"<br/>".join(map(_encoded, told))}"]{style}')
    arrows = {"added": "==>", "removed": "-.->"}
    for edge in graph.edges:
        lines.append(f"  {ids[edge.tail]} {arrows.get(edge.mark, '-->')} {ids[edge.head]}")
    used = {node.mark for node in graph.nodes}
    lines += [f"  classDef {mark} {style}" for mark, style in _STYLES.items() if mark in used]
    return "\n".join(lines)


_STYLES = {
    "added": "fill:#dafbe1,stroke:#1a7f37,color:#0f5323",
    "removed": "fill:#ffebe9,stroke:#cf222e,color:#82071e,stroke-dasharray:5 4",
    "changed": "fill:#fff8c5,stroke:#9a6700,color:#633c01",
    "renamed": "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
}


def _encoded(text: str) -> str:
    """Mermaid's own character codes for all that it, Markdown or HTML could read as syntax."""
    return "".join(char if char.isalnum() or char in " →…" else f"#{ord(char)};" for char in text)


def _note(change: Change) -> str:
    text = plain(on_step(change))
    return text if len(text) <= NOTE else f"{text[: NOTE - 1]}…"


def _few(told: list[str]) -> tuple[str, ...]:
    if len(told) <= NOTES + 1:
        return tuple(told)
    return (*told[:NOTES], f"and {len(told) - NOTES} more")


def _edges(old: Mapping[str, Json], new: Mapping[str, Json], renamed: Mapping[str, str]) -> list[Edge]:
    known = {*old, *new}
    before = dict.fromkeys(
        (renamed.get(tail, tail), renamed.get(head, head))
        for tail in old
        for head in strings(old[tail], "next")
        if head in known
    )
    after = dict.fromkeys((tail, head) for tail in new for head in strings(new[tail], "next") if head in known)
    found = [Edge(tail, head, "same" if (tail, head) in before else "added") for tail, head in after]
    return found + [Edge(tail, head, "removed") for tail, head in before if (tail, head) not in after]


def _focused(graph: Graph) -> Graph:
    """A graph that can still be read: of many nodes those that change, their neighbours, then the first ones."""
    if len(graph.nodes) <= MOST_NODES:
        return graph
    marked = {node.name for node in graph.nodes if node.mark != "same"}
    marked |= {name for edge in graph.edges if edge.mark != "same" for name in (edge.tail, edge.head)}
    near = {name for edge in graph.edges for name in (edge.tail, edge.head) if {edge.tail, edge.head} & marked}
    order = [node.name for node in graph.nodes]
    ranked = sorted(order, key=lambda name: 0 if name in marked else 1 if name in near else 2)
    kept = set(ranked[:MOST_NODES])
    return replace(
        graph,
        nodes=tuple(node for node in graph.nodes if node.name in kept),
        edges=tuple(edge for edge in graph.edges if edge.tail in kept and edge.head in kept),
        left_out=len(graph.nodes) - len(kept),
    )
