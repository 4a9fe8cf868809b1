from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from flowinfra.report.changes import compare
from flowinfra.report.graph import MOST_NODES, Graph, merged, mermaid, unmarked
from flowinfra.report.layout import ROW_GAP, layout
from tests.unit.report.previews import TRAIN, changed


def graph(changes: dict[str, Any]) -> Graph:
    new = changed(TRAIN, changes)
    delta = compare(TRAIN, new)
    return merged(TRAIN["steps"], new["steps"], delta.renamed, delta.changes)


def marks(found: Graph) -> dict[str, str]:
    return {node.name: node.mark for node in found.nodes if node.mark != "same"}


def test_marks() -> None:
    found = graph({"steps.a.memory": 1, "steps.b": None, "steps.c": {"next": "end"}, "steps.start.next": "a, c"})
    assert marks(found) == {"start": "changed", "a": "changed", "b": "removed", "c": "added"}
    edges = {(edge.tail, edge.head): edge.mark for edge in found.edges if edge.mark != "same"}
    assert edges == {
        ("start", "c"): "added",
        ("c", "end"): "added",
        ("start", "b"): "removed",
        ("b", "join"): "removed",
    }


def test_a_renamed_step_is_one_node() -> None:
    found = graph({"steps.a": None, "steps.fit": TRAIN["steps"]["a"], "steps.start.next": "fit, b"})
    assert marks(found) == {"fit": "renamed"}
    assert {edge.mark for edge in found.edges} == {"same"}
    assert [node.notes for node in found.nodes if node.name == "fit"] == [("was a",)]


def test_nothing_marked() -> None:
    assert not graph({"parameters.alpha.default": 1}).changes
    assert not unmarked(TRAIN["steps"]).changes


def test_mermaid() -> None:
    assert mermaid(graph({"steps.a.memory": 8192})).splitlines() == [
        "flowchart LR",
        '  n0["start"]',
        '  n1["a<br/>memory 4096 → 8192 MB"]:::changed',
        '  n2["b"]',
        '  n3["join"]',
        '  n4["end"]',
        "  n0 --> n1",
        "  n0 --> n2",
        "  n1 --> n3",
        "  n2 --> n3",
        "  n3 --> n4",
        "  classDef changed fill:#fff8c5,stroke:#9a6700,color:#633c01",
    ]


def test_a_large_graph_shows_what_changes() -> None:
    steps: dict[str, Any] = {f"s{index}": {"next": [f"s{index + 1}"]} for index in range(500)}
    base = {**TRAIN, "steps": steps}
    new = changed(base, {"steps.s400.memory": 1})
    found = merged(steps, new["steps"], {}, compare(base, new).changes)
    assert len(found.nodes) == MOST_NODES
    assert found.left_out == 440
    assert {"s399", "s400", "s401"} <= {node.name for node in found.nodes}


def random_graph(seed: int) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    chance = random.Random(seed)
    names = [f"n{index}" for index in range(chance.randint(1, 40))]
    edges = [(tail, head) for tail, head in itertools.product(names, names) if chance.random() < 0.05]
    return {name: (chance.uniform(20, 300), chance.uniform(20, 80)) for name in names}, edges


@pytest.mark.parametrize("seed", range(40))
def test_layout_of_any_graph(seed: int) -> None:
    sizes, edges = random_graph(seed)
    found = layout(sizes, edges)
    assert len(found.paths) == len(edges)
    for one, other in itertools.combinations(found.boxes.values(), 2):
        apart = abs(one.x - other.x) >= (one.width + other.width) / 2 - 0.01
        assert apart or abs(one.y - other.y) >= (one.height + other.height) / 2 + ROW_GAP / 2 - 0.01
    for box in found.boxes.values():
        assert box.x - box.width / 2 >= -0.01
        assert box.x + box.width / 2 <= found.width + 0.01
        assert box.y + box.height / 2 <= found.height + 0.01


def test_layout_goes_down() -> None:
    found = layout(
        dict.fromkeys(["start", "a", "b", "join"], (60, 30)),
        [("start", "a"), ("start", "b"), ("a", "join"), ("b", "join")],
    )
    assert found.boxes["start"].y < found.boxes["a"].y == found.boxes["b"].y < found.boxes["join"].y
    assert found.boxes["start"].x == pytest.approx(found.boxes["join"].x)


def test_layout_of_nothing() -> None:
    assert layout({}, []).boxes == {}
