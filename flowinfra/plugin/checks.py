"""What the real provider checks in one input, in its own words.

The wordings are those of hashicorp/terraform-plugin-sdk `helper/validation` and of hashicorp/terraform-provider-aws
`internal/verify/validate.go`, so that a message seen here is the message that a real deployment would show.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

Check = Callable[[str, Any], Iterator[str]]
"""(property's name, known value) → what is wrong with it."""

_ARN = re.compile(r"arn:(?P<partition>[^:]*):[^:]*:(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)", re.S)
_PARTITION = r"^aws(-[a-z]+)*$"
_REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"
_ACCOUNT = r"^(aws|aws-managed|third-party|\d{12}|cw.{10})$"


def length(low: int, high: int) -> Check:
    """Characters in UTF-8, as Go counts them."""

    def check(name: str, value: str) -> Iterator[str]:
        if not low <= len(value.encode()) <= high:
            yield f"expected length of {name} to be in the range ({low} - {high}), got {value}"

    return check


def matches(pattern: str, message: str) -> Check:
    """A regular expression that must be found in the value; upstream's message for it."""
    compiled = re.compile(pattern)

    def check(name: str, value: str) -> Iterator[str]:
        if not compiled.search(value):
            yield f"invalid value for {name} ({message})"

    return check


def worded(pattern: str, message: str) -> Check:
    """A pattern with upstream's own sentence; `{name}` and `{value}` stand in it."""
    compiled = re.compile(pattern)

    def check(name: str, value: str) -> Iterator[str]:
        if not compiled.search(value):
            yield message.format(name=name, value=value)

    return check


def restricted(pattern: str, longest: int) -> Check:
    """Names that EventBridge and CloudWatch Logs restrict, with the pattern in the message."""
    compiled = re.compile(pattern)

    def check(name: str, value: str) -> Iterator[str]:
        if len(value) > longest:
            yield f'"{name}" cannot be longer than {longest} characters: "{value}"'
        if not compiled.search(value):
            yield f'"{name}" doesn\'t comply with restrictions ("{pattern}"): "{value}"'

    return check


def one_of(values: Collection[str | int], *, ignore_case: bool = False) -> Check:
    """One of a few values."""

    def check(name: str, value: str | int) -> Iterator[str]:
        candidate = value.upper() if ignore_case and isinstance(value, str) else value
        if candidate not in values:
            listed = " ".join(json.dumps(item) for item in values)
            yield f"expected {name} to be one of [{listed}], got {value}"

    return check


def between(low: int, high: int) -> Check:
    """A whole number in a range, ends included."""

    def check(name: str, value: int) -> Iterator[str]:
        if not low <= value <= high:
            yield f"expected {name} to be in the range ({low} - {high}), got {value}"

    return check


def at_least(low: int) -> Check:
    """A whole number with a lower limit."""

    def check(name: str, value: int) -> Iterator[str]:
        if value < low:
            yield f"expected {name} to be at least ({low}), got {value}"

    return check


def not_empty(name: str, value: str) -> Iterator[str]:
    """Any text but the empty one."""
    if not value:
        yield f'expected "{name}" to not be an empty string or zero value'


def arn(name: str, value: str) -> Iterator[str]:
    """`internal/verify/validate.go` ValidARN; an empty text passes."""
    if not value:
        return
    found = _ARN.fullmatch(value)
    if found is None:
        problem = "not enough sections" if value.startswith("arn:") else "invalid prefix"
        yield f'"{name}" ({value}) is an invalid ARN: arn: {problem}'
        return
    invalid = f'"{name}" ({value}) is an invalid ARN'
    for part, pattern, optional in (
        ("partition", _PARTITION, False),
        ("region", _REGION, True),
        ("account", _ACCOUNT, True),
    ):
        text = found[part]
        if (text or not optional) and not re.search(pattern, text):
            label = "account ID" if part == "account" else part
            yield f"{invalid}: invalid {label} value (expecting to match regular expression: {pattern})"
    if not found["resource"]:
        yield f"{invalid}: missing resource value"


def is_json(name: str, value: str) -> Iterator[str]:
    """Any JSON text."""
    try:
        json.loads(value)
    except ValueError as error:
        yield f'"{name}" contains an invalid JSON: {error}'


def policy(longest: int | None = None) -> Check:
    """`internal/verify/validate.go` ValidIAMPolicyJSON; `longest` is AWS's limit, without whitespace."""

    def check(name: str, value: str) -> Iterator[str]:
        invalid = f'"{name}" contains an invalid JSON policy'
        if not value:
            yield f'"{name}" is an empty string, which is not a valid JSON value'
        elif value[0] in " \t\r\n":
            yield f"{invalid}: leading space characters are not allowed"
        elif value[0] == '"':
            yield f"{invalid}: contains a JSON-encoded string, not a JSON-encoded object"
        elif value[0] == "[":
            yield f"{invalid}: contains a JSON array, not a JSON object"
        elif value[0] != "{":
            yield f"{invalid}: not a JSON object"
        else:
            yield from _policy_object(name, value, longest)

    return check


def _policy_object(name: str, value: str, longest: int | None) -> Iterator[str]:
    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in items]
        duplicates.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(items)

    try:
        document = json.loads(value, object_pairs_hook=pairs)
    except ValueError as error:
        yield f'"{name}" contains an invalid JSON policy: {error}'
        return
    if duplicates:
        yield f'"{name}" contains duplicate JSON keys: {", ".join(duplicates)}'
    size = len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
    if longest is not None and size > longest:
        yield f"Cannot exceed quota for PolicySize: {longest} (actual: {size})"


def is_base64(name: str, value: str) -> Iterator[str]:
    """Standard base64."""
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        yield f'"{name}" must be base64-encoded'
