from __future__ import annotations

from typing import Any

import pytest

from flowinfra.plugin.schema import (
    Change,
    Prop,
    block,
    differences,
    flag,
    join,
    listing,
    problems,
    snake,
    strings,
    text,
    whole,
)
from flowinfra.plugin.wire import UNKNOWN, Asset

PROPERTIES = {
    "name": text(required=True, replaces=True),
    "size": whole(),
    "enabled": flag(default=True),
    "arn": text(computed=True),
    "tags": strings(),
    "zones": listing(text(), unordered=True),
    "steps": listing(text()),
    "logging": block({"level": text(), "deep": block({"fixed": text(replaces=True)})}, computed=True),
    "first": text(conflicts=("second",)),
    "second": text(),
    "source": Prop("asset"),
}


def reasons(**values: Any) -> dict[str, str]:
    return {problem.path: problem.reason for problem in problems(PROPERTIES, values)}


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    return differences(PROPERTIES, {"name": "n", **old}, {"name": "n", **new})


@pytest.mark.parametrize(
    ("values", "path", "reason"),
    [
        ({}, "name", 'The argument "name" is required'),
        ({"name": 1}, "name", "expected string for name, got int: 1"),
        ({"name": "n", "size": True}, "size", "expected integer for size, got bool"),
        ({"name": "n", "tags": {"a.b": 1}}, 'tags["a.b"]', "expected string"),
        ({"name": "n", "steps": ["a", 2]}, "steps[1]", "expected string"),
        ({"name": "n", "logging": {"levl": "ALL"}}, "logging.levl", "no property 'levl'"),
        ({"name": "n", "logging": {"level": 5}}, "logging.level", "expected string"),
        ({"name": "n", "nam": "x"}, "nam", "no property 'nam' here; known are: arn, enabled"),
        ({"name": "n", "first": "a", "second": "b"}, "first", '"first": conflicts with second'),
        ({"name": "n", "source": "a path"}, "source", "expected asset"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(values: dict[str, Any], path: str, reason: str) -> None:
    found = reasons(**values)
    assert list(found) == [path]
    assert reason in found[path]


def test_what_is_unknown_is_not_judged() -> None:
    assert reasons(name=UNKNOWN, size=UNKNOWN, tags={"a": UNKNOWN}, logging=UNKNOWN) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        # Absent, empty, zero and false are one.
        ({}, {"size": 0, "tags": {}, "zones": [], "first": "", "logging": {}}),
        ({"size": 0, "tags": {}, "enabled": False}, {}),
        # What AWS fills in differs only where the program asks for something else.
        ({"arn": "arn:x", "logging": {"level": "OFF"}}, {}),
        ({"logging": {"level": "OFF", "deep": {}}}, {"logging": {"level": "OFF"}}),
        ({"zones": ["a", "b"]}, {"zones": ["b", "a"]}),
        ({"source": Asset("h", path="/one")}, {"source": Asset("h", path="/two")}),
    ],
)
def test_no_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changes(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"size": 1}, {"size": 2}, Change("size", "update", False)),
        ({}, {"size": 2}, Change("size", "add", False)),
        ({"size": 1}, {}, Change("size", "delete", False)),
        ({"enabled": True}, {"enabled": False}, Change("enabled", "update", False)),
        ({"enabled": False}, {"enabled": True}, Change("enabled", "update", False)),
        ({"tags": {"a": "1", "b": "1"}}, {"tags": {"a": "2", "b": "1"}}, Change("tags.a", "update", False)),
        ({"tags": {"a": "1"}}, {"tags": {"a": "1", "x.y": "2"}}, Change('tags["x.y"]', "add", False)),
        ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1"}}, Change("tags.b", "delete", False)),
        ({"steps": ["a", "b"]}, {"steps": ["a", "c"]}, Change("steps[1]", "update", False)),
        ({"steps": ["a"]}, {"steps": ["a", "c"]}, Change("steps[1]", "add", False)),
        ({"zones": ["a"]}, {"zones": ["a", "b"]}, Change("zones", "update", False)),
        ({"logging": {"level": "A"}}, {"logging": {"level": "B"}}, Change("logging.level", "update", False)),
        (
            {"logging": {"deep": {"fixed": "a"}}},
            {"logging": {"deep": {"fixed": "b"}}},
            Change("logging.deep.fixed", "update", True),
        ),
        ({"arn": "a"}, {"arn": "b"}, Change("arn", "update", False)),
        ({"arn": "a"}, {"arn": UNKNOWN}, Change("arn", "update", False)),
        ({"source": Asset("h")}, {"source": Asset("i")}, Change("source", "update", False)),
    ],
)
def test_one_difference(old: dict[str, Any], new: dict[str, Any], expected: Change) -> None:
    assert changes(old, new) == [expected]


def test_a_name_replaces() -> None:
    assert differences(PROPERTIES, {"name": "a"}, {"name": "b"}) == [Change("name", "update", True)]
    assert differences(PROPERTIES, {"name": "a"}, {"name": UNKNOWN}) == [Change("name", "update", True)]


def test_the_top_level_property_of_a_path() -> None:
    assert Change('tags["x.y"]', "add", False).top == "tags"
    assert Change("logging.level", "add", False).top == "logging"
    assert Change("steps[0]", "add", False).top == "steps"


def test_paths_and_names() -> None:
    assert join("a", "b") == "a.b"
    assert join("", "b") == "b"
    assert join("a", 2) == "a[2]"
    assert join("a", "b-c") == 'a["b-c"]'
    assert snake("assumeRolePolicy") == "assume_role_policy"
    assert snake("ec2Configurations") == "ec2_configurations"
