"""EventBridge's patterns: the grammar, what is refused, and the opinion of AWS's own matching engine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from flowinfra.model.events.conditions import InvalidPatternError
from flowinfra.model.events.patterns import compiled
from tests import ruler

EVENT = {
    "source": "aws.states",
    "detail-type": "Step Functions Execution Status Change",
    "detail": {
        "status": "FAILED",
        "count": 5,
        "ratio": 0.25,
        "big": 123456789012,
        "flag": True,
        "nothing": None,
        "empty": [],
        "address": "10.0.0.7",
        "tags": ["red", "Green", 3],
        "name": "Straße",
        "path": "in/2026/a*b.csv",
        "items": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
        "deep": {"er": {"est": "x"}},
    },
}
CONDITIONS: list[tuple[str, Any, bool]] = [
    ("status", "FAILED", True),
    ("status", "failed", False),
    ("status", {"prefix": "FA"}, True),
    ("status", {"prefix": ""}, True),
    ("status", {"prefix": {"equals-ignore-case": "fa"}}, True),
    ("status", {"suffix": "ED"}, True),
    ("status", {"suffix": {"equals-ignore-case": "ed"}}, True),
    ("status", {"equals-ignore-case": "failed"}, True),
    ("status", {"exactly": "FAILED"}, True),
    ("status", {"anything-but": "FAILED"}, False),
    ("status", {"anything-but": ["SUCCEEDED", "RUNNING"]}, True),
    ("status", {"anything-but": {"prefix": "FA"}}, False),
    ("status", {"anything-but": {"prefix": ["X", "FA"]}}, False),
    ("status", {"anything-but": {"suffix": "ED"}}, False),
    ("status", {"anything-but": {"suffix": ["NG"]}}, True),
    ("status", {"anything-but": {"wildcard": "F*D"}}, False),
    ("status", {"anything-but": {"wildcard": ["G*", "H*"]}}, True),
    ("status", {"anything-but": {"equals-ignore-case": "failed"}}, False),
    ("status", {"anything-but": {"equals-ignore-case": ["a", "b"]}}, True),
    ("status", {"anything-but": 5}, True),
    ("count", 5, True),
    ("count", 5.0, True),
    ("count", "5", False),
    ("count", {"numeric": ["=", 5]}, True),
    ("count", {"numeric": [">", 0, "<=", 5]}, True),
    ("count", {"numeric": [">", 5]}, False),
    ("count", {"numeric": [">=", 5, "<", 6]}, True),
    ("count", {"numeric": ["<", 5]}, False),
    ("count", {"anything-but": [4, 5]}, False),
    ("count", {"anything-but": "5"}, True),
    ("ratio", {"numeric": ["=", 2.5e-1]}, True),
    ("big", 123456789012, True),
    ("big", {"numeric": [">", 1]}, False),
    ("flag", True, True),
    ("flag", "true", False),
    ("nothing", None, True),
    ("nothing", {"exists": True}, True),
    ("nothing", {"anything-but": ["x"]}, True),
    ("gone", {"exists": False}, True),
    ("gone", {"exists": True}, False),
    ("gone", {"anything-but": "x"}, False),
    ("empty", {"exists": True}, False),
    ("empty", {"exists": False}, True),
    ("deep", {"exists": True}, False),
    ("address", {"cidr": "10.0.0.0/24"}, True),
    ("address", {"cidr": "10.0.1.0/24"}, False),
    ("address", "10.0.0.7", True),
    ("tags", "Green", True),
    ("tags", 3, True),
    ("tags", {"anything-but": "red"}, True),
    ("tags", {"numeric": [">", 2]}, True),
    ("name", {"equals-ignore-case": "STRAßE"}, True),
    ("path", {"wildcard": "in/*/*.csv"}, True),
    ("path", {"wildcard": "*a\\*b*"}, True),
    ("path", {"wildcard": "in/*.txt"}, False),
]
PATTERNS: list[tuple[dict[str, Any], bool]] = [
    ({"source": ["aws.states"], "detail": {"status": ["FAILED", "ABORTED"]}}, True),
    ({"source": ["aws.s3"], "detail": {"status": ["FAILED"]}}, False),
    ({"detail": {"deep": {"er": {"est": ["x"]}}}}, True),
    ({"detail": {"items": {"k": ["a"], "v": [1]}}}, True),
    ({"detail": {"items": {"k": ["a"], "v": [2]}}}, False),
    ({"detail": {"$or": [{"status": ["X"]}, {"count": [{"numeric": ["<", 9]}]}]}}, True),
    ({"$or": [{"source": ["a"]}, {"source": ["b"]}]}, False),
    ({"source": ["no"], "$or": [{"source": ["aws.states"]}, {"detail": {"count": [1]}}]}, True),
    ({"$or": [{"source": ["a"]}, {"$or": [{"source": ["b"]}, {"detail": {"flag": [True]}}]}]}, True),
    ({"detail": {"gone": [{"exists": False}, "x"], "status": ["FAILED"]}}, True),
    ({"detail": {"items": {"z": [{"exists": False}], "k": ["b"]}}}, True),
]
REFUSED = [
    "[]",
    "{",
    "{}",
    "5",
    '{"a": "b"}',
    '{"a": 5}',
    '{"a": []}',
    '{"a": {}}',
    '{"a": [[1]]}',
    '{"a": [{}]}',
    '{"a": [{"starts-with": "x"}]}',
    '{"a": [{"prefix": 5}]}',
    '{"a": [{"prefix": "x", "suffix": "y"}]}',
    '{"a": [{"prefix": {"x": "y"}}]}',
    '{"a": [{"prefix": {"equals-ignore-case": 1}}]}',
    '{"a": [{"suffix": null}]}',
    '{"a": [{"exactly": 5}]}',
    '{"a": [{"exists": "yes"}]}',
    '{"a": [{"equals-ignore-case": []}]}',
    '{"a": [{"wildcard": 1}]}',
    '{"a": [{"wildcard": "a**b"}]}',
    '{"a": [{"wildcard": "a\\\\b"}]}',
    '{"a": [{"cidr": "10.0.0.0"}]}',
    '{"a": [{"cidr": "10.0.0.0/99"}]}',
    '{"a": [{"cidr": 5}]}',
    '{"a": [{"numeric": 5}]}',
    '{"a": [{"numeric": []}]}',
    '{"a": [{"numeric": ["="]}]}',
    '{"a": [{"numeric": ["~", 5]}]}',
    '{"a": [{"numeric": ["=", "5"]}]}',
    '{"a": [{"numeric": ["=", 5, "<", 6]}]}',
    '{"a": [{"numeric": [">", 5, ">", 6]}]}',
    '{"a": [{"numeric": [">", 5, "<", 6, "<", 7]}]}',
    '{"a": [{"numeric": [">", 7, "<", 6]}]}',
    '{"a": [{"numeric": [">", 1e12]}]}',
    '{"a": [{"anything-but": [1, "x"]}]}',
    '{"a": [{"anything-but": []}]}',
    '{"a": [{"anything-but": null}]}',
    '{"a": [{"anything-but": [true]}]}',
    '{"a": [{"anything-but": {}}]}',
    '{"a": [{"anything-but": {"numeric": ["=", 1]}}]}',
    '{"a": [{"anything-but": {"prefix": ""}}]}',
    '{"a": [{"anything-but": {"prefix": "a", "suffix": "b"}}]}',
    '{"a": [{"anything-but": {"equals-ignore-case": [1]}}]}',
    '{"$or": [{"a": ["b"]}]}',
    '{"$or": []}',
    '{"$or": {"a": ["b"]}}',
    '{"$or": ["a", "b"]}',
    '{"$or": [{"prefix": ["b"]}, {"a": ["b"]}]}',
    '{"$or": [{}, {"a": ["b"]}]}',
]


def cases() -> Iterator[tuple[dict[str, Any], bool]]:
    """All patterns with whether `EVENT` matches."""
    for field, condition, expected in CONDITIONS:
        yield {"detail": {field: [condition]}}, expected
    yield from PATTERNS


@pytest.mark.parametrize(("pattern", "expected"), list(cases()), ids=lambda value: json.dumps(value))
def test_patterns_match(pattern: dict[str, Any], expected: bool) -> None:
    assert compiled(json.dumps(pattern)).matches(EVENT) is expected


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        compiled(pattern)


def test_aws_own_engine_says_the_same() -> None:
    event = json.dumps(EVENT)
    asked = [(json.dumps(pattern), event) for pattern, _ in cases()] + [(pattern, event) for pattern in REFUSED]
    asked += list(made_up(random.Random(16), 4000))
    found = [(pattern, given, opinion(pattern, given)) for pattern, given in asked]
    judged = [
        (pattern, given, "refused" if isinstance(answer, str) else answer)
        for (pattern, given), answer in zip(asked, ruler.asked(asked), strict=True)
    ]
    assert [pair for pair in zip(judged, found, strict=True) if pair[0] != pair[1]] == []
    assert {answer for _, _, answer in judged} == {True, False, "refused"}


def opinion(pattern: str, event: str) -> bool | str:
    """What ours says."""
    try:
        return compiled(pattern).matches(event)
    except InvalidPatternError:
        return "refused"


def made_up(chance: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """Patterns and events of few words, so that they meet."""
    for _ in range(count):
        yield json.dumps(_pattern(chance, chance.choice((0, 1, 1, 2)))), json.dumps(_event(chance, 2))


_FIELDS = ("a", "b", "c")
_VALUES = ("x", "X", "xy", "10.0.0.1", "*", "", 1, 1.5, -2, 7000000000, True, False, None, "1", "é", "É")


def _event(chance: random.Random, depth: int) -> Any:
    return {field: _value(chance, depth) for field in _FIELDS if chance.random() < 0.7}


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth and kind < 0.3:
        return _event(chance, depth - 1)
    if depth and kind < 0.55:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return chance.choice(_VALUES)


def _pattern(chance: random.Random, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in chance.sample(_FIELDS, chance.choice((1, 1, 2, 3))):
        if depth and chance.random() < 0.3:
            found[field] = _pattern(chance, depth - 1)
        else:
            found[field] = [_condition(chance) for _ in range(chance.choice((1, 1, 2)))]
    if depth and chance.random() < 0.2:
        found["$or"] = [_pattern(chance, depth - 1) for _ in range(chance.choice((1, 2, 2, 3)))]
    return found


def _condition(chance: random.Random) -> Any:
    if chance.random() < 0.4:
        return chance.choice(_VALUES)
    word, number = chance.choice(("x", "X", "y", "1", "é", "", "10.0.0.1")), chance.choice((0, 1, 1.5, -2))
    several: Any = chance.choice(([word], [word, "z"], word))
    return chance.choice(
        (
            {"prefix": word},
            {"suffix": word},
            {"prefix": {"equals-ignore-case": word}},
            {"suffix": {"equals-ignore-case": word}},
            {"equals-ignore-case": word},
            {"wildcard": chance.choice(("*", "x*", "*y", "\\*", "x**", "x*y", word))},
            {
                "cidr": chance.choice(
                    ("10.0.0.0/8", "10.0.0.0/8", "10.0.0.1/31", "11.0.0.0/8", "::1/127", "10.0.0.1/32", "x")
                )
            },
            {"numeric": [chance.choice(("<", "<=", ">", ">=", "=")), number]},
            {"numeric": [">", number, "<=", chance.choice((0, 3))]},
            {"exists": chance.choice((True, False))},
            {"anything-but": chance.choice((several, number, [number, 7]))},
            {"anything-but": {chance.choice(("prefix", "suffix", "wildcard", "equals-ignore-case")): several}},
        )
    )
