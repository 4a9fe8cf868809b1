"""What a target gets of an event, and what PutTargets refuses to promise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowinfra.local.events.template import UndeliverableError, delivered, problem

EVENT = {
    "version": "0",
    "source": "aws.ec2",
    "detail-type": "EC2 Instance State-change Notification",
    "time": "2015-11-11T21:29:54Z",
    "resources": ["arn:one", "arn:two"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "n": 5, "none": None, "list": [{"a": 1}, {"a": 2}]},
}
RULE = {"name": "example", "arn": "arn:aws:events:us-east-2:123456789012:rule/example", "ingestion-time": "now"}
PATHS = {
    "timestamp": "$.time",
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "n": "$.detail.n",
    "none": "$.detail.none",
    "gone": "$.detail.gone",
    "second": "$.resources[1]",
    "all": "$.detail.list[*].a",
    "list": "$.detail.list",
}


def filled(template: str) -> str:
    target = {"Id": "one", "InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}
    assert problem(target) is None
    return delivered(target, EVENT, RULE)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"instance \\"<instance>\\" is in <state>"', '"instance \\"i-0123456789\\" is in RUNNING"'),
        ('"one <state>"\n"two <n>"', '"one RUNNING"\n"two 5"'),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        ('"<gone>"', '""'),
        ("<n>", "5"),
        ('"5 < 6 and <state>"', '"5 < 6 and RUNNING"'),
    ],
)
def test_strings(template: str, expected: str) -> None:
    assert filled(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{\n "instance" : <instance>,\n "state": <state>\n}', {"instance": "i-0123456789", "state": "RUNNING"}),
        ('{"s": "<state>", "t": "it \\"<instance>\\""}', {"s": "RUNNING", "t": 'it "i-0123456789"'}),
        ('{"state": [ 9, <state>, true ], "T": "Yes"}', {"state": [9, "RUNNING", True], "T": "Yes"}),
        ('{"n": <n>, "none": <none>, "gone": <gone>}', {"n": 5, "none": None, "gone": ""}),
        ('{"second": <second>, "all": <all>}', {"second": "arn:two", "all": [1, 2]}),
        ('{"list": <list>}', {"list": [{"a": 1}, {"a": 2}]}),
        (
            '{"r": <aws.events.rule-arn>, "t": <aws.events.event.ingestion-time>, "e": <aws.events.event.json>}',
            {"r": RULE["arn"], "t": "now", "e": EVENT},
        ),
        (
            '{"e": <aws.events.event>}',
            {"e": {name: value for name, value in EVENT.items() if name != "detail"}},
        ),
    ],
)
def test_json(template: str, expected: Any) -> None:
    found = filled(template)
    assert json.loads(found) == expected
    assert found == json.dumps(expected, separators=(",", ":"))


def test_nothing_is_escaped_inside_of_a_string() -> None:
    assert filled('{"list": "<list>"}') == '{"list": "[{"a":1},{"a":2}]"}'


def test_without_a_template() -> None:
    assert json.loads(delivered({}, EVENT, RULE)) == EVENT
    assert delivered({"Input": '{"a":  1}'}, EVENT, RULE) == '{"a":  1}'
    assert delivered({"InputPath": "$.detail.state"}, EVENT, RULE) == '"RUNNING"'
    with pytest.raises(UndeliverableError):
        delivered({"InputPath": "$.detail.gone"}, EVENT, RULE)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Input": "{", "Id": "t"}, "JSON syntax error in input for target t"),
        ({"Input": "1" * 8193}, "longer than 8192"),
        ({"Input": "{}", "InputPath": "$"}, "Only one of"),
        ({"InputPath": "detail"}, "InputPath"),
        ({"InputPath": "$.detail['a']"}, "InputPath"),
        ({"InputTransformer": {"InputTemplate": ""}}, "1 to 8192"),
        ({"InputTransformer": {"InputTemplate": "<gone>"}}, "invalid placeholder gone"),
        ({"InputTransformer": {"InputTemplate": "text"}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputTemplate": '{"a": <n>', "InputPathsMap": {"n": "$.n"}}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputTemplate": "{<n>: 1}", "InputPathsMap": {"n": "$.n"}}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputTemplate": '"a" 5'}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputTemplate": '"a"', "InputPathsMap": {"AWS.x": "$.n"}}}, "invalid name AWS.x"),
        ({"InputTransformer": {"InputTemplate": '"a"', "InputPathsMap": {"a b": "$.n"}}}, "invalid name a b"),
        ({"InputTransformer": {"InputTemplate": '"a"', "InputPathsMap": {"a": "n"}}}, "is invalid: n"),
        (
            {"InputTransformer": {"InputTemplate": '"a"', "InputPathsMap": {f"a{i}": "$.n" for i in range(101)}}},
            "more than 100",
        ),
    ],
)
def test_what_cannot_be_delivered_is_refused(target: dict[str, Any], words: str) -> None:
    assert words in str(problem(target))
