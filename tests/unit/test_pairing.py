"""Flows of two stacks, or of two versions, are paired by what they are."""

from __future__ import annotations

from typing import Any

import pytest

from flowinfra.compare.pairing import base_name, pairs


def flow(kind: str = "TrainFlow", file: str = "train_flow.py", **more: Any) -> dict[str, Any]:
    return {"flow": kind, "file": file, **more}


@pytest.mark.parametrize(
    ("name", "inputs", "base"),
    [
        ("TrainFlow", {}, "TrainFlow"),
        ("staging_TrainFlow", {"name_prefix": "staging"}, "TrainFlow"),
        ("shop.test.ann.Train", {"project": {"name": "shop", "branch": "test.ann"}}, "shop.Train"),
        ("pp_shop.prod.Train", {"name_prefix": "pp", "project": {"branch": "prod"}}, "shop.Train"),
        ("staging", {"name_prefix": "other", "project": "[secret]"}, "staging"),
    ],
)
def test_a_name_without_what_belongs_to_its_stack(name: str, inputs: dict[str, Any], base: str) -> None:
    assert base_name(name, inputs) == base


def test_the_one_flow_of_a_class_and_file_is_the_same_whatever_it_is_called() -> None:
    assert pairs({"a": flow()}, {"b": flow()}) == ([("a", "b")], [], [])


def test_several_of_one_class_are_told_apart_by_their_names() -> None:
    old = {"nightly": flow(), "hourly": flow(), "gone": flow()}
    new = {"dev_hourly": flow(name_prefix="dev"), "dev_nightly": flow(name_prefix="dev"), "x": flow("Other")}
    assert pairs(old, new) == ([("nightly", "dev_nightly"), ("hourly", "dev_hourly")], ["gone"], ["x"])


def test_what_cannot_be_told_apart_is_not_guessed() -> None:
    assert pairs({"a": flow(), "b": flow()}, {"c": flow()}) == ([], ["a", "b"], ["c"])
    assert pairs({"a": flow()}, {"b": flow(), "c": flow()}) == ([], ["a"], ["b", "c"])


def test_another_class_or_file_is_another_flow() -> None:
    assert pairs({"a": flow()}, {"a": flow(file="moved.py")}) == ([], ["a"], ["a"])
