"""A flow's graph as an inline SVG: no script, no network, colours by the page's variables. Pure."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup

from flowinfra.report.graph import Graph, Node
from flowinfra.report.layout import Box, layout

NAME_SIZE, NOTE_SIZE = 13, 11
"""Font sizes in px."""
_ADVANCE = 0.62
"""Width of a character of a monospaced font, in parts of its size; a little more than fonts have."""
_PAD_X, _PAD_Y, _LINE = 12.0, 9.0, 1.4
_MARGIN = 4.0
LEAST = 0.6
"""Least scale to which a graph is shrunk to fit a narrow page; a larger graph scrolls in its own frame."""
_WORDS = {"added": "new", "removed": "removed", "changed": "changed", "renamed": "renamed"}


def draw(graph: Graph, name: str) -> Markup:
    """The drawing; `name` says whose graph it is and is untrusted."""
    sizes = {node.name: _size(node) for node in graph.nodes}
    placed = layout(sizes, [(edge.tail, edge.head) for edge in graph.edges])
    width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    edge_path = Markup('<path class="edge {mark}" d="{path}" marker-end="url(#arrow-{mark})"/>')
    edges = [
        edge_path.format(mark=edge.mark, path=_curve(points))
        for edge, points in zip(graph.edges, placed.paths, strict=True)
    ]
    nodes = [_node(node, placed.boxes[node.name]) for node in graph.nodes]
    return Markup(
        '<svg class="graph" role="img" aria-label="{told}" '
        'viewBox="{left:g} {left:g} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'style="min-width:{least:.0f}px">{drawn}</svg>'
    ).format(
        told=_told(graph, name),
        left=-_MARGIN,
        width=width,
        height=height,
        least=LEAST * width,
        drawn=Markup().join([*edges, *nodes]),
    )


def markers() -> Markup:
    """Arrow heads that all drawings of a page share."""
    head = Markup(
        '<marker id="arrow-{mark}" class="{mark}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    )
    heads = Markup().join(head.format(mark=mark) for mark in ("same", "added", "removed"))
    return Markup('<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{}</defs></svg>').format(heads)


def _told(graph: Graph, name: str) -> str:
    """The graph for those who do not see it."""
    followers: dict[str, list[str]] = {}
    labels = {node.name: node.label for node in graph.nodes}
    for edge in graph.edges:
        followers.setdefault(edge.tail, []).append(labels[edge.head])
    steps = [
        node.label
        + (f" ({_WORDS[node.mark]})" if node.mark != "same" else "")
        + (f" then {', '.join(followers[node.name])}" if node.name in followers else "")
        for node in graph.nodes
    ]
    return f"Graph of {name}: {'; '.join(steps)}"


def _node(node: Node, box: Box) -> Markup:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    y = top + _PAD_Y + NAME_SIZE
    line = Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>')
    lines = [line.format("step", box.x, y, node.label)]
    for note in _notes(node):
        y += NOTE_SIZE * _LINE
        lines.append(line.format("note", box.x, y, note))
    return Markup(
        '<g class="node {}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="7"/>{}</g>'
    ).format(node.mark, left, top, box.width, box.height, Markup().join(lines))


def _notes(node: Node) -> tuple[str, ...]:
    return (_WORDS[node.mark],) if node.mark in ("added", "removed") else node.notes


def _size(node: Node) -> tuple[float, float]:
    notes = _notes(node)
    widest = max([_columns(node.label) * NAME_SIZE, *(_columns(note) * NOTE_SIZE for note in notes)])
    height = NAME_SIZE * 1.25 + len(notes) * NOTE_SIZE * _LINE + 2 * _PAD_Y
    return max(64.0, widest * _ADVANCE + 2 * _PAD_X), height


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _curve(points: list[tuple[float, float]]) -> str:
    """A smooth line through points, vertical at each of them."""
    x, y = points[0]
    path = f"M{x:.1f} {y:.1f}"
    for end_x, end_y in points[1:]:
        middle = (y + end_y) / 2
        path += f"C{x:.1f} {middle:.1f} {end_x:.1f} {middle:.1f} {end_x:.1f} {end_y:.1f}"
        x, y = end_x, end_y
    return path
