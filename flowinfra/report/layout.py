"""Where the nodes of a graph stand when it is drawn: in layers from top to bottom, edges downwards. Pure.

The usual layered drawing: each node lower than all that come before it, edges over several layers led through
stand-ins, each layer ordered by its neighbours' middle so that few edges cross, then pulled towards them where the
order allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 6
GAP = 22.0
"""Between the boxes of a layer."""
ROW_GAP = 34.0
"""Between layers, for the edges."""

Item = str | tuple[int, int]
"""A node's name, or the stand-in of edge number i in layer j."""


@dataclass(frozen=True)
class Box:
    """A node's place: its middle, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Places of all nodes and the points of all edges, in the order in which they were given."""

    boxes: Mapping[str, Box]
    paths: Sequence[list[tuple[float, float]]]
    width: float
    height: float


def layout(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]]) -> Layout:
    """Place nodes (name → width and height). Cycles are drawn, their closing edge upwards."""
    forward = _acyclic(list(sizes), edges)
    layers = _layers(list(sizes), forward)
    rows: list[list[Item]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    links: list[tuple[Item, Item]] = []
    chains: list[list[Item]] = []
    for index, (tail, head) in enumerate(forward):
        between: list[Item] = [(index, layer) for layer in range(layers[tail] + 1, layers[head])]
        for offset, item in enumerate(between):
            rows[layers[tail] + 1 + offset].append(item)
        chain: list[Item] = [tail, *between, head]
        chains.append(chain)
        links += list(pairwise(chain))
    above, below = _neighbours(links)
    _order(rows, above, below)
    widths = {item: sizes[item][0] if isinstance(item, str) else 8.0 for row in rows for item in row}
    xs = _pulled(rows, widths, above, below)
    heights = [max((sizes[item][1] for item in row if isinstance(item, str)), default=0.0) for row in rows]
    tops = [sum(heights[:index]) + ROW_GAP * index for index in range(len(rows))]
    middles = {item: tops[index] + heights[index] / 2 for index, row in enumerate(rows) for item in row}
    boxes = {name: Box(xs[name], middles[name], *sizes[name]) for name in sizes}
    paths = [
        _path(chain, boxes, xs, middles, turned=forward[index] != tuple(edges[index]))
        for index, chain in enumerate(chains)
    ]
    width = max((xs[item] + widths[item] / 2 for row in rows for item in row), default=0.0)
    return Layout(boxes, paths, width, tops[-1] + heights[-1] if rows else 0.0)


def _acyclic(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges, with those that close a cycle turned round; an edge from a node to itself stays in the list."""
    followers: dict[str, list[int]] = {}
    for index, (tail, _) in enumerate(edges):
        followers.setdefault(tail, []).append(index)
    turned = list(edges)
    state: dict[str, int] = {}
    for root in names:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(followers.get(root, ())))]
        while stack:
            name, rest = stack[-1]
            index = next(rest, -1)
            if index < 0:
                state[name] = 2
                stack.pop()
                continue
            head = edges[index][1]
            if state.get(head) == 1:
                turned[index] = (head, name)
            elif head not in state:
                state[head] = 1
                stack.append((head, iter(followers.get(head, ()))))
    return turned


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Node → layer: the one after the last layer of the nodes that come before it."""
    waiting = dict.fromkeys(names, 0)
    followers: dict[str, list[str]] = {}
    for tail, head in edges:
        if tail != head:
            waiting[head] += 1
            followers.setdefault(tail, []).append(head)
    layers = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    for name in ready:  # grows while it is walked
        for follower in followers.get(name, ()):
            layers[follower] = max(layers[follower], layers[name] + 1)
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return layers


def _neighbours(links: Sequence[tuple[Item, Item]]) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    return above, below


def _order(rows: list[list[Item]], above: Mapping[Item, list[Item]], below: Mapping[Item, list[Item]]) -> None:
    """Order each layer by the middle of its neighbours', downwards and upwards in turn."""
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        sequence = rows if downwards else rows[::-1]
        neighbours = above if downwards else below
        for index in range(1, len(sequence)):
            places = {item: place for place, item in enumerate(sequence[index - 1])}
            row = sequence[index]
            here = {item: float(place) for place, item in enumerate(row)}
            row.sort(key=lambda item: _mean([places[n] for n in neighbours.get(item, ()) if n in places], here[item]))


def _pulled(
    rows: Sequence[Sequence[Item]],
    widths: Mapping[Item, float],
    above: Mapping[Item, list[Item]],
    below: Mapping[Item, list[Item]],
) -> dict[Item, float]:
    """Item → x of its middle, the leftmost box beginning at 0."""
    xs: dict[Item, float] = {}
    for row in rows:
        total = sum(widths[item] for item in row) + GAP * max(0, len(row) - 1)
        left = -total / 2
        for item in row:
            xs[item] = left + widths[item] / 2
            left += widths[item] + GAP
    for sweep in range(2 * SWEEPS):
        neighbours, sequence = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        for row in sequence:
            _place(row, [_mean([xs[n] for n in neighbours.get(item, ())], xs[item]) for item in row], widths, xs)
    least = min((xs[item] - widths[item] / 2 for item in xs), default=0.0)
    return {item: x - least for item, x in xs.items()}


def _place(row: Sequence[Item], wanted: Sequence[float], widths: Mapping[Item, float], xs: dict[Item, float]) -> None:
    """Put a layer's items as near to where they are wanted as their order and widths allow."""
    distance = [(widths[one] + widths[other]) / 2 + GAP for one, other in pairwise(row)]
    offsets = [sum(distance[:index]) for index in range(len(row))]
    # with the distances taken off, only the order has to hold: neighbours out of order move together to their mean
    groups: list[tuple[float, int]] = []
    for index in range(len(row)):
        groups.append((wanted[index] - offsets[index], 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (right, n), (left, m) = groups.pop(), groups.pop()
            groups.append(((left * m + right * n) / (m + n), m + n))
    flat = [value for value, size in groups for _ in range(size)]
    for index, item in enumerate(row):
        xs[item] = flat[index] + offsets[index]


def _path(
    chain: Sequence[Item], boxes: Mapping[str, Box], xs: Mapping[Item, float], ys: Mapping[Item, float], turned: bool
) -> list[tuple[float, float]]:
    tail, head = boxes[str(chain[0])], boxes[str(chain[-1])]
    points = [
        (tail.x, tail.y + tail.height / 2),
        *((xs[item], ys[item]) for item in chain[1:-1]),
        (head.x, head.y - head.height / 2),
    ]
    return points[::-1] if turned else points


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
