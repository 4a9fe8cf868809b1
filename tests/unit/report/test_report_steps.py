from __future__ import annotations

from typing import Any

from flowinfra.report.steps import in_order, renames


def step(*following: str, kind: str = "linear", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "next": list(following), **more}


def test_one_step_with_another_name() -> None:
    old = {"start": step("a"), "a": step("end", memory=1), "end": step()}
    new = {"start": step("b"), "b": step("end", memory=1), "end": step()}
    assert renames(old, new) == {"a": "b"}


def test_two_steps_in_a_row() -> None:
    old = {"start": step("a"), "a": step("b"), "b": step("end"), "end": step()}
    new = {"start": step("c"), "c": step("d"), "d": step("end"), "end": step()}
    assert renames(old, new) == {"a": "c", "b": "d"}


def test_another_place_in_the_graph_is_another_step() -> None:
    old = {"start": step("a"), "a": step("end"), "end": step()}
    new = {"start": step("end"), "end": step("b"), "b": step()}
    assert renames(old, new) == {}


def test_a_step_that_differs_in_much_is_another_step() -> None:
    old = {"start": step("a"), "a": step("end", memory=1, cpu=1), "end": step()}
    new = {"start": step("b"), "b": step("end", memory=2, cpu=2), "end": step()}
    assert renames(old, new) == {}


def test_one_property_may_differ() -> None:
    old = {"start": step("a"), "a": step("end", memory=1), "end": step()}
    new = {"start": step("b"), "b": step("end", memory=2), "end": step()}
    assert renames(old, new) == {"a": "b"}


def test_branches_are_told_apart_by_what_they_are() -> None:
    old = {"start": step("a", "b"), "a": step("j", memory=1), "b": step("j", memory=2), "j": step()}
    new = {"start": step("c", "d"), "c": step("j", memory=1), "d": step("j", memory=2), "j": step()}
    assert renames(old, new) == {"a": "c", "b": "d"}


def test_equal_branches_are_not_guessed() -> None:
    old = {"start": step("a", "b"), "a": step("j"), "b": step("j"), "j": step()}
    new = {"start": step("c", "d"), "c": step("j"), "d": step("j"), "j": step()}
    assert renames(old, new) == {}


def test_steps_that_are_no_objects() -> None:
    assert renames({"a": None, "b": 1}, {"c": "x", "d": []}) == {}


def test_order_of_a_sorted_flow() -> None:
    steps = {"a": step("join"), "b": step("join"), "end": step(), "join": step("end"), "start": step("b", "a")}
    assert in_order(steps) == ["start", "b", "a", "join", "end"]


def test_order_with_cycles_and_steps_that_are_not_there() -> None:
    steps = {"start": step("a", "nowhere"), "a": step("b"), "b": step("a", "end"), "end": step()}
    assert in_order(steps) == ["start", "a", "b", "end"]
